# SPDX-License-Identifier: GPL-2.0-only
"""How memory stands at a moment of a run on SLUB: the counts of `engine.standing`, of all slabs and sheaves at once.

Chains of sheaves, of slabs and of free objects are walked link by link, all chains together.
Leaves out what is made of the counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from slabdes.allocator.slub.state import NO_SHEAF, ON_PARTIAL, SlubState
from slabdes.allocator.state import BUFCTL_END, NO_NODE, NOBODY, OBJECT_BITS
from slabdes.engine.compiled.layout import Array
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.records import Standing
from slabdes.engine.standing import COUNTED, standings


class CompiledSlubStanding:
    """Looks at a run's memory, which was packed from `state`."""

    def __init__(self, memory: Memory, state: SlubState) -> None:
        self._memory, self._nodes = memory, state.n_nodes
        self._places = len(state.caches) * state.n_nodes
        self._has_barns = any(cache.barn for cache in state.caches)

    def __call__(self) -> tuple[Standing, ...]:
        """How it stands now."""
        memory = self._memory
        slabs = memory["slabs"][: memory.get("n_slabs")]
        is_there = (slabs["num"] > 0) & (slabs["nodeid"] != NO_NODE)
        partial, of_cpus = slabs["which"] == ON_PARTIAL, np.zeros(len(slabs), bool)
        for numbers in self._slabs_of_cpus():
            of_cpus[numbers] = True
        of_cpus &= ~partial
        at, there = (slabs["cache"] * self._nodes + slabs["nodeid"])[is_there], slabs[is_there]
        private, in_barns, in_rcu = self._private(), self._in_sheaves(self._of_barns()), self._in_sheaves(self._waiting())
        own = memory["cpu_sheaves"]
        mine, filling = np.concatenate([own[name] for name in ("main", "spare")]), own["rcu"]
        counts = {name: np.zeros(self._places, "i8") for name in COUNTED} | {
            "slabs_partial": self._sums(at, partial[is_there]),
            "slabs_full": self._sums(at, ~(partial | of_cpus)[is_there]),
            "slabs_cpu": self._sums(at, of_cpus[is_there]),
            "free_objects": self._sums(at, there["num"] - there["inuse"]),
            "inuse": self._sums(at, there["inuse"]),
            "in_arrays": self._in_sheaves(mine[mine != NO_SHEAF]) + private + self._in_hand(callbacks=False),
            "in_shared": in_barns,
            "in_rcu": in_rcu + self._in_hand(callbacks=True) + self._in_sheaves(filling[filling != NO_SHEAF]),
        }
        return standings(self._nodes, {name: counts[name].tolist() for name in COUNTED})

    def _chains(self, table: str, first: Array) -> Iterator[Array]:
        """The numbers that chains go through, one of each at a time."""
        while (first := first[first != NOBODY]).size:
            yield first
            first = self._memory[table]["link"][first]

    def _slabs_of_cpus(self) -> Iterator[Array]:
        own = self._own_slabs()
        yield own["slab"][own["slab"] != NOBODY]
        yield from self._chains("slabs", own["partial"])

    def _own_slabs(self) -> Array:
        """Of caches that have none there is a record that says nothing."""
        own = self._memory["own_slabs"]
        return own if self._memory.get("cpu_slabs") else own[:0]

    def _private(self) -> Array:
        """Objects of private free chains, or of those given up, which lie on their slab's node."""
        slabs, words, hands = self._memory["slabs"], self._memory["words"], self._memory["in_hand"]
        number, objnr = (np.concatenate([self._own_slabs()[name], hands[name]]) for name in ("slab", "free"))
        objnr, slab = objnr[number != NOBODY], slabs[number[number != NOBODY]]
        counted = np.zeros(self._places, "i8")
        while (left := objnr != BUFCTL_END).any():
            slab, objnr = slab[left], objnr[left]
            counted += self._sums(slab["cache"] * self._nodes + slab["nodeid"], np.ones(len(slab)))
            objnr = words[slab["bufctl"] + objnr]
        return counted

    def _of_barns(self) -> Array:
        barns = self._memory["barns"]["full"] if self._has_barns else np.zeros(0, "i8")
        first = np.concatenate([barns, self._memory["in_hand"]["sheaf"]])
        return np.concatenate([np.zeros(0, "i8"), *self._chains("all_sheaves", first)])

    def _waiting(self) -> Array:
        """Sheaves and blocks that wait for a grace period, or for their block to be full."""
        rcu = self._memory["rcu"]
        blocks = rcu["block"][rcu["block"] != NO_SHEAF]
        return np.concatenate([blocks, *self._chains("all_sheaves", rcu["first"])])

    def _in_hand(self, callbacks: bool) -> Array:
        """Objects on their way, those of callbacks or the others."""
        hands = self._memory["in_hand"][(self._memory["rcu"]["running"] != NO_SHEAF) == callbacks]
        return self._lying(hands["at"], np.maximum(hands["left"], 0))

    def _in_sheaves(self, numbers: Array) -> Array:
        sheaves = self._memory["all_sheaves"][numbers]
        return self._lying(sheaves["entry"], sheaves["size"])

    def _lying(self, entries: Array, sizes: Array) -> Array:
        """Objects by cache and node that lie in `words`, so many from each entry on."""
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(entries - (ends - sizes), sizes)
        slabs = self._memory["slabs"][self._memory["words"][places] >> OBJECT_BITS]
        return self._sums(slabs["cache"] * self._nodes + slabs["nodeid"], np.ones(len(slabs)))

    def _sums(self, at: Array, what: Array) -> Array:
        """Sums by cache and node; exact, as counts are far below 2**53."""
        return np.bincount(at, what, self._places).astype("i8")
