# SPDX-License-Identifier: GPL-2.0-only
"""One compiled function in one file: whole or not there, looked at before numba sees it, and nobody else's.

numba's own files are pickles, and what it loads runs: a file that is cut, or that others could have written, is not loaded.
Leaves out which folder (`cache`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numba
from numba.core import compiler as numba_compiler
from numba.core import serialize as numba_serialize

from slabdes.errors import tell
from slabdes.files import TEMPORARY, write_whole

# Parts of numba without types.
compiler: Any = numba_compiler
serialize: Any = numba_serialize

SUFFIX: Final = ".code"
_MAGIC: Final = b"slabdes compiled code, 1\n"
_SUM_BYTES: Final = hashlib.sha256().digest_size
_MOST_BYTES: Final = 1 << 28
"""Of a file of compiled code; one is about 2 MiB (assumed)."""
_LOCK: Final = ".compiling"


def not_ours(found: os.stat_result) -> str | None:
    """Why somebody else could have made what `found` describes: its owner, or who may write to it; None if nobody could."""
    if not hasattr(os, "geteuid"):
        return None
    if found.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written to by others"
    return None


class Damaged(Exception):
    """A file of compiled code that must not be loaded, and why."""


def read_code(path: Path) -> tuple[bytes, bytes]:
    """The key and the code of a file. Raises Damaged unless it is as it was written; FileNotFoundError where there is none."""
    try:
        with open(path, "rb", opener=_open_plainly) as file:
            return _checked(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from None


def _open_plainly(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _checked(file: BinaryIO) -> tuple[bytes, bytes]:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise Damaged("is not a file")
    if problem := not_ours(found):
        raise Damaged(problem)
    data = file.read(_MOST_BYTES + 1)
    head = len(_MAGIC) + 2 * _SUM_BYTES
    if not data.startswith(_MAGIC) or len(data) < head or len(data) > _MOST_BYTES:
        raise Damaged("is cut, or is no compiled code" if data else "is empty")
    told, key, code = data[len(_MAGIC) : head - _SUM_BYTES], data[head - _SUM_BYTES : head], data[head:]
    if hashlib.sha256(key + code).digest() != told:
        raise Damaged("is cut or changed")
    return key, code


def write_code(path: Path, key: bytes, code: bytes) -> None:
    """Write a file of compiled code. Raises OSError."""
    write_whole(path, _MAGIC + hashlib.sha256(key + code).digest() + key + code)


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process compile into a folder while others wait; what a killed one has left half written goes."""
    try:
        import fcntl
    except ImportError:  # no such locks: files are written whole all the same
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a file system without locks
            lock = stack.enter_context(os.fdopen(os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)))
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in folder.glob(f"*{TEMPORARY}"):
                left.unlink()
        yield


class KeptCode:
    """What numba keeps a dispatcher's code in (numba.core.caching._Cache): one file a function, type of run and machine."""

    def __init__(self, folder: Path, name: str, sources: str) -> None:
        self.folder = folder
        self.cache_path = str(folder)
        self._name = name
        self._sources = sources

    def is_there(self, signature: Any, target: Any) -> bool:
        """Whether code for this signature was kept, whole."""
        return self._read(signature, target.codegen(), aloud=False) is not None

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The code kept for a signature, or None."""
        target.refresh()
        code = self._read(signature, target.codegen())
        return None if code is None else compiler.CompileResult._rebuild(target, *pickle.loads(code))

    def save_overload(self, signature: Any, made: Any) -> None:
        """Keep code, if it can be kept."""
        key = self._key(signature, made.codegen)
        try:
            write_code(self._path(key), key, serialize.dumps(made._reduce()))
        except OSError as error:
            tell(f"{self.folder}: {error.strerror or error}; compiled code is not kept")

    def enable(self) -> None:
        """It always is."""

    def disable(self) -> None:
        """It never is."""

    def flush(self) -> None:
        """Files stay."""

    def _read(self, signature: Any, codegen: Any, aloud: bool = True) -> bytes | None:
        key = self._key(signature, codegen)
        path = self._path(key)
        try:
            found, code = read_code(path)
            if found != key:
                raise Damaged("is of another version or machine")
        except FileNotFoundError:
            return None
        except Damaged as problem:
            if aloud:
                tell(f"{path}: {problem}; compiling again")
            return None
        return code

    def _path(self, key: bytes) -> Path:
        return self.folder / f"{self._name}-{key.hex()[:16]}{SUFFIX}"

    def _key(self, signature: Any, codegen: Any) -> bytes:
        """Everything that code depends on beside its function's name."""
        versions = (numba.__version__, sys.implementation.cache_tag, sys.platform)
        parts = (*versions, self._sources, self._name, str(signature), *codegen.magic_tuple())
        return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
