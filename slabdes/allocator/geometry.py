# SPDX-License-Identifier: GPL-2.0-only
"""How many objects a slab holds and where its descriptor lies: kmem_cache_create and calculate_slab_order of 2.6.34.

Sizes are those of x86-64. Leaves out debugging (red zones, poison) and DMA, which change sizes but not contention.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from slabdes.errors import InputError
from slabdes.units import PAGE_SIZE

BYTES_PER_WORD: Final = 8
CACHE_LINE_SIZE: Final = 64
SIZEOF_SLAB: Final = 48
"""sizeof(struct slab): list, colouroff, s_mem, inuse, free, nodeid."""
SIZEOF_BUFCTL: Final = 4
"""sizeof(kmem_bufctl_t), one a object: the free chain."""
KMALLOC_MAX_ORDER: Final = 10
OFF_SLAB_SIZE: Final = PAGE_SIZE >> 3
"""Objects at least this large keep their slab's descriptor elsewhere."""
BREAK_GFP_ORDER_HI: Final = 1
BREAK_GFP_ORDER_LO: Final = 0
"""slab_break_gfp_order, the order at which wasted space is accepted: LO where memory is at most 32 MB."""
WASTE_SHARE: Final = 8
"""A slab is good enough when at most 1/8 of it is left over."""
MALLOC_SIZES: Final = (32, 64, 128, 192, *(1 << shift for shift in range(8, 23)))
"""malloc_sizes of the general caches with 4 KiB pages and 64-byte lines (kmalloc_sizes.h)."""


class Placement(IntEnum):
    """Where a slab keeps what it knows of its free objects, in the order in which 6.1 tries; 2.6.34 has the last two."""

    IN_OBJECT = 0
    OFF_SLAB = 1
    ON_SLAB = 2


@dataclass(frozen=True)
class Geometry:
    """A cache's layout. `size` is the aligned object size, `left_over` the bytes that colouring may use.

    `slab_size` is the descriptor's size in bytes, free chain included; `slabp_cache` the general cache that it comes
    from when off-slab, else None.
    """

    size: int
    align: int
    num: int
    gfporder: int
    colour: int
    colour_off: int
    left_over: int
    off_slab: bool
    slab_size: int
    slabp_cache: str | None
    placement: Placement


def check_size(size: int) -> None:
    """Raise InputError unless an object of `size` bytes can be asked for."""
    if not 1 <= size <= PAGE_SIZE << KMALLOC_MAX_ORDER:
        raise InputError("size", f"{size} bytes is no object size", allowed=f"1 to {PAGE_SIZE << KMALLOC_MAX_ORDER}")


def least_align(size: int, hwcache_align: bool) -> int:
    """The alignment of objects that ask for none: a word, or (SLAB_HWCACHE_ALIGN) as much of a line as they do not waste."""
    if not hwcache_align:
        return BYTES_PER_WORD
    line = CACHE_LINE_SIZE
    while size <= line // 2:
        line //= 2
    return line


def align_up(size: int, align: int) -> int:
    """`size` rounded up to a multiple of `align` (ALIGN)."""
    return (size + align - 1) // align * align


def kmem_cache_geometry(
    size: int,
    align: int = 0,
    *,
    hwcache_align: bool = False,
    reclaim_account: bool = False,
    noleaktrace: bool = False,
    bigmem: bool = True,
) -> Geometry:
    """The layout that kmem_cache_create gives to objects of `size` bytes.

    `bigmem` is false on a machine with at most 32 MB. Raises InputError when no order up to 10 holds an object.

    >>> kmem_cache_geometry(256).num, kmem_cache_geometry(4096).off_slab
    (15, True)
    """
    check_size(size)
    size = align_up(size, BYTES_PER_WORD)
    align = max(least_align(size, hwcache_align), align)
    off_slab = size >= OFF_SLAB_SIZE and not noleaktrace
    size = align_up(size, align)
    num, gfporder, left_over = calculate_slab_order(size, align, off_slab, reclaim_account, bigmem)
    if not num:
        raise InputError("size", f"{size} bytes with alignment {align} fits no slab", allowed=f"orders 0 to {KMALLOC_MAX_ORDER}")
    slab_size = align_up(SIZEOF_SLAB + num * SIZEOF_BUFCTL, align)
    if off_slab and left_over >= slab_size:
        off_slab = False
        left_over -= slab_size
    if off_slab:
        slab_size = SIZEOF_SLAB + num * SIZEOF_BUFCTL
    colour_off = max(CACHE_LINE_SIZE, align)
    return Geometry(
        size=size,
        align=align,
        num=num,
        gfporder=gfporder,
        colour=left_over // colour_off,
        colour_off=colour_off,
        left_over=left_over,
        off_slab=off_slab,
        slab_size=slab_size,
        slabp_cache=general_cache_name(slab_size) if off_slab else None,
        placement=Placement.OFF_SLAB if off_slab else Placement.ON_SLAB,
    )


def calculate_slab_order(size: int, align: int, off_slab: bool, reclaim_account: bool, bigmem: bool) -> tuple[int, int, int]:
    """(objects a slab, order, bytes left over); no objects when nothing fits (calculate_slab_order)."""
    break_order = BREAK_GFP_ORDER_HI if bigmem else BREAK_GFP_ORDER_LO
    best = (0, 0, 0)
    for gfporder in range(KMALLOC_MAX_ORDER + 1):
        num, left_over = cache_estimate(gfporder, size, align, off_slab)
        if not num:
            continue
        if off_slab and num > (size - SIZEOF_SLAB) // SIZEOF_BUFCTL:
            break
        best = (num, gfporder, left_over)
        if reclaim_account or gfporder >= break_order or left_over * WASTE_SHARE <= PAGE_SIZE << gfporder:
            break
    return best


def cache_estimate(gfporder: int, size: int, align: int, off_slab: bool) -> tuple[int, int]:
    """(objects, bytes left over) of a slab of this order (cache_estimate)."""
    slab_bytes = PAGE_SIZE << gfporder
    if off_slab:
        num, descriptor = slab_bytes // size, 0
    else:
        num = (slab_bytes - SIZEOF_SLAB) // (size + SIZEOF_BUFCTL)
        if align_up(SIZEOF_SLAB + num * SIZEOF_BUFCTL, align) + num * size > slab_bytes:
            num -= 1
        descriptor = align_up(SIZEOF_SLAB + num * SIZEOF_BUFCTL, align)
    return max(num, 0), slab_bytes - num * size - descriptor


def general_cache_name(size: int) -> str:
    """The kmalloc cache that `size` bytes come from (kmem_find_general_cachep)."""
    return f"size-{next(bytes_ for bytes_ in MALLOC_SIZES if size <= bytes_)}"
