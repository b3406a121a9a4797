# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment file says is to be known: measures by their names, and a precision.

Leaves out the names themselves (`words`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from slabdes.errors import InputError, shown
from slabdes.words import NAMES, measure_of, share_in


def _named(name: str) -> str:
    try:
        measure_of(name)
    except InputError as error:
        raise ValueError(f"{shown(name)!r}: {error.problem}; allowed: {error.allowed}") from None
    return name


def _listed(said: Any) -> Any:
    """One text, with commas if it is several, as a list: a setting is typed so."""
    return tuple(part.strip() for part in said.split(",")) if isinstance(said, str) else said


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
