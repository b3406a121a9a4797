# SPDX-License-Identifier: GPL-2.0-only
"""SLAB's memory in compiled code: caches and their lists as records. ArrayCache and CacheStats are as the allocator has them.

Leaves out what fills them (`slab.pack`) and what works on them.
"""

from __future__ import annotations


class L3:
    """As state.KmemList3; `shared` is an array's number, `alien` that of the first alien cache, for node 0; -1 without."""

    node: int
    slabs_partial: int
    slabs_full: int
    slabs_free: int
    free_objects: int
    free_slabs: int
    free_limit: int
    colour_next: int
    free_touched: int
    next_reap: int
    list_lock: int
    line: int
    shared: int
    alien: int
    descriptors: int


class Cache:
    """As state.KmemCache; `array` is the number of CPU 0's array, `spare` the first spare slab."""

    num: int
    gfporder: int
    colour: int
    colour_off: int
    slabp_cache: int
    slabs_created: int
    slabs_destroyed: int
    grows_failed: int
    spare: int
    array: int
    ctor: bool
    ctor_calls: int
    frees_look_up: bool
    mem_spread: bool
    limit: int
    batchcount: int
    shared: int
