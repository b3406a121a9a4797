# SPDX-License-Identifier: GPL-2.0-only
"""Which kmalloc cache the free lists of an off-slab cache come from. Leaves out which of its objects they are."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from slabdes.allocator.geometry import Placement
from slabdes.dumps.records import Dump
from slabdes.errors import InputError

_KMALLOC: Final = re.compile(r"kmalloc-(\d+)(k|M)?")
_UNITS: Final = {None: 1, "k": 1 << 10, "M": 1 << 20}


class Holders:
    """The kmalloc caches of a dump that hold free lists."""

    def __init__(self, dump: Dump) -> None:
        self._dump = dump
        self._sizes = sorted((size, name) for name in dump.caches if (size := kmalloc_size(name)) is not None)

    def of(self, name: str) -> str | None:
        """The cache that holds those of cache `name`; None if it is not off-slab. InputError if the dump has none that can."""
        geometry = self._dump.caches[name].geometry
        if geometry.placement is not Placement.OFF_SLAB:
            return None
        where, what = f"{self._dump.where}: {name}", f"its free lists of {geometry.slab_size} bytes"
        place = bisect_left(self._sizes, (geometry.slab_size, ""))
        if place == len(self._sizes):
            raise InputError(where, f"no kmalloc cache for {what}")
        holder = self._sizes[place][1]
        if self._dump.caches[holder].geometry.placement is Placement.OFF_SLAB:
            # Growing it would ask for a free list, and so have it grow (calculate_slab_order sees to it).
            raise InputError(where, f"{what} lie in {holder}, whose own lie off its slabs", allowed="a dump of a real kernel")
        return holder


def kmalloc_size(name: str) -> int | None:
    """The bytes that a plain kmalloc cache serves at most, by its name; None for other caches.

    >>> kmalloc_size("kmalloc-2k"), kmalloc_size("kmalloc-96"), kmalloc_size("kmalloc-rcl-96")
    (2048, 96, None)
    """
    match = _KMALLOC.fullmatch(name)
    return int(match[1]) * _UNITS[match[2]] if match else None
