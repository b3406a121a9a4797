# SPDX-License-Identifier: GPL-2.0-only
"""Where a replay's think times come from: the trace, the trace times a factor, or nowhere. Leaves out the times themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from slabdes.errors import InputError
from slabdes.units import PS_PER_NS

MAX_SCALE: Final = 1000
"""Greatest factor that think times may be scaled by (assumed)."""
_FACTOR: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)x")


class ThinkRule(Enum):
    """Where a replay's think times come from."""

    RECORDED = "recorded"
    SCALED = "scaled"
    NONE = "none"


@dataclass(frozen=True)
class Think:
    """Think times of a replay: those recorded, times `factor`; none at all where the factor is 0."""

    rule: ThinkRule
    factor: Fraction

    @classmethod
    def parse(cls, text: str, where: str = "think") -> Think:
        """`recorded`, `none`, or a factor such as `0.1x`; InputError about `where` for anything else.

        >>> Think.parse("0.1x").factor
        Fraction(1, 10)
        """
        if text == "recorded":
            return cls(ThinkRule.RECORDED, Fraction(1))
        if text == "none":
            return cls(ThinkRule.NONE, Fraction(0))
        if (match := _FACTOR.fullmatch(text)) and (factor := Fraction(match[1])) <= MAX_SCALE:
            return cls(ThinkRule.SCALED if factor else ThinkRule.NONE, factor)
        raise InputError(where, f"{text!r}", allowed=f"recorded, none, or a factor from 0x to {MAX_SCALE}x such as 0.1x")

    def scaled(self, nanoseconds: int) -> int:
        """Picoseconds to think where `nanoseconds` were recorded, rounded down."""
        return nanoseconds * PS_PER_NS * self.factor.numerator // self.factor.denominator
