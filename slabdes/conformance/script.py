# SPDX-License-Identifier: GPL-2.0-only
"""Op scripts: one operation a line, as `golden/FORMAT.md` defines them. Leaves out what the operations do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slabdes.errors import InputError, nearest, shown
from slabdes.files import MAX_DIGITS
from slabdes.files import read_text as read_bounded

MAX_BYTES = 32 << 20
"""Bytes of a script, a log or a recorded output, unpacked (assumed: ten times the longest of the golden data)."""
MAX_LINES = 1 << 20
TEXTS = f"scripts, logs and recorded outputs of at most {MAX_BYTES >> 20} MiB and {MAX_LINES} lines, plain or .gz"
MAX_LINE = 4096

POSITIONAL = {
    "use": 1,
    "a": 3,
    "f": 2,
    "reap": 1,
    "advance": 1,
    "shrink": 1,
    "failpages": 2,
    "pagelimit": 2,
    "policy": 2,
    "dump": 1,
    "slabinfo": 0,
}
"""Operations with arguments by position, and the most they take."""
KEYED = {
    "machine": ("nodes", "cpus", "map", "hz", "noalien", "bigmem"),
    "cache": ("name", "size", "align", "flags", "ctor"),
    "geom": ("name", "size", "align", "flags", "ctor"),
    "tune": ("cpu", "limit", "batchcount", "shared"),
}
"""Operations with key=value arguments, and the keys."""
UNCOUNTED = frozenset({"machine", "cache", "use", "geom", "slabinfo"})
"""Lines that do not advance the op index."""


@dataclass(frozen=True)
class Line:
    """One operation: `where` is `file:number`, `index` its op index (of the next counted op for uncounted lines)."""

    where: str
    index: int
    op: str
    words: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)

    def integer(self, text: str, least: int = 0, most: int = 1 << 40) -> int:
        """`text` as an integer within bounds, or an InputError that names the line."""
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise InputError(self.where, f"{shown(text)!r} is not a whole number", allowed=f"{least} to {most}")
        if len(digits) > MAX_DIGITS or not least <= int(text) <= most:
            raise InputError(self.where, f"{shown(text)} is out of range", allowed=f"{least} to {most}")
        return int(text)

    def key(self, name: str, default: int, least: int = 0, most: int = 1 << 40) -> int:
        """The integer behind `name=`, or `default`."""
        return self.integer(self.keys[name], least, most) if name in self.keys else default


def read_text(path: Path) -> str:
    """The text of a script, a log or an output, unpacked if its name ends in .gz. InputError for what is too long or damaged."""
    text = read_bounded(path, MAX_BYTES, TEXTS, gunzip=path.suffix == ".gz")
    if not text and path.suffix == ".gz":
        raise InputError(str(path), "empty", allowed=TEXTS)
    if (lines := text.count("\n")) > MAX_LINES:
        raise InputError(str(path), f"{lines} lines", allowed=TEXTS)
    return text


def said(text: str) -> Iterator[str]:
    """The lines of a log that are neither empty nor remarks."""
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def parse_script(text: str, name: str) -> Iterator[Line]:
    """The operations of a script, in order; raises InputError with the line's number at the first that is none."""
    index = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        where = f"{name}:{number}"
        if len(raw) > MAX_LINE:
            raise InputError(where, f"line of {len(raw)} characters", allowed=f"up to {MAX_LINE}")
        words = raw.partition("#")[0].split()
        if not words:
            continue
        line = _parse_line(where, index, words[0], words[1:])
        yield line
        if line.op not in UNCOUNTED:
            index += 1


def _parse_line(where: str, index: int, op: str, arguments: list[str]) -> Line:
    if op in POSITIONAL:
        if len(arguments) > POSITIONAL[op]:
            raise InputError(where, f"{op} has {len(arguments)} arguments", allowed=f"at most {POSITIONAL[op]}")
        return Line(where, index, op, tuple(arguments))
    if op not in KEYED:
        known = [*POSITIONAL, *KEYED]
        raise InputError(where, f"{shown(op)!r} is no operation{nearest(op, known)}", allowed=", ".join(known))
    keys: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or key not in KEYED[op]:
            raise InputError(where, f"{argument!r} is no argument of {op}{nearest(key, KEYED[op])}", allowed=", ".join(KEYED[op]))
        keys[key] = value
    return Line(where, index, op, (), keys)
