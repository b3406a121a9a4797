# SPDX-License-Identifier: GPL-2.0-only
"""Hatched fills for drawings on pages: patterns of SVG that a page has once, and that marks name as their fill.

Leaves out which part of what looks how (`charts.looks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slabdes.charts.looks import LAYERS, TIME, Look

SIDE: Final = 8
"""Of a pattern's tile, pixels."""
_STROKES: Final = {
    "/": ("M-2 2l4-4M0 8l8-8M6 10l4-4",),
    "\\": ("M-2 6l4 4M0 0l8 8M6-2l4 4",),
    "x": ("M-2 2l4-4M0 8l8-8M6 10l4-4", "M-2 6l4 4M0 0l8 8M6-2l4 4"),
    "-": ("M0 2h8M0 6h8",),
    "|": ("M2 0v8M6 0v8",),
    "+": ("M0 4h8M4 0v8",),
    "*": ("M2 4h4M4 2v4M2.6 2.6l2.8 2.8M2.6 5.4l2.8-2.8",),
    "o": ("M1.5 4a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0",),
    ".": ("M1.2 2h1.6M5.2 6h1.6",),
}
"""What a tile of a hatch has drawn on it, by the hatch's character."""


_PALE: Final = {"#F2F2F2": "var(--pale)"}
"""Nearly the paper's colour: on a dark page it is dark."""


@dataclass(frozen=True)
class Pattern:
    """A tile: its name in the page, its colour, and the paths drawn on it."""

    name: str
    colour: str
    paths: Sequence[str]


def patterns() -> list[Pattern]:
    """Those of all looks that have a hatch."""
    hatched = dict.fromkeys(look for look in (*TIME.values(), *LAYERS) if look[1])
    return [Pattern(_name(look), look[0], _STROKES[look[1][0]]) for look in hatched]


def fill(look: Look) -> str:
    """What a mark is filled with that looks so."""
    return f"url(#{_name(look)})" if look[1] else _PALE.get(look[0], look[0])


def _name(look: Look) -> str:
    colour, hatch = look
    return f"hatch-{colour[1:]}-{ord(hatch[0])}"
