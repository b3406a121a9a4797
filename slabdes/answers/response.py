# SPDX-License-Identifier: GPL-2.0-only
"""What a run says of operations that arrive: how long they wait to be begun, and where a sweep of rates bends.

Leaves out how long they take once they have begun, which the rest of the answer is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from slabdes.answers.figures import count, point_name, time
from slabdes.answers.tables import View
from slabdes.measures.estimates import Row
from slabdes.measures.knee import Line, load_lines, overloaded
from slabdes.results.text import count_text

MOST_LINES: Final = 3


def response_answer(view: View, point: int) -> Iterator[str]:
    """Sentences; none where no operation arrives."""
    rows = [row for row in view.figures.rows("response") if row["point"] == point]
    if not rows:
        return
    name = point_name(view.run.frames, point)
    told = [
        f"{name} of {row['op']} is {time(row, f'{name}_ns')} ({time(row, f'service_{name}_ns')} once it has begun)"
        for row in rows
        for name in (_known(row),)
    ]
    yield f"Counted from when operations arrive{f', with {name}' if name else ''}: {', '.join(told)}."
    lines = load_lines(view.figures)
    for line in lines[:MOST_LINES]:
        yield _knee(view, line, len(lines) > 1)
    if not lines and overloaded(rows[0]):
        runs = view.run.manifest.replications
        grows = f"the backlog grows to the end in {round(rows[0]['growing'] * runs)} of {runs} replication{'s' * (runs != 1)}"
        yield f"More arrives than is served: {grows}, and response times depend on how long the run is."


def _knee(view: View, line: Line, named: bool) -> str:
    """Where one line bends, what it costs to go beyond, and up to where it is served."""
    knee = line.rows[line.knee]
    name = f"{_name(view, line)}: " if named else ""
    if not line.is_within:
        side, beyond, other = ("least", "below", "lesser") if line.knee == 0 else ("greatest", "beyond", "greater")
        where = f"the {side} load that was run, {_offered(knee)} operations/s"
        return f"{name}Response times bend at {where}, or {beyond} it: {other} ones would show it."
    low, high = (_offered(line.rows[place]) for place in (line.low, line.high))
    ends = f" ({low} to {high} in single replications)" if low != high else ""
    at = f"at {_offered(knee)} operations/s{ends}, where throughput over mean response time is greatest"
    return f"{name}Response times bend {at}: {_known(knee)} is {time(knee, f'{_known(knee)}_ns')} there{_beyond(line)}."


def _beyond(line: Line) -> str:
    """What p99 is at the greatest load that is served, and whether that is the greatest of all."""
    if line.carried is None:
        return "; more arrives than is served at every load"
    carried = line.rows[line.carried]
    told = f", {time(carried, f'{_known(carried)}_ns')} at {_offered(carried)}" if line.carried > line.knee else ""
    if line.carried == len(line.rows) - 1:
        return f"{told}, and all that was offered is served"
    most = count(max(line.rows, key=lambda row: float(row["operations_per_s"])), "operations_per_s")
    return f"{told}; at {_offered(line.rows[line.carried + 1])} the backlog grows, as at most {most} are served"


def _known(row: Row) -> str:
    """The 99th percentile, or the mean where there are not enough samples for it."""
    return "p99" if row["p99_ns"] is not None else "mean"


def _offered(row: Row) -> str:
    return count_text(row["offered_per_s"])


def _name(view: View, line: Line) -> str:
    """What tells a line from others: what its points have in common."""
    first, last = (point_name(view.run.frames, row["point"]).split(", ") for row in (line.rows[0], line.rows[-1]))
    return ", ".join(word for word in first if word in last)
