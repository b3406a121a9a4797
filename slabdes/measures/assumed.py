# SPDX-License-Identifier: GPL-2.0-only
"""How many of the costs that a run is charged are assumed, by machine: what hangs on them is no measurement."""

from __future__ import annotations

from slabdes.results.run import Run


def assumed_costs(*runs: Run) -> tuple[str, ...]:
    """A text a machine that charges such, `8 of 31 on xeon-2s`, of the costs of what ran (SLAB's, SLUB's or both)."""
    told: dict[str, None] = {}
    for run in runs:
        on_slub = set(run.frames.slub["point"].to_list())
        ran = {"SLUB": bool(on_slub), "SLAB": set(run.frames.point_numbers()) > on_slub}
        for name, machine in run.manifest.machines.items():
            costs = machine.get("costs")
            if not isinstance(costs, list):
                continue
            charged = [cost for cost in costs if isinstance(cost, dict) and ran.get(cost.get("allocator", ""), True)]
            guessed = sum(str(cost.get("source", "")).startswith("assumed") for cost in charged)
            if guessed:
                told[f"{guessed} of {len(charged)} on {name.partition(' (')[0]}"] = None
    return tuple(told)
