# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a run's warm-up: how much of it is in no figure, or why it is in all of them.

Leaves out where it ends (`measures.steady`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slabdes.answers.figures import listed
from slabdes.answers.tables import View
from slabdes.measures.compare import Pair
from slabdes.measures.estimates import Row
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


def sides_settled(pairs: Sequence[Pair], sides: tuple[str, str]) -> Iterator[str]:
    """How much of each side is warm-up and in no figure; which of them have not settled."""
    of_sides = {side: [one for pair in pairs if (one := pair.steady[number])] for number, side in enumerate(sides)}
    return _settled({side: told for side, told in of_sides.items() if told}, " of")


def all_settled(frames: Frames) -> Iterator[str]:
    """The same of all points of a study together."""
    return _settled({"the settings": found} if (found := steady(frames)) else {}, " of a run at")


def _settled(whose: Mapping[str, Sequence[Row]], of: str) -> Iterator[str]:
    if cut := [f"{_shares(told)}{of} {name}" for name, told in whose.items()]:
        yield f"Warm-up, by MSER, is in no figure: {listed(cut)}."
    if loose := [name for name, told in whose.items() if any(row["settled"] < row["replications"] for row in told)]:
        yield f"No steady state is seen in some replications of {listed(loose)}: longer runs may say otherwise."


def _shares(told: Sequence[Row]) -> str:
    shares = [row["warm_up_ns"] / (row["warm_up_ns"] + row["took_ns"]) for row in told]
    least, most = (share_text(find(shares)) for find in (min, max))
    return least if least == most else f"{least} to {most}"


def warm_up_kept(view: View) -> Iterator[str]:
    """What is not to be concluded where nothing was cut."""
    manifest = view.run.manifest
    if manifest.workload in NOTHING_TO_SETTLE:
        yield f"a steady state, which {NOTHING_TO_SETTLE[manifest.workload]} does not have"
    elif not steady(view.run.frames):
        yield 'a steady state, as the warm-up is in these figures (warm_up = "mser" cuts it)'
