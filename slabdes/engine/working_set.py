# SPDX-License-Identifier: GPL-2.0-only
"""Whether what a CPU touches is still in its last-level cache: by how much it has touched since it touched that last.

A CPU counts bytes: what it touches again adds its size, but no more than was touched since, and nothing if that was little
(NEAR_BITS): what stays near the top pushes nothing out. Each object and each line carries what its toucher's count was then.
Only a CPU's own stamps are compared with its count, so that a hit depends on nothing but its own CPU. Objects count with their
size even where one line of them is touched: they lie at multiples of it, so that their first lines use as many of a cache's
sets as they would whole. The cache forgets what was touched longest ago, and CPUs that share one have equal parts of it. That is
exact where things are touched in turn, as bursts do. Touched at random, what is touched twice counts twice for all others: of
256-byte objects that take a half of the cache 10 % of touches miss, of nearly all of it 32 %, where none would. Leaves out what a
miss costs (`paths.charges`), levels before the last, the processor's own prefetching, and what hot descriptors and slots add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, MutableSequence
from typing import Any, Final

from slabdes.allocator.state import NOBODY
from slabdes.machine.topology import BYTES_PER_MIB, Machine
from slabdes.units import MILLI

LINE_BYTES: Final = 64
CODE_BITS: Final = 12
"""Of an object's stamp: who touched it last; above them, that CPU's count."""
CODE: Final = (1 << CODE_BITS) - 1
FORGOTTEN: Final = 1 << (CODE_BITS - 1)
"""Added to the code where the object is a new one, in the place of one that the CPU touched. NOBODY has all bits."""


NEAR_BITS: Final = 4
"""What was touched within a sixteenth of the cache keeps its stamp and adds nothing: when it is lost is known to that."""


def cache_parts(machine: Machine, working: Collection[int]) -> dict[int, int]:
    """Bytes of its last-level cache that each working CPU has: those that share one have equal parts. Empty if none is known."""
    if machine.llc_of_core is None:
        return {}
    llc_of = {cpu: machine.llc_of_core[machine.core_of_cpu[cpu]] for cpu in working}
    sharers = Counter(llc_of.values())
    return {cpu: int(machine.llc_mib * BYTES_PER_MIB) // sharers[llc] for cpu, llc in llc_of.items()}


def near(cpu: Any) -> int:
    """Bytes within which touching something again need not be noted."""
    return int(cpu.cache_bytes) >> NEAR_BITS


def is_near(cpu: Any, since: int) -> bool:
    """Whether what a CPU touched last when its count was `since` is that young."""
    return bool(cpu.touched_bytes - since <= near(cpu))


def own_and_near(cpu: Any, stamp: int) -> bool:
    """Whether a CPU was the last to touch what has that stamp, and so lately: then touching it costs nothing."""
    return bool(stamp & CODE == cpu.number) and is_near(cpu, stamp >> CODE_BITS)


def stamp_of(cpu: Any) -> int:
    """The stamp of what a CPU touches now."""
    return int(cpu.touched_bytes << CODE_BITS | cpu.number)


def is_anothers(cpu: Any, stamp: int) -> bool:
    """Whether another CPU was the last to touch what has that stamp."""
    return bool(stamp != NOBODY and stamp & CODE != cpu.number)


def touch_again(cpu: Any, since: int, nr: int) -> bool:
    """Count that a CPU touches `nr` bytes that it touched last when its count was `since`; whether its cache has lost them."""
    age = cpu.touched_bytes - since
    cpu.touched_bytes += min(nr, age)
    return bool(age > cpu.cache_bytes)


def touch_object(
    cpu: Any, touched: MutableSequence[int], link: int, slab: int, nr: int, first: int, memory: int, milli: int
) -> int:
    """A CPU has allocated the object of `nr` bytes with that chain link and touches it; what that costs.

    `first` if another CPU allocated it last, or nobody; `memory` if the CPU's cache has lost it: `milli` thousandths of that for
    a new one beside another of its slab, as these come in a row.
    """
    stamp = touched[link]
    if own_and_near(cpu, stamp):
        return 0
    code = stamp & CODE
    cost = 0 if code == cpu.number else first
    if code & ~FORGOTTEN != cpu.number:
        cpu.touched_bytes += nr
    elif touch_again(cpu, stamp >> CODE_BITS, nr):
        beside = code & FORGOTTEN and cpu.slab_begun == slab
        cost += memory * milli // MILLI if beside else memory
        if code & FORGOTTEN:
            cpu.slab_begun = slab
    touched[link] = stamp_of(cpu)
    return cost


def touch_freed(
    cpu: Any,
    touched: MutableSequence[int],
    link: int,
    slab: int,
    nr: int,
    reads: int,
    once: int,
    writes: int,
    cold: int,
    memory: int,
) -> int:
    """A CPU frees an object, which it first writes if its program `writes`, and whose slab's descriptor it `reads`: what it costs.

    The descriptor: `cold` if another CPU allocated the object, `memory` if the CPU's cache has lost the object and so its slab;
    with `once`, and where it was lost, nothing behind another free of that slab. The object: `memory` if it was lost.
    """
    stamp = touched[link]
    if stamp & CODE != cpu.number:
        if not reads or once and cpu.slab_read == slab:
            return 0
        cpu.slab_read = slab
        return cold
    age = cpu.touched_bytes - (stamp >> CODE_BITS)
    lost = age > cpu.cache_bytes
    cost = 0
    if lost and reads and cpu.slab_read != slab:
        cpu.slab_read = slab
        cpu.touched_bytes += LINE_BYTES
        cost = memory
    if writes and age > near(cpu):
        cost += memory if lost else 0
        cpu.touched_bytes += min(nr, age)
        touched[link] = stamp_of(cpu)
    return cost


def forgotten(stamp: int) -> int:
    """The stamp of a new object in the place of one with that stamp."""
    return stamp | FORGOTTEN


def allocated_by(stamp: int) -> int:
    """The CPU that allocated an object last; at least FORGOTTEN if none has."""
    return stamp & CODE
