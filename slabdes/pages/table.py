# SPDX-License-Identifier: GPL-2.0-only
"""A frame as the page's script reads it: columns, words told once and pointed at, numbers with as many digits as are seen.

Leaves out rows and columns that no drawing needs: charts have none.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import polars as pl

DIGITS: Final = 5
"""Of numbers: a drawing shows three."""


def columns(frame: pl.DataFrame) -> dict[str, Any]:
    """The frame as plain JSON: how many `rows`, and `columns` by name, of `values`, or of `words` and the `codes` of them."""
    return {"rows": frame.height, "columns": {name: _column(frame[name]) for name in frame.columns}}


def _column(column: pl.Series) -> dict[str, Any]:
    if column.dtype == pl.String:
        words = {word: code for code, word in enumerate(column.unique(maintain_order=True).drop_nulls())}
        return {"words": list(words), "codes": [-1 if word is None else words[word] for word in column]}
    if column.dtype.is_float():
        return {"values": [_rounded(value) for value in column]}
    return {"values": column.to_list()}


def _rounded(value: float | None) -> float | int | None:
    if value is None or not isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short
