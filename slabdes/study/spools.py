# SPDX-License-Identifier: GPL-2.0-only
"""The traces of one or more studies: each is read once, and spooled once for each choice of caches and each cut.

Leaves out what becomes of them on a machine (`plan`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from slabdes.config import TraceWorkload
from slabdes.engine.setup import recorded_caches
from slabdes.scan.trace import ReadIndex, read_index, spool_large
from slabdes.workload.trace.cut import first_of
from slabdes.workload.trace.index import TraceIndex
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.spool import Spool, half

Phase = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_Key = tuple[Path, tuple[str, ...], Path | None]
"""Of a spool: the trace, the caches that are named, and where none is, the dump that chooses them."""


class Spools:
    """Traces as they were read, in `folder` as long as that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._indexes: dict[Path, ReadIndex] = {}
        self._whole: dict[_Key, Spool] = {}
        self._cut: dict[tuple[_Key, int], Spool] = {}

    def index(self, trace: Path) -> TraceIndex:
        """What `trace` holds."""
        return self._read(trace, None).index

    def spool(self, config: TraceWorkload, phase: Phase | None = None) -> Spool:
        """The steps that `config` replays."""
        key = (config.file, config.caches, None if config.caches else config.from_dump)
        if key not in self._whole:
            self._whole[key] = self._load(config, phase)
        whole = self._whole[key]
        if config.first is None:
            return whole
        part = (key, config.first)
        if part not in self._cut:
            self._cut[part] = first_of(whole, config.first, self._folder / f"cut{len(self._cut)}")
        return self._cut[part]

    def _load(self, config: TraceWorkload, phase: Phase | None) -> Spool:
        def report(done: int, total: int) -> None:
            if phase is not None:
                phase(f"reading {config.file.name}", done, total)

        read = self._read(config.file, half(report, 0))
        caches = config.caches
        if config.from_dump is not None and not caches:
            caches = recorded_caches(config.from_dump, [cache.name for cache in read.index.caches])
        return spool_large(read, caches, self._folder / f"spool{len(self._whole)}", half(report, 1))

    def _read(self, trace: Path, progress: Progress | None) -> ReadIndex:
        if trace not in self._indexes:
            self._indexes[trace] = read_index(trace, self._folder / f"events{len(self._indexes)}", progress)
        return self._indexes[trace]
