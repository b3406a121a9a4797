# SPDX-License-Identifier: GPL-2.0-only
"""What users import to look at a machine: load it, and have it shown in a notebook. Thin, as `api` is.

Leaves out reading it (`machine`), its words and its picture (`answers`, `plots`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from slabdes import machine as made
from slabdes.answers.machine import machine_answer, machine_sheets
from slabdes.display import Display, Shows
from slabdes.machine.load import NO_COSTS
from slabdes.machine.topology import Machine as Topology
from slabdes.results.text import html_table


class Machine(Topology, Shows):
    """CPUs, cores, NUMA nodes and their costs, with its picture: see `slabdes.machine.topology.Machine`."""

    def figure(self) -> Any:
        """Its nodes, cores and CPUs, how far nodes are apart, and what a line costs between them."""
        from slabdes.machine.graph import layout
        from slabdes.plots.machine import machine_figure

        return machine_figure(layout(self))

    def display(self) -> Display:
        """What it is and what its lines cost, its picture, and every cost with its source."""
        from slabdes.machine.summary import describe

        described = describe(self)
        tables = "".join(map(html_table, machine_sheets(described)))
        words = f"Nodes, cores and CPUs of {self.name}, and how far nodes are apart"
        return Display(machine_answer(described), self.figure, words, tables, "costs and their sources")


def load_machine(
    name_or_path: str | Path,
    *,
    cost_overrides: Mapping[str, float] = NO_COSTS,
    memory_mib: float | Sequence[float] | None = None,
    llc_mib: float | None = None,
) -> Machine:
    """The machine of that name: a preset, `host` (this one), or a file: hwloc XML, `numactl --hardware`, latencies, our TOML.

    A name goes before a file of the same name (write ./name for the file). `cost_overrides` are in ns, by the names of costs as
    `slabdes machine show` prints them; `memory_mib` is one number for every node that has memory, or one a node; `llc_mib` is
    the size of a last-level cache. Raises InputError.
    """
    loaded = made.load_machine(name_or_path, cost_overrides=cost_overrides, memory_mib=memory_mib, llc_mib=llc_mib)
    return Machine(**{field.name: getattr(loaded, field.name) for field in fields(Topology)})
