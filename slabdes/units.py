# SPDX-License-Identifier: GPL-2.0-only
"""Units: time is an integer count of picoseconds inside, nanoseconds in files and figures; memory is in bytes and pages.

Leaves out time zones, calendars and anything that a wall clock shows.
"""

from __future__ import annotations

PS_PER_NS = 1_000
NS_PER_MS = 1_000_000
LEAST = 1 / PS_PER_NS
"""The least ns, and the least of a ratio that counts times, that is told from 0: a picosecond."""
PS_PER_S = 1_000_000_000_000
MILLI = 1_000
"""Ratios count thousandths inside, so that times that are shares of others stay integers; so many are the whole."""

MAX_RUN_PS = 1 << 53
"""Longest simulated run, 9,007 s or 2.5 h: a float holds every picosecond up to here, a packed key has room for 1,024 CPUs."""

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
"""Bytes of a page: 4 KiB, as on x86-64, on which the golden data was recorded."""


def ns_to_ps(nanoseconds: float) -> int:
    """Nanoseconds to the integer picoseconds that the engines count in, rounded half to even.

    >>> ns_to_ps(8.334)
    8334
    """
    return round(nanoseconds * PS_PER_NS)


def told_from_nothing(value: float) -> bool:
    """Whether a number (ns, or a ratio) is 0, or no less than what is counted: then it stays so in picoseconds.

    >>> told_from_nothing(0), told_from_nothing(0.001), told_from_nothing(0.0004)
    (True, True, False)
    """
    return not 0 < value < LEAST


def ps_to_ns(picoseconds: int) -> float:
    """Picoseconds to nanoseconds, for people."""
    return picoseconds / PS_PER_NS


def pages_of_mib(mib: float) -> int:
    """Whole 4 KiB pages in `mib` mebibytes.

    >>> pages_of_mib(1)
    256
    """
    return int(mib * (1 << 20)) >> PAGE_SHIFT


def percent(share: float, digits: int = 0, *, signed: bool = False) -> str:
    """A share in per cent, as all texts spell it.

    >>> percent(0.95), percent(0.1234, 1), percent(0.05, 1, signed=True)
    ('95 %', '12.3 %', '+5.0 %')
    """
    return f"{100 * share:{'+' * signed}.{digits}f} %"
