# SPDX-License-Identifier: GPL-2.0-only
"""Measures by the names that users give them, in files and on the command line: which there are.

Leaves out how they are worked out (`measures.names`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from slabdes.errors import InputError, nearest, shown

RATES: Final = ("operations_per_s", "share_waiting")
RESPONSE: Final = "-response"
"""After an operation's name: its times count from its arrival."""
OPERATIONS: Final = ("alloc", "free", "section")
UPKEEP: Final = ("reap", "slabinfo", "shrink", "drain")
INTERRUPTS: Final = ("off", "wait")
TIMES: Final[Mapping[str, str]] = {"mean": "mean_ns", "p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns"}
"""Of all of these, in frames by the names behind."""
OF_TURNS: Final[Mapping[str, str]] = {**TIMES, "held": "held_ns", "lost": "lost_ns"}
"""Of upkeep."""
DEFAULT: Final = "operations/s"
"""Where nobody says what matters."""
_SHORT: Final = {DEFAULT: "operations_per_s", "waiting": "share_waiting"}
_WHOSE: Final[Mapping[str, Mapping[str, str]]] = {
    **dict.fromkeys((*OPERATIONS, *(f"{op}{RESPONSE}" for op in OPERATIONS)), TIMES),
    **dict.fromkeys(UPKEEP, OF_TURNS),
    **dict.fromkeys(INTERRUPTS, TIMES),
}
MEASURES: Final = (*RATES, *(f"{who}_{column}" for who, times in _WHOSE.items() for column in times.values()))
"""As frames have them: rates, mean times and percentiles."""
NAMES: Final = (*_SHORT, *(f"{who}.{time}" for who, times in _WHOSE.items() for time in times))
"""As users have them."""


def measure_of(name: str, where: str = "--decide") -> str:
    """A measure by the name that users give it: `alloc.p99`, `alloc-response.p99`, `reap.mean`, `waiting`, or as in frames.

    Raises InputError, which begins with `where` and says the nearest, for a name that there is not.
    """
    who, dot, time = name.replace(".p999", ".p99.9").partition(".")
    found = _SHORT.get(name, f"{who}_{OF_TURNS.get(time, '')}" if dot else name)
    if found not in MEASURES:
        raise InputError(f"{where} {shown(name)}", f"no measure{nearest(name, NAMES)}", allowed=", ".join(NAMES))
    return found


def _named(name: str) -> str:
    try:
        measure_of(name)
    except InputError as error:
        raise ValueError(f"{shown(name)!r}: {error.problem}; allowed: {error.allowed}") from None
    return name


def _listed(said: Any) -> Any:
    """One text, with commas if it is several, as a list: a setting is typed so."""
    return tuple(part.strip() for part in said.split(",")) if isinstance(said, str) else said


def share_in(text: str) -> float | None:
    """A share as people type it, 5% or 0.05; None for anything else, and for what is not from 0 on and below 1."""
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return value if 0 <= value < 1 else None


def _precision(said: Any) -> float:
    text = said if isinstance(said, str) else repr(said) if isinstance(said, int | float) and not isinstance(said, bool) else ""
    if not (share := share_in(text)):
        raise ValueError(f'{shown(repr(said), 40)} is no precision; allowed: above 0 and below 1, such as "2%" or 0.02')
    return share


_SCHEMA: Final[dict[str, Any]] = {"type": "string", "enum": [*NAMES], "allowed": "measures such as alloc.p99"}
Measures = Annotated[
    tuple[Annotated[str, AfterValidator(_named), WithJsonSchema(_SCHEMA)], ...],
    BeforeValidator(_listed),
    Field(max_length=len(NAMES)),
]
"""A list of measures, by the names that users give them."""
Share = Annotated[
    float,
    BeforeValidator(_precision),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": r"^\s*[0-9.eE+-]+\s*%?$"},
            ],
            "allowed": 'share, such as "2%" or 0.02',
        }
    ),
]
"""A share above 0 and below 1, as people type it."""
