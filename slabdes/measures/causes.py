# SPDX-License-Identifier: GPL-2.0-only
"""Where the difference between two points lies: the parts of an operation's mean time on both sides, and its paths.

Parts add up to the mean, and so do paths; of times from arrivals, waiting to be begun is a part. Leaves out percentiles, which no
parts add up to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slabdes.results.frames import SPENT_PARTS, Frames
from slabdes.results.response import response

Split = Mapping[str, Mapping[str, float]]
"""Of each operation, ns of its mean time that each of SPENT_PARTS takes."""


@dataclass(frozen=True)
class Account:
    """All operations of one kind: how many, and the time of all of them in ns by part and by path.

    `late`: by how many ns their mean time is longer from arrivals on; 0 where none arrives.
    """

    count: int
    parts: Mapping[str, float]
    paths: Mapping[str, float]
    late: float = 0.0


Accounts = Mapping[str, Account]
"""By operation."""
LATE: Final = "late"
"""The part of a time from its arrival on that an operation waits to be begun."""


@dataclass(frozen=True)
class Share:
    """What one part or path has of the mean time of an operation, in ns, on the first side and on the second."""

    name: str
    first: float
    second: float

    @property
    def change(self) -> float:
        """How much more it is on the second side."""
        return self.second - self.first


@dataclass(frozen=True)
class Causes:
    """The mean time of an operation on both sides in ns, by part and by path, those that change most first."""

    mean: Share
    parts: tuple[Share, ...]
    paths: tuple[Share, ...]


def accounts(frames: Frames) -> dict[int, Accounts]:
    """Each point's, of all its replications together."""
    import polars as pl

    columns = [f"{part}_ns" for part in SPENT_PARTS]
    by = ["point", "op", "path"]
    rows = frames.spent.group_by(by, maintain_order=True).agg(pl.col(columns).sum())
    counts = frames.operations.group_by("point", "op", maintain_order=True).agg(pl.col("count").sum())
    late = {(row["point"], row["op"]): row["late_ns"] for row in response(frames).iter_rows(named=True)}
    found: dict[int, dict[str, Account]] = {point: {} for point in frames.point_numbers()}
    for point, op, count in counts.iter_rows():
        mine = rows.filter(pl.col("point") == point, pl.col("op") == op)
        parts = {part: float(mine[column].sum()) for part, column in zip(SPENT_PARTS, columns, strict=True)}
        paths = {f"{op} {path}": float(sum(times)) for path, *times in mine.select("path", *columns).iter_rows()}
        found[point][op] = Account(int(count), parts, paths, late.get((point, op), 0.0))
    return dict(found)


def splits(told: Accounts) -> Split:
    """What the mean times of operations are spent on."""
    return {op: {part: time / max(one.count, 1) for part, time in one.parts.items()} for op, one in told.items()}


def causes(first: Accounts, second: Accounts, op: str | None = None, arrived: bool = False) -> Causes:
    """What makes the difference between two sides, of the operations `op` ("alloc", "free", "section") or of all.

    `arrived`: from arrivals on, of an operation; paths have none of the part LATE then.
    """
    (one, one_paths), (other, other_paths) = (_means(side, op) for side in (first, second))
    if op and arrived:
        one, other = ({**parts, LATE: side[op].late} for parts, side in ((one, first), (other, second)))
    mean = Share("mean", sum(one.values()), sum(other.values()))
    return Causes(mean, _ranked(one, other), _ranked(one_paths, other_paths))


def _means(side: Accounts, op: str | None) -> tuple[dict[str, float], dict[str, float]]:
    """Parts and paths of the mean time of these operations."""
    wanted = [account for name, account in side.items() if op in (None, name)]
    count = max(sum(account.count for account in wanted), 1)
    parts = {part: sum(account.parts[part] for account in wanted) / count for part in SPENT_PARTS}
    return parts, {path: time / count for account in wanted for path, time in account.paths.items()}


def _ranked(first: dict[str, float], second: dict[str, float]) -> tuple[Share, ...]:
    shares = (Share(name, first.get(name, 0.0), second.get(name, 0.0)) for name in dict.fromkeys([*first, *second]))
    return tuple(sorted(shares, key=lambda share: -abs(share.change)))
