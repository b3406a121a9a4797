# SPDX-License-Identifier: GPL-2.0-only
"""Machines on which nothing costs anything but what a test is about. Leaves out real ones."""

from __future__ import annotations

from slabdes.machine.costs import COST_NAMES, RATIOS
from slabdes.machine.description import Description
from slabdes.machine.topology import Machine
from slabdes.units import PS_PER_NS


def uniform_machine(cpus: int, transfer_ns: int) -> Machine:
    """CPUs on one node at the same distance from each other, on which nothing else costs anything."""
    transfer = transfer_ns * PS_PER_NS
    return Description(
        where="test",
        name="uniform",
        source="test",
        node_ids=(0,),
        node_of_cpu=(0,) * cpus,
        core_of_cpu=tuple(range(cpus)),
        cluster_of_core=None,
        memory_mib=(1.0,),
        distances=((10,),),
        costs_ns=dict.fromkeys((name for name in COST_NAMES if name not in RATIOS), 0.0),
        transfer_ps=tuple(tuple(0 if a == b else transfer for b in range(cpus)) for a in range(cpus)),
    ).build()
