# SPDX-License-Identifier: GPL-2.0-only
"""What a script's line asks of a cache's objects: size, alignment and flags, and the geometry that 2.6.34 gives them.

Leaves out creating the cache.
"""

from __future__ import annotations

from slabdes.allocator.geometry import Geometry, kmem_cache_geometry
from slabdes.conformance.render import Record
from slabdes.conformance.script import Line
from slabdes.errors import InputError, nearest

FLAGS = ("HWCACHE_ALIGN", "RECLAIM_ACCOUNT", "MEM_SPREAD", "NOLEAKTRACE")
MAX_SIZE = 1 << 22


def asked_geometry(line: Line, bigmem: bool) -> tuple[Geometry, str]:
    """The geometry, and the flags as they are written. `bigmem`: whether the machine has enough memory for larger slabs."""
    text = line.keys.get("flags", "")
    flags = [flag for flag in text.split("|") if flag]
    for flag in flags:
        if flag not in FLAGS:
            raise InputError(line.where, f"{flag!r} is no flag{nearest(flag, FLAGS)}", allowed=", ".join(FLAGS))
    if "size" not in line.keys:
        raise InputError(line.where, f"{line.op} without size=", allowed=f"1 to {MAX_SIZE}")
    align = line.key("align", 0, 0, 4096)
    if align & (align - 1):
        raise InputError(line.where, f"align {align} is not a power of two", allowed="0 or a power of two up to 4096")
    try:
        geometry = kmem_cache_geometry(
            line.key("size", 0, 1, MAX_SIZE),
            align,
            hwcache_align="HWCACHE_ALIGN" in flags,
            reclaim_account="RECLAIM_ACCOUNT" in flags,
            noleaktrace="NOLEAKTRACE" in flags,
            bigmem=bigmem,
        )
    except InputError as error:
        raise InputError(line.where, error.problem, error.allowed) from None
    return geometry, text


def asked_record(line: Line, flags: str) -> Record:
    """What was asked for, as records repeat it."""
    return {"req_size": int(line.keys["size"]), "align": line.key("align", 0), "flags": flags}
