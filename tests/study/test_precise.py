# SPDX-License-Identifier: GPL-2.0-only
"""Replications are added until measures are known as precisely as is asked for, and it is said whether they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import slabdes
from slabdes.answers.answer import answer
from slabdes.answers.tables import view_of
from slabdes.errors import InputError
from slabdes.measures.names import intervals

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import runner

BASE: dict[str, Any] = {
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "a", "size": 256, "limit": 4}],
    "workload": {"kind": "mix", "operations": 60, "live": 20},
}


def test_replications_are_added_until_every_point_is_known_precisely() -> None:
    swept = BASE | {"sweep": {"machine.cpus": [1, 2]}}
    study = slabdes.simulate(swept, precision=0.1, measures=["alloc.mean"])
    found = intervals(study.frames, "alloc_mean_ns")
    assert len(found) == 2
    assert all((one.half_width or 0) <= 0.1 * one.value for one in found.values())
    assert study.manifest.replications >= 5
    assert study.digest == slabdes.simulate(swept | {"replications": study.manifest.replications}).digest


def test_what_cannot_be_reached_ends_with_the_most() -> None:
    run = slabdes.simulate(BASE, precision=1e-9, measures=["alloc.mean", "operations/s"], most=7)
    assert run.manifest.replications == 7


def test_replications_that_lack_a_measure_count_and_the_most_holds(tmp_path: Path) -> None:
    rare = BASE | {"machine": {"preset": "numa-2x4", "cpus": 1}, "workload": {"kind": "mix", "operations": 3, "live": 2}}
    run = slabdes.simulate(rare, precision=0.0001, measures=["free.mean"], most=6)
    counts = [interval.n for interval in intervals(run.frames, "free_mean_ns").values()]
    assert counts and max(counts) < 6
    assert run.manifest.replications == 6


def test_a_finished_run_is_not_taken_for_one_with_more_replications(tmp_path: Path) -> None:
    out, asked = tmp_path / "out", {"measures": ["alloc.mean"], "figures": False}
    first = slabdes.simulate(BASE, precision=0.5, out=out, **asked)
    assert first.manifest.replications == 5
    assert slabdes.simulate(BASE, precision=0.6, out=out, resume=True, **asked).digest == first.digest
    told = r"out: finished with 5 replications, fewer than is asked for now; allowed: another --out"
    with pytest.raises(InputError, match=told):
        slabdes.simulate(BASE, precision=1e-6, most=20, out=out, resume=True, **asked)
    slabdes.simulate(BASE, precision=1e-6, most=6, out=tmp_path / "six", **asked)
    with pytest.raises(InputError, match="finished with 6 replications, 5 are asked for now"):
        slabdes.simulate(BASE | {"replications": 5}, out=tmp_path / "six", resume=True, figures=False)


def test_points_that_differ_in_replications_are_refused() -> None:
    with pytest.raises(InputError, match="replications: vary from point to point"):
        slabdes.simulate(BASE | {"sweep": {"replications": [2, 3]}}, precision=0.1)
    with pytest.raises(InputError, match="replications: vary from point to point"):
        slabdes.decide(BASE, {"replications": 2}, {"replications": 3})


def test_a_file_says_what_is_to_be_known_and_an_option_says_it_instead(tmp_path: Path) -> None:
    said = BASE | {"precision": 1e-9, "most": 6, "measures": ["free.mean", "alloc.p50"]}
    run = slabdes.simulate(said, out=tmp_path / "out", figures=False)
    assert run.manifest.replications == 6
    assert run.digest == slabdes.simulate(BASE | {"replications": 6}).digest
    told = answer(view_of(run))
    assert told[0].startswith("Free mean: ") and told[1].startswith("Alloc p50: ")
    # The same replications, whatever is to be known of them.
    again = slabdes.simulate(said, precision=0.9, measures="alloc.mean", most=9, out=tmp_path / "out", resume=True, figures=False)
    assert again.digest == run.digest
    assert slabdes.simulate(said, precision=0.9, measures="alloc.mean").manifest.experiment["measures"] == ["alloc.mean"]


def test_a_measure_that_no_point_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"no point has section\.mean"):
        slabdes.simulate(BASE, precision=0.1, measures=["section.mean"])


def test_the_command_says_how_precisely_a_measure_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = runner(monkeypatch, capsys)
    Path("e.toml").write_text(
        'engine = "reference"\nmachine = { preset = "numa-2x4", cpus = 2 }\ncache = [{ name = "a", size = 256 }]\n'
        'workload = { kind = "mix", operations = 30, live = 20 }\n'
    )
    done = command("run", "e.toml", "--precision", "0.00001%", "--most", "6")
    assert done.out.startswith("Operations/s is not known to <0.1 %: ") and " after 6 replications; --most" in done.out
    refused = command("run", "e.toml", "--precision", "0")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "precision: 0.0; allowed: above 0, such as 0.02 or 2%" in refused.err
