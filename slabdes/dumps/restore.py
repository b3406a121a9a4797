# SPDX-License-Identifier: GPL-2.0-only
"""Sets the allocator's state up from a dump: slabs with their lists and free chains, arrays in order, counters.

On another machine than the dump's what has no place there goes back to its slab or is left out, and notes say so. Leaves out
what dumps do not tell: colour offsets of empty lists, touched of alien arrays, which object is whose descriptor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.lists import list_add_tail, list_del, list_entries
from slabdes.allocator.state import (
    BUFCTL_END,
    NO_OBJECT,
    ArrayCache,
    CacheSpec,
    CacheStats,
    KmemCache,
    KmemList3,
    ListName,
    SlabState,
    new_slab,
    object_number,
    virt_to_slab,
)
from slabdes.allocator.transitions import free_block_object
from slabdes.allocator.tunables import Tunables, free_limit
from slabdes.dumps.addresses import Addresses
from slabdes.dumps.bounds import arrays_of_cache, check_room, places_of_cache
from slabdes.dumps.free_lists import Holders
from slabdes.dumps.records import ArrayDump, CacheDump, Dump, NodeDump, SlabDump
from slabdes.errors import InputError, nearest
from slabdes.workload.slabinfo import spellings


@dataclass(frozen=True)
class Restored:
    """A state from a dump. `caches` by name; `notes`, a line each, say what the machine has no place for.

    `descriptors`: by object, the slab whose descriptor it was made to be.
    """

    state: SlabState
    caches: Mapping[str, KmemCache]
    addresses: Addresses
    notes: tuple[str, ...]
    descriptors: Mapping[int, int]


def restore(
    dump: Dump,
    *,
    node_of_cpu: Sequence[int] | None = None,
    n_nodes: int | None = None,
    names: Sequence[str] | None = None,
    jiffies: int = 0,
    descriptors: bool = True,
    counters: bool = True,
) -> Restored:
    """The state that `dump` shows, as the allocator of 6.1 has it.

    `node_of_cpu` and `n_nodes` are the machine to restore it on, the dump's own by default. Nodes that it lacks are left out
    with their slabs; a CPU that it lacks, or has on another node, keeps nothing: its objects go back to their slabs as
    shrink would put them there; CPUs and nodes that the dump lacks begin empty; free_limit is the machine's. Where a note says so
    the state is not the recorded one. `names`: the caches to restore, in this order, then those that their descriptors come from;
    by default all, oldest first, so that reap walks them as the kernel does; kmalloc-1024 also means kmalloc-1k.
    `jiffies`: the moment to restore to (next_reap counts from it). With `descriptors`, off-slab caches take descriptors from
    their kmalloc cache, and each of their slabs has one of its objects in use (which one, dumps do not tell);
    without, the caller sees to it. Without `counters`, statistics begin here instead of with the recorded system.

    Raises InputError for a dump that contradicts itself, or a name that it lacks.
    """
    machine = (dump.node_of_cpu if node_of_cpu is None else tuple(node_of_cpu), dump.n_nodes if n_nodes is None else n_nodes)
    any_alien = any(node.alien for cache in dump.caches.values() for node in cache.nodes)
    state = SlabState(machine[0], machine[1], use_alien_caches=machine[1] > 1 and (any_alien or dump.n_nodes == 1), restored=True)
    holders = Holders(dump)
    wanted = _wanted(dump, holders, names)
    _check_room(dump, state, wanted)
    restorer = _Restorer(dump, state, jiffies, holders, counters)
    for name in wanted:
        restorer.cache(dump.caches[name])
    if descriptors:
        restorer.give_descriptors()
    return Restored(state, restorer.caches, restorer.addresses, tuple(restorer.notes()), restorer.descriptors)


def _check_room(dump: Dump, state: SlabState, wanted: Sequence[str]) -> None:
    """Raise InputError if the caches `wanted` need more memory on this machine than there should be."""
    places = 0
    for name in wanted:
        cache = dump.caches[name]
        places += places_of_cache(state, Tunables(cache.limit, cache.batchcount, cache.shared))
        places += sum(alien.limit for node in cache.nodes for alien in node.alien.values())
        places += cache.geometry.num * sum(len(node.slabs) for node in cache.nodes)
    check_room(state, len(wanted), len(wanted) * arrays_of_cache(state), places, dump.where)


def known_names(dump: Dump, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the dump has, maybe in another spelling."""
    return tuple(name for name in names if any(known in dump.caches for known in spellings(name)))


def dumped(dump: Dump, name: str) -> CacheDump:
    """The dump's cache of that name, maybe in another spelling. InputError if there is none."""
    known = next((spelt for spelt in spellings(name) if spelt in dump.caches), None)
    if known is None:
        raise InputError(dump.where, f"no cache {name!r}{nearest(name, dump.caches)}", allowed=f"one of its {len(dump.caches)}")
    return dump.caches[known]


def _wanted(dump: Dump, holders: Holders, names: Sequence[str] | None) -> list[str]:
    """The caches to create, in order."""
    # A dump lists caches as cache_chain has them: the newest first.
    if names is None:
        wanted = list(reversed(tuple(dump.caches)))
    else:
        wanted = list(dict.fromkeys(dumped(dump, name).name for name in names))
    created = set(wanted)
    for name in wanted:
        holder = holders.of(name)
        if holder and holder not in created:
            wanted.append(holder)
            created.add(holder)
    return wanted


class _Restorer:
    """One state while its caches are filled."""

    def __init__(self, dump: Dump, state: SlabState, jiffies: int, holders: Holders, counters: bool) -> None:
        self.counters = counters
        self.dump = dump
        self.holders = holders
        self.descriptors: dict[int, int] = {}
        self.state = state
        self.jiffies = jiffies
        self.caches: dict[str, KmemCache] = {}
        self.addresses = Addresses()
        self.cpus_of_node = Counter(state.node_of_cpu)
        self.dumped_cpus_of_node = Counter(dump.node_of_cpu)
        self._returned = 0
        self._left_out = 0

    def notes(self) -> Iterator[str]:
        """What differs from the recorded state, a line each."""
        ours, theirs = self.state, self.dump
        if tuple(ours.node_of_cpu) == theirs.node_of_cpu and ours.n_nodes == theirs.n_nodes:
            return
        yield (
            f"{theirs.where}: recorded on {len(theirs.node_of_cpu)} CPUs and {theirs.n_nodes} nodes, restored on "
            f"{len(ours.node_of_cpu)} and {ours.n_nodes}: {self._left_out} slabs of absent nodes left out, "
            f"{self._returned} objects of absent or moved CPUs' arrays put back into their slabs"
        )

    def cache(self, recorded: CacheDump) -> None:
        """Create one cache and fill it."""
        tunables = Tunables(recorded.limit, recorded.batchcount, recorded.shared)
        geometry = replace(recorded.geometry, slabp_cache=self.holders.of(recorded.name))
        cache = kmem_cache_create(self.state, CacheSpec(recorded.name, geometry, tunables), self.jiffies)
        self.caches[recorded.name] = cache
        cache.stats = _stats(recorded) if self.counters else CacheStats()
        for node, l3 in zip(recorded.nodes, cache.nodelists, strict=False):
            self._node(recorded, cache, l3, node)
        self._left_out += sum(len(node.slabs) for node in recorded.nodes[self.state.n_nodes :])
        self._arrays(recorded, cache)
        active = sum(self.state.slabs[slab].inuse for l3 in cache.nodelists for slab in slabs_of(self.state, l3))
        cache.stats.num_active = active
        cache.stats.high_mark = cache.stats.high_mark if self.counters else active
        for node, l3 in zip(recorded.nodes, cache.nodelists, strict=False):
            here = self.cpus_of_node[l3.node]
            same = here == self.dumped_cpus_of_node[l3.node]
            l3.free_limit = node.free_limit if same else free_limit(here, cache.batchcount, cache.num)

    def _node(self, recorded: CacheDump, cache: KmemCache, l3: KmemList3, node: NodeDump) -> None:
        for slab in node.slabs:
            self._slab(recorded, cache, l3, slab)
        free = sum(len(slab.free) for slab in node.slabs)
        if node.free_objects != free:
            raise self._contradiction(recorded, f"node {l3.node}: free_objects={node.free_objects}, slabs have {free}")
        if node.total_slabs != len(node.slabs):
            raise self._contradiction(recorded, f"node {l3.node}: total_slabs={node.total_slabs}, lists have {len(node.slabs)}")
        if node.colour_next >= max(cache.colour, 1):
            raise self._contradiction(recorded, f"node {l3.node}: colour_next={node.colour_next}, the cache has {cache.colour}")
        l3.free_objects = node.free_objects
        l3.free_touched = node.free_touched
        l3.colour_next = node.colour_next
        l3.next_reap = self.jiffies + node.next_reap

    def _slab(self, recorded: CacheDump, cache: KmemCache, l3: KmemList3, slab: SlabDump) -> None:
        number = new_slab(self.state, cache)
        record = self.state.slabs[number]
        if self.addresses.slab_at(cache, slab.address) is not None:
            raise self._contradiction(recorded, f"two slabs at {slab.address:x}")
        record.nodeid = l3.node
        record.inuse = slab.inuse
        record.which = slab.which
        record.colouroff = slab.address - self.addresses.block(cache, slab.address)
        record.free = BUFCTL_END
        for objnr in reversed(slab.free):
            self.state.words[record.bufctl + objnr] = record.free
            record.free = objnr
        list_add_tail(self.state.slabs, number, head_of(l3, slab.which))
        l3.free_slabs += slab.which is ListName.FREE
        self.addresses.learn(cache, number, slab.address)

    def _arrays(self, recorded: CacheDump, cache: KmemCache) -> None:
        seen = _Seen(self.state)
        for cpu, array in enumerate(recorded.arrays):
            home = self.dump.node_of_cpu[cpu]
            at_home = cpu < len(cache.array) and self.state.node_of_cpu[cpu] == home
            self._array(recorded, cache, cache.array[cpu] if at_home else None, array, home, seen)
        for number, node in enumerate(recorded.nodes):
            l3 = cache.nodelists[number] if number < len(cache.nodelists) else None
            if node.shared:
                self._array(recorded, cache, l3.shared if l3 else None, node.shared, number, seen)
            if l3 and l3.alien and not node.alien and self.dump.n_nodes == self.state.n_nodes:
                l3.alien = None
            for other, alien in node.alien.items():
                aliens = l3.alien if l3 else None
                ours = aliens[other] if aliens and other < len(aliens) else None
                self._array(recorded, cache, ours, alien, other, seen)

    def _array(
        self, recorded: CacheDump, cache: KmemCache, ac: ArrayCache | None, array: ArrayDump, node: int, seen: _Seen
    ) -> None:
        """Fill `ac`, or put the objects back into their slabs if the machine has no such array."""
        if ac is not None and ac.limit != array.limit:
            ac.limit = array.limit
            ac.entry = self.state.new_words(array.limit)
        for pointer in array.objects:
            obj = self.addresses.object_at(cache, pointer)
            if obj == NO_OBJECT and node >= self.state.n_nodes:
                continue
            if obj == NO_OBJECT or self.state.slabs[virt_to_slab(obj)].nodeid != node or not seen.add(obj):
                problem = f"array of node {node} holds {pointer:x}, which is no object in use of that node"
                raise self._contradiction(recorded, problem)
            if ac is None:
                l3 = cache.nodelists[node]
                free_block_object(self.state.words, self.state.slabs, l3, cache.stats, obj, trim=False)
                self._returned += 1
            else:
                self.state.words[ac.entry + ac.avail] = obj
                ac.avail += 1
        if ac is not None:
            ac.touched = array.touched

    def give_descriptors(self) -> None:
        """Tie off-slab caches to their kmalloc caches, and their slabs to objects in use there, of the same node if possible."""
        spare: dict[str, dict[int, list[int]]] = {}
        for name, cache in self.caches.items():
            holder = self.holders.of(name)
            if holder is None:
                continue
            cache.slabp_cache = self.caches[holder]
            slabs = [slab for l3 in cache.nodelists for slab in slabs_of(self.state, l3)]
            if slabs and holder not in spare:
                spare[holder] = self._live_by_node(cache.slabp_cache)
            for slab in slabs:
                record = self.state.slabs[slab]
                left = spare[holder].get(record.nodeid) or next((objects for objects in spare[holder].values() if objects), None)
                if not left:
                    problem = f"more slabs than objects in use of {holder}, where their free lists lie"
                    raise self._contradiction(self.dump.caches[name], problem)
                record.descriptor = left.pop()
                self.descriptors[record.descriptor] = slab
                cache.slabp_cache.nodelists[self.state.slabs[virt_to_slab(record.descriptor)].nodeid].descriptors += 1

    def _live_by_node(self, cache: KmemCache) -> dict[int, list[int]]:
        by_node: dict[int, list[int]] = {}
        for obj in live_objects(self.state, cache):
            by_node.setdefault(self.state.slabs[virt_to_slab(obj)].nodeid, []).append(obj)
        return by_node

    def _contradiction(self, recorded: CacheDump, problem: str) -> InputError:
        return InputError(f"{self.dump.where}: {recorded.name}", problem, allowed="a dump that agrees with itself")


class _Seen:
    """The objects of a cache that arrays were seen to hold, and those that were free before."""

    def __init__(self, state: SlabState) -> None:
        self._state = state
        self._of_slab: dict[int, set[int]] = {}

    def add(self, obj: int) -> bool:
        """Whether `obj` is in use and no array has been seen to hold it; from now on one has."""
        slab = virt_to_slab(obj)
        if slab not in self._of_slab:
            self._of_slab[slab] = set(free_objects_of(self._state, slab))
        known = self._of_slab[slab]
        if obj in known:
            return False
        known.add(obj)
        return True


def free_objects_of(state: SlabState, slab: int) -> list[int]:
    """A slab's free objects in hand-out order."""
    record = state.slabs[slab]
    chain = []
    objnr = record.free
    while objnr != BUFCTL_END:
        chain.append(object_number(slab, objnr))
        objnr = state.words[record.bufctl + objnr]
    return chain


def live_objects(state: SlabState, cache: KmemCache) -> Iterator[int]:
    """Every object of `cache` that is handed out: neither in an array nor free in its slab."""
    cached = set(cached_objects(state, cache))
    for l3 in cache.nodelists:
        for slab in slabs_of(state, l3):
            free = set(free_objects_of(state, slab))
            for objnr in range(cache.num):
                obj = object_number(slab, objnr)
                if obj not in free and obj not in cached:
                    yield obj


def cached_objects(state: SlabState, cache: KmemCache) -> Iterator[int]:
    """Every object that lies in an array of `cache`."""
    for ac in arrays_of(cache):
        yield from state.words[ac.entry : ac.entry + ac.avail]


def arrays_of(cache: KmemCache, node: int | None = None) -> Iterator[ArrayCache]:
    """Every array of `cache`: the CPUs', then each node's shared and alien ones; of the alien ones only those for `node`."""
    yield from cache.array
    for l3 in cache.nodelists:
        if l3.shared:
            yield l3.shared
        aliens = l3.alien or ()
        yield from (alien for alien in (aliens if node is None else aliens[node : node + 1]) if alien)


def relist(state: SlabState, l3: KmemList3, slab: int, which: ListName) -> None:
    """Move a slab to the tail of another list of its node."""
    record = state.slabs[slab]
    if record.which != which:
        list_del(state.slabs, slab)
        list_add_tail(state.slabs, slab, head_of(l3, which))
        l3.free_slabs += (which == ListName.FREE) - (record.which == ListName.FREE)
        record.which = which


def head_of(l3: KmemList3, which: ListName) -> int:
    """The number of a list's head."""
    return {ListName.PARTIAL: l3.slabs_partial, ListName.FULL: l3.slabs_full, ListName.FREE: l3.slabs_free}[which]


def slabs_of(state: SlabState, l3: KmemList3) -> Iterator[int]:
    """A node's slabs, list by list."""
    for which in ListName:
        yield from list_entries(state.slabs, head_of(l3, which))


def _stats(recorded: CacheDump) -> CacheStats:
    """The counters since boot."""
    allocations, high, grown, reaped, errors, freeable, node_allocs, node_frees, overflow = recorded.info.globalstat
    allochit, allocmiss, freehit, freemiss = recorded.info.cpustat
    return CacheStats(
        num_allocations=allocations,
        high_mark=high,
        grown=grown,
        reaped=reaped,
        errors=errors,
        max_freeable=freeable,
        node_allocs=node_allocs,
        node_frees=node_frees,
        node_overflow=overflow,
        allochit=allochit,
        allocmiss=allocmiss,
        freehit=freehit,
        freemiss=freemiss,
    )
