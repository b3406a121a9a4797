# SPDX-License-Identifier: GPL-2.0-only
"""Figures with their intervals as text, and what points and locks are called: one way for sentences and tables alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, Final

from slabdes.measures.estimates import Row
from slabdes.results import metrics
from slabdes.results.called import called
from slabdes.results.called import short as short  # tables have it with their cells
from slabdes.results.called import value_text as value_label
from slabdes.results.frames import Frames
from slabdes.results.text import NOTHING, count_text, share_text, time_text
from slabdes.stats.intervals import Interval
from slabdes.stats.samples import samples_needed

MOST_PERCENT: Final = 999
QUANTILE_NAMES: Final = dict(zip(metrics.QUANTILES, ("p50", "p99", "p99.9"), strict=True))
_SAME_AS: Final = ("machine.preset", "machine.file")
"""Keys that say what the machine's name says."""


def spread_text(interval: Interval | None) -> str:
    """Half an interval in per cent of its figure, rounded up; nothing where it is not known or has no width.

    >>> spread_text(Interval(200.0, 3.0, 5, 0.95)), spread_text(Interval(200.0, None, 1, 0.95))
    ('±2 %', '')
    """
    if interval is None or not interval.half_width or not interval.value:
        return ""
    percent = ceil(100 * interval.half_width / abs(interval.value))
    return f"±{percent} %" if percent <= MOST_PERCENT else f"±>{MOST_PERCENT} %"


def figure(row: Row, column: str, text: Callable[[float | None], str]) -> str:
    """A figure of a row with its interval: `12.9 µs ±3 %`; of a percentile that too few samples tell, how many it needs."""
    if row[column] is None and column in metrics.QUANTILES:
        return needs(column)
    return f"{text(row[column])} {spread_text(row.intervals.get(column))}".strip()


def needs(column: str) -> str:
    """What stands in a table in place of a percentile: `few_remarks` says it whole.

    >>> needs("p999_ns")
    'needs 3,688'
    """
    return f"needs {samples_needed(metrics.QUANTILES[column]):,}"


def few_remarks(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What is said beneath a table of those of its cells that are `needs`.

    >>> few_remarks([("alloc", "needs 368", "needs 3,688")])
    ('p99: not enough samples (needs 368); p99.9: not enough samples (needs 3,688).',)
    """
    cells = {cell for row in rows for cell in row}
    told = [f"{QUANTILE_NAMES[column]}: {why}" for column, why in metrics.TOO_FEW.items() if needs(column) in cells]
    return (f"{'; '.join(told)}.",) if told else ()


def value_text(value: Interval, text: Callable[[float | None], str]) -> str:
    """An estimate with its interval, likewise."""
    return f"{text(value.value)} {spread_text(value)}".strip()


def time(row: Row, column: str) -> str:
    """A time with its interval."""
    return figure(row, column, time_text)


def count(row: Row, column: str) -> str:
    """A count or rate with its interval."""
    return figure(row, column, count_text)


def share(row: Row, column: str) -> str:
    """A share with half its interval in percentage points: `76.5 ±1.2 %`."""
    return share_interval(row[column], row.intervals.get(column))


def share_interval(value: float | None, interval: Interval | None) -> str:
    """A share that may have an interval."""
    half = None if interval is None else interval.half_width
    if value is None or not half or value < _LEAST_SHARE:
        return share_text(value)
    return f"{value * 100:.1f} ±{points_digits(half)} %"


def ratio_text(ratio: Interval | None) -> str:
    """A ratio with three decimals, one of ten and more with one, one that is large without, and half its interval.

    >>> ratio_text(Interval(1.0654, 0.02, 5, 0.95)), ratio_text(Interval(45.28, None, 1, 0.95)), ratio_text(None)
    ('1.065 ±2 %', '45.3', '-')
    >>> ratio_text(Interval(23628.3, None, 1, 0.95))
    '23,628'
    """
    if ratio is None:
        return NOTHING
    return value_text(ratio, _few_digits)


def _few_digits(value: float | None) -> str:
    value = value or 0.0
    return f"{value:,.{3 if value < _TEN else 1 if value < _LARGE else 0}f}"


def times_text(ratio: Interval, as_many: str) -> str:
    """How many times `as_many` (as many, as much, as long) it is; of less than half how many times fewer, less or shorter.

    >>> times_text(Interval(1.0654, 0.02, 5, 0.95), "as many"), times_text(Interval(0.04, None, 1, 0.95), "as many")
    ('1.065 ±2 % times as many', '25 times fewer')
    """
    if not 0 < ratio.value < _HALF:
        return f"{ratio_text(ratio)} times {as_many}"
    value, low = 1 / ratio.value, ratio.low
    turned = Interval(value, 1 / low - value if low else None, ratio.n, ratio.confidence, least=0.0)
    digits = value_text(turned, lambda times: f"{times:,.0f}" if times is not None and times >= _WHOLE else f"{times:.1f}")
    return f"{digits} times {_FEWER[as_many]}"


_HALF: Final = 0.5
_WHOLE: Final = 10.0
_FEWER: Final = {"as many": "fewer", "as much": "less", "as long": "shorter"}
_TEN: Final = 10
_LARGE: Final = 100.0
_LEAST_SHARE: Final = 0.001


def points_digits(share: float) -> str:
    """A width in percentage points, rounded up to a tenth; in whole points from 10 on.

    >>> points_digits(0.0123), points_digits(0.00001), points_digits(0.2)
    ('1.3', '0.1', '20')
    """
    tenths = ceil(round(share * 1000, 6))
    return f"{tenths / 10:.1f}" if tenths < 100 else f"{ceil(tenths / 10)}"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def some_assumed(told: Sequence[str]) -> str:
    """The first machines of `assumed_costs`, and that there are more."""
    return f"{', '.join(told[:2])}{' ...' if len(told) > 2 else ''}"


def where_off(assumed: Sequence[str]) -> str:
    """Where what is told need not hold of a real machine, with how many costs are assumed."""
    told = f", or where it hangs on costs that are assumed ({some_assumed(assumed)})" if assumed else ""
    return f" where validate finds us off{told}"


def lock_name(row: Row | Mapping[str, Any], node: bool = True) -> str:
    """What kernel people call it: the cache, the lock, the node.

    >>> lock_name({"kind": "list_lock", "cache": "filp", "node": 1})
    'filp list_lock node 1'
    """
    words = [row["cache"], row["kind"].removesuffix(" lock") if row["kind"] != "section lock" else "the lock"]
    if node and row["node"] >= 0:
        words.append(f"node {row['node']}")
    return " ".join(word for word in words if word)


def label_keys(frames: Frames) -> list[str]:
    """The columns of `points` that tell a run's points apart in its tables: what varies, and nothing twice."""
    if frames.points.height < 2:
        return []
    varying = [metrics.x_key(frames), *metrics.companions(frames), *metrics.series_keys(frames)]
    named = frames.points["machine"].n_unique() > 1 and not any(
        key.startswith("machine.") and key not in _SAME_AS for key in varying
    )
    keys = [name for name in ("machine", "cpus", *frames.swept_keys()) if name in varying or (name == "machine" and named)]
    return [key for key in keys if not (named and key in _SAME_AS)]


def labels_by_point(frames: Frames, keys: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """Each point's cells in label columns."""
    return {row["point"]: tuple(value_label(row[key]) for key in keys) for row in frames.points.iter_rows(named=True)}


def point_name(frames: Frames, point: int) -> str:
    """What a sentence calls a point: `limit 12, batchcount 6`, `xeon-2s, 8 CPUs`; nothing for the only one."""
    row = frames.points.row(frames.point_numbers().index(point), named=True)
    return called({key: row[key] for key in label_keys(frames)})
