# SPDX-License-Identifier: GPL-2.0-only
"""Traces, read by compiled code where that is sooner: where they are large, for it has to be compiled or loaded first.

Results are the same either way. Leaves out both ways (`workload.trace`, `index`, `steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    return _index(path, progress)[0]


def load_large(
    path: Path,
    caches: Sequence[str],
    folder: Path,
    progress: Progress | None = None,
    chosen: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> Spool:
    """The same as `load_trace`, likewise. `chosen` says which of the trace's caches to take where none is named."""
    index, in_rows = _index(path, half(progress, 0))
    if chosen is not None and not caches:
        caches = chosen([cache.name for cache in index.caches])
    if not in_rows:
        return spool_trace(index, caches, folder, half(progress, 1))
    from slabdes.scan.steps import write_rows

    return spool_trace(index, caches, folder, half(progress, 1), write_rows)


def _index(path: Path, progress: Progress | None) -> tuple[TraceIndex, bool]:
    """The index of a trace, and whether rows can hold its events."""
    if _is_large(path):
        from slabdes.scan.index import index_rows
        from slabdes.scan.reader import NotInNumbers

        try:
            return index_rows(path, progress), True
        except NotInNumbers:
            pass
    return index_trace(path, progress), False


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
