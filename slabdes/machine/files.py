"""A machine file's text: reading it, telling which kind it is, writing a new one. What is wrong becomes one line.

Leaves out what the text means.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from slabdes.errors import InputError

MAX_BYTES: Final = 32 << 20
"""Most bytes of a machine file: a full matrix for 1,024 CPUs is 9 to 20 MB (a choice; it stops endless devices)."""
MAX_HEAD: Final = 4096
"""Characters of a file's first line that tell its kind (a choice)."""


class FileKind(StrEnum):
    """What a machine file may be."""

    HWLOC = "hwloc XML"
    NUMACTL = "the output of numactl --hardware"
    TOML = "slabdes's own TOML"
    LATENCIES = "a CSV table of core-to-core latencies"


KINDS: Final = ", ".join(FileKind)
_FIRST_LINE: Final = {
    FileKind.HWLOC: re.compile(r"\s*+<"),
    FileKind.NUMACTL: re.compile(r"\s*+(?:available:|node\s+\d|node distances|libnuma: Warning|No distance information|\d+:\s)"),
    # Before tables, which have no equals sign and may begin with a tab.
    FileKind.TOML: re.compile(r"\s*+(?:\[|[^=,;]+=)"),
    FileKind.LATENCIES: re.compile(r'[-\d\s.eE+"naNA]*(?:[,;\t]|$)'),
}


def read_text(path: Path) -> str:
    """The file's text (UTF-8). Raises InputError for one that cannot be read, is too large, not text or empty."""
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(where, error.strerror or str(error), allowed="a readable machine file") from None
    except ValueError as error:
        raise InputError(repr(where), str(error), allowed="a file name") from None
    if len(data) > MAX_BYTES:
        raise InputError(where, f"larger than {MAX_BYTES >> 20} MiB", allowed="a machine file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"byte {error.start} is not UTF-8", allowed="text") from None
    if not text.strip():
        raise InputError(where, "empty", allowed=KINDS)
    return text


def kind_of(text: str, where: str) -> FileKind:
    """Which kind of machine file `text` is, by its first line that is not blank or a comment. InputError if by none."""
    line, number = "", 0
    for number, line in enumerate(text.splitlines(), 1):  # noqa: B007 -- both are needed afterwards
        if line.strip() and not line.lstrip().startswith("#"):
            break
    else:
        raise InputError(where, "nothing in it but comments", allowed=KINDS)
    for kind, first in _FIRST_LINE.items():
        if first.match(line[:MAX_HEAD]):
            return kind
    shown = line if len(line) <= 60 else line[:60] + "..."
    raise InputError(f"{where}: line {number}", f"{shown!r} begins no kind of machine file", allowed=KINDS)


def write_new(path: Path, text: str) -> None:
    """Write `text` to the new file `path`, under a temporary name first. InputError if it is there or cannot be written."""
    try:
        if path.exists():
            raise InputError(str(path), "is there already", allowed="a new file")
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), getattr(error, "strerror", None) or str(error), allowed="a new file") from None


def plain_name(path: Path) -> str:
    """The file's name without its folder, printable whatever bytes it holds."""
    return path.name.encode("utf-8", "replace").decode()
