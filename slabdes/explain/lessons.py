# SPDX-License-Identifier: GPL-2.0-only
"""Every lesson, by the name that people type. Leaves out what they ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from slabdes.explain.lesson import Lesson
from slabdes.explain.object_lessons import GROW, REFILL, REMOTE, SHARED
from slabdes.explain.time_lessons import CONVOY, INTERVAL, REAP

LESSONS: Final[Mapping[str, Lesson]] = {
    "refill": REFILL,
    "shared": SHARED,
    "convoy": CONVOY,
    "remote": REMOTE,
    "grow": GROW,
    "reap": REAP,
    "interval": INTERVAL,
}
"""In the order in which they build on each other."""
