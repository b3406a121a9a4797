# SPDX-License-Identifier: GPL-2.0-only
"""What a sweep's tables say: lists, ranges from here to there, keys that vary each with all others or together.

Leaves out what an experiment makes of a point's settings (`files.expand`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, TypeGuard

from pydantic import BeforeValidator

from slabdes.config.fields import MAX_POINTS, SHOWN
from slabdes.errors import shown

SWEEPS: Final = ("sweep", "zip")
"""The tables of an experiment that hold many values of a key."""
QUICK: Final = "quick"
"""The table of a file that makes its experiment small (`--quick`)."""
QUICK_MEANING: Final = (
    "With --quick these values hold, by dotted keys, instead of those above, swept or not; of a sweep another list: "
    "sweep.machine.cpus. Without, they mean nothing."
)
_RANGE: Final = frozenset({"from", "to", "step", "points", "log"})
_EXAMPLE: Final = "{ from = 8, to = 120, step = 8 }, or { from = 1, to = 64, points = 7, log = true }"


def _listed(table: Any) -> Any:
    """A table of lists, ranges written out."""
    if not isinstance(table, Mapping):
        return table
    return {key: _range(key, value) if isinstance(value, Mapping) else value for key, value in table.items()}


def _range(key: str, said: Mapping[str, Any]) -> tuple[float, ...]:
    """The values of a range, by steps or so many, evenly or by equal ratios (log); whole numbers if its ends are."""

    def refuse(what: str) -> ValueError:
        return ValueError(f"sweep {shown(key, SHOWN)}: {what}; allowed: a list, {_EXAMPLE}")

    if unknown := [name for name in said if name not in _RANGE]:
        raise refuse(f"a range has no {shown(str(unknown[0]), SHOWN)!r}")
    first, last = said.get("from"), said.get("to")
    step, points, log = said.get("step"), said.get("points"), said.get("log", False)
    if not _is_number(first) or not _is_number(last) or first >= last:
        raise refuse(f"from {shown(str(first), SHOWN)} to {shown(str(last), SHOWN)}")
    if (step is None) == (points is None) or not isinstance(log, bool) or (log and step is not None):
        raise refuse("a range has either a step or a number of points")
    whole = isinstance(first, int) and isinstance(last, int) and (step is None or isinstance(step, int))
    first, last = float(first), float(last)
    if step is not None:
        if not _is_number(step) or step <= 0 or (last - first) / step >= MAX_POINTS:
            raise refuse(f"step {shown(str(step), SHOWN)}")
        values = [first + number * step for number in range(math.floor((last - first) / step + 1e-9) + 1)]
    else:
        if not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= MAX_POINTS:
            raise refuse(f"{shown(str(points), SHOWN)} points")
        if log and first <= 0:
            raise refuse(f"from {shown(str(said['from']), SHOWN)}, of which there is no logarithm")
        parts = [number / (points - 1) for number in range(points)]
        values = [first * (last / first) ** part if log else first + (last - first) * part for part in parts]
        values[-1] = last
    return tuple(dict.fromkeys(round(value) for value in values)) if whole else tuple(values)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


Lists = Annotated[dict[str, tuple[Any, ...]], BeforeValidator(_listed)]
"""Dotted keys to lists of values, or to ranges."""


def check_sweeps(sweep: Mapping[str, Sequence[Any]], together: Mapping[str, Sequence[Any]]) -> None:
    """Raise ValueError for tables that make no points, or too many."""
    for table, lists in (("sweep", sweep), ("zip", together)):
        for key, values in lists.items():
            if not values:
                raise ValueError(f"{table} {key} has no values; allowed: a list of at least one")
    if both := [key for key in together if key in sweep]:
        raise ValueError(f"{both[0]} is in sweep and in zip; allowed: one of them")
    lengths = {key: len(values) for key, values in together.items()}
    for key, length in lengths.items():
        if length != next(iter(lengths.values())):
            first = next(iter(lengths))
            raise ValueError(f"zip {first} has {lengths[first]} values and {key} {length}; allowed: as many of each")
    points = next(iter(lengths.values()), 1)
    for values in sweep.values():
        if (points := points * len(values)) > MAX_POINTS:
            break
    if points > MAX_POINTS:
        raise ValueError(f"sweep has more than {MAX_POINTS} points; allowed: at most {MAX_POINTS}")


def combinations(sweep: Mapping[str, Sequence[Any]], together: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """The settings of every point: each value of a key of `sweep` with each of the others, the last fastest; then `together`."""
    rows = list(zip(*together.values(), strict=True)) if together else [()]
    for values in itertools.product(*sweep.values(), rows):
        yield dict(zip(sweep, values[:-1], strict=True)) | dict(zip(together, values[-1], strict=True))


def count(sweep: Mapping[str, Sequence[Any]], together: Mapping[str, Sequence[Any]]) -> int:
    """How many points there are."""
    return math.prod(map(len, sweep.values())) * len(next(iter(together.values()), (0,)))
