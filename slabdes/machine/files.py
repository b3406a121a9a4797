# SPDX-License-Identifier: GPL-2.0-only
"""A machine file's text: reading it, telling which kind it is. What is wrong becomes one line.

Leaves out what the text means.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from slabdes import files
from slabdes.errors import InputError, shown

MAX_BYTES: Final = 32 << 20
"""Most bytes of a machine file: a full matrix for 1,024 CPUs is 9 to 20 MB (a choice)."""
MAX_HEAD: Final = 4096
"""Characters of a file's first line that tell its kind (a choice)."""


class FileKind(StrEnum):
    """What a machine file may be."""

    HWLOC = "hwloc XML"
    NUMACTL = "the output of numactl --hardware"
    TOML = "slabdes's own TOML"
    LATENCIES = "a CSV table of core-to-core latencies"


KINDS: Final = ", ".join(FileKind)
_SKIPPED: Final = re.compile(r"(?:[^\S\r\n]*+(?:#[^\r\n]*+)?+(?:[\r\n]|\Z))*+")
"""Lines that are blank or a comment."""
_FIRST_LINE: Final = {
    FileKind.HWLOC: re.compile(r"\s*+<"),
    FileKind.NUMACTL: re.compile(r"\s*+(?:available:|node\s+\d|node distances|libnuma: Warning|No distance information|\d+:\s)"),
    # Before tables, which have no equals sign and may begin with a tab.
    FileKind.TOML: re.compile(r"\s*+(?:\[|[^=,;]+=)"),
    FileKind.LATENCIES: re.compile(r'[-\d\s.eE+"naNA]*(?:[,;\t]|$)'),
}


def read_text(path: Path) -> str:
    """The file's text (UTF-8). Raises InputError for one that cannot be read, is too large, not text or empty."""
    text = files.read_text(path, MAX_BYTES, "a readable machine file")
    if not text.strip():
        raise InputError(str(path), "empty", allowed=KINDS)
    return text


def kind_of(text: str, where: str) -> FileKind:
    """Which kind of machine file `text` is, by its first line that is not blank or a comment. InputError if by none."""
    skipped = _SKIPPED.match(text)
    start = skipped.end() if skipped else 0
    line = text[start : start + MAX_HEAD].partition("\n")[0].partition("\r")[0]
    if not line:
        raise InputError(where, "nothing in it but comments", allowed=KINDS)
    for kind, first in _FIRST_LINE.items():
        if first.match(line):
            return kind
    number = text.count("\n", 0, start) + 1
    raise InputError(f"{where}: line {number}", f"{shown(line, 60)!r} begins no kind of machine file", allowed=KINDS)


def plain_name(path: Path) -> str:
    """The file's name without its folder, printable whatever bytes it holds."""
    return path.name.encode("utf-8", "replace").decode()
