# SPDX-License-Identifier: GPL-2.0-only
"""Traces, read by compiled code where that is sooner: where they are large, for it has to be compiled or loaded first.

Results are the same either way. Leaves out both ways (`workload.trace`, `index`, `steps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slabdes.files import is_regular
from slabdes.workload.trace.index import TraceIndex, index_trace
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.spool import Spool, cannot_spool, half, spool_trace

if TYPE_CHECKING:
    from slabdes.scan.steps import KeptEvents

COMPILE_FROM: Final = 96 << 20
"""Bytes of a trace for which it is sooner to compile first (measured: some ten seconds; Python reads 11 MB a second twice)."""
LOAD_FROM: Final = 8 << 20
"""Bytes for which it is sooner to load what was compiled earlier (measured: a second)."""
_PACKED: Final = 8
"""Bytes of a trace for one of gzip (assumed)."""
_LAST_FUNCTION: Final = "make_steps"


def load_large(path: Path, caches: Sequence[str], folder: Path, progress: Progress | None = None) -> Spool:
    """The same as `load_trace`, in a fraction of the time where the trace is large; `folder` gets a companion for its events."""
    return spool_large(
        read_index(path, folder.with_name(f"{folder.name}.events"), half(progress, 0)), caches, folder, half(progress, 1)
    )


@dataclass(frozen=True)
class ReadIndex:
    """The index of a trace, and its events if they were kept: those are read again rather than the trace."""

    index: TraceIndex
    kept: KeptEvents | None


def spool_large(read: ReadIndex, caches: Sequence[str], folder: Path, progress: Progress | None = None) -> Spool:
    """The same as `spool_trace`, likewise."""
    return spool_trace(read.index, caches, folder, progress, None if read.kept is None else read.kept.write)


def read_index(path: Path, events: Path, progress: Progress | None = None) -> ReadIndex:
    """The index of a trace, for `spool_large`; where that is sooner, the file `events` is made, 24 bytes an event at most."""
    if _is_large(path):
        from slabdes.scan.index import index_rows
        from slabdes.scan.reader import NotInNumbers

        try:
            events.parent.mkdir(parents=True, exist_ok=True)
            return ReadIndex(*index_rows(path, events, progress))
        except NotInNumbers:
            events.unlink()
        except OSError as error:
            raise cannot_spool(events, error) from None
    return ReadIndex(index_trace(path, progress), None)


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
