# SPDX-License-Identifier: GPL-2.0-only
"""Cells: what was run once is not run again by any study, what is damaged is, and two processes never run the same at once."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment
from processes import PATIENCE_S, within

from slabdes.config import EngineName, parse_experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.folders import Held, working_folder
from slabdes.results import cells as results_cells
from slabdes.results.cells import SUFFIX, Cells
from slabdes.results.folder import read_manifest
from slabdes.results.partial import open_partial
from slabdes.study import engines
from slabdes.study import run as study_run
from slabdes.study.cells import SWITCH, kept_in, usual_folder
from slabdes.study.run import run_study
from slabdes.study.workers import POLL_SECONDS

SWEEP = {"sweep": {"machine.cpus": [1, 2]}, "workload": {"kind": "burst", "objects": 20}}
POSIX = pytest.mark.skipif(os.name != "posix", reason="locks on bytes of a file are POSIX's here")


def experiment(**changes: Any) -> Any:
    return parse_experiment(small_experiment() | SWEEP | changes, "test")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """CPUs and replication of each that is run, in this process."""
    begun: list[tuple[int, int]] = []

    def noted(asked: Any, machine: Any, workload: Any, replication: int, *more: Any) -> Records:
        begun.append((asked.machine.cpus, replication))
        return run_reference(asked, machine, workload, replication, *more)

    monkeypatch.setitem(engines.ENGINES, EngineName.REFERENCE, noted)
    return begun


def cells_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{SUFFIX}"))


def test_what_was_run_once_is_not_run_again_and_gives_the_same_bytes(tmp_path: Path, runs: list[Any]) -> None:
    alone = run_study(experiment())
    first = run_study(experiment(), cells=tmp_path / "cells", out=tmp_path / "one")
    assert len(runs) == 8
    again = run_study(experiment(), cells=tmp_path / "cells", out=tmp_path / "two")
    assert len(runs) == 8
    assert alone.digest == first.digest == again.digest
    assert again.manifest.provenance["cells"] == 4
    assert "cells" not in first.manifest.provenance
    for name, frame in first.frames.items():
        assert frame.equals(dict(again.frames.items())[name]), name


def test_another_study_runs_only_what_it_has_more(tmp_path: Path, runs: list[Any]) -> None:
    run_study(experiment(), cells=tmp_path)
    runs.clear()
    more = {"machine.cpus": [1, 2, 4]}
    run_study(experiment(name="other", replications=3, engine="reference", sweep=more), cells=tmp_path)
    assert sorted(runs) == [(1, 2), (2, 2), (4, 0), (4, 1), (4, 2)]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"timing": {"jitter": 0.1}},
        {"allocator": "4.6"},
        {"debug": True},
        {"workload": {"kind": "burst", "objects": 21}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_gives_other_records_is_another_cell(change: dict[str, Any], tmp_path: Path, runs: list[Any]) -> None:
    one = {"sweep": {}, "replications": 1}
    run_study(experiment(**one), cells=tmp_path)
    run_study(experiment(**one, **change), cells=tmp_path)
    assert len(runs) == 2


def test_a_file_with_other_content_another_slabdes_and_other_versions_are_other_cells(
    tmp_path: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    slabinfo, head = tmp_path / "slabinfo", "slabinfo - version: 2.1\n"
    row = "size-256 1 2 256 15 1 : tunables 120 {} 8 : slabdata 1 1 0\n"
    one = {"sweep": {}, "replications": 1, "slabinfo": str(slabinfo)}
    for batchcount, known in ((60, 1), (60, 1), (30, 2)):
        slabinfo.write_text(head + row.format(batchcount))
        run_study(experiment(**one), cells=tmp_path / "cells")
        assert len(runs) == known
    monkeypatch.setattr(study_run, "counting_versions", lambda: {"numpy": "99"})
    run_study(experiment(**one), cells=tmp_path / "cells")
    monkeypatch.setattr(study_run, "version_of", lambda name: "99")
    run_study(experiment(**one), cells=tmp_path / "cells")
    assert len(runs) == 4


def test_an_event_log_is_not_in_a_cell_so_what_keeps_one_is_run_and_serves_others(tmp_path: Path, runs: list[Any]) -> None:
    for number in range(2):
        run_study(experiment(log=True), out=tmp_path / f"out{number}", cells=tmp_path / "cells")
    assert len(runs) == 8
    run_study(experiment(), cells=tmp_path / "cells")
    assert len(runs) == 8


def flipped(raw: bytes) -> bytes:
    return raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:]


@pytest.mark.parametrize(
    "damage", [flipped, lambda raw: raw[:40], lambda raw: b"", lambda raw: raw.replace(b"cell 1", b"cell 2")], ids=range(4)
)
def test_a_damaged_cell_is_told_in_a_line_run_again_and_mended(
    damage: Any, tmp_path: Path, runs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    whole = run_study(experiment(), cells=tmp_path)
    path = cells_in(tmp_path)[0]
    raw = path.read_bytes()
    path.write_bytes(damage(raw))
    runs.clear()
    assert run_study(experiment(), cells=tmp_path).digest == whole.digest
    assert (len(runs), path.read_bytes()) == (1, raw)
    assert {line.partition(": ")[2] for line in caplog.messages} == {f"{path}: a damaged cell; it is run again"}


def test_a_cell_under_anothers_name_is_damaged(tmp_path: Path, runs: list[Any]) -> None:
    whole = run_study(experiment(), cells=tmp_path)
    one, other = cells_in(tmp_path)[:2]
    other.write_bytes(one.read_bytes())
    runs.clear()
    assert run_study(experiment(), cells=tmp_path).digest == whole.digest
    assert len(runs) == 1


def test_a_full_disk_keeps_no_cells_says_so_once_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = run_study(experiment())

    def full(_number: int, _mode: str) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results_cells.os, "fdopen", full)
    assert run_study(experiment(), cells=tmp_path).digest == whole.digest
    assert caplog.messages == [f"slabdes: {tmp_path}: cells are not kept: No space left on device"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "claims"]


def test_cells_used_longest_ago_go_when_there_are_too_many(tmp_path: Path) -> None:
    names = [f"{number:064x}" for number in range(4)]
    with Cells(tmp_path) as kept:
        for number, name in enumerate(names):
            kept.add(name, b"x" * 1000)
            path = tmp_path / "00" / f"{name}{SUFFIX}"
            os.utime(path, ns=(number, number))
    (tmp_path / "00" / "left.writing").write_bytes(b"")
    os.utime(tmp_path / "00" / "left.writing", (0, 0))
    with Cells(tmp_path, most_bytes=2500) as kept:
        kept.add(f"{9:064x}", b"x" * 1000)
    assert [path.stem for path in cells_in(tmp_path)] == [names[3], f"{9:064x}"]
    assert not (tmp_path / "00" / "left.writing").exists()


def test_cells_are_counted_seldom_by_the_bytes_that_were_added_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(results_cells, "_prune", lambda _folder, most: looked.append(most))
    for number in range(40):
        with Cells(tmp_path, most_bytes=1 << 20) as kept:
            kept.add(f"{number:064x}", b"x" * (1 << 13))
    assert len(looked) == 5  # every 64 KiB
    with Cells(tmp_path, most_bytes=1 << 20):
        pass
    assert len(looked) == 5


def hold(folder: str, name: str, begun: str) -> None:
    with Cells(Path(folder)) as kept:
        assert kept.claim(name)
        Path(begun).write_text("")
        time.sleep(PATIENCE_S)


@POSIX
def test_what_another_process_runs_is_left_to_it_and_taken_over_when_that_is_killed(tmp_path: Path) -> None:
    name, begun = "ab" * 32, tmp_path / "begun"
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(str(tmp_path / "c"), name, str(begun)))
    process.start()
    try:
        assert within(begun.exists)
        with Cells(tmp_path / "c") as kept:
            assert not kept.claim(name)
            assert kept.claim("cd" * 32)
            process.kill()
            process.join()
            assert kept.claim(name)
    finally:
        process.kill()


def test_a_cell_that_another_process_ends_meanwhile_is_taken_from_it(
    tmp_path: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_study(experiment(), cells=tmp_path / "theirs")
    runs.clear()
    refused = []

    def claim(self: Cells, name: str) -> bool:
        """The other process has every cell, until it has been asked for each: then it has run them."""
        if len(refused) < 4:
            refused.append(name)
            return False
        for path in cells_in(tmp_path / "theirs"):
            place = tmp_path / "ours" / path.parent.name
            place.mkdir(exist_ok=True)
            (place / path.name).write_bytes(path.read_bytes())
        return True

    monkeypatch.setattr(Cells, "claim", claim)
    heard: list[tuple[str, int, int]] = []
    shared = run_study(experiment(), cells=tmp_path / "ours", phase=lambda *told: heard.append(told))
    assert shared.digest == whole.digest
    assert runs == []
    assert heard[-1][1] == heard[-1][2]


def test_a_process_that_goes_on_with_a_study_at_which_another_is_shares_the_work_and_finds_the_run(
    tmp_path: Path, runs: list[Any]
) -> None:
    asked, out, found = experiment(), tmp_path / "out", []
    kept = {"cells": tmp_path / "cells", "out": out}
    with working_folder(out) as working, pytest.raises(Held):
        (working.path / "kept").touch()
        run_study(asked, **kept)
    thread = threading.Thread(target=lambda: found.append(run_study(asked, resume=True, **kept)))
    with working_folder(out) as working:
        thread.start()
        assert within(lambda: len(cells_in(tmp_path / "cells")) == 4)
        time.sleep(2 * POLL_SECONDS)
        assert not out.exists()
        working.drop("kept")
    thread.join(PATIENCE_S)
    assert len(runs) == 4
    assert found[0].digest == run_study(asked).digest
    assert read_manifest(out).digest == found[0].digest
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cells", "out"]


def test_a_process_does_not_share_another_study(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with working_folder(out) as working:
        open_partial(
            working, study_run._Study(experiment(seed=2), 1, None, None, None, None, None, None, None).identity, resume=False
        )
        with pytest.raises(InputError, match="was begun with another experiment: seed was 2, is 1"):
            run_study(experiment(), out=out, resume=True, cells=tmp_path / "cells")


def test_where_cells_are_is_said_by_the_option_then_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, str(tmp_path))
    assert kept_in(None) == tmp_path
    assert usual_folder() == str(tmp_path)
    assert kept_in("off") is None
    assert kept_in(tmp_path / "new") == tmp_path / "new"
    monkeypatch.delenv(SWITCH)
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path))
    assert kept_in(None) is None
    assert usual_folder() == str(tmp_path / "slabdes" / "cells")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cells: .*file: is no folder; allowed: a folder, or off$"):
        kept_in(tmp_path / "file")
