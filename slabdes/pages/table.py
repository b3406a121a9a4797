# SPDX-License-Identifier: GPL-2.0-only
"""A frame as the page's script reads it: columns, words told once and pointed at, numbers with as many digits as are seen.

Leaves out rows and columns that no drawing needs: charts have none.
"""

from __future__ import annotations

from itertools import groupby
from math import isfinite
from typing import Any, Final

import polars as pl

DIGITS: Final = 5
"""Of numbers: a drawing shows three."""


def columns(frame: pl.DataFrame) -> dict[str, Any]:
    """The frame as plain JSON: how many `rows`, and `columns` by name.

    A column has its `values`, or `runs` where that is shorter: a value and how often it stands, in turns. Of one with `words`
    they are places among these, -1 where there is none.
    """
    return {"rows": frame.height, "columns": {name: _column(frame[name]) for name in frame.columns}}


def _column(column: pl.Series) -> dict[str, Any]:
    if column.dtype == pl.String:
        words = {word: code for code, word in enumerate(column.unique(maintain_order=True).drop_nulls())}
        return {"words": list(words)} | _values([-1 if word is None else words[word] for word in column])
    return _values([_rounded(value) for value in column] if column.dtype.is_float() else column.to_list())


def _values(values: list[Any]) -> dict[str, Any]:
    runs = [part for value, same in groupby(values) for part in (value, sum(1 for _one in same))]
    return {"runs": runs} if len(runs) < len(values) else {"values": values}


def _rounded(value: float | None) -> float | int | None:
    if value is None or not isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short
