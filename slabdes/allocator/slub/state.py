# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's memory: kernel structs as records; objects in sheaves and free chains of slabs lie in the flat list `words`.

A Slab is SLAB's record, on the partial list of its node or on none. Sheaves go from hand to hand and are named by their numbers.

Invariants, checked by `check.check`, for each cache, whenever none of its locks is held and no operation is under way:

    a slab is on the partial list of its own node exactly if it has free objects: inuse < num; it is linked both ways
    nr_partial == slabs on the node's partial list      nr_slabs, total_objects == the node's slabs and their objects
    the free chain of a slab has num - inuse distinct members and ends in BUFCTL_END
    every sheaf is in exactly one place: a CPU's main, spare or rcu, a barn's full or empty list, handed out, or waiting for RCU
    0 <= size <= capacity in every sheaf; a sheaf on a full list is full, one on an empty list is empty, an rcu sheaf is not full
    a CPU always has a main sheaf; nr_full, nr_empty == sheaves on the barn's lists
    no object is in two sheaves, or in a sheaf and free in its slab
    sum(inuse) over all slabs == objects in sheaves + objects handed out
    every page lies under a slab

With per-CPU slabs (6.12) in place of sheaves:

    a CPU's slab, which is frozen, and its partial slabs are on no list and held by no other CPU; count == partial slabs
    sum(inuse) over all slabs == objects in private free chains + objects handed out
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from slabdes.allocator.slub.geometry import SlubGeometry
from slabdes.allocator.state import BUFCTL_END, NO_LINE, NO_NODE, NOBODY, ListName, Memory, Slab

NO_SHEAF: Final = -1
ALL_CACHES: Final = -1
ON_PARTIAL: Final = ListName.PARTIAL
ON_NO_LIST: Final = ListName.FULL
FROZEN: Final = ListName.FREE
"""Where a slab is (`which`): SLUB keeps full slabs on no list, nor those that somebody holds isolated. A CPU's own is frozen."""
MAX_FULL_SHEAVES: Final = 10
MAX_EMPTY_SHEAVES: Final = 10
"""Sheaves that a barn takes, where it is looked at (kernel constants)."""
REMOTE_NODE_DEFRAG_RATIO: Final = 1000
CYCLES_MASK: Final = 1023
"""A search of other nodes looks at so many low bits of the cycle counter."""
SHRINK_PROMOTE_MAX: Final = 32
"""Shrink sorts slabs with at most so many free objects."""
KVFREE_BULK_MAX_ENTR: Final = 507
"""Objects in a block of the general batching, a page with a header of five words (assumed packing)."""
LINE_BYTES: Final = 64
WORD_BYTES: Final = 8
SHEAF_HEADER_WORDS: Final = 4
"""struct slab_sheaf before its objects: the kmalloc of one for 60 objects is recorded with 512 bytes (kernel73)."""


class SlabSheaf:
    """struct slab_sheaf: a stack of objects, `entry` is its place in `words`; `room` is what was once allocated there.

    `link` is the next on a barn's list or of those that RCU holds; `node` and `cpu` say who filled it, for RCU. With a clock
    `due` is when its grace period is over, and `cache` whose objects it has, or ALL_CACHES.
    """

    __slots__ = ("cache", "capacity", "cpu", "due", "entry", "line", "link", "node", "room", "size")

    size: int
    capacity: int
    entry: int
    link: int
    node: int
    cpu: int
    room: int
    line: int
    due: int
    cache: int

    def __init__(self, capacity: int, entry: int) -> None:
        self.size = 0
        self.capacity = capacity
        self.entry = entry
        self.link = NO_SHEAF
        self.node = NO_NODE
        self.cpu = NOBODY
        self.room = capacity
        self.line = NO_LINE
        self.due = 0
        self.cache = ALL_CACHES


class KfreeRcuCpu:
    """struct kfree_rcu_cpu, with a clock: sheaves of all caches whose callbacks wait on a CPU, `first` to `last`, by their links.

    `block`: the one that the general batching fills, with objects of all caches, or NO_SHEAF; `running`: whose callback runs.
    """

    __slots__ = ("block", "first", "last", "running")

    first: int
    last: int
    block: int
    running: int

    def __init__(self) -> None:
        self.first = NO_SHEAF
        self.last = NO_SHEAF
        self.block = NO_SHEAF
        self.running = NO_SHEAF


class InHand:
    """What a CPU has taken out of a stock and not given back yet, so that a run's end, or who counts meanwhile, finds it.

    The first `left` objects of `words` from `at` on, if that is more than 0; full sheaves taken off a barn, `sheaf` the first, by
    their links; the free chain, from `free` on, of the slab that it gives up (`slab`, or NOBODY).
    """

    __slots__ = ("at", "free", "left", "sheaf", "slab")

    at: int
    left: int
    sheaf: int
    slab: int
    free: int

    def __init__(self) -> None:
        self.at = 0
        self.left = 0
        self.sheaf = NO_SHEAF
        self.slab = NOBODY
        self.free = BUFCTL_END


class PercpuSheaves:
    """struct slub_percpu_sheaves: a CPU's main sheaf, and its spare and the one that kfree_rcu fills, or NO_SHEAF."""

    __slots__ = ("main", "rcu", "spare")

    main: int
    spare: int
    rcu: int

    def __init__(self, main: int) -> None:
        self.main = main
        self.spare = NO_SHEAF
        self.rcu = NO_SHEAF


class KmemCacheCpu:
    """struct kmem_cache_cpu, where there are per-CPU slabs: the CPU's slab, its private free chain, its partial slabs, a stack.

    `partial` is the top one, `link` leads to the one below; `count` is what the top one says of how many there are.
    """

    __slots__ = ("count", "free", "partial", "slab")

    slab: int
    free: int
    partial: int
    count: int

    def __init__(self) -> None:
        self.slab = NOBODY
        self.free = BUFCTL_END
        self.partial = NOBODY
        self.count = 0


class NodeBarn:
    """struct node_barn: a node's stock of full and of empty sheaves; `full` and `empty` are the first, the last put there."""

    __slots__ = ("empty", "full", "line", "lock", "node", "nr_empty", "nr_full")

    node: int
    full: int
    nr_full: int
    empty: int
    nr_empty: int
    lock: int
    line: int

    def __init__(self, node: int) -> None:
        self.node = node
        self.full = NO_SHEAF
        self.nr_full = 0
        self.empty = NO_SHEAF
        self.nr_empty = 0
        self.lock = NOBODY
        self.line = NO_LINE


class KmemCacheNode:
    """struct kmem_cache_node: a node's partial list, by its head in `slabs`, and counts. Without memory it never has a slab."""

    __slots__ = ("line", "list_lock", "node", "nr_partial", "nr_slabs", "partial", "total_objects")

    node: int
    nr_partial: int
    partial: int
    nr_slabs: int
    total_objects: int
    list_lock: int
    line: int

    def __init__(self, node: int, head: int) -> None:
        self.node = node
        self.nr_partial = 0
        self.partial = head
        self.nr_slabs = 0
        self.total_objects = 0
        self.list_lock = NOBODY
        self.line = NO_LINE


@dataclass(slots=True)
class SlubStats:
    """SLUB_STATS of one cache on one CPU, in the kernel's words: sheaves', then those that only per-CPU slabs have."""

    alloc_fastpath: int = 0
    alloc_slowpath: int = 0
    free_rcu_sheaf: int = 0
    free_rcu_sheaf_fail: int = 0
    free_fastpath: int = 0
    free_slowpath: int = 0
    free_add_partial: int = 0
    free_remove_partial: int = 0
    alloc_slab: int = 0
    alloc_node_mismatch: int = 0
    free_slab: int = 0
    order_fallback: int = 0
    cmpxchg_double_fail: int = 0
    sheaf_flush: int = 0
    sheaf_refill: int = 0
    sheaf_alloc: int = 0
    sheaf_free: int = 0
    barn_get: int = 0
    barn_get_fail: int = 0
    barn_put: int = 0
    barn_put_fail: int = 0
    sheaf_prefill_fast: int = 0
    sheaf_prefill_slow: int = 0
    sheaf_prefill_oversize: int = 0
    sheaf_return_fast: int = 0
    sheaf_return_slow: int = 0
    free_frozen: int = 0
    alloc_from_partial: int = 0
    alloc_refill: int = 0
    cpuslab_flush: int = 0
    deactivate_full: int = 0
    deactivate_empty: int = 0
    deactivate_to_head: int = 0
    deactivate_to_tail: int = 0
    deactivate_remote_frees: int = 0
    deactivate_bypass: int = 0
    cmpxchg_double_cpu_fail: int = 0
    cpu_partial_alloc: int = 0
    cpu_partial_free: int = 0
    cpu_partial_node: int = 0
    cpu_partial_drain: int = 0


class KmemCache:
    """struct kmem_cache: geometry, limits, sheaves or a slab and counters of each CPU, a kmem_cache_node and a barn of each node.

    `spare` chains numbers of slabs that were given back, `spare_sheaves` those of sheaves. `full_limit` and `empty_limit` are
    its barns'. Always, `frees_look_up`: a free finds its object's slab, to go back there or to learn its node.
    """

    __slots__ = (
        "barn", "cpu_partial_slabs", "cpu_sheaves", "cpu_slab", "empty_limit", "frees_look_up", "full_limit", "grows_failed",
        "index", "min_objects", "min_order", "min_partial", "name", "node", "num", "object_size", "order", "ratio",
        "sheaf_capacity", "size", "slabs_created", "slabs_destroyed", "spare", "spare_sheaves", "stats",
    )  # fmt: skip

    index: int
    name: str
    object_size: int
    size: int
    order: int
    num: int
    min_order: int
    min_objects: int
    min_partial: int
    sheaf_capacity: int
    ratio: int
    full_limit: int
    empty_limit: int
    slabs_created: int
    slabs_destroyed: int
    grows_failed: int
    spare: int
    spare_sheaves: int
    cpu_partial_slabs: int
    frees_look_up: bool
    cpu_slab: list[KmemCacheCpu]
    cpu_sheaves: list[PercpuSheaves]
    stats: list[SlubStats]
    node: list[KmemCacheNode]
    barn: list[NodeBarn]

    def __init__(self, index: int, name: str, geometry: SlubGeometry) -> None:
        self.index = index
        self.name = name
        self.object_size = geometry.object_size
        self.size = geometry.size
        self.order = geometry.order
        self.num = geometry.objects
        self.min_order = geometry.min_order
        self.min_objects = geometry.min_objects
        self.min_partial = geometry.min_partial
        self.sheaf_capacity = geometry.sheaf_capacity
        self.ratio = REMOTE_NODE_DEFRAG_RATIO
        self.full_limit = MAX_FULL_SHEAVES
        self.empty_limit = MAX_EMPTY_SHEAVES
        self.slabs_created = 0
        self.slabs_destroyed = self.grows_failed = 0
        self.spare = NOBODY
        self.spare_sheaves = NO_SHEAF
        self.frees_look_up = True
        self.cpu_partial_slabs = 0
        self.cpu_slab = []
        self.cpu_sheaves = []
        self.stats = []
        self.node = []
        self.barn = []


@dataclass
class SlubState(Memory):
    """All SLUB caches of one system. `has_memory` says of each node whether slabs can lie there."""

    has_memory: Sequence[bool] = ()
    sheaves: list[SlabSheaf] = field(default_factory=list)
    caches: list[KmemCache] = field(default_factory=list)
    rcu: list[KfreeRcuCpu] = field(default_factory=list)
    in_hand: list[InHand] = field(default_factory=list)
    promoted: int = field(init=False)
    """Where in `words` shrink keeps the first slab of each number of free objects."""

    def __post_init__(self) -> None:
        if not self.has_memory:
            self.has_memory = [True] * self.n_nodes
        self.rcu = [KfreeRcuCpu() for _cpu in range(self.n_cpus)]
        self.in_hand = [InHand() for _cpu in range(self.n_cpus)]
        self.promoted = self.new_words(SHRINK_PROMOTE_MAX)


def waiting_sheaves(state: SlubState) -> Iterator[int]:
    """Sheaves, and blocks of the general batching, that wait on some CPU; a block that is being filled among them."""
    for rcu in state.rcu:
        if rcu.block != NO_SHEAF:
            yield rcu.block
        number = rcu.first
        while number != NO_SHEAF:
            yield number
            number = state.sheaves[number].link


def sheaf_lines(capacity: int) -> int:
    """Cache lines of a sheaf: its header's, which the first objects share, and those that follow."""
    return -(-(SHEAF_HEADER_WORDS + capacity) * WORD_BYTES // LINE_BYTES)


def new_sheaf(state: SlubState, cache: KmemCache, capacity: int) -> int:
    """An empty sheaf, on no list: the number of a freed one with as much room again, else the next."""
    before = NO_SHEAF
    number = cache.spare_sheaves
    while number != NO_SHEAF and state.sheaves[number].room != capacity:
        before = number
        number = state.sheaves[number].link
    if number == NO_SHEAF:
        number = len(state.sheaves)
        state.sheaves.append(SlabSheaf(capacity, state.new_words(capacity)))
        state.sheaves[number].line = state.new_lines(sheaf_lines(capacity))
        return number
    if before == NO_SHEAF:
        cache.spare_sheaves = state.sheaves[number].link
    else:
        state.sheaves[before].link = state.sheaves[number].link
    state.sheaves[number].link = NO_SHEAF
    return number


def new_slab(state: SlubState, cache: KmemCache, objects: int) -> int:
    """A slab of `objects` objects, on no list: a given up one's number again, else the next."""
    if cache.spare != NOBODY:
        number = cache.spare
        cache.spare = state.slabs[number].link
    else:
        number = len(state.slabs)
        state.slabs.append(Slab(number, cache.index, cache.num, state.new_words(cache.num)))
        state.slabs[number].line = state.new_lines(1)
    slab = state.slabs[number]
    slab.num = objects
    slab.which = ON_NO_LIST
    slab.serial = cache.slabs_created
    cache.slabs_created += 1
    return number


def slab_order(cache: KmemCache, slab: Slab) -> int:
    """The order of a slab's pages: a larger order always holds more objects, so their number tells."""
    return cache.order if slab.num == cache.num else cache.min_order
