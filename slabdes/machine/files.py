"""Reading a machine file's text: whatever is wrong with the file itself becomes one line.

Leaves out what the text means.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slabdes.errors import InputError

MAX_BYTES: Final = 64 << 20
"""Most bytes of a machine file: a full matrix for 1,024 CPUs is about 10 MB (a choice; it stops endless devices)."""


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
        raise InputError(where, "empty", allowed="a machine's TOML, or the output of numactl --hardware")
    return text


def plain_name(path: Path) -> str:
    """The file's name without its folder, printable whatever bytes it holds."""
    return path.name.encode("utf-8", "replace").decode()
