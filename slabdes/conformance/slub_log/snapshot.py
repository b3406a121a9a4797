# SPDX-License-Identifier: GPL-2.0-only
"""A SLUB cache's counters and complete state, as the 7.3 logs print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.state import NO_SHEAF, ON_PARTIAL, KmemCache, SlubState, SlubStats
from slabdes.allocator.state import BUFCTL_END, Slab, obj_to_index, virt_to_slab
from slabdes.conformance.slub_log.kernel import SITES
from slabdes.paths.sites import LockSite


def slabs_of(state: SlubState, cache: KmemCache) -> list[Slab]:
    """A cache's slabs in the order in which they were made."""
    found = (slab for slab in state.slabs if slab.cache == cache.index and slab.num and slab.nodeid >= 0)
    return sorted(found, key=lambda slab: slab.serial)


def counters(state: SlubState, cache: KmemCache, locks: Mapping[LockSite, int]) -> Iterator[str]:
    """SLABINFO, STATS summed over CPUs, LOCKS."""
    slabs = slabs_of(state, cache)
    free = sum(slab.num - slab.inuse for slab in slabs if slab.which == ON_PARTIAL)
    objects = sum(slab.num for slab in slabs)
    yield (
        f"SLABINFO {cache.name} active_objs={objects - free} num_objs={objects} objsize={cache.size} objperslab={cache.num} "
        f"pagesperslab={1 << cache.order} active_slabs={len(slabs)} num_slabs={len(slabs)}"
    )
    totals = {part.name: sum(getattr(stats, part.name) for stats in cache.stats) for part in fields(SlubStats)}
    yield "STATS " + " ".join(f"{name}={total}" for name, total in totals.items())
    yield "LOCKS " + " ".join(f"{name}={locks[site]}" for site, name in SITES.items())


def snapshot(state: SlubState, cache: KmemCache, prefilled: Mapping[int, int]) -> Iterator[str]:
    """Sheaves of CPUs and those handed out (`prefilled`, by handle), barns, slabs."""
    for number, (pcs, node) in enumerate(zip(cache.cpu_sheaves, state.node_of_cpu, strict=True)):
        parts = (f"{name}={sheaf_text(state, getattr(pcs, name))}" for name in ("main", "spare", "rcu"))
        yield f"  cpu{number}(node{node}): " + " ".join(parts)
    for handle, sheaf in prefilled.items():
        yield f"  sheaf{handle}: capacity={state.sheaves[sheaf].capacity} size={sheaf_text(state, sheaf)}"
    for node in range(state.n_nodes):
        yield from _barn(state, cache, node)
        if state.has_memory[node]:
            yield from _node(state, cache, node)


def _barn(state: SlubState, cache: KmemCache, node: int) -> Iterator[str]:
    if not cache.barn:
        return
    barn = cache.barn[node]
    yield f"  node{node} barn: full={barn.nr_full} empty={barn.nr_empty}"
    for sheaf in sheaf_chain(state, barn.full):
        yield f"  node{node} barn full={sheaf_text(state, sheaf)}"
    for sheaf in sheaf_chain(state, barn.empty):
        if state.sheaves[sheaf].size:
            yield f"  node{node} barn nonempty={sheaf_text(state, sheaf)}"


def _node(state: SlubState, cache: KmemCache, node: int) -> Iterator[str]:
    n = cache.node[node]
    yield f"  node{node} slabs={n.nr_slabs} objects={n.total_objects} nr_partial={n.nr_partial}"
    partial = (state.slabs[number] for number in list_entries(state.slabs, n.partial))
    listed = (f" S{slab.serial}({slab.inuse}/{slab.num}:{','.join(map(str, free_chain(state, slab)))})" for slab in partial)
    yield f"  node{node} partial:" + "".join(listed)
    full = (slab for slab in slabs_of(state, cache) if slab.which != ON_PARTIAL and slab.nodeid == node)
    yield f"  node{node} full:" + "".join(f" S{slab.serial}" for slab in full)


def free_chain(state: SlubState, slab: Slab) -> Iterator[int]:
    """A slab's free objects in hand-out order."""
    objnr = slab.free
    while objnr != BUFCTL_END:
        yield objnr
        objnr = state.words[slab.bufctl + objnr]


def sheaf_chain(state: SlubState, first: int) -> Iterator[int]:
    """The sheaves of a barn's list, the first first."""
    while first != NO_SHEAF:
        yield first
        first = state.sheaves[first].link


def sheaf_text(state: SlubState, number: int) -> str:
    """A sheaf's objects, bottom to top; `-` for none."""
    if number == NO_SHEAF:
        return "-"
    sheaf = state.sheaves[number]
    objects = state.words[sheaf.entry : sheaf.entry + sheaf.size]
    return f"{sheaf.size}[{' '.join(object_name(state, obj) for obj in objects)}]"


def object_name(state: SlubState, obj: int) -> str:
    """S<slab>.<index>."""
    return f"S{state.slabs[virt_to_slab(obj)].serial}.{obj_to_index(obj)}"
