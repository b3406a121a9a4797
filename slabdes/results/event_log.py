# SPDX-License-Identifier: GPL-2.0-only
"""The event log on disk: log/<kind>/point-0000-replication-0000-part-00000000.parquet, a part a chunk, in the run folder.

Parts are written as the simulation goes, so that memory does not grow with a run. Leaves out what a row means
(`engine/event_log`).
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine import records
from slabdes.engine.event_log import COLUMNS, Logged
from slabdes.errors import InputError, shown
from slabdes.folders import input_errors
from slabdes.results.folder import write_parquet
from slabdes.units import PS_PER_NS

if TYPE_CHECKING:
    import polars as pl

LOG: Final = "log"
_NAME: Final = "point-{:04d}-replication-{:04d}-part-"


class LogWriter:
    """A sink for one replication's event log, which begins anew whatever an interrupted attempt has left."""

    def __init__(self, folder: Path, point: int, replication: int) -> None:
        self._folder = folder
        self._prefix = _NAME.format(point, replication)
        self._parts: Counter[Logged] = Counter()
        with input_errors(folder):
            for kind in Logged:
                (folder / kind).mkdir(parents=True, exist_ok=True)
                for left in (folder / kind).glob(f"{self._prefix}*"):
                    left.unlink()

    def __call__(self, kind: Logged, rows: Any) -> None:
        """Write a part."""
        import polars as pl

        path = self._folder / kind / f"{self._prefix}{self._parts[kind]:08d}.parquet"
        self._parts[kind] += 1
        with input_errors(path):
            write_parquet(pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS[kind], pl.Int64), orient="row"), path)


def add_log(frm: Path, folder: Path) -> None:
    """Put a finished log into the run folder `folder` as well, without copying it where the file system can link."""
    with input_errors(folder):
        shutil.copytree(frm, folder / LOG, copy_function=_link_or_copy)


def _link_or_copy(frm: str, to: str) -> None:
    try:
        os.link(frm, to)
    except OSError:
        shutil.copyfile(frm, to)


def scan_log(folder: Path | str, kind: str, point: int = 0, replication: int = 0) -> pl.LazyFrame:
    """A run folder's log of one replication as a lazy Polars frame: `kind` is `operations`, `holds` or `turns`; times in ps.

    Rows of each CPU, and of each lock, are in their order. Raises InputError if the run has no such log.
    """
    import polars as pl

    kinds = [str(known) for known in Logged]
    if kind not in kinds:
        raise InputError("kind", f"{kind!r} is no kind of log rows", allowed=" or ".join(kinds))
    return pl.scan_parquet(_parts(folder, kind, point, replication))


def log_parts(folder: Path | str, kind: str, point: int = 0, replication: int = 0) -> Iterator[Any]:
    """The same rows as arrays of integers, a part at a time, so that memory does not grow with a run."""
    import polars as pl

    for path in _parts(folder, kind, point, replication):
        yield pl.read_parquet(path).to_numpy()


def _parts(folder: Path | str, kind: str, point: int, replication: int) -> list[Path]:
    parts = sorted((Path(folder) / LOG / kind).glob(f"{_NAME.format(point, replication)}*.parquet"))
    if not parts:
        raise InputError(
            str(folder), f"no log of {kind} of point {point}, replication {replication}", allowed="a run with `log = true`"
        )
    if not _is_utf8(folder):
        raise InputError(str(folder), "a name that is not UTF-8", allowed="the folder under another name")
    return parts


def times_in_order(folder: Path, op: str, point: int = 0, replication: int = 0) -> list[float]:
    """How long each operation `op` ("alloc", "free", "section") of a log took, ns, in the order in which they began.

    Raises InputError as `scan_log` does, and for an operation that is not in it.
    """
    import polars as pl

    rows = scan_log(folder, str(Logged.OPERATIONS), point, replication)
    paths = [int(path) for path in records.Path if path.operation.label == op]
    times = (
        rows.filter(pl.col("path").is_in(paths)).sort("start_ps", "cpu").select(pl.col("end_ps") - pl.col("start_ps")).collect()
    )
    found = [ps / PS_PER_NS for ps in times.to_series().to_list()]
    if not found:
        known = ", ".join(dict.fromkeys(path.operation.label for path in records.Path))
        raise InputError("op", f"{shown(op)!r} is not in the log", allowed=known)
    return found


def _is_utf8(path: Path | str) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
