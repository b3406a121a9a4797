# SPDX-License-Identifier: GPL-2.0-only
"""Files as they come from anywhere: read within bounds, written whole under their name or not at all. What is wrong is one line.

Leaves out what is in them, and folders: see `folders`.
"""

from __future__ import annotations

import gzip
import os
import re
import secrets
import stat
import tempfile
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from slabdes.errors import MAX_SHOWN, InputError, nearest_of, shown

MAX_DIGITS: Final = 20
"""Most digits of a whole number in a file: 2^64 has 20. Python refuses to print one of more than 4,300."""
MAX_DEPTH: Final = 16
"""Tables and lists within each other in a TOML file, and parts of a dotted key: ours need 5 (a choice)."""
TEMPORARY: Final = ".writing"
"""How the name of a file ends that is being written."""
_DEEP: Final = f"at most {MAX_DEPTH} tables and lists deep"
_LONG: Final = f"numbers of at most {MAX_DIGITS} digits"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_WORD: Final = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY: Final = re.compile(rf"(?<![A-Za-z0-9_-]){_WORD}(?:[ \t]*\.[ \t]*{_WORD}){{{4 * MAX_DEPTH}}}")
"""A dotted key as no file has it: reading one takes the square of its parts. Text with so many dots may look like one."""


def open_regular(path: Path, allowed: str) -> BinaryIO:
    """Open a regular file to read bytes; pipes and devices, which may never end, are refused without waiting for them.

    Raises InputError, which says what is `allowed` (such as "a readable machine file").
    """
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise InputError(str(path), f"{error.strerror}{like_there(path)}", allowed) from None
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), allowed) from None
    except ValueError as error:  # a NUL in the name
        raise InputError(str(path), str(error), "a file name") from None
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(number, "rb")
    os.close(number)
    if stat.S_ISDIR(mode):
        raise InputError(str(path), "Is a directory", allowed)
    raise InputError(str(path), "a pipe or a device", f"{allowed}, saved as a file")


def stamp(path: Path) -> tuple[int, ...]:
    """What tells one state of a file from a later one without reading it; nothing of a file that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    # The time of the last change, unlike that of the last modification, cannot be set.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def like_there(path: Path) -> str:
    """A `did you mean` clause with the nearest name beside `path`, or beside the first folder above it that is not there."""
    try:
        while not is_folder(path.parent) and path.parent != path:
            path = path.parent
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, MAX_NAMES)]
    except (OSError, ValueError):
        return ""
    near = nearest_of(path.name, (name for name in names if len(name) <= MAX_SHOWN), cutoff=0.7)
    return f" (did you mean {shown(path.with_name(near))}?)" if near else ""


MAX_NAMES: Final = 2000
"""Of a folder, that a name is compared with (a choice: some milliseconds)."""


def is_there(path: Path) -> bool:
    """Whether there is something; unlike Path's own questions, these fail for no name, however long or odd it is."""
    return _mode(path) != 0


def is_folder(path: Path) -> bool:
    """Whether it is a folder."""
    return stat.S_ISDIR(_mode(path))


def is_regular(path: Path) -> bool:
    """Whether it is a regular file."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def read_bytes(path: Path, most: int, allowed: str, *, gunzip: bool = False) -> bytes:
    """A file's bytes, at most `most` of them, decompressed first where `gunzip` is set and it is gzip.

    Raises InputError for a file that cannot be read, is larger (also once decompressed), or is damaged gzip.
    """
    try:
        with open_regular(path, allowed) as file:
            if gunzip and file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC:
                file.seek(0)
                data = gzip.GzipFile(fileobj=file, mode="rb").read(most + 1)
            else:
                file.seek(0)
                data = file.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError(str(path), "damaged gzip", allowed) from None
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), allowed) from None
    if len(data) > most:
        raise InputError(str(path), f"larger than {_size(most)}", allowed)
    return data


def read_text(path: Path, most: int, allowed: str, *, gunzip: bool = False) -> str:
    """A file's text (UTF-8, with or without a byte order mark), at most `most` bytes. Raises InputError as `read_bytes` does."""
    try:
        return read_bytes(path, most, allowed, gunzip=gunzip).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", allowed) from None


class NotToml(InputError):
    """Text that is not TOML at all; what is TOML and too much of it is an InputError."""


def toml_of(text: str, where: str) -> dict[str, Any]:
    """The table that TOML `text` is.

    Raises NotToml, which begins with `where`, or InputError for keys, numbers and tables in tables without an end.
    """
    if _LONG_KEY.search(text):
        raise InputError(where, "not TOML: a key without an end", allowed=f"dotted keys of at most {MAX_DEPTH} parts")
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise InputError(where, "not TOML: nested too deeply", allowed=_DEEP) from None
    except tomllib.TOMLDecodeError as error:
        raise NotToml(where, f"not TOML: {error}") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise InputError(where, "not TOML: a number without an end", allowed=_LONG) from None
    check_plain(raw, where)
    return raw


def check_plain(table: Mapping[str, Any], where: str) -> None:
    """Raise InputError for tables and lists too deep to be worked on, and for whole numbers too long to be shown."""
    level: list[tuple[str, Any]] = list(table.items())
    for _depth in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, Mapping):
                below += [(f"{key}.{name}", entry) for name, entry in value.items()]
            elif isinstance(value, list | tuple):
                below += [(key, entry) for entry in value]
            elif isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
                raise InputError(f"{where}: {key}", "too long a number", allowed=_LONG)
        if not below:
            return
        level = below
    raise InputError(f"{where}: {level[0][0]}", "nested too deeply", allowed=_DEEP)


def check_place(path: Path, allowed: str, *, with_parents: bool = False) -> None:
    """Raise InputError, before the work, unless something new can be made at `path`; `with_parents`, with folders above it."""
    above = path.absolute().parents
    place = next(filter(is_there, above), above[-1]) if with_parents else above[0]
    if not is_folder(place):
        raise InputError(str(path), f"{shown(place)} is no folder", allowed)
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(str(path), f"{shown(place)} cannot be written", allowed)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole, in place of what is there, or not at all; nobody else can read it. Raises OSError.

    A process that is killed meanwhile leaves a file beside it whose name ends in TEMPORARY.
    """
    number, name = tempfile.mkstemp(TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_new(path: Path, content: str | bytes) -> None:
    """Write `content` to the new file `path`: whole, or not at all; what is there already stays.

    Raises InputError if it is there or cannot be written.
    """
    with new_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write bytes to, which has the name `path` once all is well; see `write_new`."""
    allowed = "a new file"
    try:
        if os.path.lexists(path):
            raise InputError(str(path), "is there already", allowed)
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("xb") as file:
                yield file
            try:
                os.link(temporary, path)  # unlike a rename, it refuses what came there meanwhile
            except (AttributeError, PermissionError, NotImplementedError):  # a file system without links
                temporary.rename(path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except FileExistsError:
        raise InputError(str(path), "is there already", allowed) from None
    except (OSError, ValueError) as error:
        where = f"{allowed}, where you may write: --out ~/{path.name}"
        raise InputError(str(path), getattr(error, "strerror", None) or str(error), where) from None


def int_of(text: str, where: str, base: int = 10) -> int:
    """The whole number that `text` is, of at most MAX_DIGITS digits. Raises InputError, beginning with `where`."""
    allowed = f"a whole number of at most {MAX_DIGITS} digits"
    if len(text.strip().lstrip("+-").lstrip("0xX")) > MAX_DIGITS:
        raise InputError(where, f"{shown(text, 40)} is too long a number", allowed)
    try:
        return int(text, base)
    except ValueError:
        raise InputError(where, f"{shown(text, 40)!r} is not a whole number", allowed) from None


def _size(count: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >> shift and not count & ((1 << shift) - 1):
            return f"{count >> shift} {unit}"
    return f"{count} bytes"
