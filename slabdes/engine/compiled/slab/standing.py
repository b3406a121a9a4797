# SPDX-License-Identifier: GPL-2.0-only
"""How the compiled engine's memory stands at a moment: the counts of `engine.standing`, of all slabs and arrays at once.

Leaves out what is made of them.
"""

from __future__ import annotations

import numpy as np

from slabdes.allocator.state import NO_NODE, SlabState
from slabdes.engine.compiled.layout import Array
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.records import Standing
from slabdes.engine.standing import COUNTED, standings


class CompiledStanding:
    """Looks at a run's memory, which was packed from `state`."""

    def __init__(self, memory: Memory, state: SlabState) -> None:
        self._memory, self._nodes = memory, state.n_nodes
        self._places = len(state.caches) * state.n_nodes
        cpus = np.arange(state.n_cpus)
        first = memory["caches"]["array"][: len(state.caches), np.newaxis]
        self._arrays = (first + cpus).reshape(-1)
        home = np.asarray(state.node_of_cpu, "i8")
        self._homes = (np.arange(len(state.caches))[:, np.newaxis] * state.n_nodes + home).reshape(-1)

    def __call__(self) -> tuple[Standing, ...]:
        """How it stands now."""
        memory, nodes = self._memory, self._nodes
        slabs = memory["slabs"][: memory.get("n_slabs")]
        there = slabs[(slabs["num"] > 0) & (slabs["nodeid"] != NO_NODE)]
        at, inuse, num = there["cache"] * nodes + there["nodeid"], there["inuse"], there["num"]
        avail, l3s = memory["arrays"]["avail"], memory["l3s"][: self._places]
        shared = np.where(l3s["shared"] >= 0, avail[l3s["shared"]], 0)
        alien = np.where(
            l3s["alien"][:, np.newaxis] >= 0, avail[(l3s["alien"][:, np.newaxis] + np.arange(nodes)) % len(avail)], 0
        )
        counts = {
            "slabs_partial": self._sums(at, (inuse > 0) & (inuse < num)),
            "slabs_full": self._sums(at, inuse == num),
            "slabs_free": self._sums(at, inuse == 0),
            "slabs_cpu": np.zeros(self._places, "i8"),
            "free_objects": self._sums(at, num - inuse),
            "inuse": self._sums(at, inuse),
            "in_arrays": self._sums(self._homes, avail[self._arrays]),
            "in_shared": shared,
            "in_alien": alien.reshape(-1, nodes, nodes).sum(axis=1).reshape(-1),
            "in_rcu": np.zeros(self._places, "i8"),
            "descriptors": l3s["descriptors"],
        }
        return standings(nodes, {name: counts[name].tolist() for name in COUNTED})

    def _sums(self, at: Array, what: Array) -> Array:
        """Sums by cache and node; exact, as counts are far below 2**53."""
        return np.bincount(at, what, self._places).astype("i8")
