# SPDX-License-Identifier: GPL-2.0-only
"""SLAB's records at addresses, and its transitions as compiled code may call them."""

from __future__ import annotations

from slabdes.allocator import state, timers, transitions, tunables
from slabdes.allocator.state import ArrayCache, CacheStats
from slabdes.engine.compiled.numba_tools import records_at, share
from slabdes.engine.compiled.slab.layout import L3, Cache

arrays_at = records_at(ArrayCache)
l3s_at = records_at(L3)
stats_at = records_at(CacheStats)
caches_at = records_at(Cache)

share(transitions)
share(tunables, "free_limit")
share(timers)
share(state, "entry_line")
