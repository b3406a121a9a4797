# SPDX-License-Identifier: GPL-2.0-only
"""What `slabdes bench` measures and tells; small sizes only, no figure is judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")
sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

from slabdes.errors import CheckFailed
from slabdes.study.bench import Part, bench, bench_long, c_version, cells, checks, growth, start, tables
from slabdes.study.bench.rounds import Amounts
from slabdes.study.bench.scenarios import Scenario

SMALL = Amounts(slow=400, fast=4000, bursts=1)


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slabdes:
    return runner(monkeypatch, capsys)


def test_every_scenario_is_measured_on_every_number_of_cpus() -> None:
    told: list[tuple[str, int, int]] = []
    measured = bench((Part.SPEED,), cpus=(1, 2), rounds=1, amounts=SMALL, tell=lambda *what: told.append(what))
    assert [(row["scenario"], row["cpus"]) for row in measured["timings"]] == [
        ("hits", 1), ("hits", 2), ("refills", 1), ("refills", 2),
    ]  # fmt: skip
    assert all(row["compiled_ns"] > 0 and row["plain_ns"] > 0 and row["timeout_ns"] > 0 for row in measured["timings"])
    assert told[-1] == ("speed", 8, 8)
    assert json.loads(json.dumps(measured)) == measured


def test_a_plain_model_that_is_too_slow_is_told_with_what_a_fair_one_would_give() -> None:
    row = {"scenario": "hits", "cpus": 8, "plain_over_timeout": 3.5, "timeout_ns": 1000.0, "compiled_ns": 20.0}
    (remark,) = [
        told for told in tables.remarks({"timings": [row, row | {"plain_over_timeout": 2.5}], "no_c": None}) if "fair" in told
    ]
    assert remark.startswith("plain: 3.5 timeouts an operation on hits with 8 CPUs")
    assert remark.endswith("over plain is 150")


def test_slub_is_measured_beside_slab() -> None:
    told: list[tuple[str, int, int]] = []
    measured = bench((Part.ALLOCATORS,), cpus=(2,), rounds=1, amounts=SMALL, tell=lambda *what: told.append(what))
    rows = measured["allocators"]
    assert [(row["scenario"], row["cpus"], row["allocator"]) for row in rows] == [
        ("hits", 2, "6.12"), ("hits", 2, "7.3"), ("refills", 2, "6.12"), ("refills", 2, "7.3"),
    ]  # fmt: skip
    assert all(row["times_slab"] == row["slub_ns"] / row["slab_ns"] > 0 for row in rows)
    assert rows[0]["slab_ns"] == rows[1]["slab_ns"]
    assert [row["plain_ns"] is not None for row in rows] == [False, True, False, True]
    assert rows[1]["over_plain"] == rows[1]["plain_ns"] / rows[1]["slub_ns"] > 0
    has_c = c_version.why_none() is None
    assert [row["of_limit"] is not None for row in rows] == [False, has_c, False, has_c]
    assert told[-1] == ("allocators", 2, 2)
    (sheet,) = tables.sheets(json.loads(json.dumps(measured)))
    assert sheet.rows[1][:3] == ("hits", "2", "7.3")


def test_a_machine_without_a_c_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    measured = bench((Part.SPEED,), cpus=(1,), scenarios=(Scenario.HITS,), rounds=1, amounts=SMALL)
    assert measured["c_compiler"] is None
    assert measured["timings"][0]["limit_ns"] is None
    assert measured["timings"][0]["of_limit"] is None
    assert "C: left out; no C compiler was found (cc, or what CC names)" in tables.remarks(measured)
    assert tables.sheets(measured)[0].rows[0][-1] == "-"


def test_an_installed_package_without_the_source_in_c_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_version, "find_spec", lambda name: None)
    with c_version.version_in_c() as version, c_version.slub_in_c() as slub:
        assert (version, slub) == (None, None)
    measured = {"c_compiler": c_version.compiler_line(), "no_c": c_version.why_none(), "timings": []}
    assert measured["c_compiler"] is None
    (remark,) = [told for told in tables.remarks(measured) if told.startswith("C: ")]
    assert remark == "C: left out; it needs a checkout of the project, since what is installed has not its source"


def test_engines_that_differ_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    other = checks.run_compiled

    def wrong(*given: Any) -> Any:
        records = other(*given)
        return type(records)(**{**vars(records), "elapsed": records.elapsed + 1})

    monkeypatch.setattr(checks, "run_compiled", wrong)
    with pytest.raises(CheckFailed, match=r"differ on hits with 2 CPUs, allocator 2\.6\.34"):
        bench((Part.SPEED,), cpus=(2,), rounds=1, amounts=SMALL)


def test_a_run_of_any_size_is_compared_with_c_and_tells_its_memory() -> None:
    told: list[tuple[str, int, int]] = []
    measured = bench_long(20_000, (2,), (Scenario.REFILLS,), tell=lambda *what: told.append(what))
    (row,) = measured["runs"]
    assert (row["scenario"], row["cpus"], row["operations"]) == ("refills", 2, 20_000)
    assert row["end_mib"] >= row["early_mib"] > 0
    assert ("refills on 2 CPUs, compiled", 20_000, 20_000) in told
    assert tables.sheets(measured)[0].rows[0][:3] == ("refills", "2", "20,000")


def test_growth_compares_each_number_of_operations_with_the_one_before() -> None:
    rows = growth.with_times_more(
        [
            growth.Growth(Scenario.HITS, 64, 1000, 1.5, 0.5, 100.0),
            growth.Growth(Scenario.HITS, 64, 10_000, 11.0, 0.5, 100.0),
            growth.Growth(Scenario.REFILLS, 64, 1000, 2.5, 0.5, 100.0),
        ]
    )
    assert [row["more_operations"] for row in rows] == [None, 10.0, None]
    assert [row["times_more"] for row in rows] == [None, 10.5, None]
    assert rows[0]["ns"] == pytest.approx(1e6)


def test_growth_is_measured_in_a_process_of_its_own() -> None:
    measured = growth.measure_growth(Scenario.HITS, 2, 2000, rounds=1)
    assert (measured.scenario, measured.cpus, measured.operations) == (Scenario.HITS, 2, 2000)
    assert measured.seconds > 0
    assert measured.peak_mib > 1
    assert growth.with_times_more([measured])[0]["scenario"] == "hits"


def test_a_process_that_fails_is_told_in_one_line() -> None:
    with pytest.raises(CheckFailed, match=r"growth failed: .*TypeError"):
        growth.in_fresh_process("growth", nonsense=1)


def test_the_second_start_finds_what_the_first_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def child(what: str, environment: dict[str, str]) -> dict[str, float]:
        folders.append((what, environment["SLABDES_CACHE_DIR"]))
        return {"ready_s": 3.0 - len(folders)}

    monkeypatch.setattr(start, "in_fresh_process", child)
    measured = start.measure_start()
    assert folders[0] == folders[1]
    assert folders[0][0] == "start"
    assert (measured.compile_s, measured.load_s) == (2.0, 1.0)


def test_a_first_run_tells_how_long_it_took_to_get_ready() -> None:
    assert start.first_run()["ready_s"] >= 0


def test_the_command_prints_what_one_asks_for(slabdes: Slabdes) -> None:
    done = slabdes("bench", "--operations", "2e4", "--cpus", 2, "--scenario", "hits", "--json")
    assert done.code == 0
    assert [(row["scenario"], row["operations"]) for row in json.loads(done.out)["runs"]] == [("hits", 20_000)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--operations", "many"), "--operations: 'many' is no number of operations"),
        (("--operations", "0"), "--operations: '0' is no number of operations"),
        (("--operations", "nan"), "--operations: 'nan' is no number of operations"),
        (("--scenario", "hit"), "--scenario: 'hit' is not known (did you mean hits?); allowed: hits or refills"),
        (("--part", "x"), "--part: 'x' is not known; allowed: speed or growth or start or cells or allocators"),
    ],
)
def test_what_cannot_be_measured_is_refused(slabdes: Slabdes, arguments: tuple[str, ...], message: str) -> None:
    done = slabdes("bench", *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_trace_is_read_in_both_ways_and_what_they_make_of_it_is_compared(slabdes: Slabdes, tmp_path: Path) -> None:
    fields = "name=x bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    names = ("kmem_cache_alloc", "kmem_cache_free")
    lines = [f"t-1 [{n % 2}] 1.{n:06d}: {names[n % 2]}: call_site=f ptr={n // 2 + 100:x} {fields}\n" for n in range(4000)]
    (tmp_path / "trace").write_text("".join(lines))
    done = slabdes("bench", "--trace", tmp_path / "trace", "--json")
    assert done.code == 0
    rows = json.loads(done.out)["reading"]
    assert [row["events"] for row in rows] == [0, 4000, 4000]
    assert {row["mb"] for row in rows} == {len("".join(lines)) / 1e6}


def test_studies_of_short_cells_are_timed_beside_them_and_leave_one_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SAMPLE", 2)
    monkeypatch.setattr(cells, "MOST_WORKERS", 1)
    measured = bench((Part.CELLS,), cells=4)
    assert [(row["kept"], row["workers"], row["cells"]) for row in measured["cells"]] == [("no", 1, 4), ("yes", 1, 4)]
    assert all(row["times"] == pytest.approx(row["seconds"] / (4 * row["cell_ms"] / 1000)) for row in measured["cells"])
    assert all(row["parent_cpu_s"] > 0 and row["cell_cpu_ms"] > 0 for row in measured["cells"])
    assert [sheet.title.partition(";")[0] for sheet in tables.sheets(measured)] == ["studies of short replications"]
    assert tables.remarks(measured) == []
