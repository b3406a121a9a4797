# SPDX-License-Identifier: GPL-2.0-only
"""What cannot be in an event log is seen, each kind of it; what real runs log is fine."""

from __future__ import annotations

import numpy as np
import pytest

from slabdes.config import parse_experiment
from slabdes.engine.event_log import COLUMNS, EventLog, Logged
from slabdes.engine.reference.run import run_reference
from slabdes.results.log_accounting import check_log
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

Row = tuple[int, ...]


Times = tuple[int, int, int]


def check(holds: list[Row] = [], operations: list[Times] = [], turns: list[Times] = []) -> list[str]:  # noqa: B006  # never changed
    others = {Logged.OPERATIONS: [(*times, 0, 0, 0) for times in operations], Logged.TURNS: [(*times, 1, 1) for times in turns]}
    rows = {Logged.HOLDS: holds} | others
    return check_log({kind: np.array(some, "i8").reshape(-1, len(COLUMNS[kind])) for kind, some in rows.items()})


GOOD = (
    {"holds": [(0, 1, 5, 5, 9), (0, 2, 6, 9, 9), (1, 2, 9, 9, 12)]},
    {"operations": [(0, 1, 3), (0, 3, 3), (0, 3, 8), (1, 0, 9)]},
    # Two handlers in the middle of an operation, each with one of its own.
    {"operations": [(0, 4, 5), (0, 6, 7), (0, 1, 9), (0, 9, 10)]},
    {"holds": [(0, 1, 2, 4, 6)], "operations": [(1, 1, 6), (1, 6, 7)]},
    # In a reap, between two operations.
    {"holds": [(0, 1, 2, 4, 6)], "operations": [(1, 1, 2), (1, 6, 7)], "turns": [(1, 2, 6)]},
    # A handler in the middle of a reap.
    {"holds": [(0, 1, 2, 4, 6)], "operations": [(1, 3, 4)], "turns": [(1, 2, 9)]},
)


@pytest.mark.parametrize("rows", GOOD)
def test_what_can_be_is_fine(rows: dict[str, list[Row]]) -> None:
    assert check(**rows) == []  # type: ignore[arg-type]  # rows of both kinds


BAD = (
    ({"holds": [(0, 1, 5, 5, 9), (0, 2, 6, 8, 12)]}, "lock 0: CPU 2 had it at 8 ps, CPU 1 released it at 9"),
    ({"holds": [(0, 1, 5, 4, 9)]}, "lock 0: CPU 1 asked at 5 ps, had it at 4, released it at 9"),
    ({"operations": [(3, 5, 4)]}, "CPU 3: an operation from 5 to 4 ps"),
    ({"operations": [(3, 5, 9), (3, 1, 4)]}, "CPU 3: an operation from 1 to 4 ps is told after one that ends at 9"),
    ({"operations": [(3, 5, 9), (3, 7, 12)]}, "CPU 3: from 5 to 9 ps, and from 7 to 12 at the same time"),
    (
        {"holds": [(0, 1, 5, 5, 9)], "operations": [(1, 6, 12)]},
        "CPU 1, with its holds: from 5 to 9 ps, and from 6 to 12 at the same time",
    ),
    (
        {"operations": [(1, 6, 12)], "turns": [(1, 5, 9)]},
        "CPU 1, with its holds: from 5 to 9 ps, and from 6 to 12 at the same time",
    ),
)


@pytest.mark.parametrize(("rows", "sentence"), BAD)
def test_what_cannot_be_is_told(rows: dict[str, list[Row]], sentence: str) -> None:
    assert sentence in check(**rows)  # type: ignore[arg-type]  # rows of both kinds


@pytest.mark.parametrize("interrupts", [None, {"mean_ns": 20_000, "objects": 3, "keep": 5}])
def test_real_runs_are_fine(interrupts: dict[str, object] | None) -> None:
    raw = {
        "machine": {"preset": "numa-2x4", "memory_mib": 2},
        "cache": [{"name": "a", "size": 256, "limit": 12, "batchcount": 6}],
        "workload": {"kind": "producer_consumer", "objects": 300, "window": 4},
        "interrupts": interrupts,
    }
    what = parse_experiment(raw, "test")
    machine = machine_of(what)
    rows: dict[Logged, list[np.ndarray]] = {kind: [] for kind in Logged}
    log = EventLog(lambda kind, some: rows[kind].append(some))
    run_reference(what, machine, build_synthetic(what, machine, 0), 0, None, log)
    found = {kind: np.concatenate(some) for kind, some in rows.items()}
    assert len(found[Logged.HOLDS]) > 100
    assert check_log(found) == []
