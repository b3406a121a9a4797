# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's price list: what each note and each atomic operation costs, written once for all engines.

Lines (DESIGN, "Lines") are a kmem_cache_node's one, a barn's one, a slab's, which has its state word and its list links, and a
sheaf's: its header's, which the first objects share, and those that follow. Figures are the machine's (machine.costs has their
sources). Leaves out locks and pages, which engines charge for themselves.
"""

from __future__ import annotations

from dataclasses import replace

from slabdes.allocator.slub.state import KmemCache, KmemCacheNode, NodeBarn, SlubState, sheaf_lines
from slabdes.machine.costs import Costs
from slabdes.paths.charges import Charges, Cpu, written_beside_lock


class SlubCharges(Charges[Cpu]):
    """An engine with a clock, as this price list sees it."""

    state: SlubState


def with_slub_hits(costs: Costs, sheaves: bool) -> Costs:
    """The same costs with SLUB's hits: the lock of a CPU's sheaves, or its slab's update, in place of interrupts off and on.

    One figure for a run: where some of its caches have sheaves and others have not (6.18), these are charged as those.
    """
    own = costs.local_trylock if sheaves else costs.cpu_cmpxchg
    return replace(costs, alloc_hit=costs.alloc_bulk + own, free_hit=costs.free_bulk + own)


def state_loaded(k: SlubCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """A slab's state word is read: its line."""
    k.fetch(cpu, k.state.slabs[slab].line)


def state_updated(k: SlubCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """One atomic update of it: the line once more, if another CPU has taken it since it was read, and the operation."""
    k.fetch(cpu, k.state.slabs[slab].line)
    cpu.work += k.costs.cmpxchg_double


def note_swapped(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """Two pointers."""
    cpu.work += 2 * k.costs.move_object


def note_main_to_spare(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """Two pointers."""
    cpu.work += 2 * k.costs.move_object


def note_barn_read(k: SlubCharges[Cpu], cpu: Cpu, barn: NodeBarn) -> None:
    """The barn's line."""
    k.fetch(cpu, barn.line)


def note_partial_read(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode) -> None:
    """The node's line."""
    k.fetch(cpu, n.line)


def note_sheaf_got(k: SlubCharges[Cpu], cpu: Cpu, barn: NodeBarn, sheaf: int) -> None:
    """A sheaf leaves the barn's list, whose head is on the lock's line: its header has the links."""
    k.fetch(cpu, k.state.sheaves[sheaf].line)
    k.spend_on_lines(cpu, written_beside_lock(k.lock(barn.lock), 1))
    cpu.work += k.costs.list_move // 2


def note_sheaf_opened(k: SlubCharges[Cpu], cpu: Cpu, sheaf: int) -> None:
    """The lines of the objects in it, which are popped one by one; room for objects is written without being read.

    Charged at once, so that hits depend on nothing but their own CPU.
    """
    record = k.state.sheaves[sheaf]
    filled = sheaf_lines(record.size)
    if k.rules.array_lines:
        for line in range(record.line + 1, record.line + filled):
            k.fetch(cpu, line)
        k.own_lines(cpu, record.line + filled, sheaf_lines(record.capacity) - filled)


def note_sheaf_put(k: SlubCharges[Cpu], cpu: Cpu, barn: NodeBarn, sheaf: int) -> None:
    """A sheaf is linked to the barn's list; the CPU has written it last, what was first there is written in passing."""
    record = k.state.sheaves[sheaf]
    k.state.in_hand[cpu.number].left -= record.size
    k.own_lines(cpu, record.line, sheaf_lines(record.capacity))
    k.spend_on_lines(cpu, written_beside_lock(k.lock(barn.lock), 1))
    cpu.work += k.costs.list_move // 2


def note_sheaf_allocated(k: SlubCharges[Cpu], cpu: Cpu, sheaf: int) -> None:
    """An inner allocation that is a hit; zeroed, so that all its lines are the CPU's own."""
    record = k.state.sheaves[sheaf]
    lines = sheaf_lines(record.capacity)
    k.place_lines(cpu, record.line, lines, cpu.node)
    k.own_lines(cpu, record.line, lines)
    cpu.work += k.costs.alloc_hit


def note_sheaf_freed(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """An inner free that is a hit."""
    cpu.work += k.costs.free_hit


def note_refill(k: SlubCharges[Cpu], cpu: Cpu, want: int) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_direct(k: SlubCharges[Cpu], cpu: Cpu, want: int) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_slow(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_alloc_call(k: SlubCharges[Cpu], cpu: Cpu, cache: KmemCache, size: int, own_slab: bool) -> None:
    """What a hit costs beside its lock; for a slab of the CPU's own, interrupts go off once."""
    cpu.work += k.costs.alloc_bulk
    if own_slab:
        cpu.work += k.costs.irq_save


def note_prefill_call(k: SlubCharges[Cpu], cpu: Cpu, cache: KmemCache, size: int, prefill: int) -> None:
    """The lock of the CPU's sheaves, to have a sheaf and to give it back; each object is a hit without it (assumed)."""
    cpu.work += 2 * k.costs.local_trylock + size * k.costs.alloc_bulk


def note_free_call(k: SlubCharges[Cpu], cpu: Cpu, cache: KmemCache, size: int, own_slab: bool) -> None:
    """Likewise; of a slab of the CPU's own, the private chain's update, once."""
    cpu.work += k.costs.free_bulk
    if own_slab:
        cpu.work += k.costs.cpu_cmpxchg


def note_block(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """The lock of the CPU's sheaves, taken once a block, and a copy of the pointers."""
    cpu.work += k.costs.local_trylock + nr * k.costs.move_object


def note_rest(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_remote(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_beneath(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """The private chain's update, which a hit in a sheaf has not paid."""
    cpu.work += k.costs.cpu_cmpxchg


def note_flush(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_flush_main(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """A slow path begins, with a copy of the pointers."""
    cpu.work += k.costs.slow_path + nr * k.costs.move_object


def _moved(k: SlubCharges[Cpu], cpu: Cpu, lock: int, slab: int) -> None:
    """A slab was linked or unlinked: its neighbours are written, and the line of lock and list head that waiters may spin on.

    The dearest write to a neighbour is paid at the lock's release (DESIGN, "Lines").
    """
    record = k.state.slabs[slab]
    before = k.touch(cpu, k.state.slabs[record.prev].line)
    after = k.touch(cpu, k.state.slabs[record.next].line)
    held = k.lock(lock)
    if not k.rules.posted_neighbour_writes:
        k.spend_on_lines(cpu, before + after)
    elif before or after:
        held.posted = max(held.posted, before, after)
        held.posted_total += before + after
    k.spend_on_lines(cpu, written_beside_lock(held, 1))
    cpu.work += k.costs.list_move // 2


def note_isolated(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab's list links are read, and it is unlinked; how many objects it has free is in its state word, beside them."""
    k.fetch(cpu, k.state.slabs[slab].line)
    _moved(k, cpu, n.list_lock, slab)


def note_unlisted(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab is unlinked."""
    _moved(k, cpu, n.list_lock, slab)


def note_unlinked(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab is unlinked."""
    _moved(k, cpu, n.list_lock, slab)


def note_added(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab is linked; its line, which a stack of slabs that is drained has not brought yet."""
    k.fetch(cpu, k.state.slabs[slab].line)
    _moved(k, cpu, n.list_lock, slab)


def note_returned(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int, nr: int) -> None:
    """The slab is linked."""
    _moved(k, cpu, n.list_lock, slab)


def note_put_back(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab's line, which others may have taken meanwhile, and it is linked."""
    k.fetch(cpu, k.state.slabs[slab].line)
    _moved(k, cpu, n.list_lock, slab)


def note_inserted(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """The slab is linked."""
    _moved(k, cpu, n.list_lock, slab)


def note_listed(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int, tail: bool) -> None:
    """The slab is linked."""
    _moved(k, cpu, n.list_lock, slab)


def note_copied(k: SlubCharges[Cpu], cpu: Cpu, slab: int, nr: int) -> None:
    """The free chain is walked, object by object."""
    cpu.work += nr * k.costs.slab_object


def note_one(k: SlubCharges[Cpu], cpu: Cpu, n: KmemCacheNode, slab: int) -> None:
    """One object of it."""
    cpu.work += k.costs.slab_object


def note_freed(k: SlubCharges[Cpu], cpu: Cpu, slab: int, nr: int) -> None:
    """The group was chained, object by object."""
    k.state.in_hand[cpu.number].left -= nr
    cpu.work += nr * k.costs.slab_object


def note_freed_privately(k: SlubCharges[Cpu], cpu: Cpu, nr: int) -> None:
    """Nothing but what a hit costs."""
    k.state.in_hand[cpu.number].left -= nr


def note_grown(k: SlubCharges[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> None:
    """A grow beside its pages, and the free chain object by object; the node's counts, which are beside its lock."""
    record = k.state.slabs[slab]
    k.forget_touches(cpu, record.bufctl, record.num)
    k.place_lines(cpu, record.line, 1, record.nodeid)
    k.own_lines(cpu, record.line, 1)
    k.fetch(cpu, cache.node[record.nodeid].line)
    cpu.work += k.costs.grow_base + record.num * k.costs.init_object


def note_taken_from_new(k: SlubCharges[Cpu], cpu: Cpu, slab: int, nr: int) -> None:
    """Its first objects are written to a sheaf."""
    cpu.work += nr * k.costs.move_object


def note_dropped(k: SlubCharges[Cpu], cpu: Cpu, cache: KmemCache, slab: int) -> None:
    """The node's counts, which are beside its lock."""
    k.fetch(cpu, cache.node[k.state.slabs[slab].nodeid].line)


def note_popped(k: SlubCharges[Cpu], cpu: Cpu, slab: int) -> None:
    """The slab's line: it says which is below."""
    k.fetch(cpu, k.state.slabs[slab].line)


def note_to_cpu_partial(k: SlubCharges[Cpu], cpu: Cpu, slab: int, nr: int) -> None:
    """The slab's line, which gets the link."""
    k.fetch(cpu, k.state.slabs[slab].line)
    cpu.work += 2 * k.costs.move_object


def note_drained(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """A slow path begins."""
    cpu.work += k.costs.slow_path


def note_deactivated(k: SlubCharges[Cpu], cpu: Cpu, slab: int, nr: int) -> None:
    """The private chain is walked, object by object."""
    cpu.work += nr * k.costs.slab_object


def note_made_to_flush(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """An interrupt (assumed: the kernel has a worker of each CPU do it, whose waking costs more)."""
    cpu.work += k.costs.ipi


def note_spins(k: SlubCharges[Cpu], cpu: Cpu) -> None:
    """It looks again after as long as that takes."""
    cpu.work += k.costs.ipi
