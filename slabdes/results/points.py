# SPDX-License-Identifier: GPL-2.0-only
"""The frame of a run's points: what each is, and the swept keys, a column a key.

Leaves out everything that was recorded at them (`frames`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import polars as pl

POINT_COLUMNS: Final = ("point", "machine", "cpus", "replications", "elapsed_ns", "digest")
"""The columns of `points` that every run has; each swept key has one more, named by the key with its dots."""


def points_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A row a point, from mappings with POINT_COLUMNS and whatever keys are swept, in order."""
    import polars as pl

    fixed = {"point": pl.UInt32, "machine": pl.String, "cpus": pl.Int64, "replications": pl.Int64}
    fixed |= {"elapsed_ns": pl.Float64, "digest": pl.String}
    # Tables that a sweep sets as a whole need not have the same keys at every point.
    names = dict.fromkeys([*POINT_COLUMNS, *(name for row in rows for name in row)])
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        columns[name] = pl.Series(name, values, fixed[name]) if name in fixed else _swept_column(name, values)
    return pl.DataFrame(columns)


def _swept_column(name: str, values: list[Any]) -> pl.Series:
    """A swept key's values under the narrowest type that holds them all; text where they differ in kind."""
    import polars as pl

    given = [value for value in values if value is not None]
    for kinds, dtype in (((bool,), pl.Boolean), ((int,), pl.Int64), ((int, float), pl.Float64), ((str,), pl.String)):
        if given and all(type(value) in kinds for value in given):
            return pl.Series(name, values, dtype, strict=False)
    texts = [value if isinstance(value, str) or value is None else json.dumps(value, default=str) for value in values]
    return pl.Series(name, texts, pl.String)
