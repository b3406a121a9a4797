# SPDX-License-Identifier: GPL-2.0-only
"""The golden data's records, made from the allocator's state: machine, cache and dump. Leaves out per-operation records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slabdes.allocator.check import check
from slabdes.allocator.geometry import Geometry
from slabdes.allocator.lists import list_entries
from slabdes.allocator.state import BUFCTL_END, ArrayCache, KmemCache, KmemList3, SlabState, obj_to_index, virt_to_slab
from slabdes.errors import CheckFailed

Record = dict[str, Any]


def geometry_record(geometry: Geometry) -> Record:
    """The geometry keys that cache, geom and dump records share."""
    return {
        "size": geometry.size,
        "num": geometry.num,
        "order": geometry.gfporder,
        "colour": geometry.colour,
        "colour_off": geometry.colour_off,
        "left_over": geometry.left_over,
        "off_slab": int(geometry.off_slab),
        "slab_size": geometry.slab_size,
        "slabp_cache": geometry.slabp_cache,
    }


def tunables_record(cache: KmemCache) -> Record:
    """A cache's present tunables."""
    return {"limit": cache.limit, "batchcount": cache.batchcount, "shared": cache.shared}


def dump_cache(state: SlabState, cache: KmemCache, geometry: Geometry, live: Sequence[int], full: bool) -> Record:
    """Everything a cache holds; with `full` also the free chains of partial and free slabs."""
    stats = {
        counter: getattr(cache.stats, counter)
        for counter in (
            "num_active",
            "num_allocations",
            "high_mark",
            "grown",
            "reaped",
            "errors",
            "max_freeable",
            "node_allocs",
            "node_frees",
            "node_overflow",
            "allochit",
            "allocmiss",
            "freehit",
            "freemiss",
        )
    }
    record: Record = {
        "name": cache.name,
        "geom": {**geometry_record(geometry), **tunables_record(cache)},
        "cpus": [_array(state, ac) for ac in cache.array],
        "nodes": [_node(state, l3, full) for l3 in cache.nodelists],
        "live": len(live),
        "slabs_created": cache.slabs_created,
        "slabs_destroyed": cache.slabs_destroyed,
    }
    if cache.ctor:
        record["ctor_calls"] = cache.ctor_calls
    return {**record, "stats": stats, "check": _verdict(state, cache, live)}


def _verdict(state: SlabState, cache: KmemCache, live: Sequence[int]) -> str:
    try:
        check(state, cache, live)
    except CheckFailed as failure:
        return str(failure)
    return "ok"


def _array(state: SlabState, ac: ArrayCache) -> Record:
    objects = state.words[ac.entry : ac.entry + ac.avail]
    return {
        "avail": ac.avail,
        "limit": ac.limit,
        "batchcount": ac.batchcount,
        "touched": ac.touched,
        "e": [f"{state.slabs[virt_to_slab(obj)].serial}.{obj_to_index(obj)}" for obj in objects],
    }


def _node(state: SlabState, l3: KmemList3, full: bool) -> Record:
    return {
        "free_objects": l3.free_objects,
        "free_limit": l3.free_limit,
        "colour_next": l3.colour_next,
        "free_touched": l3.free_touched,
        "next_reap": l3.next_reap,
        "shared": _array(state, l3.shared) if l3.shared else None,
        "alien": None if l3.alien is None else [_array(state, alien) if alien else None for alien in l3.alien],
        "partial": [_slab(state, slab, full) for slab in list_entries(state.slabs, l3.slabs_partial)],
        "full": [_slab(state, slab, False) for slab in list_entries(state.slabs, l3.slabs_full)],
        "free": [_slab(state, slab, full) for slab in list_entries(state.slabs, l3.slabs_free)],
    }


def _slab(state: SlabState, number: int, full: bool) -> list[Any]:
    slab = state.slabs[number]
    record: list[Any] = [slab.serial, slab.inuse, slab.free, slab.colouroff]
    if full:
        chain = []
        objnr = slab.free
        while objnr != BUFCTL_END:
            chain.append(str(objnr))
            objnr = state.words[slab.bufctl + objnr]
        record.append(" ".join(chain))
    return record
