# SPDX-License-Identifier: GPL-2.0-only
"""Finds recordings of the real allocator under paths, tells their kinds apart, and compares each with what happens here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slabdes.conformance.compare import OPS_ENDINGS, compare_script
from slabdes.conformance.driver import Drivers
from slabdes.conformance.kernel_log.compare import LOG_ENDINGS, compare_log
from slabdes.conformance.kernel_log.geometry import compare_geometry, is_geometry_log
from slabdes.conformance.kernel_trace.compare import compare_trace_folder, is_trace_folder
from slabdes.conformance.script import read_text
from slabdes.conformance.slub_log.compare import compare_slub_log, is_slub_log
from slabdes.conformance.slub_log.geometry import compare_slub_geometry, is_slub_geometry
from slabdes.conformance.slub_trace.compare import compare_slub_folder, is_slub_folder
from slabdes.conformance.verdict import Outcome
from slabdes.errors import InputError
from slabdes.files import is_folder, is_there

KINDS = "op scripts (.ops), logs of 6.1, 6.12, 7.3 (.log, .txt of GEOM rows), plain or .gz, traces with dumps, or folders of them"
GEOMETRY_ENDINGS = (".txt", ".txt.gz")
MAX_DEPTH = 8
"""Folders below a given one that are looked into."""


@dataclass(frozen=True)
class Recording:
    """One recording and how it is compared."""

    path: Path
    compare: Callable[[Path], Outcome]
    is_script: bool = False
    """Whether it is an op script, which can also be run without a recording."""


def find_recordings(paths: list[Path], drivers: Drivers | None = None) -> list[Recording]:
    """The recordings that `paths` name or hold, folders in order of name, to be compared with what drivers do, or generators.

    Raises InputError for a path with none.
    """
    drivers = drivers or Drivers()
    found: list[Recording] = []
    for path in paths:
        if not is_there(path):
            raise InputError(str(path), "no such file or folder", allowed=KINDS)
        here = list(_below(path, MAX_DEPTH, drivers)) if is_folder(path) else _of_file(path, drivers, named=True)
        if not here:
            raise InputError(str(path), "no recording in it" if is_folder(path) else "not a recording by its name", allowed=KINDS)
        found += here
    return found


def _below(folder: Path, depth: int, drivers: Drivers) -> Iterator[Recording]:
    if is_trace_folder(folder):
        yield Recording(folder, _refuse_trace if drivers.compiled else _compare_trace)
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(str(folder), error.strerror or str(error)) from None
    for entry in entries:
        if is_folder(entry):
            if depth and not entry.is_symlink():
                yield from _below(entry, depth - 1, drivers)
        else:
            yield from _of_file(entry, drivers, named=False)


def _compare_trace(folder: Path) -> Outcome:
    """A trace of either allocator: which one only its dumps say."""
    return compare_slub_folder(folder) if is_slub_folder(folder) else compare_trace_folder(folder)


def _refuse_trace(folder: Path) -> Outcome:
    # Its paths stop midway for other CPUs' interrupts, at steps that only the generators show.
    raise InputError(str(folder), "a trace is replayed by the reference's paths only", allowed="--engine reference")


def _of_file(path: Path, drivers: Drivers, *, named: bool) -> list[Recording]:
    """A file's recording; of those found in a folder only what their names say, so that notes beside them do no harm."""
    if path.name.endswith(OPS_ENDINGS):
        return [Recording(path, partial(_compare_script, drivers), is_script=True)]
    if path.name.endswith(LOG_ENDINGS):
        return [Recording(path, partial(_compare_log, drivers))]
    if path.name.endswith(GEOMETRY_ENDINGS) and (named or _records_geometry(path)):
        return [Recording(path, compare_geometry)]
    return []


def _compare_script(drivers: Drivers, path: Path) -> Outcome:
    return compare_script(path, drivers.slab)


def _compare_log(drivers: Drivers, path: Path) -> Outcome:
    """A log of any kind: which one only its text says."""
    text = read_text(path)
    if is_slub_geometry(text):
        return compare_slub_geometry(path)
    if is_slub_log(text):
        return compare_slub_log(path, drivers.slub)
    return compare_geometry(path) if is_geometry_log(text) else compare_log(path, drivers.slab)


def _records_geometry(path: Path) -> bool:
    try:
        return is_geometry_log(read_text(path))
    except InputError:
        return False
