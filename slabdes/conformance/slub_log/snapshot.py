# SPDX-License-Identifier: GPL-2.0-only
"""A SLUB cache's counters and complete state, as the logs print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from slabdes.allocator.lists import list_entries
from slabdes.allocator.slub.state import NO_SHEAF, ON_PARTIAL, KmemCache, KmemCacheCpu, SlubState, SlubStats
from slabdes.allocator.state import BUFCTL_END, NOBODY, Slab, obj_to_index, virt_to_slab
from slabdes.conformance.slub_log.kernel import CPU_SLAB_SITES, SITES
from slabdes.paths.sites import LockSite

SHEAF_STATS = tuple(part.name for part in fields(SlubStats))[:26]
CPU_SLAB_STATS = (
    "alloc_fastpath", "alloc_slowpath", "free_fastpath", "free_slowpath", "free_frozen", "free_add_partial",
    "free_remove_partial", "alloc_from_partial", "alloc_slab", "alloc_refill", "alloc_node_mismatch", "free_slab",
    "cpuslab_flush", "deactivate_full", "deactivate_empty", "deactivate_to_head", "deactivate_to_tail",
    "deactivate_remote_frees", "deactivate_bypass", "order_fallback", "cmpxchg_double_cpu_fail", "cmpxchg_double_fail",
    "cpu_partial_alloc", "cpu_partial_free", "cpu_partial_node", "cpu_partial_drain",
)  # fmt: skip
"""The counters of 7.3's logs and of 6.12's, in their order."""


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
    counted, sites = (CPU_SLAB_STATS, CPU_SLAB_SITES) if cache.cpu_slab else (SHEAF_STATS, SITES)
    totals = {name: sum(getattr(stats, name) for stats in cache.stats) for name in counted}
    yield "STATS " + " ".join(f"{name}={total}" for name, total in totals.items())
    yield "LOCKS " + " ".join(f"{name}={locks[site]}" for site, name in sites.items())


def snapshot(state: SlubState, cache: KmemCache, prefilled: Mapping[int, int]) -> Iterator[str]:
    """Sheaves of CPUs and those handed out (`prefilled`, by handle), barns, slabs."""
    for number, (c, node) in enumerate(zip(cache.cpu_slab, state.node_of_cpu, strict=False)):
        yield f"  cpu{number}(node{node}): {_cpu_slab(state, c)}"
    for number, (pcs, node) in enumerate(zip(() if cache.cpu_slab else cache.cpu_sheaves, state.node_of_cpu, strict=False)):
        parts = (f"{name}={sheaf_text(state, getattr(pcs, name))}" for name in ("main", "spare", "rcu"))
        yield f"  cpu{number}(node{node}): " + " ".join(parts)
    for handle, sheaf in prefilled.items():
        yield f"  sheaf{handle}: capacity={state.sheaves[sheaf].capacity} size={sheaf_text(state, sheaf)}"
    for node in range(state.n_nodes):
        yield from _barn(state, cache, node)
        if state.has_memory[node]:
            yield from _node(state, cache, node)


def _cpu_slab(state: SlubState, c: KmemCacheCpu) -> str:
    own, private = "-", ""
    if c.slab != NOBODY:
        slab = state.slabs[c.slab]
        own, private = _slab_text(state, slab), ",".join(map(str, _chain(state, slab, c.free)))
    stack = "".join(f" {_slab_text(state, state.slabs[number])}" for number in cpu_partials(state, c))
    return f"slab={own} free=[{private}] partial={c.count}:{stack}"


def cpu_partials(state: SlubState, c: KmemCacheCpu) -> Iterator[int]:
    """A CPU's partial slabs, the top one first."""
    number = c.partial
    while number != NOBODY:
        yield number
        number = state.slabs[number].link


def _slab_text(state: SlubState, slab: Slab) -> str:
    return f"S{slab.serial}({slab.inuse}/{slab.num}:{','.join(map(str, free_chain(state, slab)))})"


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
    yield f"  node{node} partial:" + "".join(f" {_slab_text(state, slab)}" for slab in partial)
    held = {state.slabs[number].serial for c in cache.cpu_slab for number in (*cpu_partials(state, c), c.slab) if number >= 0}
    here = (slab for slab in slabs_of(state, cache) if slab.nodeid == node and slab.serial not in held)
    full = (slab for slab in here if slab.which != ON_PARTIAL)
    yield f"  node{node} full:" + "".join(f" S{slab.serial}" for slab in full)


def free_chain(state: SlubState, slab: Slab) -> Iterator[int]:
    """A slab's free objects in hand-out order."""
    return _chain(state, slab, slab.free)


def _chain(state: SlubState, slab: Slab, objnr: int) -> Iterator[int]:
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
