# SPDX-License-Identifier: GPL-2.0-only
"""`slabdes validate` and `slabdes fit`: tables, JSON, files, exit codes; the same from Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

import slabdes as package
from slabdes.machine import load_machine


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


SMALL = """
machine = "uma-4"
free = ["alloc_hit"]
data = "made up"
[experiment]
machine = { cpus = 1 }
timing = { jitter = 0.0 }
cache = [{ name = "c", size = 256 }]
workload = { kind = "burst", objects = 1, rounds = 2000 }
[[row]]
measured = { hit = 20.0, free_hit = 11.926 }
"""


def test_validate_prints_tables_writes_report_and_charts_and_exits_0_where_tolerances_hold(slabdes: Slabdes) -> None:
    told = slabdes("validate", "fast_paths", "--out", "out", "--jobs", "1")
    assert told.code == 0, told.out
    assert "measured: SLAB bulk alloc+free" in told.out
    assert "calibrated on" in told.out and "predicted" in told.out
    verdict = told.out.splitlines()[told.out.splitlines().index("verdict: 1 of 1 target with tolerances hold") :]
    assert len(verdict) <= 10 and "holds: fast_paths" in verdict
    report = json.loads(Path("out/report.json").read_text(encoding="utf-8"))
    assert [target["name"] for target in report["targets"]] == ["fast_paths"]
    assert Path("out/fast_paths.png").read_bytes().startswith(b"\x89PNG")
    again = slabdes("validate", "fast_paths", "--out", "out")
    assert again.code == 2
    assert "out" in again.err and again.err.count("\n") == 1


def test_a_missed_tolerance_exits_1_and_json_says_which(slabdes: Slabdes) -> None:
    # On one CPU's paths nothing is cold: bursts of 80 MB of objects are far dearer than simulated.
    told = slabdes("validate", "one_cpu", "--json", "--jobs", "1")
    assert told.code == 1
    result = json.loads(told.out)
    (target,) = result["targets"]
    assert not target["holds"]
    assert any(line.startswith("MISSES: one_cpu: ") for line in result["verdict"])
    assert [check["holds"] for check in target["checks"]].count(False) > 0


EXPERIMENT = 'machine = { preset = "uma-4" }\nworkload = { kind = "pages" }\n'


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "fast_paths", "--out", "file/out"),
        ("validate", "fast_paths", "--out", "/proc/out"),
        ("fit", "table.toml", "--out", "file/out.toml"),
        ("fit", "table.toml", "--out", "none/out.toml"),
        ("run", "e.toml", "--out", "file/out"),
        ("run", "e.toml", "--out", "/proc/out"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_simulated(
    command: tuple[str, ...], slabdes: Slabdes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("file", ""), ("table.toml", SMALL), ("e.toml", EXPERIMENT)):
        Path(name).write_text(text, encoding="utf-8")
    for what in ("study.run._Study._run", "validation.simulate.run_tasks"):
        monkeypatch.setattr(f"slabdes.{what}", lambda *_given: pytest.fail("simulated"))
    told = slabdes(*command)
    assert (told.code, told.err.count("\n")) == (2, 1), told.err


def test_without_a_rule_other_figures_come_out(slabdes: Slabdes) -> None:
    def simulated(*options: str) -> list[float]:
        (target,) = json.loads(slabdes("validate", "sizes", "--json", "--jobs", "1", *options).out)["targets"]
        return [row["simulated"] for row in target["rows"] if row["series"] == "alloc_seq"]

    whole, part = simulated(), simulated("--without", "first_touch")
    # 10,000 objects that nobody has touched, 70 cycles each.
    assert [a - b for a, b in zip(whole, part, strict=True)] == pytest.approx([70.0] * len(whole), abs=1.0)


def test_fit_writes_a_machine_that_costs_what_was_measured(slabdes: Slabdes) -> None:
    Path("table.toml").write_text(SMALL, encoding="utf-8")
    told = slabdes("fit", "table.toml", "--out", "mine.toml")
    assert told.code == 0, told.out + told.err
    assert "the fit is not poor" in told.out
    machine = load_machine(Path("mine.toml"))
    # A pair's allocation is a hit and nothing else.
    assert machine.costs.alloc_hit == pytest.approx(20_000, rel=0.01)
    assert "slabdes fit table.toml --out mine.toml" in Path("mine.toml").read_text(encoding="utf-8")
    assert slabdes("fit", "table.toml", "--out", "mine.toml").code == 2


def test_a_poor_fit_exits_1_and_says_why(slabdes: Slabdes) -> None:
    Path("table.toml").write_text(SMALL.replace("free_hit = 11.926", "free_hit = 100.0"), encoding="utf-8")
    told = slabdes("fit", "table.toml")
    assert told.code == 1
    assert "poor fit: free_hit at row 1 is off by" in told.out


def test_the_same_from_python(tmp_path: Path) -> None:
    (tmp_path / "table.toml").write_text(SMALL, encoding="utf-8")
    fit = package.fit(tmp_path / "table.toml")
    assert fit.costs["alloc_hit"] == pytest.approx(20.0, rel=0.01)
    report = package.validate("fast_paths")
    assert report.holds
    with pytest.raises(package.InputError, match="did you mean pages"):
        package.validate("page")
