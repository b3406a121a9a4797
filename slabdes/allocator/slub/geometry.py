# SPDX-License-Identifier: GPL-2.0-only
"""How SLUB lays a cache out: size, order, objects a slab, min_partial and sheaf capacity. Linux 7.3, x86-64.

Leaves out debugging, memory cgroups and SLUB_TINY, which change sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slabdes.allocator.geometry import BYTES_PER_WORD, align_up, check_size, least_align
from slabdes.units import PAGE_SIZE

SLUB_MAX_ORDER: Final = 3
"""PAGE_ALLOC_COSTLY_ORDER: slabs grow no further for the sake of more objects."""
FRACTIONS: Final = (16, 8, 4, 2)
"""Shares of a slab that may be wasted, the strictest first."""
MIN_PARTIAL: Final = 5
MAX_PARTIAL: Final = 10
SHEAF_CAPACITIES: Final = ((PAGE_SIZE, 4), (1024, 12), (256, 28), (0, 60))
"""(objects of at least so many bytes, sheaf capacity)."""
CPU_PARTIALS: Final = ((PAGE_SIZE, 6), (1024, 24), (256, 52), (0, 120))
"""(objects of at least so many bytes, objects that a CPU's partial slabs are to have free): 6.12's per-CPU partial lists."""


@dataclass(frozen=True)
class SlubGeometry:
    """A cache's layout: sizes in bytes, `offset` is where a free object keeps its pointer to the next.

    `min_order` and `min_objects` are those of a slab for which there were no pages of the cache's order. A `sheaf_capacity` of
    0 means no sheaves.
    """

    object_size: int
    size: int
    align: int
    offset: int
    order: int
    objects: int
    min_order: int
    min_objects: int
    min_partial: int
    sheaf_capacity: int


def slub_geometry(
    size: int,
    align: int = 0,
    *,
    cpus: int,
    hwcache_align: bool = False,
    pointer_behind: bool = False,
    noleaktrace: bool = False,
    sheaf_capacity: int = 0,
) -> SlubGeometry:
    """The layout of objects of `size` bytes where `cpus` are present (possible, if one is).

    `pointer_behind`: SLAB_TYPESAFE_BY_RCU or a constructor, so that a free object's pointer lies behind it. `sheaf_capacity` is
    what the cache asks for at least. Raises InputError for a size that no slab holds.

    >>> slub_geometry(256, cpus=8).objects, slub_geometry(256, cpus=1).sheaf_capacity
    (32, 28)
    """
    check_size(size)
    align = align_up(max(align, BYTES_PER_WORD, least_align(size, True) if hwcache_align else 0), BYTES_PER_WORD)
    aligned = align_up(size, BYTES_PER_WORD)
    offset = size // 2 // BYTES_PER_WORD * BYTES_PER_WORD
    if pointer_behind:
        offset = aligned
        aligned += BYTES_PER_WORD
    aligned = align_up(aligned, align)
    order = calculate_order(aligned, cpus)
    min_order = get_order(aligned)
    return SlubGeometry(
        object_size=size,
        size=aligned,
        align=align,
        offset=offset,
        order=order,
        objects=order_objects(order, aligned),
        min_order=min_order,
        min_objects=order_objects(min_order, aligned),
        min_partial=min(max(MIN_PARTIAL, (aligned.bit_length() - 1) // 2), MAX_PARTIAL),
        sheaf_capacity=0 if noleaktrace else max(sheaf_capacity, capacity_by_size(aligned)),
    )


def order_objects(order: int, size: int) -> int:
    """Objects that a slab of 2**order pages holds."""
    return (PAGE_SIZE << order) // size


def get_order(size: int) -> int:
    """The smallest order whose pages hold `size` bytes."""
    return ((size - 1) // PAGE_SIZE).bit_length()


def calculate_order(size: int, cpus: int) -> int:
    """The order of a cache's slabs: objects for all CPUs where little is wasted, else one object (calculate_order)."""
    want = min(4 * (cpus.bit_length() + 1), max(order_objects(SLUB_MAX_ORDER, size), 1))
    for fraction in FRACTIONS:
        for order in range(get_order(want * size), SLUB_MAX_ORDER + 1):
            slab_bytes = PAGE_SIZE << order
            if slab_bytes % size <= slab_bytes // fraction:
                return order
    return get_order(size)


def capacity_by_size(size: int) -> int:
    """How many objects a sheaf holds if the cache asks for no more (calculate_sheaf_capacity)."""
    return next(capacity for least, capacity in SHEAF_CAPACITIES if size >= least)


def cpu_partial_by_size(size: int) -> int:
    """How many free objects a CPU keeps in partial slabs of its own (set_cpu_partial)."""
    return next(objects for least, objects in CPU_PARTIALS if size >= least)


def cpu_partial_slabs(size: int, objects: int) -> int:
    """How many partial slabs of its own a CPU keeps."""
    return slabs_half_full(cpu_partial_by_size(size), objects)


def slabs_half_full(free: int, objects: int) -> int:
    """How many slabs of so many objects have so many free, if each is half full (slub_set_cpu_partial)."""
    return -(-2 * free // objects)
