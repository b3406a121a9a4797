# SPDX-License-Identifier: GPL-2.0-only
"""Whether processes are gone, for tests that end some."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 120
"""No load of the machine exceeds it."""


def alive(process: int) -> bool:
    """Whether there is a process of that number which has not ended; one that nobody has waited for has."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text()
    except ProcessLookupError:
        return False
    except OSError:
        return not Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] not in "ZX"


def session(leader: int) -> list[int]:
    """The processes of a session that have not ended, by Linux's /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _parent, _group, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state not in "ZX":
                found.append(int(entry.name))
    return found


def within(holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Whether that comes true in that time."""
    end = time.monotonic() + patience_s
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return held
