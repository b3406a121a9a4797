# SPDX-License-Identifier: GPL-2.0-only
"""Text that came from anywhere as terminals and programs are given it: nothing in it that a terminal acts on.

Leaves out how long it may be: `errors.shown` cuts it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

_PLAIN_FOR: Final = {"µ": "u", "μ": "u", "±": "+-", "·": "-", "─": "-"}
"""What stands for characters of our own where a terminal cannot show them."""


def escaped(letter: str) -> str:
    r"""A character as Python escapes it.

    >>> escaped("\x1b")
    '\\x1b'
    """
    return letter.encode("unicode_escape").decode("ascii")


def printable(text: str) -> str:
    r"""Text with all that is not printable escaped, but for its line ends.

    >>> printable("red\x1b[31m\n")
    'red\\x1b[31m\n'
    """
    return _each_escaped(text, escaped)


def plain_for(error: UnicodeError) -> tuple[str, int]:
    """What an encoding gets in place of characters that it has not: a codec error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN_FOR.get(letter) or escaped(letter) for letter in lost), error.end


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    r"""JSON in printable characters: others are escaped, and come back when it is read. Raises ValueError for NaN.

    >>> print(json_text({"name": "\u202eµ"}))
    {"name":"\u202eµ"}
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators, allow_nan=False)
    # Outside strings there are only printable characters and line ends.
    return _each_escaped(text, _json_escape)


def _json_escape(letter: str) -> str:
    return "\\u007f" if letter == "\x7f" else json.dumps(letter)[1:-1]


def _each_escaped(text: str, escape: Callable[[str], str]) -> str:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.isprintable():
            lines[number] = "".join(letter if letter.isprintable() else escape(letter) for letter in line)
    return "\n".join(lines)
