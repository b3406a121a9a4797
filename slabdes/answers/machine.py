# SPDX-License-Identifier: GPL-2.0-only
"""What a machine is, in sentences and tables, from its description as plain data (`machine.summary.describe`).

Leaves out its picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.answers.figures import listed
from slabdes.errors import shown
from slabdes.results.text import Sheet, setting_text, time_text

_BETWEEN: Final = {
    "same_core": "the same core",
    "same_cluster": "the same cluster",
    "same_node": "the same node",
    "remote": "another node",
}
_ASSUMED: Final = "assumed"


def machine_answer(machine: Mapping[str, Any]) -> list[str]:
    """What it has, what a line from another CPU costs, and how much of that is assumed."""
    cpus, cores, nodes = machine["cpus"], machine["cores"], len(machine["nodes"])
    threads = f" ({cores} cores)" if cores != cpus else ""
    has = f"{shown(machine['name'])} has {cpus} CPU{'s' * (cpus != 1)}{threads} on {nodes} NUMA node{'s' * (nodes != 1)}"
    told = [f"{has}, at {machine['clock_ghz']:g} GHz."]
    spans: dict[str, tuple[float, float]] = {}
    for row in machine["transfers"]:
        low, high = spans.get(row["class"], (row["min_ns"], row["max_ns"]))
        spans[row["class"]] = min(low, row["min_ns"]), max(high, row["max_ns"])
    if spans:
        parts = [f"{_span(*span)} if that was on {_BETWEEN[place]}" for place, span in spans.items()]
        told.append(f"A cache line that another CPU wrote last costs {listed(parts)}.")
    costs = machine["costs"]
    guessed = sum(str(cost["source"]).startswith(_ASSUMED) for cost in costs)
    return [*told, f"{guessed} of its {len(costs)} costs are assumed; the others have a source."]


def _span(low: float, high: float) -> str:
    return time_text(low) if time_text(low) == time_text(high) else f"{time_text(low)} to {time_text(high)}"


def machine_sheets(machine: Mapping[str, Any]) -> list[Sheet]:
    """Line transfers by class, and every cost with its source."""
    transfers = tuple(
        (_BETWEEN[row["class"]], str(row["distance"]), *(time_text(row[key]) for key in ("min_ns", "median_ns", "max_ns")))
        for row in machine["transfers"]
    )
    costs = tuple((cost["name"], setting_text(cost["value"]), shown(str(cost["source"]), 200)) for cost in machine["costs"])
    heads = ("from a CPU on", "distance", "least", "median", "most")
    return [
        Sheet("a cache line that another CPU wrote last", heads, 1, transfers),
        Sheet("costs (ns; `slabdes machine show` says what each is)", ("cost", "value", "source"), 1, costs),
    ]
