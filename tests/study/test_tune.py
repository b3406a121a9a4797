# SPDX-License-Identifier: GPL-2.0-only
"""A search for a setting: what it finds, what it says, that it goes on where it was interrupted, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from processes import PATIENCE_S

import slabdes
from slabdes import tuning
from slabdes.answers.tuning import tuning_answer
from slabdes.errors import InputError
from slabdes.folders import working_folder
from slabdes.results.run import Run
from slabdes.results.slabinfo import slabinfo_write
from slabdes.scan import trace as scan_trace
from slabdes.stats.pareto import front_of
from slabdes.study import cluster, search
from slabdes.study.inputs import Inputs
from slabdes.study.run import run_study
from slabdes.study.tune import objective
from slabdes.study.workers import Hands, at_hand
from slabdes.tuning import Tuned

LIMIT, BATCH = "cache.0.limit", "cache.0.batchcount"
BASE: dict[str, Any] = {
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "a", "size": 256, "limit": 2, "batchcount": 1}],
    "workload": {"kind": "mix", "operations": 40, "live": 20},
}
OVER = {LIMIT: (2, 60), BATCH: "1..30:log"}
WANTED: dict[str, Any] = {"minimise": "alloc.mean", "trials": 6, "most": 10}
KEPT = ("trials.jsonl", "trials.csv", "tuning.json", "figures/tuning.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune") / "found"


@pytest.fixture(scope="module", autouse=True)
def _nothing_else_drawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "draw_figures", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def found(folder: Path) -> Tuned:
    return slabdes.tune(BASE, OVER, out=folder, **WANTED)


def test_a_better_setting_is_found_and_told_with_intervals_memory_and_what_not_to_conclude(found: Tuned) -> None:
    assert found.better
    assert found.settings[BATCH] <= found.settings[LIMIT]
    which, held, *_cheaper, known, cut, unsettled, not_told = tuning_answer(found)
    assert which.startswith(f"limit {found.settings[LIMIT]}, batchcount {found.settings[BATCH]} is the best of 6 settings tried")
    assert "against" in which and "as written (limit 2, batchcount 1)" in which and "(between -" in which
    assert held.startswith("It holds ") and "more than as written" in held
    assert f"The search took {found.runs} runs" in known
    assert cut.startswith("Warm-up, by MSER, is in no figure: ") and unsettled.startswith("No steady state is seen in some")
    assert not_told.startswith("Not to be concluded: that no other setting is better (6 of 1,770 were tried)")


def test_the_line_to_apply_is_as_the_kernel_takes_it(found: Tuned) -> None:
    limit, batch = found.settings[LIMIT], found.settings[BATCH]
    assert found.commands() == [f'echo "a {limit} {batch} 8" > /proc/slabinfo']


def test_what_is_told_of_the_best_is_on_random_numbers_that_the_search_has_not_seen(found: Tuned) -> None:
    anew = slabdes.simulate({**BASE, "replications": found.run.manifest.replications})
    mean = anew.summary().filter(op="alloc")["mean_ns"].item()
    assert found.choices[0].value.value == mean != pytest.approx(found.trials[0].value.value, rel=1e-6)


def test_replications_are_added_only_while_a_setting_may_be_the_best(found: Tuned) -> None:
    counts = [len(trial.values) for trial in found.trials]
    assert counts[0] == 8
    assert min(counts) < 8
    assert set(counts) <= {2, 4, 8}


def test_every_trial_is_in_a_frame_and_in_files(found: Tuned, folder: Path) -> None:
    frame = found.frame()
    assert frame.height == 7
    assert frame["state"].to_list() == ["as written", *["tried"] * 6]
    assert frame[LIMIT].dtype == pl.Int64
    assert pl.read_parquet(folder / "trials.parquet").equals(frame)
    assert pl.read_csv(folder / "trials.csv").height == 7
    told = json.loads((folder / "tuning.json").read_text())
    assert told["answer"] == tuning_answer(found)
    assert told["best"] == dict(found.settings)
    assert slabdes.Run.load(folder).frames.points.height == len(found.choices)


def test_no_other_choice_is_better_than_one_of_the_front_in_both(found: Tuned) -> None:
    for one in found.front:
        assert not any(other.value.value < one.value.value and other.held.value < one.held.value for other in found.choices)
    assert front_of([(1, 9), (5, 5), (6, 6), (9, 1), (9, 2)]) == [3, 1, 0]


def test_a_search_that_is_interrupted_anywhere_goes_on_and_ends_with_the_same_bytes(
    found: Tuned, folder: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    calls = 0

    def interrupt(_what: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls in (8, 30):
            raise KeyboardInterrupt

    for _attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            slabdes.tune(BASE, OVER, out=again, resume=True, progress=interrupt, **WANTED)
    record = again.with_name("again.partial") / "trials.jsonl"
    with record.open("ab") as file:
        file.write(b'{"key": "[0, {')  # as a process leaves it that is killed while it writes
    with pytest.raises(InputError, match="holds a search of this experiment that has not ended; allowed: --resume"):
        slabdes.tune(BASE, OVER, out=again, **WANTED)
    with pytest.raises(InputError, match=r"another experiment: tune.trials was 6, is 9"):
        slabdes.tune(BASE, OVER, out=again, resume=True, **(WANTED | {"trials": 9}))
    whole = record.read_bytes()
    record.write_bytes(whole.replace(b'"values": [', b'"values": ["x", ', 1))
    with pytest.raises(InputError, match=r"trials.jsonl: damaged; allowed: to remove again.partial and start again"):
        slabdes.tune(BASE, OVER, out=again, resume=True, **WANTED)
    record.write_bytes(whole)
    slabdes.tune(BASE, OVER, out=again, resume=True, **WANTED)
    for name in KEPT:
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert not again.with_name("again.partial").exists()
    assert slabdes.tune(BASE, OVER, out=again, resume=True, **WANTED).settings == found.settings


def test_settings_that_hold_more_than_they_may_are_not_chosen(found: Tuned) -> None:
    held = sorted(trial.held_bytes for trial in found.trials[1:])
    tuned = slabdes.tune(BASE, OVER, max_held=held[len(held) // 2], **WANTED)
    assert all(choice.trial.held_bytes <= held[len(held) // 2] for choice in tuned.choices[1:])
    assert "that hold" in tuning_answer(tuned)[0]
    with pytest.raises(InputError, match="every setting tried holds more than 1 B; allowed: "):
        slabdes.tune(BASE, OVER, max_held=1, **(WANTED | {"trials": 2}))


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({}, "of what is the least wanted?; allowed: --minimise alloc.p99"),
        ({"minimise": "alloc.p98"}, "--minimise alloc.p98: no measure (did you mean alloc.p99?)"),
        ({"minimise": "operations/s"}, "more of it is better; allowed: --maximise operations/s"),
        ({"maximise": "alloc.p99"}, "less of it is better; allowed: --minimise alloc.p99"),
        ({"minimise": "section.mean"}, "the experiment has no section.mean"),
        ({"minimise": "alloc.p99"}, "tune: alloc.p99: not enough samples (needs 368); allowed: more operations in each run"),
        ({"minimise": "alloc.mean", "trials": 0}, "--trials: 0; allowed: 1 or more"),
        ({"minimise": "alloc.mean", "max_held": "lots"}, "is no amount of memory"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_a_line(wanted: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        slabdes.tune(BASE, OVER, **wanted)
    assert line in str(refused.value)


def test_a_setting_that_cannot_be_run_is_left_out_and_told() -> None:
    machine = {"machine": {"preset": "numa-2x4", "cpus": 1}}
    tuned = slabdes.tune(BASE | machine, {"machine.cpus": [1, 2, 99]}, **(WANTED | {"trials": 3}))
    states = {row["machine.cpus"]: row["state"] for row in tuned.frame().iter_rows(named=True)}
    assert states[99] == "refused"
    assert "(1 more settings cannot be run)" in " ".join(tuning_answer(tuned))


def test_names_are_quoted_for_the_shell_and_those_that_the_kernel_cannot_take_are_refused() -> None:
    assert slabinfo_write('a$b"c', 4, 2, 0) == 'echo "a\\$b\\"c 4 2 0" > /proc/slabinfo'
    for name in ("two words", "x" * 128):
        with pytest.raises(InputError, match="cannot be written to /proc/slabinfo"):
            slabinfo_write(name, 4, 2, 0)


def test_a_trace_is_read_once_for_all_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    index = scan_trace.index_trace
    monkeypatch.setattr(scan_trace, "index_trace", lambda path, progress=None: read.append(path) or index(path, progress))
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=x"
    trace = tmp_path / "t.txt"
    trace.write_text("\n".join(f"t-1 [{n % 2}] 1.{n:06d}: kmem_cache_alloc: ptr={n + 1:x}00 {fields}" for n in range(20)))
    replay = {"machine": {"preset": "uma-4"}, "workload": {"kind": "trace", "file": str(trace)}}
    base = {"engine": "reference", "cache": [{"name": "x", "limit": 10, "batchcount": 2}], **replay}
    slabdes.tune(base, {BATCH: (1, 2, 5)}, minimise="alloc.mean", trials=2, most=5)
    assert read == [trace]


def test_only_what_is_refused_of_a_setting_counts_as_refused_anything_else_ends_the_search_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def failing(*asked: Any, **options: Any) -> Run:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise InputError("worker on n1", "does not answer")
        return run_study(*asked, **options)

    with monkeypatch.context() as patch, pytest.raises(InputError, match="does not answer"):
        patch.setattr(search, "run_study", failing)
        slabdes.tune(BASE, OVER, out=tmp_path / "out", **WANTED)
    assert calls == 2
    assert "refused" not in (tmp_path / "out.partial" / "trials.jsonl").read_text()


def test_nothing_is_kept_of_what_was_run_while_a_file_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(_inputs: Inputs) -> None:
        raise InputError("t.txt", "changed while the study ran")

    def ran(*asked: Any, **options: Any) -> Run:
        run = run_study(*asked, **options)
        monkeypatch.setattr(Inputs, "check", changed)
        return run

    monkeypatch.setattr(search, "run_study", ran)
    with pytest.raises(InputError, match="changed while the study ran"):
        slabdes.tune(BASE, OVER, out=tmp_path / "out", **WANTED)
    assert len((tmp_path / "out.partial" / "trials.jsonl").read_text().splitlines()) == 1


def test_a_second_process_on_the_same_search_is_told_to_wait(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with working_folder(out), pytest.raises(InputError) as held:
        slabdes.tune(BASE, OVER, out=out, resume=True, **WANTED)
    line = (
        "out.partial: another process is at work in it; allowed: to wait until it ends, then --resume (with cells it shares the "
        "work); or another output folder"
    )
    assert str(held.value).endswith(line)


def test_what_is_tuned_is_the_first_measure_of_the_file_where_no_option_says() -> None:
    assert objective("", "", ["alloc.p99", "operations/s"]) == ("alloc_p99_ns", False)
    assert objective("", "", ["operations/s"]) == ("operations_per_s", True)
    assert objective("free.mean", "", ["operations/s"]) == ("free_mean_ns", False)


def test_a_process_that_goes_on_with_a_search_at_which_another_is_shares_the_work_and_finds_the_same(
    found: Tuned, folder: Path, tmp_path: Path
) -> None:
    out, begun = tmp_path / "out", threading.Event()
    shared: list[Tuned] = []
    kept: dict[str, Any] = {"out": out, "cells": tmp_path / "cells"} | WANTED

    def second(_what: str, _done: int, _total: int) -> None:
        if not begun.is_set():
            begun.set()
            thread.start()

    thread = threading.Thread(target=lambda: shared.append(slabdes.tune(BASE, OVER, resume=True, **kept)))
    first = slabdes.tune(BASE, OVER, progress=second, **kept)
    thread.join(PATIENCE_S)
    assert shared[0].settings == first.settings == found.settings
    for name in KEPT:
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cells", "out"]
    with working_folder(out) as working:
        (working.path / "trials.jsonl").write_bytes((folder / "trials.jsonl").read_bytes())
        with pytest.raises(InputError, match=r"another experiment: tune.trials was 6, is 9"):
            slabdes.tune(BASE, OVER, resume=True, **(kept | {"trials": 9, "out": out}))
        working.drop("trials.jsonl")


def test_processes_are_started_once_a_search(monkeypatch: pytest.MonkeyPatch, found: Tuned) -> None:
    started: list[int] = []

    @contextlib.contextmanager
    def noted(jobs: int) -> Iterator[Hands]:
        started.append(jobs)
        with at_hand(1) as hands:
            yield hands

    monkeypatch.setattr(cluster, "at_hand", noted)
    assert slabdes.tune(BASE, OVER, jobs=2, **WANTED).settings == found.settings
    assert started == [2]
