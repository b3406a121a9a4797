# SPDX-License-Identifier: GPL-2.0-only
"""The event log has every operation and every hold, so that the digest can be made from it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.compiled import logged
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.cpu import fold, hold_word, what_word
from slabdes.engine.event_log import COLUMNS, EventLog, Logged
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

Rows = dict[Logged, list[np.ndarray[Any, Any]]]


def experiment(**more: object) -> Experiment:
    raw: dict[str, object] = {
        "machine": {"preset": "numa-2x4", "memory_mib": 2},
        "cache": [{"name": "a", "size": 256, "limit": 12, "batchcount": 6}, {"name": "b", "size": 1024}],
        "workload": {"kind": "producer_consumer", "objects": 900, "window": 40, "think_ns": 100},
        "allocator": "4.7",
    }
    return parse_experiment(raw | more, "test")


def logged_run(engine: Callable[..., Records], what: Experiment, room: int = 100) -> tuple[Records, Rows]:
    rows: Rows = {kind: [] for kind in Logged}
    machine = machine_of(what)
    log = EventLog(lambda kind, some: rows[kind].append(some), room)
    return engine(what, machine, build_synthetic(what, machine, 0), 0, None, log), rows


def digest_from(rows: Rows, n_cpus: int, n_locks: int) -> str:
    cpus, locks = [0] * n_cpus, [0] * n_locks
    for cpu, start, end, cache, path, what in np.concatenate(rows[Logged.OPERATIONS]).tolist():
        cpus[cpu] = fold(cpus[cpu], start, end, what_word(what, cache, path))
    for lock, cpu, asked, granted, released in np.concatenate(rows[Logged.HOLDS]).tolist():
        locks[lock] = fold(locks[lock], asked, released, hold_word(cpu, granted))
    return hashlib.sha256(b"".join(running.to_bytes(8, "little") for running in (*cpus, *locks))).hexdigest()


@pytest.mark.parametrize("engine", [run_reference, run_compiled])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"workload": {"kind": "burst", "objects": 300, "rounds": 3, "barrier": True}},
        {"workload": {"kind": "critical_section", "operations": 200, "think_ns": 100, "hold_ns": 50}},
        {"interrupts": {"mean_ns": 20_000, "objects": 3, "keep": 5}, "lock": {"discipline": "cna"}},
    ],
)
def test_the_digest_is_that_of_the_logged_rows(engine: Callable[..., Records], more: dict[str, object]) -> None:
    what = experiment(**more)
    records, rows = logged_run(engine, what)
    assert digest_from(rows, len(records.cpus), len(records.locks)) == records.digest
    for kind in Logged:
        assert all(some.dtype == np.int64 and some.shape[1] == len(COLUMNS[kind]) for some in rows[kind])
        # Only the last part is smaller than what was asked for.
        assert all(len(some) >= 100 for some in rows[kind][:-1])
        assert sum(len(some) for some in rows[kind]) > 100 or kind is Logged.TURNS
    holds = np.concatenate(rows[Logged.HOLDS])
    assert len(holds) == sum(lock.acquisitions for lock in records.locks)
    assert (holds[:, 2] <= holds[:, 3]).all()
    assert (holds[:, 3] <= holds[:, 4]).all()


def test_a_log_changes_nothing_and_is_the_same_from_both_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logged, "STEPS_BETWEEN_EMPTYINGS", 50)
    what = experiment()
    machine = machine_of(what)
    plain = run_compiled(what, machine, build_synthetic(what, machine, 0))
    found = [logged_run(engine, what) for engine in (run_reference, run_compiled)]
    assert [records for records, _rows in found] == [plain, plain]
    for kind in Logged:
        # By CPU, by lock.
        one, other = (np.concatenate(rows[kind]) for _records, rows in found)
        assert np.array_equal(one[np.argsort(one[:, 0], kind="stable")], other[np.argsort(other[:, 0], kind="stable")])
