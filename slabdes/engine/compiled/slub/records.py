# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's records at addresses, and its transitions as compiled code may call them."""

from __future__ import annotations

from slabdes.allocator.slub import state, transitions
from slabdes.allocator.slub.state import (
    InHand,
    KfreeRcuCpu,
    KmemCacheCpu,
    KmemCacheNode,
    NodeBarn,
    PercpuSheaves,
    SlabSheaf,
    SlubStats,
)
from slabdes.engine.compiled.numba_tools import records_at, share
from slabdes.engine.compiled.slub.layout import RcuSheaf, SlubCache

rcu_sheaves_at = records_at(RcuSheaf)
in_hand_at = records_at(InHand)
rcu_cpus_at = records_at(KfreeRcuCpu)
slub_caches_at = records_at(SlubCache)
cpu_slabs_at = records_at(KmemCacheCpu)
nodes_at = records_at(KmemCacheNode)
barns_at = records_at(NodeBarn)
cpu_sheaves_at = records_at(PercpuSheaves)
sheaves_at = records_at(SlabSheaf)
slub_stats_at = records_at(SlubStats)

share(transitions)
share(state, "sheaf_lines", "slab_order")
