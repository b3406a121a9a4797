# SPDX-License-Identifier: GPL-2.0-only
"""How much memory this process may have, and what machines alone take of it, before any is built.

Leaves out what a run of them takes (`bounds`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from slabdes.errors import InputError

LINE_TRANSFER_BYTES: Final = 16
"""Of a line transfer between two CPUs (measured)."""
GIB: Final = 1 << 30


def check_machines(machines: int, cpus: int) -> None:
    """Raise InputError if so many different machines of so many CPUs, those of all points, do not fit into memory."""
    size = machines * cpus * cpus * LINE_TRANSFER_BYTES
    if size > memory_bytes():
        problem = f"{machines:,} machines of {cpus} CPUs take about {size / GIB:,.0f} GiB"
        raise InputError(
            "sweep", problem, allowed=f"the {memory_bytes() / GIB:,.0f} GiB that this computer has; several experiments"
        )


def memory_bytes() -> int:
    """This computer's memory, or what this process may have of it."""
    limits = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text(encoding="ascii")))
        except (OSError, ValueError):  # not there, or "max"
            continue
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not everywhere
        limits.append(1 << 40)
    return min(limits)
