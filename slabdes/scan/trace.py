# SPDX-License-Identifier: GPL-2.0-only
"""Traces, read by compiled code where that is sooner: where they are large, for it has to be compiled or loaded first.

Results are the same either way. Leaves out both ways (`workload.trace`, `index`, `steps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.files import is_regular
from slabdes.workload.trace.index import TraceIndex, index_trace
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.spool import Spool, half, spool_trace

COMPILE_FROM: Final = 96 << 20
"""Bytes of a trace for which it is sooner to compile first (measured: some ten seconds; Python reads 11 MB a second twice)."""
LOAD_FROM: Final = 8 << 20
"""Bytes for which it is sooner to load what was compiled earlier (measured: a second)."""
_PACKED: Final = 8
"""Bytes of a trace for one of gzip (assumed)."""
_LAST_FUNCTION: Final = "make_steps"


def index_large(path: Path, progress: Progress | None = None) -> TraceIndex:
    """The same as `index_trace`, in a fraction of the time where the trace is large."""
    return read_index(path, progress).index


def load_large(path: Path, caches: Sequence[str], folder: Path, progress: Progress | None = None) -> Spool:
    """The same as `load_trace`, likewise."""
    return spool_large(read_index(path, half(progress, 0)), caches, folder, half(progress, 1))


@dataclass(frozen=True)
class ReadIndex:
    """The index of a trace, and whether rows can hold its events."""

    index: TraceIndex
    in_rows: bool


def spool_large(read: ReadIndex, caches: Sequence[str], folder: Path, progress: Progress | None = None) -> Spool:
    """The same as `spool_trace`, likewise."""
    if not read.in_rows:
        return spool_trace(read.index, caches, folder, progress)
    from slabdes.scan.steps import write_rows

    return spool_trace(read.index, caches, folder, progress, write_rows)


def read_index(path: Path, progress: Progress | None = None) -> ReadIndex:
    """The index of a trace, for `spool_large`."""
    if _is_large(path):
        from slabdes.scan.index import index_rows
        from slabdes.scan.reader import NotInNumbers

        try:
            return ReadIndex(index_rows(path, progress), True)
        except NotInNumbers:
            pass
    return ReadIndex(index_trace(path, progress), False)


def _is_large(path: Path) -> bool:
    if not is_regular(path):
        return False
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            size *= _PACKED if file.read(2) == b"\x1f\x8b" else 1
    except (OSError, ValueError):
        return False
    if size < LOAD_FROM:
        return False
    from slabdes.engine.compiled.cache import compiles, has_compiled

    return compiles() and (size >= COMPILE_FROM or has_compiled(_LAST_FUNCTION))
