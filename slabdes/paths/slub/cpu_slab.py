# SPDX-License-Identifier: GPL-2.0-only
"""SLUB with per-CPU slabs and partial lists, as Linux 6.12 has it (recorded) and what lies under sheaves in 6.18: generators.

Leaves out sheaves. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.gfp import THISNODE
from slabdes.allocator.lists import list_empty
from slabdes.allocator.slub.state import FROZEN, ON_NO_LIST, KmemCache, KmemCacheCpu, KmemCacheNode
from slabdes.allocator.slub.transitions import (
    add_partial,
    init_slab,
    is_unchanged,
    put_group,
    remove_partial,
    take_freelist,
)
from slabdes.allocator.state import BUFCTL_END, NO_NODE, NO_OBJECT, NOBODY, object_number
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.free import discard_slab
from slabdes.paths.slub.kernel import Cpu, SlubKernel
from slabdes.paths.slub.slabs import allocate_slab, search_wanted


def cpu_slab_alloc(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """An object of `node`, if it is not NO_NODE, or of another unless THISNODE is asked for; or NO_OBJECT (slab_alloc_node)."""
    c = cache.cpu_slab[cpu.number]
    cpu.path = Path.HIT
    if c.free != BUFCTL_END and (node == NO_NODE or k.state.slabs[c.slab].nodeid == node):
        cache.stats[cpu.number].alloc_fastpath += 1
        return pop_private(k, cpu, c)
    return (yield from ___slab_alloc(k, cpu, cache, flags, node))


def pop_private(k: SlubKernel[Cpu], cpu: Cpu, c: KmemCacheCpu) -> int:
    """The first object of the private chain."""
    objnr = c.free
    c.free = k.state.words[k.state.slabs[c.slab].bufctl + objnr]
    return object_number(c.slab, objnr)


def ___slab_alloc(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
    """Give the CPU a slab with free objects and take the first."""
    c = cache.cpu_slab[cpu.number]
    stats = cache.stats[cpu.number]
    stats.alloc_slowpath += 1
    k.note_slow(cpu)
    if node != NO_NODE and not k.state.has_memory[node]:
        node = NO_NODE
    if c.slab != NOBODY and node != NO_NODE and k.state.slabs[c.slab].nodeid != node:
        stats.alloc_node_mismatch += 1
        k.note_mismatch(cpu)
        yield from deactivate_slab(k, cpu, cache)
    if c.slab != NOBODY:
        if c.free != BUFCTL_END or (yield from _get_freelist(k, cpu, cache)):
            cpu.path = Path.GET_FREELIST
            return pop_private(k, cpu, c)
        k.note_forgotten(cpu, c.slab)
        k.state.slabs[c.slab].which = ON_NO_LIST
        c.slab = NOBODY
        stats.deactivate_bypass += 1
    if (yield from _from_cpu_partial(k, cpu, cache, node)) or (yield from _new_cpu_slab(k, cpu, cache, flags, node)):
        return pop_private(k, cpu, c)
    return NO_OBJECT


def _get_freelist(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[bool]:
    """Take the shared chain of the CPU's slab over; whether there was any (get_freelist)."""
    c = cache.cpu_slab[cpu.number]
    if not (yield from _take_private(k, cpu, cache, c.slab)):
        return False
    cache.stats[cpu.number].alloc_refill += 1
    k.note_list_refilled(cpu, c.slab)
    return True


def _take_private(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[bool]:
    """Make a slab the CPU's own and its chain, by one atomic operation, the private one; whether there was any."""
    c = cache.cpu_slab[cpu.number]
    slab = k.state.slabs[number]
    while True:
        yield from k.load_state(cpu, number)
        prior, inuse = slab.free, slab.inuse
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse):
            break
        cache.stats[cpu.number].cmpxchg_double_fail += 1
    take_freelist(slab)
    slab.which = FROZEN
    c.slab = number
    c.free = prior
    return prior != BUFCTL_END


def _from_cpu_partial(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, node: int) -> Waits[bool]:
    """The CPU's topmost partial slab of the right node becomes its own; those above it go to their nodes."""
    c = cache.cpu_slab[cpu.number]
    while c.partial != NOBODY:
        number = c.partial
        c.partial = k.state.slabs[number].link
        c.count -= 1
        k.state.slabs[number].link = NOBODY
        k.note_popped(cpu, number)
        if node == NO_NODE or k.state.slabs[number].nodeid == node:
            yield from _take_private(k, cpu, cache, number)
            k.note_list_refilled(cpu, number)
            cache.stats[cpu.number].cpu_partial_alloc += 1
            cpu.path = Path.CPU_PARTIAL
            return True
        yield from put_partials(k, cpu, cache, number)
    return False


def _new_cpu_slab(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[bool]:
    """A slab of a node's list, or a new one, becomes the CPU's; whether there was one."""
    if node != NO_NODE and not flags & THISNODE and (yield from _one_round(k, cpu, cache, flags | THISNODE, node)):
        return True
    return (yield from _one_round(k, cpu, cache, flags, node))


def _one_round(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[bool]:
    wanted = cpu.node if node == NO_NODE else node
    cpu.path = Path.PARTIAL
    number = yield from _get_partial_node(k, cpu, cache, cache.node[wanted])
    if number == NOBODY and (node == NO_NODE or not flags & THISNODE):
        cpu.path = Path.FALLBACK_PARTIAL
        number = yield from _get_any_partial(k, cpu, cache, flags)
    if number != NOBODY:
        yield from _take_private(k, cpu, cache, number)
        k.note_frozen(cpu, number)
        return True
    cpu.path = Path.GROW
    number = yield from allocate_slab(k, cpu, cache, flags, wanted)
    if number == NOBODY:
        return False
    slab = k.state.slabs[number]
    init_slab(k.state.words, slab, slab.nodeid, 0)
    take_freelist(slab)
    slab.which = FROZEN
    c = cache.cpu_slab[cpu.number]
    c.slab = number
    c.free = 0
    return True


def _get_any_partial(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
    """A slab of another node that has more than it needs, or NOBODY (get_any_partial)."""
    if not search_wanted(k, cpu, cache):
        return NOBODY
    for node in k.zonelist(cpu.node):
        if flags & THISNODE and node != cpu.node:
            continue
        n = cache.node[node]
        yield from k.look(cpu)
        k.note_partial_read(cpu, n)
        if n.nr_partial > cache.min_partial:
            number = yield from _get_partial_node(k, cpu, cache, n)
            if number != NOBODY:
                return number
    return NOBODY


def _get_partial_node(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode) -> Waits[int]:
    """Unlink the first slab of a node's list, or NOBODY, and put some more on the CPU's partial ones (get_partial_node)."""
    slabs = k.state.slabs
    stats = cache.stats[cpu.number]
    yield from k.look(cpu)
    k.note_partial_read(cpu, n)
    if not n.nr_partial:
        return NOBODY
    yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_PARTIAL)
    first = NOBODY
    more = 0
    while not list_empty(slabs, n.partial) and more <= cache.cpu_partial_slabs // 2:
        number = slabs[n.partial].next
        remove_partial(slabs, n, number)
        k.note_isolated(cpu, n, number)
        if first == NOBODY:
            first = number
            stats.alloc_from_partial += 1
        else:
            push_cpu_partial(k, cpu, cache, number)
            stats.cpu_partial_node += 1
            more += 1
    yield from k.spin_unlock(cpu, n.list_lock)
    return first


def push_cpu_partial(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> None:
    """Put a slab on top of the CPU's partial ones."""
    c = cache.cpu_slab[cpu.number]
    k.state.slabs[number].link = c.partial
    c.partial = number
    c.count += 1
    k.note_to_cpu_partial(cpu, number, c.count)


def put_partials(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, first: int) -> Waits[None]:
    """Put a stack of slabs, from the top, to their nodes; empty ones that a node needs not go (__put_partials)."""
    slabs = k.state.slabs
    stats = cache.stats[cpu.number]
    doomed = held = NOBODY
    while first != NOBODY:
        number = first
        slab = slabs[number]
        first = slab.link
        if slab.nodeid != held:
            if held != NOBODY:
                yield from k.spin_unlock(cpu, cache.node[held].list_lock)
            held = slab.nodeid
            yield from k.spin_lock(cpu, cache.node[held].list_lock, LockSite.SLUB_PUT)
        if not slab.inuse and cache.node[held].nr_partial >= cache.min_partial:
            slab.link = doomed
            doomed = number
        else:
            add_partial(slabs, cache.node[held], number, True)
            stats.free_add_partial += 1
            k.note_added(cpu, cache.node[held], number)
    if held != NOBODY:
        yield from k.spin_unlock(cpu, cache.node[held].list_lock)
    while doomed != NOBODY:
        after = slabs[doomed].link
        stats.deactivate_empty += 1
        stats.free_slab += 1
        yield from discard_slab(k, cpu, cache, doomed)
        doomed = after


def deactivate_slab(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """The CPU gives its slab up: private objects go in front of its shared chain, and it where it belongs."""
    c = cache.cpu_slab[cpu.number]
    stats = cache.stats[cpu.number]
    number, head = c.slab, c.free
    c.slab = NOBODY
    c.free = BUFCTL_END
    hand = k.state.in_hand[cpu.number]
    hand.slab, hand.free = number, head
    slab = k.state.slabs[number]
    n = cache.node[slab.nodeid]
    nr = 0
    tail = head
    while tail != BUFCTL_END and k.state.words[slab.bufctl + tail] != BUFCTL_END:
        tail = k.state.words[slab.bufctl + tail]
        nr += 1
    nr += head != BUFCTL_END
    yield from k.load_state(cpu, number)
    freed_to = slab.free != BUFCTL_END
    if freed_to:
        stats.deactivate_remote_frees += 1
    while True:
        prior, inuse = slab.free, slab.inuse
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse):
            break
        stats.cmpxchg_double_fail += 1
        yield from k.load_state(cpu, number)
    if nr:
        put_group(k.state.words, slab, head, tail, nr)
    hand.slab = NOBODY
    slab.which = ON_NO_LIST
    k.note_deactivated(cpu, number, nr)
    if not slab.inuse and n.nr_partial >= cache.min_partial:
        stats.deactivate_empty += 1
        stats.free_slab += 1
        yield from discard_slab(k, cpu, cache, number)
    elif slab.free != BUFCTL_END:
        yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_DEACTIVATE)
        add_partial(k.state.slabs, n, number, freed_to)
        k.note_listed(cpu, n, number, freed_to)
        yield from k.spin_unlock(cpu, n.list_lock)
        if freed_to:
            stats.deactivate_to_tail += 1
        else:
            stats.deactivate_to_head += 1
    else:
        stats.deactivate_full += 1


def cpu_slab_used(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> bool:
    """Whether a CPU has to flush anything (has_cpu_slab)."""
    if not cache.cpu_partial_slabs:
        return False
    c = cache.cpu_slab[cpu.number]
    return c.slab != NOBODY or c.partial != NOBODY


def flush_cpu_slab(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache) -> Waits[None]:
    """A CPU's turn to give its slabs up."""
    k.note_turn(cpu)
    c = cache.cpu_slab[cpu.number]
    if c.slab != NOBODY:
        yield from deactivate_slab(k, cpu, cache)
        cache.stats[cpu.number].cpuslab_flush += 1
    partial = c.partial
    c.partial = NOBODY
    c.count = 0
    yield from put_partials(k, cpu, cache, partial)
