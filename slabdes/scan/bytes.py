# SPDX-License-Identifier: GPL-2.0-only
"""Compiled looks at bytes: classes of characters, numbers, words. A position before the end may be looked at, and some beyond.

Leaves out what lines look like (`lines`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Data = npt.NDArray[np.uint8]
Table = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])

OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER: Final = OPTIONS | {"no_cpython_wrapper": True}
NEWLINE, HASH, POINT, COLON, EQUALS, OPEN, BACKSLASH, CLOSE = (ord(letter) for letter in "\n#.:=[\\]")
BEGIN, END, MINUS, SPACE, TAB, ZERO, SMALL_X = (ord(letter) for letter in "()- \t0x")
NONE: Final = -1
"""A number that is not there, or a position at which nothing is recognised."""
MAX_PROBES: Final = 64
"""Places of a table of words that are looked at (a choice): a file may have been made so that words meet."""
WORD_FACTOR: Final = 1_000_003
WORD_COLUMNS: Final = 4
HASHED, OFFSET, LENGTH, VALUE = range(WORD_COLUMNS)
"""Columns of a table of words: what they are hashed to, where their bytes are, how many, and their numbers."""


def compiled(python: F) -> F:
    """Compile a function that others call."""
    made: Any = numba.njit(**_INNER)
    return cast(F, made(python))


def inline(python: F) -> F:
    """Compile a small function that belongs into its callers."""
    made: Any = numba.njit(forceinline=True, **_INNER)
    return cast(F, made(python))


@inline
def is_blank(letter: int) -> bool:
    """What separates a line's parts."""
    return letter in (SPACE, TAB)


@inline
def is_space(letter: int) -> bool:
    r"""Regular expressions' \\s, but for the line's end."""
    return letter == SPACE or (TAB <= letter <= 13 and letter != NEWLINE)


@inline
def is_digit(letter: int) -> bool:
    r"""Their \\d."""
    return ZERO <= letter <= 57


@inline
def is_word(letter: int) -> bool:
    r"""Their \\w."""
    return 97 <= letter <= 122 or ZERO <= letter <= 57 or letter == 95 or 65 <= letter <= 90


@compiled
def skip_blanks(data: Data, at: int) -> int:
    """The position behind blanks."""
    while is_blank(data[at]):
        at += 1
    return at


@compiled
def skip_digits(data: Data, at: int) -> int:
    """The position behind digits."""
    while is_digit(data[at]):
        at += 1
    return at


@compiled
def stands_at(data: Data, at: int, text: Data) -> bool:
    """Whether `text` is what stands at a position."""
    offset = 0
    while offset < len(text) and data[at + offset] == text[offset]:
        offset += 1
    return offset == len(text)


@inline
def hex_digit(letter: int) -> int:
    """The value of a hexadecimal digit, or NONE."""
    if is_digit(letter):
        return letter - ZERO
    if 97 <= letter <= 102:
        return letter - 87
    if 65 <= letter <= 70:
        return letter - 55
    return NONE


@inline
def begins_hex(data: Data, begin: int, end: int) -> bool:
    """Whether a number says with 0x that it is hexadecimal."""
    return end - begin > 2 and data[begin] == ZERO and data[begin + 1] == SMALL_X


@compiled
def hex_digits(data: Data, begin: int, end: int) -> int:
    """How many hexadecimal digits, and nothing else, stand there; NONE if there is something else, or nothing."""
    for at in range(begin, end):
        if hex_digit(data[at]) < 0:
            return NONE
    return end - begin if end > begin else NONE


@compiled
def hex_value(data: Data, begin: int, end: int) -> int:
    """The number that hexadecimal digits are, 16 of them at most, as the bits of a signed one."""
    value = 0
    for at in range(begin, end):
        value = value << 4 | hex_digit(data[at])
    return value


@compiled
def number(data: Data, begin: int, end: int) -> int:
    """The number that stands there, decimal or with 0x, of up to ten characters; NONE for anything else."""
    if end <= begin or end - begin > 10:
        return NONE
    if begins_hex(data, begin, end):
        return hex_value(data, begin + 2, end) if hex_digits(data, begin + 2, end) > 0 else NONE
    value = 0
    for at in range(begin, end):
        if not is_digit(data[at]):
            return NONE
        value = value * 10 + (data[at] - ZERO)
    return value


@compiled
def find_word(data: Data, begin: int, end: int, slots: Table, arena: Data) -> int:
    """The value of a word in a table (`words`), or NONE."""
    hashed = 0
    for at in range(begin, end):
        hashed = hashed * WORD_FACTOR + data[at]
    mask = slots.shape[0] - 1
    place = (hashed ^ hashed >> 29) & mask
    for _probe in range(MAX_PROBES):
        if slots[place, LENGTH] < 0:
            return NONE
        if slots[place, HASHED] == hashed and slots[place, LENGTH] == end - begin:
            offset = slots[place, OFFSET]
            same = True
            for at in range(end - begin):
                if arena[offset + at] != data[begin + at]:
                    same = False
                    break
            if same:
                return int(slots[place, VALUE])
        place = (place + 1) & mask
    return NONE
