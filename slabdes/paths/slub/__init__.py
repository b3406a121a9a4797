# SPDX-License-Identifier: GPL-2.0-only
"""How SLUB runs: mm/slub.c from kmem_cache_alloc and kmem_cache_free down, branch by branch, as generators. Linux 7.3, 6.12."""
