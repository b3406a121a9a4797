# SPDX-License-Identifier: GPL-2.0-only
"""The event log in compiled code: rows in buffers that Python empties. A run without a log is compiled without all this.

A run's record of type LoggedRun makes numba compile the paths anew, with these parts. Leaves out what a row means
(`engine/event_log`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.numba_tools import by_run, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.event_log import COLUMNS, ROOM, EventLog, Logged


class LoggedRun(Run):
    """A run with a log: for each kind of rows, where they lie and how many there are."""

    logged_operations: int
    n_operations: int
    logged_holds: int
    n_holds: int
    logged_turns: int
    n_turns: int


STEPS_BETWEEN_EMPTYINGS: Final = 1 << 10
_ROWS_OF_A_STEP: Final = 16
"""More than a step can write between two looks at the buffers: an allocation that grows holds SLAB's locks at most nine times.

With sheaves one refills or flushes for many steps at once, with at most three holds an object.
"""
_SPARE: Final = _ROWS_OF_A_STEP * STEPS_BETWEEN_EMPTYINGS
"""Rows that there is room for beyond ROOM."""
_OPERATION_BYTES: Final = 8 * len(COLUMNS[Logged.OPERATIONS])
_HOLD_BYTES: Final = 8 * len(COLUMNS[Logged.HOLDS])
_TURN_BYTES: Final = 8 * len(COLUMNS[Logged.TURNS])


def _log_operation(run: LoggedRun, cpu: int, start: int, end: int, cache: int, path: int, what: int) -> None:
    row = ints_at(run.logged_operations + _OPERATION_BYTES * run.n_operations)
    run.n_operations += 1
    row[0] = cpu
    row[1] = start
    row[2] = end
    row[3] = cache
    row[4] = path
    row[5] = what


def _no_operation(run: Run, cpu: int, start: int, end: int, cache: int, path: int, what: int) -> None:
    pass


log_operation = by_run(LoggedRun, _log_operation, _no_operation)
"""Log an operation, if there is a log."""


def _log_hold(run: LoggedRun, lock: int, cpu: int, asked: int, granted: int, released: int) -> None:
    row = ints_at(run.logged_holds + _HOLD_BYTES * run.n_holds)
    run.n_holds += 1
    row[0] = lock
    row[1] = cpu
    row[2] = asked
    row[3] = granted
    row[4] = released


def _no_hold(run: Run, lock: int, cpu: int, asked: int, granted: int, released: int) -> None:
    pass


log_hold = by_run(LoggedRun, _log_hold, _no_hold)
"""Log a hold of a lock, if there is a log."""


def _log_turn(run: LoggedRun, cpu: int, start: int, end: int, upkeep: int, taken: bool) -> None:
    row = ints_at(run.logged_turns + _TURN_BYTES * run.n_turns)
    run.n_turns += 1
    row[0] = cpu
    row[1] = start
    row[2] = end
    row[3] = upkeep
    row[4] = taken


def _no_turn(run: Run, cpu: int, start: int, end: int, upkeep: int, taken: bool) -> None:
    pass


log_turn = by_run(LoggedRun, _log_turn, _no_turn)
"""Log a turn of upkeep, if there is a log."""


def _is_full(run: LoggedRun) -> bool:
    return run.n_operations >= ROOM or run.n_holds >= ROOM or run.n_turns >= ROOM


def _never_full(run: Run) -> bool:
    return False


log_is_full = by_run(LoggedRun, _is_full, _never_full)
"""Whether Python should empty the buffers."""


def pack_log(memory: Memory) -> None:
    """Make the buffers of a run."""
    for kind in Logged:
        memory.put(f"logged_{kind}", np.zeros((ROOM + _SPARE, len(COLUMNS[kind])), "i8"))


def empty(memory: Memory, log: EventLog) -> None:
    """Hand over all rows that compiled code has left."""
    for kind in Logged:
        number = memory.get(f"n_{kind}")
        assert number <= ROOM + _SPARE, "the event log has overrun its buffer"
        if number:
            log.rows(kind, memory[f"logged_{kind}"][:number].copy())
            memory.set(**{f"n_{kind}": 0})
