# SPDX-License-Identifier: GPL-2.0-only
"""The run folder on disk: manifest.json, frames/*.parquet, text/, and what else a caller adds before it appears under its name.

A folder is written beside its place and renamed when complete, so there is never half a run; nothing that exists is
overwritten. Leaves out how (`folders`), and what is kept of an unfinished study (`partial`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, shown
from slabdes.files import check_place, like_there, read_text
from slabdes.folders import input_errors, whole_folder, working_path
from slabdes.results.frames import ADDED_LATER, FRAMES_ADDED_LATER, POINT_COLUMNS, Frames, schema
from slabdes.results.lock_stat import lock_classes, lock_stat_text
from slabdes.results.manifest import Manifest, parse_manifest
from slabdes.results.slabinfo import slabinfo_rows, slabinfo_text
from slabdes.results.slub import slub_stats_text

if TYPE_CHECKING:
    import polars as pl

MANIFEST: Final = "manifest.json"
FRAMES: Final = "frames"
SUMS: Final = "sha256.json"
"""Beside the frames: the SHA-256 of each file, and of the manifest."""
TEXT: Final = "text"
"""Where slabinfo and lock_stat lie, of each point's first replication; a sweep's in a folder a point, such as point-0003."""
MAX_MANIFEST: Final = 1 << 28
"""Bytes of a manifest: 10,000 points are 4 MB, a machine of 1,024 CPUs on 256 nodes 7, and 1 with other costs (a choice)."""
_MAX_SUMS: Final = 1 << 16
_COMPRESSION_LEVEL: Final = 3
"""zstd's own default."""


def check_output(folder: Path) -> None:
    """Raise InputError unless a run may be written at `folder`: nothing is there, or an empty folder. Call before simulating."""
    with input_errors(folder):
        folder = folder.resolve()
        if not folder.exists():
            check_place(folder, allowed="a new or empty folder", with_parents=True)
            return
        if not folder.is_dir():
            raise InputError(str(folder), "exists and is not a folder", allowed="a new or empty folder")
        held = sorted(entry.name for entry in folder.iterdir())
    if holds_run(folder):
        raise InputError(str(folder), "already holds a finished run", allowed="a new or empty folder")
    if held:
        raise InputError(str(folder), f"holds other things ({', '.join(held[:3])})", allowed="a new or empty folder")


def write_run(folder: Path, manifest: Manifest, frames: Frames, extra: Callable[[Path], object] | None = None) -> Path:
    """Write a run and return its folder. `extra` is called with the folder while it still has its temporary name.

    Raises InputError if `folder` exists and is not empty, or cannot be written; then nothing is left behind or changed.
    """
    check_output(folder)
    with whole_folder(folder) as temporary:
        fill_run(temporary, manifest, frames, extra)
    return folder


def fill_run(folder: Path, manifest: Manifest, frames: Frames, extra: Callable[[Path], object] | None = None) -> None:
    """Write a run into `folder`, which is there and empty, then call `extra` with it. OSError is left to the caller."""
    (folder / MANIFEST).write_bytes(manifest_bytes(manifest))
    write_frames(folder / FRAMES, frames, beside=[folder / MANIFEST])
    write_texts(folder / TEXT, frames)
    if extra is not None:
        extra(folder)


def manifest_bytes(manifest: Manifest) -> bytes:
    """A manifest as it is written. Raises InputError if it were too large to be read again."""
    told = manifest.to_json().encode("utf-8")
    if len(told) > MAX_MANIFEST:
        size = f"{len(told) >> 20:,} MiB of machines and points in the manifest"
        raise InputError("sweep", size, allowed=f"{MAX_MANIFEST >> 20} MiB; several experiments, of fewer machines each")
    return told


def holds_run(folder: Path) -> bool:
    """Whether a finished run lies there."""
    return (folder / MANIFEST).is_file() and (folder / FRAMES).is_dir()


def read_run(folder: Path) -> tuple[Manifest, Frames]:
    """Read a run folder. Raises InputError, in one line, if it is not one, is damaged, or is of an unknown format."""
    manifest = read_manifest(folder)
    frames = read_frames(folder / FRAMES)
    if frames.digest() != manifest.digest or frames.run_digest() != manifest.digest:
        raise InputError(str(folder), "damaged: the frames' digest is not the manifest's")
    return manifest, frames


def read_manifest(folder: Path) -> Manifest:
    """Read a run folder's manifest alone. Raises InputError as `read_run` does."""
    path = folder / MANIFEST
    if not path.is_file():
        problem = f"no such folder{like_there(folder)}" if not folder.exists() else f"not a run folder (no {MANIFEST})"
        begun = working_path(folder)
        kept = f"; {begun.name} beside it has not ended: the same command with --resume goes on" if begun.is_dir() else ""
        raise InputError(str(folder), f"{problem}{kept}", allowed="a folder that slabdes run wrote")
    text = read_text(path, MAX_MANIFEST, "the manifest of a slabdes run")
    manifest = parse_manifest(text, str(path))
    sums = _read_sums(folder / FRAMES / SUMS)
    if MANIFEST in sums:  # runs of earlier versions have none
        _check_sum(path, sums)
    return manifest


def write_frames(folder: Path, frames: Frames, beside: Iterable[Path] = ()) -> None:
    """Write each frame as a Parquet file into `folder`, which is made, and what they and files `beside` them hash to.

    OSError is left to the caller.

    Raises InputError for what Polars cannot write and says in an error of its own: a full disk, say.
    """
    folder.mkdir()
    sums = {path.name: _sha256(path) for path in beside}
    for name, frame in frames.items():
        path = folder / f"{name}.parquet"
        write_parquet(frame, path)
        sums[path.name] = _sha256(path)
    (folder / SUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write one frame. Raises InputError if it cannot be written (a full disk, say)."""
    import polars as pl

    try:
        # A file and not its path: Polars takes no name that is not UTF-8.
        with path.open("wb") as file:
            frame.write_parquet(file, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(str(path), f"cannot be written: {str(error).splitlines()[0]}") from None


def write_texts(folder: Path, frames: Frames) -> None:
    """Write /proc/slabinfo, /proc/lock_stat and, of SLUB, slub_stats of each point's first replication under `folder`; see TEXT.

    The folder is made.
    """
    caches, slabs, slub, slub_cpus, locks, points = (
        _by_point(frame)
        for frame in (frames.caches, frames.slabs, frames.slub, frames.slub_cpus, frames.locks, frames.contention_points)
    )
    numbers = frames.point_numbers()
    for point in numbers:
        place = folder / f"point-{point:04d}" if len(numbers) > 1 else folder
        place.mkdir(parents=True)
        (place / "slabinfo").write_text(slabinfo_text(slabinfo_rows(caches(point), slabs(point))), encoding="utf-8")
        classes = lock_classes(locks(point), points(point), slub=bool(slub(point).height))
        if slub(point).height:
            (place / "slub_stats").write_text(slub_stats_text(slub(point), slub_cpus(point)), encoding="utf-8")
        (place / "lock_stat").write_text(lock_stat_text(classes), encoding="utf-8")


def _by_point(frame: pl.DataFrame) -> Callable[[int], pl.DataFrame]:
    """The rows of a point's first replication, found by the point's number without going through all of them each time."""
    import polars as pl

    parts = frame.filter(pl.col("replication") == 0).partition_by("point", as_dict=True)
    return lambda point: parts.get((point,), frame.clear())


def read_frames(folder: Path) -> Frames:
    """Read the frames that `write_frames` wrote. Raises InputError for a missing or damaged file or column."""
    sums = _read_sums(folder / SUMS)
    return Frames(**{part.name: _read_frame(folder / f"{part.name}.parquet", part.name, sums) for part in fields(Frames)})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_sums(path: Path) -> dict[str, Any]:
    """What the frames' files have to hash to: some damage makes the Parquet reader end the process, so it is not shown any."""
    if not path.is_file():
        raise InputError(str(path), "missing: the run folder is not complete")
    text = read_text(path, _MAX_SUMS, "what slabdes wrote, unchanged")
    try:
        sums = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(str(path), "damaged: not JSON") from None
    if not isinstance(sums, dict):
        raise InputError(str(path), "damaged: not a table of files and their SHA-256")
    return sums


def _check_sum(path: Path, sums: Mapping[str, Any]) -> None:
    if _sha256(path) != sums.get(path.name):
        raise InputError(str(path), f"damaged: its SHA-256 is not the one in {SUMS}", allowed="what slabdes wrote, unchanged")


def _read_frame(path: Path, name: str, sums: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    if not path.is_file():
        if name in FRAMES_ADDED_LATER and path.name not in sums:
            return pl.DataFrame(schema=schema(name))
        raise InputError(str(path), "missing: the run folder is not complete")
    try:
        _check_sum(path, sums)
        with path.open("rb") as file:
            frame = pl.read_parquet(file)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error}") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Some damage makes the Parquet reader panic, which is no Exception.
        raise InputError(str(path), f"damaged: {str(error).splitlines()[0]}") from None
    if name == "points":
        if tuple(frame.columns[: len(POINT_COLUMNS)]) != POINT_COLUMNS or not frame.height:
            raise InputError(str(path), f"damaged: columns {', '.join(frame.columns)}", allowed=", ".join(POINT_COLUMNS))
        return frame
    wanted = schema(name)
    missing = wanted.keys() - frame.columns
    if missing and missing <= ADDED_LATER.get(name, frozenset()):
        frame = frame.with_columns(pl.lit(0, wanted[column]).alias(column) for column in missing).select(list(wanted))
    if dict(frame.schema) != wanted:
        here, there = set(frame.columns), set(wanted)
        other = sorted(here ^ there) or [name for name in wanted if frame.schema[name] != wanted[name]]
        how = "no" if other[0] in there - here else "a" if other[0] in here - there else "another kind of"
        allowed = "a run of this version, or run it again from its manifest.json"
        raise InputError(str(path), f"of another version of slabdes, or damaged: {how} column {shown(other[0])}", allowed=allowed)
    return frame
