# SPDX-License-Identifier: GPL-2.0-only
"""How a free runs where there are per-CPU slabs: into the CPU's own slab, else into the object's. Linux 6.12, as generators.

Leaves out sheaves, and bulk calls. Each function is named after its original.
"""

from __future__ import annotations

from slabdes.allocator.slub.state import FROZEN, ON_PARTIAL, KmemCache, KmemCacheNode
from slabdes.allocator.slub.transitions import (
    is_unchanged,
    put_group,
    remove_partial,
)
from slabdes.allocator.state import BUFCTL_END, NOBODY
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.paths.slub.cpu_slab import push_cpu_partial, put_partials
from slabdes.paths.slub.free import discard_slab
from slabdes.paths.slub.kernel import Cpu, SlubKernel


def do_slab_free(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int, head: int, tail: int, nr: int) -> Waits[None]:
    """Put a chain of `nr` objects in front of the private chain, if their slab is the CPU's, else into the slab."""
    c = cache.cpu_slab[cpu.number]
    if number == c.slab:
        k.state.words[k.state.slabs[number].bufctl + tail] = c.free
        c.free = head
        k.note_freed_privately(cpu, nr)
        cache.stats[cpu.number].free_fastpath += nr
        cpu.path = Path.FREE_HIT
        return
    cache.stats[cpu.number].free_slowpath += 1
    slab = k.state.slabs[number]
    n = cache.node[slab.nodeid]
    while True:
        yield from k.load_state(cpu, number)
        prior, inuse, frozen = slab.free, slab.inuse, slab.which == FROZEN
        locked = prior != BUFCTL_END and inuse == nr and not frozen
        if locked:
            yield from k.spin_lock(cpu, n.list_lock, LockSite.SLUB_FREE)
        yield from k.cmpxchg(cpu, number)
        if is_unchanged(slab, prior, inuse) and (slab.which == FROZEN) == frozen:
            break
        cache.stats[cpu.number].cmpxchg_double_fail += 1
        if locked:
            yield from k.spin_unlock(cpu, n.list_lock)
    put_group(k.state.words, slab, head, tail, nr)
    k.note_freed(cpu, number, nr)
    cpu.path = Path.FREE_LIST if locked else Path.FREE_SLAB
    if locked:
        yield from _emptied(k, cpu, cache, n, number)
    elif slab.which == FROZEN:
        cache.stats[cpu.number].free_frozen += 1
        k.note_freed_frozen(cpu, number)
    elif prior == BUFCTL_END:
        yield from _put_cpu_partial(k, cpu, cache, number)


def _emptied(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, n: KmemCacheNode, number: int) -> Waits[None]:
    """Under list_lock: a slab that became empty goes, unless its node needs it or a CPU holds it, and unlock."""
    stats = cache.stats[cpu.number]
    if k.state.slabs[number].which != ON_PARTIAL:
        k.note_off_list(cpu, number)
    elif n.nr_partial >= cache.min_partial:
        remove_partial(k.state.slabs, n, number)
        stats.free_remove_partial += 1
        k.note_unlinked(cpu, n, number)
        yield from k.spin_unlock(cpu, n.list_lock)
        stats.free_slab += 1
        yield from discard_slab(k, cpu, cache, number)
        return
    else:
        k.note_kept(cpu, number)
    yield from k.spin_unlock(cpu, n.list_lock)


def _put_cpu_partial(k: SlubKernel[Cpu], cpu: Cpu, cache: KmemCache, number: int) -> Waits[None]:
    """A slab that was full is put on the CPU's partial ones, those before it to their nodes if they are enough."""
    c = cache.cpu_slab[cpu.number]
    stats = cache.stats[cpu.number]
    old = NOBODY
    cpu.path = Path.FREE_CPU_PARTIAL
    if c.partial != NOBODY and c.count >= cache.cpu_partial_slabs:
        old = c.partial
        c.partial = NOBODY
        c.count = 0
    push_cpu_partial(k, cpu, cache, number)
    if old != NOBODY:
        k.note_drained(cpu)
        cpu.path = Path.FREE_DRAIN
        yield from put_partials(k, cpu, cache, old)
        stats.cpu_partial_drain += 1
    stats.cpu_partial_free += 1
