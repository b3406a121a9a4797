# SPDX-License-Identifier: GPL-2.0-only
"""Text as wide as it may be: measured with the renderer, wrapped at words, and within a word that is wider than a line.

Leaves out where the text goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

_DPI: Final = 100.0
_CUT: Final = "..."
"""What ends a text of which not all is shown."""


def width_in(text: str, size: float) -> float:
    """The width in inches of one line of text at a font size in points."""
    shown = text.replace(r"\$", "$")
    measured = _renderer().get_text_width_height_descent(shown, _font(size), False)  # type: ignore[no-untyped-call]  # matplotlib
    return float(measured[0]) / _DPI


def wrapped(text: str, size: float, inches: float, most: int | None = None) -> str:
    """`text` in lines at most so many inches wide; of at most `most` lines, where not all its words are wanted."""
    lines = [line for paragraph in text.split("\n") for line in _lines(paragraph, size, inches)]
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1] + _CUT]
    return "\n".join(lines)


def _lines(text: str, size: float, inches: float) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width_in(longer, size) <= inches:
            line = longer
            continue
        if line:
            yield line
        *full, line = _pieces(word, size, inches)
        yield from full
    yield line


def _pieces(word: str, size: float, inches: float) -> Iterator[str]:
    """A word that fits no line, in parts that do."""
    piece = ""
    for letter in word:
        if piece and width_in(piece + letter, size) > inches:
            yield piece
            piece = ""
        piece += letter
    yield piece


@cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]  # matplotlib


@cache
def _font(size: float) -> FontProperties:
    return FontProperties(size=size)
