# SPDX-License-Identifier: GPL-2.0-only
"""The invariants that `state` prints, executed. For tests and dumps; the allocator itself never checks."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from slabdes.allocator.lists import free_chain, list_entries
from slabdes.allocator.slub.state import FROZEN, NO_SHEAF, ON_PARTIAL, KmemCache, SlubState
from slabdes.allocator.state import BUFCTL_END, NOBODY, Slab, obj_to_index, object_number, virt_to_slab
from slabdes.errors import CheckFailed


def check(
    state: SlubState,
    cache: KmemCache,
    live: Collection[int] | None = None,
    out: Collection[int] = (),
    *,
    barns_with_memory: bool = False,
) -> None:
    """Raise CheckFailed at the first invariant of `cache` that does not hold.

    `live` are the objects that callers hold or the general kfree_rcu batching does, if they are known, `out` the sheaves that
    callers hold or that wait for RCU; with `barns_with_memory` nodes without have no barn. To be called while no operation is
    under way.
    """
    used: set[int] = set()
    held = _slabs_of_cpus(state, cache)
    for number, slab in enumerate(state.slabs):
        if slab.cache == cache.index and slab.num and slab.nodeid >= 0:
            used |= _objects_in_use(state, cache, number, slab, held=number in held)
    for node in range(state.n_nodes):
        _check_node(state, cache, node)
        if not cache.barn or not barns_with_memory or state.has_memory[node]:
            continue
        barn = cache.barn[node]
        if barn.nr_full + barn.nr_empty:
            raise _broken(cache, f"node {node} has no barn, and {barn.nr_full} full sheaves and {barn.nr_empty} empty ones in it")
    stocked = _check_sheaves(state, cache, out) | _private_objects(state, cache)
    for obj in stocked:
        if obj not in used:
            raise _broken(cache, f"object {_name(state, obj)} is in a sheaf and free in its slab")
    if live is None:
        return
    if len(set(live)) != len(live) or not stocked.isdisjoint(live) or not used.issuperset(live):
        raise _broken(cache, "an object is handed out twice, in a sheaf, or free in its slab, and handed out")
    if len(used) != len(stocked) + len(live):
        raise _broken(cache, f"{len(used)} objects outside slabs, {len(stocked)} in sheaves, {len(live)} handed out")


def _slabs_of_cpus(state: SlubState, cache: KmemCache) -> set[int]:
    """Slabs that are some CPU's own, or on its partial list."""
    found: list[int] = []
    for cpu, c in enumerate(cache.cpu_slab):
        number, depth = c.partial, 0
        while number != NOBODY and depth <= c.count:
            found.append(number)
            number, depth = state.slabs[number].link, depth + 1
        if depth != c.count:
            raise _broken(cache, f"CPU {cpu} counts {c.count} partial slabs, {depth} or more are there")
        if c.slab != NOBODY:
            found.append(c.slab)
    if len(set(found)) != len(found):
        raise _broken(cache, "a slab is held by two CPUs, or twice by one")
    return set(found)


def _private_objects(state: SlubState, cache: KmemCache) -> set[int]:
    """Objects of CPUs' private free chains: as those in sheaves, they are outside their slabs."""
    found: set[int] = set()
    for cpu, c in enumerate(cache.cpu_slab):
        if c.slab == NOBODY and c.free != BUFCTL_END:
            raise _broken(cache, f"CPU {cpu} has a private chain and no slab")
        if c.slab != NOBODY:
            if state.slabs[c.slab].which != FROZEN:
                raise _broken(cache, f"slab {state.slabs[c.slab].serial} of CPU {cpu} is not frozen")
            found.update(object_number(c.slab, objnr) for objnr in free_chain(state, cache.name, state.slabs[c.slab], c.free))
    return found


def _objects_in_use(state: SlubState, cache: KmemCache, number: int, slab: Slab, *, held: bool) -> set[int]:
    chain = list(free_chain(state, cache.name, slab, slab.free))
    if len(chain) != slab.num - slab.inuse or len(set(chain)) != len(chain):
        raise _broken(cache, f"slab {slab.serial}: free chain {chain} with {slab.inuse} of {slab.num} in use")
    if (slab.which == ON_PARTIAL) != (bool(chain) and not held):
        where = "on" if slab.which == ON_PARTIAL else "not on"
        raise _broken(cache, f"slab {slab.serial} with {len(chain)} free objects is {where} the partial list")
    if not state.has_memory[slab.nodeid] or slab.num not in (cache.num, cache.min_objects):
        raise _broken(cache, f"slab {slab.serial} of {slab.num} objects on node {slab.nodeid}")
    return {object_number(number, objnr) for objnr in set(range(slab.num)).difference(chain)}


def _check_node(state: SlubState, cache: KmemCache, node: int) -> None:
    n = cache.node[node]
    slabs = [slab for slab in state.slabs if slab.cache == cache.index and slab.num and slab.nodeid == node]
    counts = len(slabs), sum(slab.num for slab in slabs)
    if (n.nr_slabs, n.total_objects) != counts:
        raise _broken(cache, f"node {node}: nr_slabs, total_objects are {n.nr_slabs}, {n.total_objects}, not {counts}")
    before = n.partial
    listed = 0
    for number in list_entries(state.slabs, n.partial):
        slab = state.slabs[number]
        if slab.prev != before or slab.which != ON_PARTIAL or slab.nodeid != node or slab.cache != cache.index:
            raise _broken(cache, f"node {node}: slab {slab.serial} is linked wrongly")
        before = number
        listed += 1
    on_partial = sum(1 for slab in slabs if slab.which == ON_PARTIAL)
    if state.slabs[n.partial].prev != before or not n.nr_partial == listed == on_partial:
        raise _broken(cache, f"node {node}: nr_partial is {n.nr_partial}, {listed} slabs are linked, {on_partial} say they are")


def _check_sheaves(state: SlubState, cache: KmemCache, out: Collection[int]) -> set[int]:
    """The objects in sheaves."""
    places = [*_cpu_sheaves(state, cache), *_barn_sheaves(state, cache), *((sheaf, "handed out") for sheaf in out)]
    seen: set[int] = set()
    stocked: set[int] = set()
    for number, place in places:
        sheaf = state.sheaves[number]
        if number in seen:
            raise _broken(cache, f"sheaf {number} ({place}) is in two places")
        seen.add(number)
        if not 0 <= sheaf.size <= sheaf.capacity <= sheaf.room:
            raise _broken(cache, f"sheaf {number} ({place}): {sheaf.size} of {sheaf.capacity} objects")
        objects = state.words[sheaf.entry : sheaf.entry + sheaf.size]
        if len(set(objects)) != len(objects) or not stocked.isdisjoint(objects):
            raise _broken(cache, f"sheaf {number} ({place}) has an object that is in a sheaf already")
        if any(state.slabs[virt_to_slab(obj)].cache != cache.index for obj in objects):
            raise _broken(cache, f"sheaf {number} ({place}) has another cache's object")
        stocked.update(objects)
    return stocked


def _cpu_sheaves(state: SlubState, cache: KmemCache) -> Iterator[tuple[int, str]]:
    for cpu, pcs in enumerate(cache.cpu_sheaves):
        if pcs.main == NO_SHEAF:
            raise _broken(cache, f"CPU {cpu} has no main sheaf")
        if pcs.rcu != NO_SHEAF and state.sheaves[pcs.rcu].size == state.sheaves[pcs.rcu].capacity:
            raise _broken(cache, f"CPU {cpu} keeps a full RCU sheaf")
        for name in ("main", "spare", "rcu"):
            if (number := getattr(pcs, name)) != NO_SHEAF:
                yield number, f"{name} of CPU {cpu}"


def _barn_sheaves(state: SlubState, cache: KmemCache) -> Iterator[tuple[int, str]]:
    for barn in cache.barn:
        for first, count, kind in ((barn.full, barn.nr_full, "full"), (barn.empty, barn.nr_empty, "empty")):
            number, listed = first, 0
            while number != NO_SHEAF and listed <= count:
                sheaf = state.sheaves[number]
                if sheaf.size != (sheaf.capacity if kind == "full" else 0):
                    raise _broken(cache, f"node {barn.node}'s barn: a sheaf of {sheaf.size} objects among the {kind} ones")
                yield number, f"barn of node {barn.node}"
                number, listed = state.sheaves[number].link, listed + 1
            if listed != count:
                raise _broken(cache, f"node {barn.node}'s barn counts {count} {kind} sheaves, {listed} or more are there")


def _name(state: SlubState, obj: int) -> str:
    return f"{obj_to_index(obj)} of slab {state.slabs[virt_to_slab(obj)].serial}"


def _broken(cache: KmemCache, what: str) -> CheckFailed:
    return CheckFailed(f"cache {cache.name}: {what}")
