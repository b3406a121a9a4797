# SPDX-License-Identifier: GPL-2.0-only
"""A program's bulk call on SLUB: one kmem_cache_alloc_bulk or kmem_cache_free_bulk, its objects in an array of the CPU's.

Objects are handed out of it after an allocating call, which is done when it has begun, and gathered in it before a freeing one,
which is done when it ends. An object is an operation: its time is an equal share of the call's. Leaves out what calls do
(`bulk`).
"""

from __future__ import annotations

from typing import TypeVar

from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, SlubState
from slabdes.allocator.state import NO_OBJECT
from slabdes.paths.accounts import begin_account, end_account
from slabdes.paths.interrupts import InterruptedKernel
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slub.bulk import kmem_cache_alloc_bulk, kmem_cache_free_bulk
from slabdes.paths.slub.prefill import kmem_cache_alloc_from_sheaf, kmem_cache_prefill_sheaf, kmem_cache_return_sheaf
from slabdes.paths.slub.upkeep import SlubUpkeepCpu, SlubUpkeepKernel


class CallingCpu(SlubUpkeepCpu):
    """A CPU that makes bulk calls; `call_at` is the place in `words` of its present call's next object."""

    __slots__ = ()

    call_at: int


Cpu = TypeVar("Cpu", bound=CallingCpu)
"""An engine's own kind of CPU."""


class CallingKernel(InterruptedKernel[Cpu, KmemCache], SlubUpkeepKernel[Cpu]):
    """An engine whose CPUs make bulk calls: their arrays lie in `words` from `call_arrays` on, `call_room` objects each.

    Where `prefill` is not 0, what they allocate comes from a sheaf prefilled with so many.
    """

    state: SlubState
    call_arrays: int
    call_room: int
    prefill: int


def _array_of(k: CallingKernel[Cpu], cpu: Cpu) -> int:
    return k.call_arrays + cpu.number * k.call_room


def _own_slab(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache) -> bool:
    return k.version.cpu_slabs and not cache.sheaf_capacity


def begin_call(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, size: int, flags: int) -> Waits[None]:
    """A call begins that allocates `size` objects, all or none, or frees some, with a `size` of 0."""
    if size:
        yield from _allocate_all(k, cpu, cache, size, flags)
    cpu.call_at = _array_of(k, cpu)
    k.set_bulk(cpu, True)


def next_of_call(k: CallingKernel[Cpu], cpu: Cpu) -> int:
    """The next object that the call has allocated, or NO_OBJECT if it has failed."""
    obj = k.state.words[cpu.call_at]
    cpu.call_at += 1
    return obj


def join_call(k: CallingKernel[Cpu], cpu: Cpu, obj: int) -> None:
    """One more object for the call to free."""
    k.state.words[cpu.call_at] = obj
    cpu.call_at += 1


def end_call(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, frees: int) -> Waits[None]:
    """It ends; one that frees frees what was gathered: `frees` objects, less those that never were allocated."""
    k.set_bulk(cpu, False)
    if frees and cpu.call_at > _array_of(k, cpu):
        yield from _free_all(k, cpu, cache, cpu.call_at - _array_of(k, cpu))


def _allocate_all(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, size: int, flags: int) -> Waits[None]:
    start = cpu.clock
    at = _array_of(k, cpu)
    begin_account(k, cpu)
    if k.prefill:
        got = yield from _from_prefilled(k, cpu, cache, flags, at, size)
    else:
        k.note_alloc_call(cpu, cache, size, _own_slab(k, cpu, cache))
        got = yield from kmem_cache_alloc_bulk(k, cpu, cache, flags, at, size)
    k.settle(cpu)
    cpu.allocs += size
    if got:
        cpu.path = Path.BULK
        for place in range(at, at + size):
            k.first_touch(cpu, k.state.words[place])
    else:
        cpu.path = Path.FAIL
        cpu.failed += size
        for place in range(at, at + size):
            k.state.words[place] = NO_OBJECT
    _count_each(k, cpu, cache, start, at, size)
    end_account(k, cpu, cpu.path)


def _from_prefilled(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, flags: int, at: int, size: int) -> Waits[bool]:
    """Take them one by one from a sheaf prefilled for the call, and give it back with the rest; whether there was one."""
    k.note_prefill_call(cpu, cache, size, k.prefill)
    sheaf = yield from kmem_cache_prefill_sheaf(k, cpu, cache, flags, k.prefill)
    if sheaf == NO_SHEAF:
        return False
    for place in range(at, at + size):
        k.state.words[place] = kmem_cache_alloc_from_sheaf(k, cpu, sheaf)
    yield from kmem_cache_return_sheaf(k, cpu, cache, flags, sheaf)
    return True


def _free_all(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, size: int) -> Waits[None]:
    start = cpu.clock
    at = _array_of(k, cpu)
    begin_account(k, cpu)
    k.note_free_call(cpu, cache, size, _own_slab(k, cpu, cache))
    for place in range(at, at + size):
        k.descriptor_read(cpu, k.state.words[place])
    yield from kmem_cache_free_bulk(k, cpu, cache, at, size)
    k.settle(cpu)
    cpu.frees += size
    cpu.path = Path.FREE_BULK
    _count_each(k, cpu, cache, start, at, size)
    end_account(k, cpu, cpu.path)


def _count_each(k: CallingKernel[Cpu], cpu: Cpu, cache: KmemCache, start: int, at: int, size: int) -> None:
    """Record the call's objects, one after the other in equal shares of its time; the first get the picoseconds left over.

    An event log has the whole call with its first object: what the call holds and waits for is within that.
    """
    end = cpu.clock
    share = (end - start) // size
    left = (end - start) % size
    for number in range(size):
        began = start + share * number + min(number, left)
        cpu.clock = start + share * (number + 1) + min(number + 1, left)
        since = end if number else start
        k.count_part(cpu, cache.index, cpu.path, began, k.state.words[at + number], since, end)
