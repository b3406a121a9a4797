# SPDX-License-Identifier: GPL-2.0-only
"""Folders written whole or not at all, and temporary ones: each held by one process, and found again if that one was killed.

A lock file in the folder says that it is held; the system lets go of it when the process ends, however it ends. Leaves out
what is in a folder, and single files: `files` writes those.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from slabdes.errors import InputError

SUFFIX: Final = ".partial"
"""What the name of a working folder has after that of the folder which it becomes."""
LOCK: Final = "slabdes.lock"
"""The lock file; also the mark of a folder that is ours."""
TEMPORARY: Final = "tmp"
"""Where in a working folder everything lies that the next process may remove."""
SCRATCH: Final = "slabdes-scratch-"
"""How names of folders in the system's temporary folder begin."""


def cache_base(*variables: str) -> Path:
    """Where what can be made again is kept: in the folder that the first of these variables names, else in the user's cache."""
    for name in variables:
        if os.environ.get(name):
            return Path(os.environ[name]) / "slabdes"
    try:
        home = Path.home()
    except RuntimeError:
        return Path(f"{sys.prefix}/var/slabdes")
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "slabdes"


@contextmanager
def input_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an InputError that begins with the path that the system names, or else with `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(str(error.filename or path), error.strerror or str(error)) from None


def working_path(target: Path) -> Path:
    """The working folder of what is to be written at `target`: beside it."""
    target = _resolved(target)
    return target.with_name(target.name + SUFFIX)


class WorkingFolder:
    """The folder `path`, held by this process, for what is to be written at `target`."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self.target = target

    def entries(self) -> set[str]:
        """Names of what is kept in it."""
        return {entry.name for entry in self.path.iterdir()} - {LOCK, TEMPORARY}

    def new(self) -> Path:
        """A new empty folder, which is gone when the next process takes the working folder."""
        folder = self.path / TEMPORARY / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def publish(self, folder: Path) -> None:
        """Give a temporary folder its name, `target`. What is there stays, but for an empty folder. InputError then."""
        if sys.platform == "win32":  # there nothing is renamed onto a folder, not even onto an empty one
            with suppress(FileNotFoundError):
                self.target.rmdir()
        try:
            folder.rename(self.target)
        except OSError as error:
            raise InputError(str(self.target), error.strerror or str(error), allowed="a new or empty folder") from None

    def drop(self, *names: str) -> None:
        """Remove entries, those that are there. OSError is left."""
        for name in names:
            place = self.path / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)


class Held(InputError):
    """A working folder that another process holds."""


@contextmanager
def working_folder(target: Path) -> Iterator[WorkingFolder]:
    """Hold the working folder of `target`, made if need be; what processes that were killed left in its TEMPORARY is removed.

    At the end it goes again if nothing is kept in it, with the folders made on the way to it that nothing came into.
    Raises InputError, and changes nothing, if another process holds it or it is something else.
    """
    path = working_path(target)
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        lock = _held(path)
    except InputError:
        _remove_new(made)
        raise
    except (OSError, ValueError) as error:
        _remove_new(made)
        why = f"{getattr(error, 'filename', None) or path}: {getattr(error, 'strerror', None) or error}"
        problem = f"no folder can be made there ({why})"
        raise InputError(str(target), problem, allowed=f"one where you may write: --out ~/{target.name}") from None
    try:
        working = WorkingFolder(path, _resolved(target))
        with input_errors(path):
            working.drop(TEMPORARY)
        yield working
    finally:
        shutil.rmtree(path / TEMPORARY, ignore_errors=True)
        # The lock's file goes last, so that what an interruption leaves is still ours.
        _remove_empty(path)
        os.close(lock)
        if sys.platform == "win32":
            _remove_empty(path)  # there an open file cannot be removed
        _remove_new(made)


def _remove_new(folders: Iterable[Path]) -> None:
    """Those that nothing has come into."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder to write into, renamed to `target` at the end; removed, if anything goes wrong.

    `target` must not exist, or be empty. Raises InputError in place of OSError.
    """
    with working_folder(target) as working, input_errors(target):
        if kept := working.entries():
            allowed = "to go on with it (--resume), to remove it, or another output folder"
            raise InputError(str(working.path), f"holds an unfinished run ({', '.join(sorted(kept)[:3])})", allowed)
        folder = working.new()
        yield folder
        working.publish(folder)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in the system's temporary folder, removed at the end; those that processes left which were killed go first.

    Raises InputError where none can be made.
    """
    with input_errors(Path("temporary folder")):
        base = Path(tempfile.gettempdir())
        _sweep_scratch(base)
        while True:
            folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=base))
            # Another process may have swept it away while it was empty.
            with suppress(FileNotFoundError):
                lock = take(folder / LOCK)
                if lock is not None:
                    break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        if sys.platform == "win32":
            shutil.rmtree(folder, ignore_errors=True)


def _sweep_scratch(base: Path) -> None:
    for folder in base.glob(f"{SCRATCH}*"):
        with suppress(OSError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            if not (folder / LOCK).exists():
                folder.rmdir()  # which takes only an empty one
                continue
            lock = take(folder / LOCK)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def take(path: Path) -> int | None:
    """Lock the file `path`, made if need be: its descriptor, to be closed to let go; None if it is held already.

    A lock is the process's own: workers do not inherit it. Raises OSError where there is no folder for it.
    """
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            _lock(number)
        except BlockingIOError:
            os.close(number)
            return None
        except BaseException:
            os.close(number)
            raise
        # Whoever held it may have removed the file meanwhile: then this lock keeps nobody out.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(number), path.lstat()):
                return number
        os.close(number)


def _lock(number: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise BlockingIOError from None
    else:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _held(path: Path) -> int:
    """The lock of the working folder `path`, which is made."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir()
        # It can be removed at any moment by the process that holds it.
        with suppress(FileNotFoundError):
            status = path.lstat()
            held = [entry.name for entry in path.iterdir()] if stat.S_ISDIR(status.st_mode) else [path.name]
            if held and LOCK not in held:
                raise InputError(str(path), "exists and is not a working folder of ours", allowed="another output folder")
            lock = take(path / LOCK)
            if lock is None:
                allowed = "to wait until it is done, to share its work (--resume), or another output folder"
                raise Held(str(path), "another process is at work in it", allowed)
            return lock


def _remove_empty(path: Path) -> None:
    """Remove the working folder unless something is kept in it."""
    with suppress(OSError):
        if {entry.name for entry in path.iterdir()} <= {LOCK}:
            (path / LOCK).unlink()
            path.rmdir()


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL in the name
        raise InputError(str(path), str(error), allowed="a folder's name") from None


def free_folder(folder: Path, resume: bool = False) -> Path:
    """`folder`, or with the first number behind it that nothing holds, so that the same command can be given twice.

    With `resume`, one that was being written goes before, and if there is none the last that was finished.
    """
    number, chosen, last = 1, folder, None
    while chosen.exists() and not (resume and working_path(chosen).exists()):
        number, last = number + 1, chosen
        chosen = folder.with_name(f"{folder.name}-{number}")
    return last if resume and last is not None and not working_path(chosen).exists() else chosen
