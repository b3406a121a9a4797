# SPDX-License-Identifier: GPL-2.0-only
"""What the model leaves out, in the words of TRUST.md, which says the same. Leaves out how large its errors were."""

from __future__ import annotations

from typing import Final

LEFT_OUT: Final = (
    "Caches below a node other than through line transfers and what a CPU's part of the last level loses (`llc_mib`; "
    "presets that do not say it lose nothing): no other level, no prefetching, no memory bandwidth, no TLB. Objects touched "
    "in random order are lost too early: 10 % of touches miss where all take half of the cache, 32 % where nearly all of "
    "it; in turn, as in bursts, it is exact.",
    "Preemption and migration: a CPU runs its program from begin to end, interrupted by reap timers and by `[interrupts]`, "
    "if any.",
    "The kernel around the allocator: think times stand for it. Think times of a trace taken under tracing or in an "
    "emulator mean little: answers say so where the trace's header shows it; compare `--think recorded` with `0.1x` and "
    "`none`.",
    "A page allocator beyond per-CPU lists, one zone lock, free blocks counted by order and finite memory a node: no "
    "reclaim, no compaction.",
    "Kernels other than the versions of `slabdes keys allocator`.",
    "Of SLUB with a clock, interrupts, readings of /proc/slabinfo and `start`; a sheaf's own memory is always there, at a "
    "hit's cost.",
    "Of per-CPU lists of pages, which are from reading, batches that change in long rows of calls of one kind: long rows of "
    "frees take the zone lock too often here at order 0, and too seldom at orders 1 to 3, which 5.18 and later then give "
    "back at once. Lengths that tune themselves (6.7 and later), emptying lists for want of memory elsewhere, and a "
    "machine's memory beyond `machine.memory_mib`, which sets how long they are.",
    "How many lines move at once: those of a copy and a list's neighbours come together, each beside the dearest for one "
    "share of its transfer. Reads of pointers that never change (`l3->shared`, `l3->alien`) cost nothing.",
    "Rings between producers and consumers that keep their indexes apart, or pass objects by the batch: here both ends read "
    "how far the other one is with each object.",
    "Who frees: objects of SLAB's caches named kmalloc-, dma-kmalloc- or size- are freed by kfree, all others by "
    "kmem_cache_free, unless `frees_look_up` says; memory cgroups count nothing.",
    "What a bulk call itself costs on SLAB but interrupts off and on; one that runs out of memory keeps what it got there.",
)
