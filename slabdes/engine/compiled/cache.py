# SPDX-License-Identifier: GPL-2.0-only
"""Where compiled code is kept between runs: a folder named by a hash of all sources that it is made from.

An edited source anywhere means another folder. A folder that others can write to is not used. Leaves out what the files are
(`kept_code`), and tidying old folders.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import linecache
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from slabdes.engine.compiled.kept_code import SUFFIX, Damaged, not_ours, read_code, write_code
from slabdes.errors import InputError, tell
from slabdes.files import write_whole
from slabdes.folders import cache_base, scratch_folder
from slabdes.lowering.lower import Lowered

_ROOT = Path(__file__).parents[2]
_SOURCES = ("allocator", "engine", "locks", "lowering", "paths", "scan", "workload", "streams.py", "units.py")
_ENVIRONMENT = ("SLABDES_CACHE_DIR", "NUMBA_CACHE_DIR")
"""Variables that name the folder for compiled code, the first one set; else the user's cache folder."""
LOWERED_SUFFIX: Final = ".lowered"


@cache
def sources_hash() -> str:
    """A hash of every source file that compiled code depends on."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        place = _ROOT / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """The folder for compiled code, made if need be: nobody but the user can write to it.

    Where there is none, a temporary one that processes started from here share; None if there is none of that either.
    """
    return _folder_in(cache_base(*_ENVIRONMENT)) or _temporary_folder()


@cache
def _folder_in(base: Path) -> Path | None:
    """The folder within `base`; None where none can be written, or, told in a line, where others could write, too."""
    folder = base / f"compiled-{sources_hash()}"
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        for place in (base, folder):
            place.mkdir(mode=0o700, exist_ok=True)
            if problem := not_ours(place.lstat()) or not_ours(place.stat()):
                tell(f"{place} {problem}: compiled code is not taken from there; name another folder in SLABDES_CACHE_DIR")
                return None
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


@cache
def _temporary_folder() -> Path | None:
    stack = contextlib.ExitStack()
    try:
        made = stack.enter_context(scratch_folder())
    except InputError:
        return None
    atexit.register(stack.close)
    os.environ[_ENVIRONMENT[0]] = str(made)
    return _folder_in(cache_base(*_ENVIRONMENT))


def has_compiled(name: str = "simulate") -> bool:
    """Whether an earlier run has left compiled code of the present sources: of timed runs, `simulate_logged` or `operate`."""
    folder = cache_folder()
    return folder is not None and any(_is_whole(path) for path in folder.glob(f"{name}-*{SUFFIX}"))


def _is_whole(path: Path) -> bool:
    try:
        read_code(path)
    except (Damaged, OSError):
        return False
    return True


def compiles() -> bool:
    """Whether numba compiles at all here: not where its NUMBA_DISABLE_JIT is set."""
    import numba

    config: Any = numba.config
    return not config.DISABLE_JIT


def refuse_without_compiler() -> None:
    """Raise InputError where nothing can be compiled."""
    if not compiles():
        raise InputError("NUMBA_DISABLE_JIT", "is set, so nothing can be compiled", allowed="unset, or the reference engine")


def kept_text(name: str, made: Callable[[], Lowered]) -> Lowered:
    """What the lowering has made, kept between runs as compiled code is, for it runs, too; made anew where it is not there whole.

    The text lies beside it for who reads a traceback; nothing is taken from there.
    """
    folder = cache_folder()
    if folder is None:
        return made()
    kept = folder / f"{name}{LOWERED_SUFFIX}"
    key = hashlib.sha256(f"{name}\0{sources_hash()}".encode()).digest()
    try:
        found, plain = read_code(kept)
        if found != key:
            raise Damaged("is of another version")
        return _lowered_of(plain)
    except FileNotFoundError:
        pass
    except Damaged as problem:
        tell(f"{kept}: {problem}; lowering again")
    lowered = made()
    try:
        write_whole(folder / f"{name}.py", lowered.text.encode())
        write_code(kept, key, json.dumps(asdict(lowered)).encode())
    except OSError as error:
        tell(f"{folder}: {error.strerror or error}; the lowered text is not kept")
    return lowered


def _lowered_of(plain: bytes) -> Lowered:
    kept = Lowered(**json.loads(plain))
    return replace(kept, frame=tuple(kept.frame))


def load_text(name: str, lowered: Lowered) -> ModuleType:
    """The module of a lowered text, under a name by which numba finds it again."""
    folder = cache_folder()
    file = str(folder / f"{name}.py") if folder is not None else f"<{name}, lowered>"
    linecache.cache[file] = (len(lowered.text), None, lowered.text.splitlines(keepends=True), file)
    module = ModuleType(f"slabdes.engine.compiled.lowered_{name}")
    module.__file__ = file
    sys.modules[module.__name__] = module
    exec(compile(lowered.text, file, "exec"), vars(module))
    return module
