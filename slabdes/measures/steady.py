# SPDX-License-Identifier: GPL-2.0-only
"""The warm-up of a run's replications: how much of their begin is in no figure, and whether they have settled then.

Leaves out finding where it ends (`stats.steady`, when a replication is run).
"""

from __future__ import annotations

from slabdes.measures.estimates import Row
from slabdes.results.frames import Frames
from slabdes.results.warm_up import NOT_LOOKED_FOR, SETTLED


def steady(frames: Frames) -> list[Row]:
    """A row a point whose warm-up was looked for: means of a replication.

    `warm_up_ns` and `cut` of its `operations` are left out at its begin, `took_ns` is counted; `settled` of `replications` have.
    """
    rows = []
    for point in frames.point_numbers():
        mine = frames.runs.filter(point=point)
        looked = mine.filter(mine["warm_up"] != NOT_LOOKED_FOR)
        if not looked.height:
            continue
        n = looked.height
        means = {"warm_up_ns": "warm_up_ns", "took_ns": "elapsed_ns", "cut": "warm_up_operations", "operations": "all_operations"}
        values = {name: float(looked[column].sum()) / n for name, column in means.items()}
        settled = looked.filter(looked["warm_up"] == SETTLED).height
        rows.append(Row({"point": point, **values, "settled": settled, "replications": n}, {}))
    return rows
