# SPDX-License-Identifier: GPL-2.0-only
"""How fast a trace is read: its lines alone, all that a replay reads of it by compiled code, and its beginning in Python.

Python reads only so much as takes seconds; what both ways make of that is compared. Leaves out replaying it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.errors import CheckFailed, InputError
from slabdes.folders import scratch_folder
from slabdes.scan.entries import functions
from slabdes.scan.index import index_rows
from slabdes.scan.reader import NotInNumbers
from slabdes.workload.trace.index import TraceIndex, index_trace
from slabdes.workload.trace.lines import Progress, TraceLines
from slabdes.workload.trace.spool import spool_trace

BEGINNING: Final = 24 << 20
"""Bytes of text that Python reads (a choice: some seconds)."""
_MB: Final = 1e6


@dataclass(frozen=True)
class Reading:
    """One way of reading: `mb` is of text, unpacked; `seconds` of wall and of processor time."""

    way: str
    mb: float
    events: int
    seconds: float
    processor_s: float

    def row(self) -> dict[str, Any]:
        """JSON-able, with MB a second."""
        return asdict(self) | {"mb_s": self.mb / self.seconds}


def measure_reading(trace: Path, tell: Callable[[str, int, int], None]) -> list[Reading]:
    """Read a trace in each way. Raises CheckFailed if compiled code and Python make another thing of its beginning."""
    functions()  # compiled or loaded before anything is timed

    def progress(what: str) -> Progress:
        return lambda done, total: tell(f"reading {what}", done, total)

    with scratch_folder() as folder:
        beginning = folder / "beginning"
        read: list[int] = []
        lines = _timed("lines alone", lambda: read.append(_copy_beginning(TraceLines(trace, progress("lines")), beginning)))
        mb = read[0] / _MB
        begun = beginning.stat().st_size / _MB
        indexes: list[TraceIndex] = []
        ways = folder / "rows", folder / "begun", folder / "python"
        rows = _timed("both passes, compiled", lambda: indexes.append(_both(trace, ways[0], progress("rows"), True)))
        indexes.append(_both(beginning, ways[1], progress("its beginning"), True))
        python = _timed("both passes, Python", lambda: indexes.append(_both(beginning, ways[2], progress("in Python"), False)))
        _compare(indexes[1], ways[1], indexes[2], ways[2])
    return [
        Reading(lines[0], mb, 0, *lines[1:]),
        Reading(rows[0], mb, indexes[0].events, *rows[1:]),
        Reading(python[0], begun, indexes[2].events, *python[1:]),
    ]


def _timed(way: str, work: Callable[[], None]) -> tuple[str, float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return way, time.perf_counter() - wall, time.process_time() - processor


def _copy_beginning(lines: TraceLines, beginning: Path) -> int:
    """Bytes of text in all; the first of them, in whole lines, are copied."""
    size = 0
    with beginning.open("wb") as file:
        for block in lines.blocks():
            if size < BEGINNING:
                file.write(block + b"\n")
            size += len(block) + 1
            lines.number += block.count(b"\n") + 1
    return size


def _both(trace: Path, folder: Path, progress: Progress, in_rows: bool) -> TraceIndex:
    if not in_rows:
        index = index_trace(trace, progress)
        spool_trace(index, (), folder, progress)
        return index
    events = folder.with_name(f"{folder.name}.events")
    try:
        index, kept = index_rows(trace, events, progress)
    except NotInNumbers:
        raise InputError(str(trace), "pointers or times of more than 64 bits, which only Python reads", "another trace") from None
    spool_trace(index, (), folder, progress, kept.write)
    events.unlink()
    return index


def _compare(one: TraceIndex, one_folder: Path, other: TraceIndex, other_folder: Path) -> None:
    files = [sorted(path.name for path in folder.iterdir()) for folder in (one_folder, other_folder)]
    if one != other or files[0] != files[1]:
        raise CheckFailed("reading: compiled code and Python index the trace's beginning differently")
    for name in files[0]:
        if (one_folder / name).read_bytes() != (other_folder / name).read_bytes():
            raise CheckFailed(f"reading: compiled code and Python make other steps of the trace's beginning: {name}")
