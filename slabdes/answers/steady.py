# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a run's warm-up: how much is cut and what is left, or that it is in the figures, and how it is got out.

Leaves out where it ends (`measures.steady`).
"""

from __future__ import annotations

from collections.abc import Iterator

from slabdes.answers.figures import listed, time
from slabdes.answers.tables import View
from slabdes.measures.steady import has_steady_state
from slabdes.results.text import count_text


def warm_up_told(view: View, point: int) -> Iterator[str]:
    """How much was cut at a point and what the mean is then; whether it settled."""
    rows = [row for row in view.steady if row["point"] == point]
    if not rows:
        return
    cut = [f"{count_text(row['cut'])} of {count_text(row['operations'])} {row['op']}s" for row in rows]
    left = [f"{row['op']} mean is {time(row, 'mean_ns')}" for row in rows]
    yield f"Warm-up, by MSER-5: without the first {listed(cut)} of a replication, {listed(left)}; other tables have all."
    for row in rows:
        if row["settled"] < row["replications"]:
            lacking = row["replications"] - row["settled"]
            yield f"No steady state of {row['op']}s is seen in {lacking} of {row['replications']} replications: too short."


def warm_up_kept(view: View) -> Iterator[str]:
    """What is not to be concluded where nothing can be cut."""
    if has_steady_state(view.run.manifest) and not view.steady:
        yield "a steady state, as the warm-up is in these figures (log = true keeps operations, and MSER-5 cuts it)"
