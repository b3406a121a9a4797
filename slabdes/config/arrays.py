# SPDX-License-Identifier: GPL-2.0-only
"""Arrays where an experiment takes lists: numpy's, a data frame's columns, ranges, and numbers taken out of them.

Known by what they can do, so none of these libraries is loaded. Leaves out what TOML has: that stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """`value` with lists and plain numbers for arrays and theirs, in tables and lists, too."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | range | tuple):
        return [plain(entry) for entry in value]
    # numpy's and pandas' arrays and numbers, and Polars' columns.
    for way in ("tolist", "to_list"):
        if not isinstance(value, type) and callable(getattr(value, way, None)):
            return getattr(value, way)()
    return value
