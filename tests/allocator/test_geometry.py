# SPDX-License-Identifier: GPL-2.0-only
"""Slab layouts, derived by hand from SEMANTICS.md, "Geometry"."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from slabdes.allocator.geometry import (
    MALLOC_SIZES,
    align_up,
    cache_estimate,
    calculate_slab_order,
    general_cache_name,
    kmem_cache_geometry,
)
from slabdes.errors import InputError


def test_sizes_are_rounded_up_to_eight() -> None:
    assert [align_up(size, 8) for size in (1, 8, 9)] == [8, 8, 16]
    assert kmem_cache_geometry(1).size == 8
    assert kmem_cache_geometry(9).size == 16


def test_a_small_object_shares_its_page_with_the_descriptor() -> None:
    # (4096 - 48) / (256 + 4) = 15 objects; 48 + 15 * 4 = 108, rounded up to 112; 4096 - 15 * 256 - 112 = 144 bytes left.
    geometry = kmem_cache_geometry(256)
    assert (geometry.num, geometry.gfporder, geometry.slab_size, geometry.left_over) == (15, 0, 112, 144)
    assert (geometry.colour, geometry.colour_off, geometry.off_slab, geometry.slabp_cache) == (2, 64, False, None)


def test_one_object_fewer_where_the_aligned_descriptor_does_not_fit() -> None:
    # 64 bytes aligned to 64: (4096 - 48) / (64 + 4) = 59; 48 + 59 * 4 = 284 becomes 320; 320 + 59 * 64 = 4096 just fits.
    assert cache_estimate(0, 64, 64, off_slab=False) == (59, 0)
    # 2016 aligned to 32: 4048 / 2020 = 2; 48 + 2 * 4 = 56 becomes 64; 64 + 2 * 2016 = 4096 just fits.
    assert cache_estimate(0, 2016, 32, off_slab=False) == (2, 0)
    # 2016 aligned to 128: the descriptor becomes 128 and 128 + 2 * 2016 = 4160 does not fit; 4096 - 2016 - 128 = 1952 left.
    assert cache_estimate(0, 2016, 128, off_slab=False) == (1, 1952)


def test_an_object_larger_than_the_slab_fits_no_times() -> None:
    assert cache_estimate(0, 8192, 8, off_slab=True) == (0, 4096)
    assert cache_estimate(0, 4096, 8, off_slab=False)[0] == 0


def test_a_true_512_has_its_descriptor_outside_and_480_aligned_to_512_does_not() -> None:
    outside, inside = kmem_cache_geometry(512), kmem_cache_geometry(480, 512)
    assert (outside.num, outside.off_slab, outside.slab_size, outside.slabp_cache) == (8, True, 48 + 8 * 4, "size-128")
    assert (inside.num, inside.off_slab) == (7, False)


def test_noleaktrace_keeps_the_descriptor_inside() -> None:
    geometry = kmem_cache_geometry(512, noleaktrace=True)
    assert not geometry.off_slab
    assert geometry.num == 7


def test_an_outside_descriptor_comes_back_in_where_there_is_room_left() -> None:
    # 1000: 4 a page, 96 bytes left, descriptor 48 + 4 * 4 = 64: it moves in and leaves 32.
    geometry = kmem_cache_geometry(1000)
    assert (geometry.num, geometry.off_slab, geometry.slab_size, geometry.left_over) == (4, False, 64, 32)
    # 1016: 4 a page, 32 bytes left: it stays outside.
    assert kmem_cache_geometry(1016).off_slab


def test_hwcache_align_halves_the_line_for_small_objects() -> None:
    # 64 while size > 32, 32 while size > 16, 16 while size > 8, else 8.
    aligned = {size: kmem_cache_geometry(size, hwcache_align=True).align for size in (8, 16, 17, 32, 33, 64, 65, 100)}
    assert aligned == {8: 8, 16: 16, 17: 32, 32: 32, 33: 64, 64: 64, 65: 64, 100: 64}
    assert kmem_cache_geometry(100, hwcache_align=True).size == 128
    assert kmem_cache_geometry(100, 256, hwcache_align=True).align == 256


def test_waste_of_more_than_an_eighth_asks_for_a_higher_order() -> None:
    # 1400: 2 objects a page waste 4096 - 2800 = 1296 > 512, so order 1: 5 objects waste 8192 - 7000 = 1192 > 1024, but order 1 is
    # accepted anyway where memory is above 32 MB. On a small machine order 0 is.
    assert calculate_slab_order(1400, 8, True, False, bigmem=True) == (5, 1, 1192)
    assert calculate_slab_order(1400, 8, True, False, bigmem=False) == (2, 0, 1296)
    assert calculate_slab_order(1400, 8, True, True, bigmem=True) == (2, 0, 1296)


def test_an_outside_free_chain_that_is_no_smaller_than_an_object_ends_the_search() -> None:
    # 64-byte objects outside: (64 - 48) / 4 = 4 are allowed, a page has 64; nothing is found at all.
    assert calculate_slab_order(64, 8, True, False, bigmem=True) == (0, 0, 0)


def test_orders_below_the_first_that_fits_are_skipped() -> None:
    geometry = kmem_cache_geometry(1 << 20)
    assert (geometry.gfporder, geometry.num, geometry.left_over) == (8, 1, 0)


def test_the_largest_object_fills_order_10() -> None:
    geometry = kmem_cache_geometry(1 << 22)
    assert (geometry.gfporder, geometry.num, geometry.off_slab, geometry.colour) == (10, 1, True, 0)


@pytest.mark.parametrize("size", [0, -8, (1 << 22) + 1])
def test_sizes_that_no_slab_holds_are_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"size: {size} bytes is no object size; allowed: 1 to 4194304"):
        kmem_cache_geometry(size)


def test_the_largest_object_with_its_descriptor_inside_is_refused() -> None:
    with pytest.raises(InputError, match="fits no slab"):
        kmem_cache_geometry(1 << 22, noleaktrace=True)


def test_descriptors_come_from_the_smallest_general_cache_that_holds_them() -> None:
    assert [general_cache_name(size) for size in (32, 33, 64, 65, 128, 129, 192, 193)] == [
        "size-32", "size-64", "size-64", "size-128", "size-128", "size-192", "size-192", "size-256",
    ]  # fmt: skip
    assert MALLOC_SIZES[-1] == 1 << 22


def test_no_layout_overflows_its_slab() -> None:
    for size in range(8, 9000, 56):
        for align in (0, 64, 512):
            for flags in ({}, {"reclaim_account": True}, {"noleaktrace": True}, {"bigmem": False}):
                g = kmem_cache_geometry(size, align, **flags)
                used = g.num * g.size + g.left_over + (0 if g.off_slab else g.slab_size)
                assert used == 4096 << g.gfporder, astuple(g)
                assert g.num >= 1
                assert g.colour * g.colour_off <= g.left_over
