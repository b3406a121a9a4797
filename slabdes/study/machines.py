# SPDX-License-Identifier: GPL-2.0-only
"""The machines of a study as its manifest has them: described and drawn, each once, equal topologies only once in memory.

Leaves out how a manifest tells them (`results.manifest`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from slabdes.machine.summary import describe
from slabdes.machine.topology import Machine

_OF_COSTS: Final = ("name", "source", "clock_ghz", "transfers")
"""What a drawing has of more than the topology."""


def described(machines: Iterable[Machine]) -> dict[str, dict[str, Any]]:
    """Each machine's description by its name, with its drawing under `layout`; what two have in common is the same object."""
    from slabdes.machine.graph import layout

    told: dict[str, dict[str, Any]] = {}
    firsts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for machine in machines:
        if machine.name in told:
            continue
        own = told[machine.name] = describe(machine)
        first = firsts.setdefault(_topology(machine), own)
        if first is own:
            own["layout"] = layout(machine)
        else:
            own |= {key: first[key] for key in own if own[key] == first[key]}
            own["layout"] = first["layout"] | {key: own[key] for key in _OF_COSTS}
    return told


def _topology(machine: Machine) -> tuple[Any, ...]:
    cpus = (machine.node_of_cpu, machine.core_of_cpu, machine.cluster_of_core)
    return machine.distances, machine.node_ids, machine.memory_pages, *cpus
