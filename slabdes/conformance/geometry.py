# SPDX-License-Identifier: GPL-2.0-only
"""Geometry rows in the golden data's format, for sizes and kernels that no script names, and SLUB's in its own words.

Leaves out scripts' own `geom` lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.geometry import kmem_cache_geometry
from slabdes.allocator.geometry_indexes import indexes_geometry
from slabdes.allocator.slub.geometry import cpu_partial_by_size, cpu_partial_slabs, slub_geometry
from slabdes.allocator.slub.state import MAX_FULL_SHEAVES
from slabdes.allocator.slub.versions import SLUB_VERSIONS, SheavesOf, SlubVersion
from slabdes.allocator.tunables import default_tunables, free_limit
from slabdes.allocator.versions import VERSIONS, FreeList
from slabdes.conformance.render import Record, geometry_record
from slabdes.errors import InputError, nearest

FLAGS = ("HWCACHE_ALIGN", "RECLAIM_ACCOUNT", "MEM_SPREAD", "NOLEAKTRACE", "TYPESAFE_BY_RCU")


def geometry_rows(
    sizes: Sequence[int], *, align: int, flags: str, cpus: int, nodes: int, bigmem: bool, allocator: str
) -> list[Record]:
    """A `geom` record for each size, on a machine with these CPUs and nodes. Raises InputError for what fits no slab."""
    known = (*VERSIONS, *SLUB_VERSIONS)
    if allocator not in known:
        raise InputError("--allocator", f"{allocator!r} is no version{nearest(allocator, known)}", allowed=", ".join(known))
    if align & (align - 1):
        raise InputError("--align", f"{align} is not a power of two", allowed="0 or a power of two up to 4096")
    asked = [flag for flag in flags.split("|") if flag]
    for flag in asked:
        if flag not in FLAGS:
            raise InputError("--flags", f"{flag!r} is no flag{nearest(flag, FLAGS)}", allowed=", ".join(FLAGS))
    if allocator in SLUB_VERSIONS:
        return [_slub_row(size, align, asked, flags, cpus, SLUB_VERSIONS[allocator]) for size in sizes]
    on_node0 = sum(1 for cpu in range(cpus) if cpu * nodes // cpus == 0)
    return [_row(size, align, asked, flags, cpus, on_node0, bigmem, VERSIONS[allocator].free_list) for size in sizes]


def _slub_row(size: int, align: int, asked: list[str], flags: str, cpus: int, version: SlubVersion) -> Record:
    """What SLUB makes of a size: the slab, the one for which there are no pages of its order, and settings by sysfs's names."""
    geometry = slub_geometry(
        size,
        align,
        cpus=cpus,
        hwcache_align="HWCACHE_ALIGN" in asked,
        pointer_behind="TYPESAFE_BY_RCU" in asked,
        noleaktrace="NOLEAKTRACE" in asked,
    )
    row: dict[str, int | str] = {"op": "geom", "req_size": size, "align": align, "flags": flags, "size": geometry.size}
    row |= {"num": geometry.objects, "order": geometry.order}
    row |= {"min_num": geometry.min_objects, "min_order": geometry.min_order, "min_partial": geometry.min_partial}
    if version.cpu_slabs:
        partial = cpu_partial_by_size(geometry.size), cpu_partial_slabs(geometry.size, geometry.objects)
        row |= dict(zip(("cpu_partial", "cpu_partial_slabs"), partial, strict=True))
    if version.sheaves != SheavesOf.NONE:
        capacity = version.sheaf_capacity("", None, geometry.sheaf_capacity)
        row |= {"sheaf_capacity": capacity, "max_full_sheaves": MAX_FULL_SHEAVES if capacity else 0}
    return row


def _row(
    size: int, align: int, asked: list[str], flags: str, cpus: int, on_node0: int, bigmem: bool, free_list: FreeList
) -> Record:
    hwcache_align, reclaim, noleaktrace = (flag in asked for flag in ("HWCACHE_ALIGN", "RECLAIM_ACCOUNT", "NOLEAKTRACE"))
    if free_list is FreeList.BUFCTL:
        geometry = kmem_cache_geometry(
            size, align, hwcache_align=hwcache_align, reclaim_account=reclaim, noleaktrace=noleaktrace, bigmem=bigmem
        )
    else:
        geometry = indexes_geometry(
            size,
            align,
            hwcache_align=hwcache_align,
            reclaim_account=reclaim,
            noleaktrace=noleaktrace,
            typesafe_by_rcu="TYPESAFE_BY_RCU" in asked,
            bigmem=bigmem,
        )
    tunables = default_tunables(geometry.size, cpus)
    return {
        "op": "geom",
        "req_size": size,
        "align": align,
        "flags": flags,
        **geometry_record(geometry),
        "limit": tunables.limit,
        "batchcount": tunables.batchcount,
        "shared": tunables.shared,
        "free_limit0": free_limit(on_node0, tunables.batchcount, geometry.num),
    }
