# SPDX-License-Identifier: GPL-2.0-only
"""What mm/slub.c does, with no clock: geometry, state and its transitions. Linux 7.3; SLAB's are one room up.

Lists of slabs, numbers of objects, `words` and page lists are both allocators'.
"""
