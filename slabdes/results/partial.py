"""The working folder of an unfinished sweep, `<out>.partial`: finished points, to go on from after an interruption.

A point appears under its number when it is complete. Leaves out deciding what is left to run: `points_done` says what is not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slabdes.errors import InputError
from slabdes.results.folder import one_line, read_frames, whole_folder, write_frames
from slabdes.results.frames import Frames
from slabdes.results.manifest import FORMAT, version_of

EXPERIMENT: Final = "experiment.json"
SUFFIX: Final = ".partial"


def fingerprint(*parts: Mapping[str, Any]) -> str:
    """What identifies an experiment: a SHA-256 over canonical JSON of `parts` (experiment, machine descriptions...)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def partial_folder(out: Path) -> Path:
    """Where the points of the run that is to be written at `out` are kept until it is complete."""
    out = out.resolve()
    return out.with_name(out.name + SUFFIX)


def open_partial(out: Path, experiment: str, *, resume: bool) -> Path:
    """Make, or with `resume` go on with, the working folder of the run at `out`; return it.

    `experiment` is its fingerprint. Raises InputError, and changes nothing, if there is one already and `resume` is not set,
    or it belongs to another experiment or another version of slabdes, or the folder is something else.
    """
    folder = partial_folder(out)
    if folder.exists():
        _check_same(folder, experiment, resume)
        return folder
    with whole_folder(folder) as temporary:
        about = {"format": FORMAT, "fingerprint": experiment, "slabdes": version_of("slabdes")}
        (temporary / EXPERIMENT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return folder


def _check_same(folder: Path, experiment: str, resume: bool) -> None:
    path = folder / EXPERIMENT
    if not path.is_file():
        raise InputError(str(folder), "exists and is not the working folder of a sweep", allowed="another output folder")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        found, version = (about["format"], about["fingerprint"]), about["slabdes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(str(path), "damaged", allowed="to remove the folder and start again") from None
    if found != (FORMAT, experiment):
        raise InputError(str(folder), "belongs to another experiment", allowed="the same experiment, or another output folder")
    if version != version_of("slabdes"):
        raise InputError(str(folder), f"begun by slabdes {version}, this is {version_of('slabdes')}", allowed="the same version")
    if not resume:
        done = len(points_done(folder))
        raise InputError(str(folder), f"holds {done} finished points of this experiment", allowed="--resume, or to remove it")


def save_point(folder: Path, point: int, frames: Frames) -> None:
    """Keep a finished point in the working folder `folder`. Raises InputError if it is there already or cannot be written."""
    place = _place(folder, point)
    if place.exists():
        raise InputError(str(place), f"point {point} is there already")
    with whole_folder(place) as temporary:
        write_frames(temporary / "frames", frames)


def load_point(folder: Path, point: int) -> Frames:
    """The frames of a finished point. Raises InputError if it is not there or damaged."""
    place = _place(folder, point)
    if not place.is_dir():
        finished = ", ".join(str(done) for done in points_done(folder))
        raise InputError(str(folder), f"point {point} is not finished", allowed=finished or "none")
    frames = read_frames(place / "frames")
    if frames.point_numbers() != [point]:
        raise InputError(str(place), f"damaged: it holds the points {frames.point_numbers()}", allowed=str(point))
    return frames


def points_done(folder: Path) -> list[int]:
    """The numbers of the points that are finished, in order."""
    with one_line(folder):
        return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir())


def remove_partial(folder: Path) -> None:
    """Remove the working folder, once the run is written. Raises InputError unless it is one."""
    if not (folder / EXPERIMENT).is_file():
        raise InputError(str(folder), "not the working folder of a sweep")
    with one_line(folder):
        shutil.rmtree(folder)


def _place(folder: Path, point: int) -> Path:
    return folder / f"{point:05d}"
