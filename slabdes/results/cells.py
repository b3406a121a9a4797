# SPDX-License-Identifier: GPL-2.0-only
"""Replications that were run once, by what they are of, for every study: a file each, checked when it is read, never executed.

A cell that is being run is claimed by a lock on a byte, which the system lets go of however a process ends. Leaves out what a
cell's name is made from (`study/cells`).
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from slabdes.engine.records import Records
from slabdes.errors import InputError, tell
from slabdes.files import TEMPORARY, is_regular, read_bytes, write_whole
from slabdes.results.packing import MAX_BYTES, Unreadable, unpack

MOST_BYTES: Final = 1 << 30
"""Of all cells in a folder: once so many more were added, those go that were used longest ago (a choice)."""
_SEEN_TO: Final = 16
"""Into how many parts that is divided: after each that was added it is seen to. Else every block of a search would list all."""
ADDED: Final = "added"
"""The file that has a byte for each _UNITS-th of such a part, of all processes that have added since then."""
_UNITS: Final = 256
SUFFIX: Final = ".cell"
CLAIMS: Final = "claims"
"""The file whose bytes stand for cells that are being run; it stays empty."""
_OLD_S: Final = 86_400.0
"""After which a temporary file is taken for one that a killed process left (a choice)."""
_MAGIC: Final = b"slabdes cell 1\n"
_CLAIM_DIGITS: Final = 15
"""Of a cell's name, in hex, that say which byte is its: 60 bits."""


class Cells:
    """The cells kept in `folder`, which is made if need be. A context: at its end claims go, and what is too much.

    Where nothing can be written cells are found all the same, and that is told once; where nothing can be locked none is claimed.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most = most_bytes
        self._added = 0
        self._writes = True
        self._claims: int | None = None

    def __enter__(self) -> Cells:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Once a process: closing any descriptor of it lets go of all that this process has locked.
            self._claims = os.open(self.folder / CLAIMS, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._claims is not None:
            os.close(self._claims)
            self._claims = None
        if self._added:
            with suppress(OSError):
                self._see_to_size()

    def _see_to_size(self) -> None:
        """Remove what is too much, if enough was added for that to be looked at."""
        told = self.folder / ADDED
        with told.open("ab") as file:
            file.write(bytes(-(-self._added * _UNITS * _SEEN_TO // self._most)))
            enough = file.tell() >= _UNITS
        if enough:
            told.unlink(missing_ok=True)
            _prune(self.folder, self._most)

    def find(self, name: str) -> tuple[Records, bytes] | None:
        """The records of a cell, and as they are packed; None if it was not run. A damaged one is told, and is none."""
        path = self._path(name)
        if not is_regular(path):
            return None
        try:
            head, _, packed = read_bytes(path, MAX_BYTES, "a cell").partition(b"\n\n")
            if head != _head(name, packed):
                raise Unreadable
            records = unpack(packed)
        except (Unreadable, InputError):
            tell(f"{path}: a damaged cell; it is run again")
            return None
        with suppress(OSError):
            os.utime(path)
        return records, packed

    def add(self, name: str, packed: bytes) -> None:
        """Keep a cell that was run; whoever looks sees all of it or nothing."""
        if not self._writes:
            return
        path = self._path(name)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(exist_ok=True)
            write_whole(path, _head(name, packed) + b"\n\n" + packed)
        except OSError as error:
            self._writes = False
            tell(f"{self.folder}: cells are not kept: {error.strerror or error}")
        else:
            self._added += len(packed)

    def claim(self, name: str) -> bool:
        """Whether nobody else is running this cell: then it is this process's until `release`, or until the process ends."""
        return self._claims is None or _lock(self._claims, int(name[:_CLAIM_DIGITS], 16), True)

    def release(self, name: str) -> None:
        """Let go of a claim."""
        if self._claims is not None:
            _lock(self._claims, int(name[:_CLAIM_DIGITS], 16), False)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}{SUFFIX}"


def _head(name: str, packed: bytes) -> bytes:
    return _MAGIC + name.encode("ascii") + b"\n" + hashlib.sha256(packed).hexdigest().encode("ascii")


def _lock(number: int, byte: int, wanted: bool) -> bool:
    """Lock a byte, or let go of it; whether nobody else has it, as far as the file system can tell."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(number, byte, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK if wanted else msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB if wanted else fcntl.LOCK_UN, 1, byte)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _prune(folder: Path, most: int) -> None:
    """Remove the cells used longest ago beyond so many bytes, and what killed processes left half written."""
    found = []
    for path in folder.glob("??/*"):
        with suppress(OSError):
            status = path.stat()
            if path.suffix == SUFFIX:
                found.append((status.st_mtime_ns, status.st_size, path))
            elif path.suffix == TEMPORARY and time.time() - status.st_mtime > _OLD_S:
                path.unlink()
    size = sum(one for _used, one, _path in found)
    for _used, one, path in sorted(found):
        if size <= most:
            return
        with suppress(OSError):
            path.unlink()
            size -= one
