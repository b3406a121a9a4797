# SPDX-License-Identifier: GPL-2.0-only
"""What the functions of SLUB's paths are called in the kernel, for whoever watches them run.

Leaves out places where locks are taken (`paths.sites`).
"""

from __future__ import annotations

from typing import Final

_OTHERWISE: Final = {
    "kmem_cache_alloc_node": "slab_alloc_node",
    "cpu_slab_alloc": "slab_alloc_node",
    "replace_from_stock": "__pcs_replace_empty_main",
    "_install_full": "__pcs_replace_empty_main",
    "_flush_spare": "__pcs_replace_full_main",
    "alloc_empty_sheaf": "__alloc_empty_sheaf",
    "refill_one_by_one": "refill_sheaf",
    "refill_objects_node": "__refill_objects_node",
    "_refill_objects_any": "__refill_objects_any",
    "_get_partial_node_bulk": "get_partial_node_bulk",
    "_take_from_slab": "__refill_objects_node",
    "_give_rest_back": "__refill_objects_node",
    "_put_back": "__refill_objects_node",
    "_spill": "__refill_objects_node",
    "_take_chain": "get_freelist",
    "slab_alloc_slow": "___slab_alloc",
    "_get_from_any_partial": "get_from_any_partial",
    "_get_from_partial_node": "get_from_partial_node",
    "_get_freelist": "get_freelist",
    "_get_any_partial": "get_any_partial",
    "_get_partial_node": "get_partial_node",
    "push_cpu_partial": "put_cpu_partial",
    "_put_cpu_partial": "put_cpu_partial",
    "put_partials": "__put_partials",
    "slab_free": "__slab_free",
    "do_slab_free": "__slab_free",
    "_emptied": "__slab_free",
    "_relist": "__slab_free",
    "free_array": "__kmem_cache_free_bulk",
    "alloc_directly": "__kmem_cache_alloc_bulk",
    "begin_call": "kmem_cache_alloc_bulk",
    "end_call": "kmem_cache_free_bulk",
    "_allocate_all": "kmem_cache_alloc_bulk",
    "_free_all": "kmem_cache_free_bulk",
    "free_array_hooked": "do_slab_free",
    "kfree_rcu": "kvfree_call_rcu",
    "_rcu_sheaf": "__kfree_rcu_sheaf",
}
"""From reading: 7.3's, and those that only 6.12 has."""
_PARTS: Final = (
    "slub_alloc", "slub_alloc_node", "slub_free", "swap_sheaves", "replace_main", "barn_here", "has_barn", "barn_takes_full",
    "search_wanted",
    "pop_private", "free_group", "free_one", "detach_rcu_sheaf", "is_local", "load_state", "cmpxchg", "let_in", "slab_pages",
    "free_slab_pages", "sheaf_memory",
)  # fmt: skip
"""Functions of the paths that are part of what calls them."""


def kernel_function(name: str) -> str:
    """The kernel's name of a function of the paths; empty for one that is a part of the function that calls it."""
    if name in _OTHERWISE:
        return _OTHERWISE[name]
    return "" if name in _PARTS or (name.startswith("_") and not name.startswith("__")) else name
