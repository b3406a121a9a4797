# SPDX-License-Identifier: GPL-2.0-only
"""Words that users type, in files and on the command line: measures by their names, kinds of workloads, shares. Loads no library.

Leaves out how measures are worked out (`measures.names`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from slabdes.errors import InputError, nearest, shown

RATES: Final = ("operations_per_s", "share_waiting")
MEMORY: Final = ("held_bytes", "share_used")
"""What caches hold when a run ends, and the part of it that the workload's objects take."""
SHARES: Final = ("share_waiting", "share_used")
"""Measures that are parts of a whole."""
RESPONSE: Final = "-response"
"""After an operation's name: its times count from its arrival."""
OPERATIONS: Final = ("alloc", "free", "section")
UPKEEP: Final = ("reap", "slabinfo", "shrink", "drain", "rcu", "change", "flush")
INTERRUPTS: Final = ("off", "wait")
TIMES: Final[Mapping[str, str]] = {"mean": "mean_ns", "p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns"}
"""Of all of these, in frames by the names behind."""
OF_TURNS: Final[Mapping[str, str]] = {**TIMES, "held": "held_ns", "lost": "lost_ns"}
"""Of upkeep."""
NOTHING_TO_SETTLE: Final[Mapping[str, str]] = {"burst": "a burst", "pages": "a burst of pages", "trace": "a trace"}
"""Kinds of workloads without a steady state, as sentences have them: they end as they began, or take all before they give."""
DEFAULT: Final = "operations/s"
"""Where nobody says what matters."""
_SHORT: Final = {DEFAULT: "operations_per_s", "waiting": "share_waiting", "held": "held_bytes", "used": "share_used"}
_WHOSE: Final[Mapping[str, Mapping[str, str]]] = {
    **dict.fromkeys((*OPERATIONS, *(f"{op}{RESPONSE}" for op in OPERATIONS)), TIMES),
    **dict.fromkeys(UPKEEP, OF_TURNS),
    **dict.fromkeys(INTERRUPTS, TIMES),
}
MEASURES: Final = (*RATES, *(f"{who}_{column}" for who, times in _WHOSE.items() for column in times.values()), *MEMORY)
"""As frames have them: rates, mean times and percentiles, memory."""
NAMES: Final = (*_SHORT, *(f"{who}.{time}" for who, times in _WHOSE.items() for time in times))
"""As users have them."""
_OF_OPERATIONS: Final = ", ".join((*OPERATIONS, f"these with {RESPONSE}", *INTERRUPTS, *UPKEEP))
_OF_UPKEEP: Final = f"of {UPKEEP[0]} to {UPKEEP[-1]} .held, .lost, too"
ALLOWED: Final = f"{', '.join(_SHORT)}, or one of {_OF_OPERATIONS} with .{', .'.join(TIMES)} ({_OF_UPKEEP})"
"""The same in a line."""


def measure_of(name: str, where: str = "--decide") -> str:
    """A measure by the name that users give it: `alloc.p99`, `alloc-response.p99`, `reap.mean`, `waiting`, or as in frames.

    Raises InputError, which begins with `where` and says the nearest, for a name that there is not.
    """
    who, dot, time = name.replace(".p999", ".p99.9").partition(".")
    found = _SHORT.get(name, f"{who}_{OF_TURNS.get(time, '')}" if dot else name)
    if found not in MEASURES:
        raise InputError(f"{where} {shown(name)}", f"no measure{nearest(name, NAMES)}", allowed=ALLOWED)
    return found


def name_of(measure: str) -> str:
    """The name that users give a measure: the other way round.

    >>> name_of("alloc_p999_ns"), name_of("share_waiting")
    ('alloc.p99.9', 'waiting')
    """
    known = {column: name for name, column in _SHORT.items()}
    who, _, column = measure.partition("_")
    time = next((time for time, one in OF_TURNS.items() if one == column), column)
    return known.get(measure) or f"{who}.{time}"


def share_in(text: str) -> float | None:
    """A share as people type it, 5% or 0.05; None for anything else, and for what is not from 0 on and below 1."""
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return value if 0 <= value < 1 else None
