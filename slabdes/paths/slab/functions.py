# SPDX-License-Identifier: GPL-2.0-only
"""What the functions of the paths are called in the kernel of a version, for whoever watches them run.

Each has its original's name but for these. Leaves out places where locks are taken (`paths.sites`).
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.versions import Version

_OTHERWISE: Final = {
    "slab_pages": "kmem_getpages",
    "reap_cache": "cache_reap",
    "shrink_lists": "kmem_cache_shrink",
}


def kernel_function(name: str, version: Version) -> str:
    """The kernel's name of a function of the paths, of the slab allocator or the page allocator's."""
    match name:
        case "cache_grow_begin" | "cache_grow_end":
            return name if version.private_slab else "cache_grow"
        case "cache_free_alien":
            return version.free_alien_function
        case _:
            return _OTHERWISE.get(name, name)
