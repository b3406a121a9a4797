# SPDX-License-Identifier: GPL-2.0-only
"""How many objects a slab holds in Linux 3.13 to 6.7, whose slabs keep free objects as a stack of one-byte indexes.

calculate_slab_order, set_objfreelist_slab_cache, set_off_slab_cache and set_on_slab_cache of 6.1, on x86-64. Leaves out
debugging.
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.geometry import (
    BREAK_GFP_ORDER_HI,
    BREAK_GFP_ORDER_LO,
    BYTES_PER_WORD,
    CACHE_LINE_SIZE,
    KMALLOC_MAX_ORDER,
    WASTE_SHARE,
    Geometry,
    Placement,
    align_up,
    check_size,
    least_align,
)
from slabdes.errors import InputError
from slabdes.units import PAGE_SIZE

SLAB_OBJ_MIN_SIZE: Final = 16
"""Objects are at least this large, so that one byte counts those of a page."""
SLAB_OBJ_MAX_NUM: Final = 255
SIZEOF_FREELIST_IDX: Final = 1
KMALLOC_SIZES: Final = ((32, 32), (64, 64), (96, 128), (128, 128), (192, 192), (256, 256))
"""(bytes asked for at most, size of the kmalloc cache that they come from): kmalloc-96's objects are 128 apart."""


def indexes_geometry(
    size: int,
    align: int = 0,
    *,
    hwcache_align: bool = False,
    reclaim_account: bool = False,
    noleaktrace: bool = False,
    typesafe_by_rcu: bool = False,
    ctor: bool = False,
    bigmem: bool = True,
) -> Geometry:
    """The layout that kmem_cache_create of 6.1 gives to objects of `size` bytes. Raises InputError if none fits.

    >>> indexes_geometry(256).num, indexes_geometry(128).num
    (16, 32)
    """
    check_size(size)
    object_size = size
    align = align_up(max(least_align(object_size, hwcache_align), align, BYTES_PER_WORD), BYTES_PER_WORD)
    size = align_up(align_up(size, BYTES_PER_WORD), align)
    if size < SLAB_OBJ_MIN_SIZE:
        size = align_up(SLAB_OBJ_MIN_SIZE, align)
    in_object_allowed = not (ctor or typesafe_by_rcu)
    for placement in Placement:
        num, gfporder, left_over = _slab_order(size, object_size, placement, reclaim_account, bigmem)
        if not num:
            continue
        if placement is Placement.IN_OBJECT and not (in_object_allowed and num * SIZEOF_FREELIST_IDX <= object_size):
            continue
        if placement is Placement.OFF_SLAB and (noleaktrace or left_over >= num * SIZEOF_FREELIST_IDX):
            continue
        colour_off = max(CACHE_LINE_SIZE, align)
        freelist = num * SIZEOF_FREELIST_IDX
        return Geometry(
            size=size,
            align=align,
            num=num,
            gfporder=gfporder,
            colour=left_over // colour_off,
            colour_off=colour_off,
            left_over=left_over,
            off_slab=placement is Placement.OFF_SLAB,
            slab_size=freelist,
            slabp_cache=f"kmalloc-{_kmalloc_name(freelist)}" if placement is Placement.OFF_SLAB else None,
            placement=placement,
        )
    raise InputError("size", f"{size} bytes with alignment {align} fits no slab", allowed=f"orders 0 to {KMALLOC_MAX_ORDER}")


def _slab_order(size: int, object_size: int, placement: Placement, reclaim_account: bool, bigmem: bool) -> tuple[int, int, int]:
    """(objects a slab, order, bytes left over); no objects when nothing fits (calculate_slab_order)."""
    break_order = BREAK_GFP_ORDER_HI if bigmem else BREAK_GFP_ORDER_LO
    stride = size + SIZEOF_FREELIST_IDX if placement is Placement.ON_SLAB else size
    best = (0, 0, 0)
    for gfporder in range(KMALLOC_MAX_ORDER + 1):
        num, left_over = divmod(PAGE_SIZE << gfporder, stride)
        if not num:
            continue
        if num > SLAB_OBJ_MAX_NUM:
            break
        if placement is Placement.OFF_SLAB and _kmalloc_size(num * SIZEOF_FREELIST_IDX) > object_size // 2:
            continue
        best = (num, gfporder, left_over)
        if reclaim_account or gfporder >= break_order or left_over * WASTE_SHARE <= PAGE_SIZE << gfporder:
            break
    return best


def _kmalloc_size(size: int) -> int:
    return next(occupied for asked, occupied in KMALLOC_SIZES if size <= asked)


def _kmalloc_name(size: int) -> int:
    return next(asked for asked, _occupied in KMALLOC_SIZES if size <= asked)
