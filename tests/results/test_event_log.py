# SPDX-License-Identifier: GPL-2.0-only
"""A run's event log lies in its folder, in parts, and is read back as a frame."""

from __future__ import annotations

from pathlib import Path

import pytest

import slabdes
from slabdes.engine.event_log import EventLog, Logged
from slabdes.errors import InputError
from slabdes.results.event_log import LogWriter, scan_log

EXPERIMENT = {
    "machine": {"preset": "uma-4"},
    "cache": [{"name": "a", "size": 256}],
    "workload": {"kind": "mix", "operations": 300, "live": 40},
    "replications": 2,
    "log": True,
    "engine": "reference",
}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_logged_run_has_a_row_for_every_operation_and_hold(engine: str, tmp_path: Path) -> None:
    run = slabdes.simulate(EXPERIMENT | {"engine": engine}, out=tmp_path / "run", jobs=2)
    for replication in range(2):
        operations = scan_log(tmp_path / "run", "operations", 0, replication).collect()
        assert operations.height == 4 * 300
        assert operations.columns == ["cpu", "start_ps", "end_ps", "cache", "path", "object"]
        holds = scan_log(tmp_path / "run", "holds", 0, replication).collect()
        assert holds.height == run.frames.locks.filter(replication=replication)["acquisitions"].sum()
    assert not (tmp_path / "run.partial").exists()
    assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == ["figures", "frames", "log", "manifest.json", "text"]


def test_a_log_without_a_folder_is_refused() -> None:
    with pytest.raises(InputError, match=r"log: there is no run folder for it; allowed: a folder for"):
        slabdes.simulate(EXPERIMENT)


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no log of holds of point 3, replication 1; allowed: a run with `log = true`"):
        scan_log(tmp_path, "holds", 3, 1)
    with pytest.raises(InputError, match="kind: 'waits' is no kind of log rows; allowed: operations or holds"):
        scan_log(tmp_path, "waits")


def test_what_an_interrupted_attempt_left_is_not_kept(tmp_path: Path) -> None:
    for attempt in range(2):
        log = EventLog(LogWriter(tmp_path / "log", 0, 0), room=2)
        assert not attempt or not list((tmp_path / "log").rglob("*.parquet"))
        for number in range(5 - 2 * attempt):
            log.operation(attempt, number, number + 1, 0, 0, 7)
        log.close()
    rows = scan_log(tmp_path, Logged.OPERATIONS).collect()
    assert rows["cpu"].to_list() == [1, 1, 1]
    assert rows["start_ps"].to_list() == [0, 1, 2]
    assert scan_log(tmp_path, Logged.HOLDS).collect().height == 0


def test_a_logged_run_that_could_not_be_finished_is_resumed_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("slabdes.plots.save.save_figures", interrupted)
        with pytest.raises(KeyboardInterrupt):
            slabdes.simulate(EXPERIMENT, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    slabdes.simulate(EXPERIMENT, out=tmp_path / "run", resume=True)
    assert scan_log(tmp_path / "run", "operations", 0, 1).collect().height == 4 * 300
