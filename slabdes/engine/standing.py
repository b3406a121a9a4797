# SPDX-License-Identifier: GPL-2.0-only
"""How memory stands at a moment of a run: each cache's slabs on each node by list, and its objects by where they lie.

Only looks: nothing changes. Leaves out when that is (`engine.marks`), and the compiled engine's memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from slabdes.allocator.slub.state import ON_PARTIAL, SlubState
from slabdes.allocator.state import NO_NODE, SlabState, virt_to_slab
from slabdes.engine.records import Standing
from slabdes.engine.slub_records import in_barns, in_grace, in_stock, slabs_of_cpus

COUNTED: Final = (
    "slabs_partial", "slabs_full", "slabs_free", "slabs_cpu", "free_objects", "inuse", "in_arrays", "in_shared", "in_alien",
    "in_rcu", "descriptors",
)  # fmt: skip
"""What is counted of each cache and node: `inuse` as slabs have it, `descriptors` as KmemList3 has them."""
Counts = Mapping[str, Sequence[int]]
"""Each of COUNTED, cache by cache and node by node; what is left out is 0."""


def standing_of(state: SlabState | SlubState) -> tuple[Standing, ...]:
    """How the memory of an allocator stands."""
    counts = {name: [0] * (len(state.caches) * state.n_nodes) for name in COUNTED}
    if isinstance(state, SlubState):
        _count_slub(state, counts)
    else:
        _count_slab(state, counts)
    return standings(state.n_nodes, counts)


def standings(nodes: int, counts: Counts) -> tuple[Standing, ...]:
    """The standings of all caches and nodes in their order."""
    rows = enumerate(zip(*(counts[name] for name in COUNTED), strict=True))
    return tuple(
        Standing(
            at // nodes, at % nodes, partial, full, free, of_cpus, unused, inuse - arrays - shared - alien - rcu - own, arrays,
            shared, alien, rcu,
        )
        for at, (partial, full, free, of_cpus, unused, inuse, arrays, shared, alien, rcu, own) in rows
    )  # fmt: skip


def _count_slab(state: SlabState, counts: Mapping[str, list[int]]) -> None:
    nodes = state.n_nodes
    for slab in state.slabs:
        if slab.num and slab.nodeid != NO_NODE:
            at = slab.cache * nodes + slab.nodeid
            counts["slabs_full" if slab.inuse == slab.num else "slabs_partial" if slab.inuse else "slabs_free"][at] += 1
            counts["free_objects"][at] += slab.num - slab.inuse
            counts["inuse"][at] += slab.inuse
    for cache in state.caches:
        first = cache.index * nodes
        for ac, home in zip(cache.array, state.node_of_cpu, strict=True):
            counts["in_arrays"][first + home] += ac.avail
        for l3 in cache.nodelists:
            counts["descriptors"][first + l3.node] = l3.descriptors
            if l3.shared is not None:
                counts["in_shared"][first + l3.node] = l3.shared.avail
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    counts["in_alien"][first + other] += alien.avail


def _count_slub(state: SlubState, counts: Mapping[str, list[int]]) -> None:
    nodes = state.n_nodes
    of_cpus = {number for cache in state.caches for number in slabs_of_cpus(state, cache)}
    for number, slab in enumerate(state.slabs):
        if slab.num and slab.nodeid != NO_NODE:
            at = slab.cache * nodes + slab.nodeid
            name = "slabs_partial" if slab.which == ON_PARTIAL else "slabs_cpu" if number in of_cpus else "slabs_full"
            counts[name][at] += 1
            counts["free_objects"][at] += slab.num - slab.inuse
            counts["inuse"][at] += slab.inuse
    for cache in state.caches:
        lie = {"in_arrays": in_stock(state, cache), "in_shared": in_barns(state, cache), "in_rcu": in_grace(state, cache)}
        for name, objects in lie.items():
            for node, count in Counter(state.slabs[virt_to_slab(obj)].nodeid for obj in objects).items():
                counts[name][cache.index * nodes + node] = count
