# SPDX-License-Identifier: GPL-2.0-only
"""A machine as plain JSON-able data, for `--json` and the run manifest.

Leaves out where to draw it (`graph.layout`) and its form as a file (`toml_file.to_toml`).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from slabdes.machine.costs import ALONE, costs_table
from slabdes.machine.toml_file import to_toml
from slabdes.machine.topology import Machine
from slabdes.units import ps_to_ns


def describe(machine: Machine) -> dict[str, Any]:
    """Every figure of the machine, and a `digest` of them all; a cost that only one allocator has says which."""
    clusters = machine.cluster_of_core
    return {
        "name": machine.name,
        "source": machine.source,
        "clock_ghz": machine.clock_ghz,
        "cpus": machine.n_cpus,
        "cores": machine.n_cores,
        "clusters": None if clusters is None else len(set(clusters)),
        "nodes": [
            {"node": node, "id": machine.node_ids[node], "cpus": list(machine.cpus_of_node(node)), "memory_mib": memory_mib}
            for node, memory_mib in enumerate(machine.memory_mib())
        ],
        "distances": [list(row) for row in machine.distances],
        "costs": [
            {"name": name, "value": value, "source": source, "allocator": ALONE.get(name)}
            for name, value, source in costs_table(machine.costs)
        ],
        "transfers": machine.transfer_summary(),
        "dram_ns": [[ps_to_ns(cost) for cost in row] for row in machine.dram_ps],
        "sources": dict(machine.sources),
        "digest": sha256(to_toml(machine).encode()).hexdigest(),
    }
