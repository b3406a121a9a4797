# SPDX-License-Identifier: GPL-2.0-only
"""Where objects come from below sheaves: partial lists of this node and of others, and new slabs. Linux 7.3, as generators.

Leaves out frees. Each function is named after its original where that is one function.
"""

from __future__ import annotations

from slabdes.allocator.gfp import THISNODE
from slabdes.allocator.slub.state import CYCLES_MASK, NO_SHEAF, KmemCache, KmemCacheNode
from slabdes.allocator.slub.transitions import (
    add_partial,
    chain_tail,
    copy_chain,
    copy_new,
    init_slab,
    is_unchanged,
    remove_partial,
    return_freelist,
    take_first,
    take_freelist,
)
from slabdes.allocator.slub.versions import Leftovers, RemoteRefill
from slabdes.allocator.state import BUFCTL_END, NO_NODE, NO_OBJECT, NOBODY, object_number
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.free import discard_slab, slab_free
from slabdes.paths.slub.kernel import Cpu, Point, SlubKernel
from slabdes.paths.slub.sheaves import (
    alloc_empty_sheaf,
    barn_get_empty_sheaf,
    barn_here,
    barn_put_empty_sheaf,
    barn_put_full_sheaf,
    barn_takes_full,
)


def refill_objects(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, want: int) -> Waits[int]:
    """Write up to `want` objects to `words` from `at` on: of this node's slabs, of other nodes', of new ones; how many."""
    path = Path.REFILL
    got = yield from refill_objects_node(k, cpu, cache, cache.node[cpu.node], at, want, True)
    if got < want:
        more = yield from _refill_objects_any(k, cpu, cache, flags, at + got, want - got)
        got += more
        if more:
            path = Path.REFILL_REMOTE
    while got < want:
        slab, nr = yield from alloc_from_new_slab(k, cpu, cache, flags, cpu.node, want - got)
        if slab == NOBODY:
            break
        copy_new(k.state.words, slab, at + got, nr)
        got += nr
        path = Path.REFILL_GROW
    cpu.path = path
    return got


def _refill_objects_any(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, want: int) -> Waits[int]:
    """The same from other nodes that have more than they need, none of whose locks is waited for (__refill_objects_any)."""
    if k.version.remote_refill == RemoteRefill.OFF or not search_wanted(k, cpu, cache):
        return 0
    spin = k.version.remote_refill == RemoteRefill.WAIT
    got = 0
    for node in k.zonelist(cpu.node):
        n = cache.node[node]
        if (not flags & THISNODE or node == cpu.node) and (yield from _has_more_than_needed(k, cpu, cache, n)):
            got += yield from refill_objects_node(k, cpu, cache, n, at + got, want - got, spin)
            if got == want:
                break
    return got


def search_wanted(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> bool:
    """Whether other nodes are searched: a share of the times that remote_node_defrag_ratio says."""
    if not cache.ratio:
        return False
    if k.cycles(cpu) & CYCLES_MASK > cache.ratio:
        k.note_search_skipped(cpu)
        return False
    k.note_search(cpu)
    return True


def _has_more_than_needed(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode) -> Waits[bool]:
    yield from k.look(cpu)
    k.note_partial_read(cpu, n)
    return n.nr_partial > cache.min_partial


def refill_objects_node(
    k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, at: int, want: int, spin: bool
) -> Waits[int]:
    """The same from one node's partial list, whose lock is only tried unless `spin` (__refill_objects_node)."""
    slab = yield from _get_partial_node_bulk(k, cpu, cache, n, want, spin)
    if slab == NOBODY:
        return 0
    yield from k.let_in(cpu, Point.ISOLATED)
    got = 0
    while slab != NOBODY and got < want:
        after = k.state.slabs[slab].link
        got += yield from _take_from_slab(k, cpu, cache, n, slab, at + got, want - got)
        slab = after
    if slab != NOBODY:
        yield from _put_back(k, cpu, cache, n, slab)
    return got


def _put_back(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, slab: int) -> Waits[None]:
    """List a chain of slabs that were unlinked and not needed again."""
    slabs = k.state.slabs
    doomed = NOBODY
    yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_BACK)
    while slab != NOBODY:
        after = slabs[slab].link
        if k.version.unneeded_to_head and not slabs[slab].inuse and n.nr_partial >= cache.min_partial:
            slabs[slab].link = doomed
            doomed = slab
        else:
            add_partial(slabs, n, slab, not k.version.unneeded_to_head)
            k.note_put_back(cpu, n, slab)
        slab = after
    yield from k.spin_unlock(cpu, n.list_lock)
    while doomed != NOBODY:
        after = slabs[doomed].link
        cache.stats[cpu.number].free_slab += 1
        yield from discard_slab(k, cpu, cache, doomed)
        doomed = after


def _get_partial_node_bulk(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, want: int, spin: bool) -> Waits[int]:
    """Unlink slabs from the head of a partial list until they have `want` free objects: the first of their chain, or NOBODY."""
    slabs = k.state.slabs
    yield from k.look(cpu)
    k.note_partial_read(cpu, n)
    if not n.nr_partial:
        return NOBODY
    if spin:
        yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_BULK)
    elif not (yield from k.spin_trylock(cpu, n.list_lock, LockSite.SLUB_TRYBULK)):
        return NOBODY
    first = last = NOBODY
    free = 0
    while free < want and slabs[n.partial].next != n.partial:
        slab = slabs[n.partial].next
        remove_partial(slabs, n, slab)
        free += slabs[slab].num - slabs[slab].inuse
        if first == NOBODY or not k.version.reverse_refill:
            slabs[slab].link = NOBODY
            if first == NOBODY:
                first = slab
            else:
                slabs[last].link = slab
            last = slab
        else:
            slabs[slab].link = first
            first = slab
        k.note_isolated(cpu, n, slab)
    yield from k.spin_unlock(cpu, n.list_lock)
    return first


def _take_from_slab(
    k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, number: int, at: int, want: int
) -> Waits[int]:
    """Take an isolated slab's free chain and write up to `want` of its objects from `at` on; the rest goes back. How many."""
    slab = k.state.slabs[number]
    head, nr = yield from _take_chain(k, cpu, cache, number)
    k.note_list_taken(cpu, number, nr)
    yield from k.let_in(cpu, Point.TAKEN)
    got = min(nr, want)
    head = copy_chain(k.state.words, slab, number, head, at, got)
    k.note_copied(cpu, number, got)
    left = nr - got
    if left and k.version.leftovers == Leftovers.SPILL:
        head, left = yield from _spill(k, cpu, cache, number, head, left)
    if left:
        yield from _give_rest_back(k, cpu, cache, n, number, head, left)
    return got


def _spill(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int, head: int, nr: int) -> Waits[tuple[int, int]]:
    """Put objects of a chain on the main sheaf, then fill sheaves for the barn while it takes any; the rest of the chain.

    Where there is no barn, sheaves stay empty: all of it is the rest.
    """
    slab = k.state.slabs[number]
    if cache.sheaf_capacity and barn_here(k, cpu):
        main = k.state.sheaves[cache.cpu_sheaves[cpu.number].main]
        some = min(nr, main.capacity - main.size)
        head = copy_chain(k.state.words, slab, number, head, main.entry + main.size, some)
        k.note_copied(cpu, number, some)
        main.size += some
        nr -= some
        while nr >= cache.sheaf_capacity and (yield from barn_takes_full(k, cpu, cache, cache.barn[cpu.node])):
            full = yield from barn_get_empty_sheaf(k, cpu, cache.barn[cpu.node])
            if full == NO_SHEAF:
                full = yield from alloc_empty_sheaf(k, cpu, cache, cache.sheaf_capacity)
                if full == NO_SHEAF:
                    break
            sheaf = k.state.sheaves[full]
            if sheaf.capacity > nr:
                yield from barn_put_empty_sheaf(k, cpu, cache.barn[cpu.node], full)
                break
            head = copy_chain(k.state.words, slab, number, head, sheaf.entry, sheaf.capacity)
            k.note_copied(cpu, number, sheaf.capacity)
            sheaf.size = sheaf.capacity
            nr -= sheaf.capacity
            cache.stats[cpu.number].barn_put += 1
            yield from barn_put_full_sheaf(k, cpu, cache.barn[cpu.node], full)
    return head, nr


def _take_chain(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[tuple[int, int]]:
    """A slab's whole free chain, by one atomic operation: its head and how many it has (get_freelist)."""
    slab = k.state.slabs[number]
    while True:
        yield from k.load_state(cpu, number)
        prior, inuse = slab.free, slab.inuse
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse):
            take_freelist(slab)
            return prior, slab.num - inuse
        cache.stats[cpu.number].cmpxchg_double_fail += 1


def _give_rest_back(
    k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, number: int, head: int, nr: int
) -> Waits[None]:
    """Give the rest of a chain back and list its slab, unless others have freed to the slab meanwhile: then free it."""
    slab = k.state.slabs[number]
    if k.version.leftovers != Leftovers.GROUP:
        yield from k.load_state(cpu, number)
    if k.version.leftovers != Leftovers.GROUP and slab.free == BUFCTL_END:
        yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_RETURN)
        yield from k.cmpxchg(cpu, number)
        if slab.free == BUFCTL_END:
            return_freelist(slab, head, nr)
            add_partial(k.state.slabs, n, number, k.version.leftovers != Leftovers.HEAD)
            k.note_returned(cpu, n, number, nr)
            yield from k.spin_unlock(cpu, n.list_lock)
            return
        cache.stats[cpu.number].cmpxchg_double_fail += 1
        yield from k.spin_unlock(cpu, n.list_lock)
    tail = chain_tail(k.state.words, slab, head, nr)
    yield from slab_free(k, cpu, cache, number, head, tail, nr)


def alloc_from_new_slab(
    k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int, want: int
) -> Waits[tuple[int, int]]:
    """A new slab, or NOBODY, and how many of its objects are taken: 0, 1, ..., at most `want`; what is left is listed first."""
    slab = yield from allocate_slab(k, cpu, cache, flags, node)
    if slab == NOBODY:
        return NOBODY, 0
    record = k.state.slabs[slab]
    taken = min(record.num, want)
    init_slab(k.state.words, record, record.nodeid, taken)
    k.note_taken_from_new(cpu, slab, taken)
    if taken < record.num:
        n = cache.node[record.nodeid]
        yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_NEWSLAB)
        add_partial(k.state.slabs, n, slab, False)
        k.note_inserted(cpu, n, slab)
        yield from k.spin_unlock(cpu, n.list_lock)
    return slab, taken


def allocate_slab(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """A slab on pages of the cache's order, or of the least that does, or NOBODY."""
    stats = cache.stats[cpu.number]
    thisnode = bool(flags & THISNODE)
    objects = cache.num
    home = yield from k.slab_pages(cpu, cache, cache.order, False, node, thisnode)
    if home == NO_NODE:
        objects = cache.min_objects
        home = yield from k.slab_pages(cpu, cache, cache.min_order, True, node, thisnode)
        if home == NO_NODE:
            cache.grows_failed += 1
            return NOBODY
        stats.order_fallback += 1
    slab = k.new_slab(cpu, cache, objects)
    k.state.slabs[slab].nodeid = home
    cache.node[home].nr_slabs += 1
    cache.node[home].total_objects += objects
    stats.alloc_slab += 1
    k.note_grown(cpu, cache, slab)
    return slab


def slab_alloc_slow(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """One object past the sheaves, of `node` if it is not NO_NODE; or NO_OBJECT (___slab_alloc)."""
    cache.stats[cpu.number].alloc_slowpath += 1
    k.note_slow(cpu)
    if node != NO_NODE and not flags & THISNODE:
        obj = yield from _alloc_one(k, cpu, cache, flags | THISNODE, node)
        if obj != NO_OBJECT:
            return obj
    return (yield from _alloc_one(k, cpu, cache, flags, node))


def _alloc_one(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    wanted = cpu.node if node == NO_NODE else node
    cpu.path = Path.SLOW
    obj = yield from _get_from_partial_node(k, cpu, cache, cache.node[wanted])
    if obj == NO_OBJECT and (node == NO_NODE or not flags & THISNODE):
        cpu.path = Path.SLOW_REMOTE
        obj = yield from _get_from_any_partial(k, cpu, cache, flags)
    if obj != NO_OBJECT:
        return obj
    cpu.path = Path.SLOW_GROW
    slab, _one = yield from alloc_from_new_slab(k, cpu, cache, flags, wanted, 1)
    return NO_OBJECT if slab == NOBODY else object_number(slab, 0)


def _get_from_any_partial(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """The same from other nodes that have more than they need (get_from_any_partial)."""
    if not search_wanted(k, cpu, cache):
        return NO_OBJECT
    for node in k.zonelist(cpu.node):
        n = cache.node[node]
        if (not flags & THISNODE or node == cpu.node) and (yield from _has_more_than_needed(k, cpu, cache, n)):
            obj = yield from _get_from_partial_node(k, cpu, cache, n)
            if obj != NO_OBJECT:
                return obj
    return NO_OBJECT


def _get_from_partial_node(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode) -> Waits[int]:
    """The first object of a node's first partial slab, or NO_OBJECT (get_from_partial_node)."""
    slabs = k.state.slabs
    yield from k.look(cpu)
    k.note_partial_read(cpu, n)
    if not n.nr_partial:
        return NO_OBJECT
    yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_ONE)
    obj = NO_OBJECT
    number = slabs[n.partial].next
    while number != n.partial and obj == NO_OBJECT:
        slab = slabs[number]
        yield from k.load_state(cpu, number)
        prior, inuse = slab.free, slab.inuse
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse):
            obj = take_first(k.state.words, slab, number)
            k.note_one(cpu, n, number)
            if slab.free == BUFCTL_END:
                remove_partial(slabs, n, number)
                k.note_unlisted(cpu, n, number)
        else:
            cache.stats[cpu.number].cmpxchg_double_fail += 1
    yield from k.spin_unlock(cpu, n.list_lock)
    return obj
