# SPDX-License-Identifier: GPL-2.0-only
"""What a study reads, by content: the SHA-256 of every file that its experiments name, of this host, and of slabdes's sources.

A study is the same study only with the same content, also while it runs. Leaves out what is in the files.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from slabdes.config import Experiment, TraceWorkload
from slabdes.errors import InputError
from slabdes.files import is_folder, open_regular, stamp
from slabdes.machine import load_machine
from slabdes.machine.names import HOST
from slabdes.machine.summary import describe
from slabdes.workload.slab_sysfs import read_slab_sysfs

PACKAGE: Final = Path(__file__).parents[1]
UNREADABLE: Final = "unreadable"
"""In place of a SHA-256: whoever reads the file says what is wrong with it."""
CHECK_SECONDS: Final = 1.0
"""Between two looks at some hundred files while replications of milliseconds run (a choice)."""
BLOCK_BYTES: Final = 1 << 20


class Inputs:
    """The content that a study began with. `files` are what the experiments name, `sources` slabdes's own, by name."""

    def __init__(self, experiments: Sequence[Experiment]) -> None:
        paths, while_running = _named(experiments)
        sources = _sources()
        # The stamps first: what changes meanwhile is seen later.
        self._stamps = {path: stamp(path) for path in (*paths, *sources)}
        self._sums = {path: _sha256(path) for path in paths}
        self._sums |= zip(sources, _sha256_of(tuple((path, self._stamps[path]) for path in sources)), strict=True)
        self.files = {str(path): self._sums[path] for path in paths}
        if any(experiment.machine.preset == HOST for experiment in experiments):
            self.files[HOST] = _host_sha256()
        self.sources = {path.relative_to(PACKAGE).as_posix(): self._sums[path] for path in sources}
        self._checked = -math.inf
        self._while_running, self._sources = while_running, sources

    def plain(self) -> dict[str, Any]:
        """For a manifest: every file's SHA-256, and one of all sources."""
        return {"inputs": self.files, "sources": hashlib.sha256(json.dumps(self.sources).encode()).hexdigest()}

    def of(self, experiment: Experiment) -> dict[str, str]:
        """The SHA-256 of what one of the experiments reads, by name."""
        names = [str(path) for path in _named([experiment])[0]] + [HOST] * (experiment.machine.preset == HOST)
        return {name: self.files[name] for name in names}

    def check(self) -> None:
        """Raise InputError if anything is not what it was: for the end of planning."""
        self._check(self._sums)
        if self.files.get(HOST, "") != (_host_sha256() if HOST in self.files else ""):
            raise InputError(HOST, "changed while the study was planned", allowed="a machine that stays as it is")

    def check_while_running(self) -> None:
        """Raise InputError if what is still read when replications run is not what it was.

        Sources, which a worker reads when it begins, are looked at every CHECK_SECONDS.
        """
        self._check(self._while_running)
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._check(self._sources)
            self._checked = now

    def _check(self, paths: Iterable[Path]) -> None:
        for path in paths:
            now = stamp(path)
            if now == self._stamps[path]:
                continue
            if _sha256(path) != self._sums[path]:
                raise InputError(str(path), "changed while the study ran", allowed="a file that stays as it is until the end")
            self._stamps[path] = now


def _named(experiments: Sequence[Experiment]) -> tuple[list[Path], list[Path]]:
    """The files that experiments name, each once, in order; those among them that are read also when replications run."""
    paths: dict[Path, None] = {}
    while_running: dict[Path, None] = {}
    for experiment in experiments:
        workload = experiment.workload
        trace = workload.file if isinstance(workload, TraceWorkload) else None
        dump = experiment.dump
        named = (experiment.machine.file, experiment.slabinfo, experiment.sysfs, trace, dump)
        paths.update((Path(name), None) for name in named if name is not None)
        while_running.update((Path(name), None) for name in (dump,) if name is not None)
    return list(paths), list(while_running)


def _sha256(path: Path) -> str:
    try:
        if is_folder(path):  # only a copy of /sys/kernel/slab may be one
            return hashlib.sha256(read_slab_sysfs(path).content).hexdigest()
        with open_regular(path, "a readable file") as file:
            digest = hashlib.sha256()
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
            return digest.hexdigest()
    except (InputError, OSError):
        return UNREADABLE


@lru_cache(maxsize=1)
def _sha256_of(files: tuple[tuple[Path, tuple[int, ...]], ...]) -> tuple[str, ...]:
    """Of each file, as its stamp says that it is: worked out once a process as long as none has changed."""
    return tuple(_sha256(path) for path, _stamp in files)


def _sources() -> list[Path]:
    """Every file of the package that is its own: not what Python compiles, nor what an editor leaves."""
    found = []
    for folder, folders, names in os.walk(PACKAGE):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found)


def sources() -> dict[str, str]:
    """The SHA-256 of every file of the package, by its name there."""
    paths = _sources()
    sums = _sha256_of(tuple((path, stamp(path)) for path in paths))
    return {path.relative_to(PACKAGE).as_posix(): one for path, one in zip(paths, sums, strict=True)}


def _host_sha256() -> str:
    return hashlib.sha256(json.dumps(describe(load_machine(HOST)), sort_keys=True, default=str).encode()).hexdigest()
