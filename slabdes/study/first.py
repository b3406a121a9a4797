# SPDX-License-Identifier: GPL-2.0-only
"""The first operations of a run, told again beside something else that is asked for: only where that takes a second at most.

What bounds it is counted, not timed, so that a run is told on every computer or on none. Leaves out the telling (`again`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slabdes.engine.story import Told
from slabdes.errors import InputError
from slabdes.files import is_regular
from slabdes.folders import scratch_folder
from slabdes.results.manifest import Manifest
from slabdes.study.again import again, told
from slabdes.study.inputs import Inputs
from slabdes.study.spools import Phase, Spools

MOST_BYTES: Final = 400_000
"""Of all files that the run reads (measured: a packed trace of 317 kB takes a second)."""
MOST_READ: Final = 100
"""Reports of progress while a trace is read (measured: that one reports 57 times)."""
MOST_RUN: Final = 9
"""Reports of progress while it runs, each of 2048 operations at most (measured: 0.1 to 0.2 s)."""


def first_told(folder: Path, manifest: Manifest, point: int, first: int) -> list[Told]:
    """The first operations of the lowest CPU at work in replication 0 of a point.

    Raises InputError where they cannot be told, would not be those of the run, or take too long to reach.
    """
    _check_read(folder, manifest.provenance.get("read"))
    with scratch_folder() as scratch:
        one = again(folder, (), point, 0, Spools(scratch), _at_most(MOST_READ, folder))
        return told(one, first, min(one.planned.workload(0).programs), _at_most(MOST_RUN, folder))


def _check_read(folder: Path, read: Any) -> None:
    if not isinstance(read, Mapping) or read.get("sources") != Inputs([]).plain()["sources"]:
        raise InputError(str(folder), "run by another version of slabdes, and this one might tell another story")
    inputs = read.get("inputs")
    files = [Path(name) for name in inputs] if isinstance(inputs, Mapping) else []
    if sum(file.stat().st_size for file in files if is_regular(file)) > MOST_BYTES:
        raise _too_long(folder)


def _at_most(reports: int, folder: Path) -> Phase:
    """Lets something go on for so many reports of progress."""
    left = iter(range(reports))

    def phase(_what: str, _done: int, _total: int) -> None:
        if next(left, None) is None:
            raise _too_long(folder)

    return phase


def _too_long(folder: Path) -> InputError:
    return InputError(str(folder), "it takes long to get to them")
