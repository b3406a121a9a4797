# SPDX-License-Identifier: GPL-2.0-only
"""Where the engines first differ on an experiment file: the operation, hold of a lock or turn of upkeep to look at, in both.

    python tests/engine/compiled/first_difference.py experiments/list_lock_scaling.toml --set machine.cpus=8

Takes a sweep's points and their replications in order, up to one that differs; exits with 1 if there is one. Leaves out why.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "machine"))
sys.path.insert(0, str(Path(__file__).parents[2] / "workload/trace"))

import equality
import numpy as np

from slabdes.config import load_experiment
from slabdes.engine import records
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.event_log import COLUMNS, Logged
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.errors import SlabdesError
from slabdes.study.plan import PlannedPoint, plan

Row = tuple[int, ...]


@dataclass(frozen=True, order=True)
class Difference:
    """`when` the engines' rows of one CPU or lock begin to differ, picoseconds; the `place` of that row among them."""

    when: int
    kind: Logged
    owner: int
    place: int
    reference: Row
    compiled: Row


def differences(one: equality.Rows, other: equality.Rows) -> Iterator[Difference]:
    """The first of each CPU's operations and turns and of each lock's holds in which two logs differ."""
    for kind in Logged:
        for owner in sorted({*one[kind][:, 0].tolist(), *other[kind][:, 0].tolist()}):
            mine, theirs = (rows[kind][rows[kind][:, 0] == owner] for rows in (one, other))
            common = min(len(mine), len(theirs))
            unequal = np.flatnonzero((mine[:common] != theirs[:common]).any(axis=1))
            place = int(unequal[0]) if len(unequal) else common
            if place < max(len(mine), len(theirs)):
                rows = [tuple(some[place].tolist()) if place < len(some) else () for some in (mine, theirs)]
                yield Difference(_when(kind, *rows), kind, owner, place, *rows)


def _when(kind: Logged, one: Row, other: Row) -> int:
    """The earliest time that only one of them has, or their end."""
    times = [number for number, column in enumerate(COLUMNS[kind]) if column.endswith("_ps")]
    apart = [number for number in times if one and other and one[number] != other[number]] or times[-1:]
    return min(row[number] for row in (one, other) if row for number in apart)


def told(found: Difference, ran: Records) -> str:
    """In words and a table, as the log's columns have it."""
    if found.kind is Logged.HOLDS:
        whose = f"lock {found.owner} ({ran.locks[found.owner].kind.value} {ran.locks[found.owner].name})"
    else:
        whose = f"CPU {found.owner}"
    lines = [f"{found.kind.value}: number {found.place} of {whose}, from {found.when / 1000:,.3f} ns on"]
    lines.append(" " * 11 + "".join(f"{column:>16}" for column in COLUMNS[found.kind]))
    for name, row in (("reference", found.reference), ("compiled", found.compiled)):
        lines.append(f"{name:11}" + ("".join(f"{value:>16}" for value in row) or "   has none"))
    if found.kind is Logged.OPERATIONS:
        paths = [records.Path(row[COLUMNS[found.kind].index("path")]).name for row in (found.reference, found.compiled) if row]
        lines.append(f"path: {', '.join(dict.fromkeys(paths))}")
    return "\n".join(lines)


def first_difference(point: PlannedPoint, replication: int = 0) -> str | None:
    """What to print of a point's replication; None if the engines agree."""
    ran = []
    for engine in (run_reference, run_compiled):
        try:
            ran.append(equality.logged(engine, point.experiment, point.machine, point.workload(replication), replication))
        except SlabdesError as error:
            return f"{engine.__name__}: {error}"
    (one, rows), (other, others) = ran
    if found := min(differences(rows, others), default=None):
        return told(found, one)
    fields = equality.fields_that_differ(one, other)
    return f"operations and holds agree, but not {', '.join(fields)} of the records" if fields else None


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path, help="an experiment file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as slabdes run has it")
    args = parser.parse_args()
    try:
        experiment = load_experiment(args.experiment, args.set)
        with tempfile.TemporaryDirectory(prefix="slabdes-difference-") as folder:
            for point in plan(experiment, Path(folder)):
                for replication in range(experiment.replications):
                    if said := first_difference(point, replication):
                        settings = f" {point.settings}" if point.settings else ""
                        print(f"point {point.index}{settings}, replication {replication}: {said}")
                        return 1
    except SlabdesError as error:
        print(error, file=sys.stderr)
        return 2
    print("the engines agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
