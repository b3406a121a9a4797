# SPDX-License-Identifier: GPL-2.0-only
"""What the places of objects and the lists of slabs are called, in SLAB and in SLUB, in the order of a stack's layers.

Leaves out how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OBJECTS, LISTS, USED = "objects", "slabs", "used"
"""Units: objects, slabs, and the part of the pages held that objects in use fill."""
PLACES: Final = {
    "in_use": "in use",
    "in_arrays": "idle in CPUs' arrays",
    "in_shared": "idle in shared arrays",
    "in_alien": "idle in alien caches",
    "in_rcu": "waiting for RCU",
    "free_objects": "free on slabs",
}
SLABS: Final = {"slabs_full": "full slabs", "slabs_partial": "partial slabs", "slabs_free": "free slabs"}
SLUB_PLACES: Final = PLACES | {"in_arrays": "idle with CPUs", "in_shared": "idle in barns"}
SLUB_SLABS: Final = {
    "slabs_full": "full, on no list", "slabs_partial": "on partial lists", "slabs_free": "free slabs",
    "slabs_cpu": "CPUs' own slabs",
}  # fmt: skip
OF_PAGES: Final = "pages held that are used"
NAMES: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    OBJECTS: (PLACES, SLUB_PLACES),
    LISTS: (SLABS, SLUB_SLABS),
    USED: ({"used": OF_PAGES}, {"used": OF_PAGES}),
}
"""What parts of each unit are called, in SLAB and in SLUB, by column."""
LAYERS: Final = tuple(dict.fromkeys(part for every in NAMES.values() for names in every for part in names))
"""All parts, each unit's from its lowest layer up."""


def layer_of(part: str) -> int:
    """The place of a part among those of its unit, the same in both allocators: what it looks like."""
    return next(list(names).index(part) for every in NAMES.values() for names in every if part in names)
