# SPDX-License-Identifier: GPL-2.0-only
"""Which part of a run is asked for: `50us` around what was longest, `1.2ms+50us` from a time on, or `all`.

Leaves out what was longest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.engine.watch import Watch
from slabdes.errors import InputError, shown
from slabdes.units import MAX_RUN_PS

ALL: Final = "all"
_PS: Final = {"ns": 10**3, "us": 10**6, "µs": 10**6, "μs": 10**6, "ms": 10**9, "s": 10**12}
_TIME: Final = re.compile(rf"(\d{{1,12}}(?:\.\d{{1,12}})?|\.\d{{1,12}}) *({'|'.join(_PS)})", re.ASCII)
_ALLOWED: Final = "a length (50us), from when on and a length (1.2ms+50us), or all"
_AROUND: Final = 2
"""A wait that is longer than half of the window gets one of twice its length (a choice)."""


@dataclass(frozen=True)
class Window:
    """`length` picoseconds from `start` on; around what was longest where that is None."""

    start: int | None
    length: int

    def around(self, start: int, end: int) -> tuple[int, int]:
        """From when to when: this window with what went on from `start` to `end` in its middle, larger if need be."""
        length = max(self.length, _AROUND * (end - start))
        begin = max(0, (start + end - length) // 2)
        return begin, begin + length


def window_of(text: str, where: str = "--window") -> Window:
    """A window as people type it. Raises InputError, which begins with `where`.

    >>> window_of("50us"), window_of("1.2ms+500ns")
    (Window(start=None, length=50000000), Window(start=1200000000, length=500000))
    """
    if text.strip() == ALL:
        return Window(0, MAX_RUN_PS)
    begin, plus, length = text.rpartition("+")
    window = Window(_time(begin, text, where) if plus else None, _time(length, text, where))
    if not window.length:
        raise InputError(where, f"{shown(text)!r} is no time at all", allowed=_ALLOWED)
    return window


def _time(text: str, whole: str, where: str) -> int:
    text = text.strip()
    found = _TIME.fullmatch(text)
    if text == "0":
        return 0
    if found is None:
        raise InputError(where, f"{shown(whole)!r}", allowed=_ALLOWED)
    whole_part, _, part = found[1].partition(".")
    unit = _PS[found[2]]
    picoseconds = int(whole_part or 0) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
    if picoseconds > MAX_RUN_PS:
        raise InputError(where, f"{shown(whole)!r} is longer than any run", allowed=_ALLOWED)
    return picoseconds


def around_longest(asked: Window, wait: Sequence[int] | None, operation: Sequence[int] | None, most: int) -> Watch:
    """What to watch: the window asked for, or one around the longest wait, or where nobody waits around the longest operation.

    Both are rows of the event log.
    """
    if asked.start is not None:
        return Watch(asked.start, min(asked.start + asked.length, MAX_RUN_PS), asked.start, most)
    start, end = (wait[2], wait[3]) if wait else (operation[1], operation[2]) if operation else (0, 0)
    return Watch(*asked.around(start, end), (start + end) // 2, most)
