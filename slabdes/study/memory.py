# SPDX-License-Identifier: GPL-2.0-only
"""How much memory this process may have, and what is kept of it: machines, before any is built, and results.

Leaves out what a run takes while it runs (`bounds`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from slabdes.errors import InputError

LINE_TRANSFER_BYTES: Final = 16
"""Of a line transfer between two CPUs (measured)."""
GIB: Final = 1 << 30
LOCK_RECORD_BYTES: Final = 1100
CPU_RECORD_BYTES: Final = 1600
TIMES_BYTES: Final = 300_000
"""Of a replication's records and the rows made of them: of a lock, a CPU, and a cache's histograms (measured)."""
FRAMES_SHARE: Final = 1 / 6
"""What frames take of that (measured: an eighth to a quarter)."""
COPIES: Final = 2
"""Of frames, while those of all points are put together."""


def records_bytes(cpus: int, nodes: int, caches: int) -> int:
    """What is kept of one replication until its point has all of them, and what putting them together takes."""
    times = max(caches, 1)
    return times * (nodes * nodes * LOCK_RECORD_BYTES + TIMES_BYTES) + cpus * CPU_RECORD_BYTES


def frames_bytes(records: int) -> int:
    """What the frames of so many bytes of records take until the study has all of them."""
    return round(records * FRAMES_SHARE) * COPIES


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
