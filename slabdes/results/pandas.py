# SPDX-License-Identifier: GPL-2.0-only
"""A Polars frame as a pandas one, for who has pandas. Polars' own way needs pyarrow too; this one does not.

Leaves out pandas' nullable types: a column of whole numbers with nulls becomes one of floats.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slabdes.errors import InputError

if TYPE_CHECKING:
    import polars as pl


def to_pandas(frame: pl.DataFrame) -> Any:
    """`frame` as a `pandas.DataFrame`. Raises InputError, which says what to install, where there is no pandas."""
    try:
        pandas = import_module("pandas")
    except ModuleNotFoundError:
        raise InputError(
            "to_pandas", "pandas is not installed", allowed="pip install pandas; a Polars frame needs nothing"
        ) from None
    columns = ((column.name, column.to_numpy() if column.dtype.is_numeric() else column.to_list()) for column in frame)
    return pandas.DataFrame(dict(columns))
