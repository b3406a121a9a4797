# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a run's warm-up: how much of it is in no figure, or why it is in all of them.

Leaves out where it ends (`measures.steady`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slabdes.answers.figures import listed
from slabdes.answers.tables import View
from slabdes.measures.steady import steady
from slabdes.results.text import count_text, share_text, time_text
from slabdes.words import NOTHING_TO_SETTLE

if TYPE_CHECKING:
    from slabdes.results.frames import Frames


def warm_up_told(view: View, point: int) -> Iterator[str]:
    """How much was cut at a point; whether it settled."""
    for row in (row for row in steady(view.run.frames) if row["point"] == point):
        if row["cut"]:
            cut = f"the first {count_text(row['cut'])} of {count_text(row['operations'])} operations"
            whole = time_text(row["warm_up_ns"] + row["took_ns"])
            yield f"Warm-up, by MSER: {cut} of a replication ({time_text(row['warm_up_ns'])} of {whole}) are in no figure."
        elif row["settled"]:
            yield "Warm-up, by MSER: none; the run is steady from its begin."
        if lacking := row["replications"] - row["settled"]:
            of = "" if row["replications"] == 1 else f" in {lacking} of {row['replications']} replications"
            yield f"No steady state is seen{of}: the run is too short, or has none."


def sides_settled(frames: Frames, sides: Sequence[str]) -> Iterator[str]:
    """How much of each side, the points of `frames` in order, is warm-up and in no figure; which of them have not settled."""
    rows = dict(zip(sides, steady(frames), strict=False))
    if cut := [f"{share_text(row['warm_up_ns'] / (row['warm_up_ns'] + row['took_ns']))} of {side}" for side, row in rows.items()]:
        yield f"Warm-up, by MSER, is in no figure: {listed(cut)}."
    if loose := [side for side, row in rows.items() if row["settled"] < row["replications"]]:
        yield f"No steady state is seen in some replications of {listed(loose)}: longer runs may say otherwise."


def warm_up_kept(view: View) -> Iterator[str]:
    """What is not to be concluded where nothing was cut."""
    manifest = view.run.manifest
    if manifest.workload in NOTHING_TO_SETTLE:
        yield f"a steady state, which {NOTHING_TO_SETTLE[manifest.workload]} does not have"
    elif not steady(view.run.frames):
        yield 'a steady state, as the warm-up is in these figures (warm_up = "mser" cuts it)'
