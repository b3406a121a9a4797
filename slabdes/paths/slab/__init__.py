# SPDX-License-Identifier: GPL-2.0-only
"""mm/slab.c: how the SLAB allocator's functions run, what they say has happened, and its price list."""
