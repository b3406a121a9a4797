# SPDX-License-Identifier: GPL-2.0-only
"""What a replay says of its load: waiting as a function of it, and the loads at which it reaches a mark, with their intervals.

Leaves out how loads are chosen and run (`study.load`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from textwrap import fill
from typing import Final

from slabdes.answers.causes import opposed
from slabdes.answers.figures import listed, share_interval, value_text
from slabdes.measures.loads import MARKS, ByLoad, Crossing, LoadFigures
from slabdes.results.text import NOTHING, WIDTH, Sheet, count_text, load_text, plain_text, rich_table, share_text, time_text

LOAD_TITLE: Final = "the answer by load (waiting for locks, and for the other side: shares of CPU time)"


def load_answer(loads: ByLoad) -> list[str]:
    """The answer as a function of load, how sure it is and of what; a sentence each."""
    recorded, most = loads.points[0].waiting, loads.points[-1].waiting
    told = [f"At the recorded load CPUs spend {share_interval(recorded.value, recorded)} of their time waiting for locks"]
    crossings = loads.crossings()
    told += [f"{share_text(one.share)} at {_crossing(one)}" for one in crossings if one.load > 1]
    if len(crossings) < len(MARKS) and loads.points[-1].load is None:
        told.append(f"{share_interval(most.value, most)} where they do not think at all")
    part = (
        f"the first {loads.operations:,} of its {loads.of:,} operations (--whole runs all)" if loads.operations < loads.of else ""
    )
    sure = f"95 % intervals of {loads.replications} replications" if loads.replications > 1 else "one replication"
    return [
        *([f"Ended after {len(loads.points)} of {len(loads.points) + loads.left} loads."] if loads.left else []),
        f"{listed(told)}: {sure}{f' of {part}' if part else ''}.",
        *_opposed(loads),
        "Nothing but think times tells the load: do not quote one of these without it.",
    ]


def _opposed(loads: ByLoad) -> Iterator[str]:
    """Why a mean time is less where CPUs wait most, if it is, by more than chance."""
    first, most = loads.points[0], max(loads.points, key=lambda point: point.waiting.value)
    for op in ("alloc", "free"):
        before, after = getattr(first, f"{op}_mean_ns"), getattr(most, f"{op}_mean_ns")
        if before and after and after.is_beneath(before) and first.waiting.is_beneath(most.waiting):
            yield opposed(op, first.split, most.split, most.waiting.value - first.waiting.value)
            return


def _crossing(one: Crossing) -> str:
    """A load with its interval: `60x that load (57x to 63x)`."""
    ends = " (not in every replication)" if one.replications > 1 else ""
    if one.low is not None and one.high is not None:
        ends = f" ({load_text(one.low)} to {load_text(one.high)})"
    return f"{load_text(one.load)} that load{ends}"


def load_sheet(points: Sequence[LoadFigures]) -> Sheet:
    """A row a load."""
    rows = tuple(
        (
            "no think" if point.load is None else load_text(point.load),
            value_text(point.operations_per_s, count_text),
            *(NOTHING if mean is None else value_text(mean, time_text) for mean in (point.alloc_mean_ns, point.free_mean_ns)),
            share_interval(point.waiting.value, point.waiting),
            share_interval(point.partner_wait.value, point.partner_wait),
        )
        for point in points
    )
    return Sheet(LOAD_TITLE, ("load", "operations/s", "mean alloc", "mean free", "for locks", "other side"), 1, rows)


def load_text_page(loads: ByLoad) -> str:
    """All of it as text."""
    from rich.console import Console

    text = StringIO()
    console = Console(file=text, width=WIDTH, highlight=False, color_system=None)
    console.print(plain_text(fill(" ".join(load_answer(loads)), WIDTH)))
    console.print(rich_table(load_sheet(loads.points)))
    console.print(plain_text(fill(load_remark(loads.replications), WIDTH)))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def load_remark(replications: int) -> str:
    """What the table's figures are, beneath it."""
    between = "between two loads waiting is taken to rise evenly with the load's logarithm"
    return f"±: half the 95 % interval over {replications} replications; {between}." if replications > 1 else ""
