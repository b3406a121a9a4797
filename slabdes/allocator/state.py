# SPDX-License-Identifier: GPL-2.0-only
"""The allocator's memory: kernel structs as records, and the flat lists of integers that they point into.

Arrays of objects and free chains lie in one list, `words`, at the offset a record gives (`to.entry + to.avail` means what
it means in C), and slabs are linked by their numbers in one list, `slabs`, whose first entries of each node are the list
heads. So the transitions run unchanged on these records and on NumPy's. Leaves out locks and time: `list_lock`, `lock`
and `line` are numbers that an engine gives a meaning.

Invariants, checked by `check.check`, for each cache and node (l3), whenever its locks are free:

    every slab is on exactly one of slabs_partial, slabs_full, slabs_free, of its own node, linked both ways
    0 < inuse < num on slabs_partial      inuse == num on slabs_full      inuse == 0 on slabs_free
    the free chain of a slab has num - inuse distinct members and ends in BUFCTL_END
    free_objects == sum(num - inuse) over the node's slabs      free_slabs == slabs on slabs_free
    0 <= avail <= limit in every array; an array holds no object twice, a CPU's, a shared and an alien array only
        objects of the node it belongs to (the CPU's, its own, the other one)
    sum(inuse) over all slabs == objects in arrays + objects handed out
    0 <= colour_next < max(colour, 1)
    free_limit == (1 + CPUs on the node) * batchcount + num
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from slabdes.allocator.geometry import Geometry
from slabdes.allocator.tunables import Tunables

BUFCTL_END: Final = -1
OBJECT_BITS: Final = 12
"""Low bits of an object's number that count it within its slab."""
OBJECT_MASK: Final = (1 << OBJECT_BITS) - 1
NO_OBJECT: Final = -1
NOBODY: Final = -1
NO_NODE: Final = -1
NO_LINE: Final = -1
BATCHCOUNT_UNUSED: Final = 0xBAADF00D
"""The batchcount of shared and alien arrays, which nobody reads (alloc_kmemlist)."""


class ListName(IntEnum):
    """The three lists of a kmem_list3, in the order in which its heads are numbered."""

    PARTIAL = 0
    FULL = 1
    FREE = 2


class ArrayCache:
    """struct array_cache: a stack of objects, the top at the end. Also the shared array and, with a lock, an alien cache.

    A CPU's own array has no `line`: nobody else touches it, so it never leaves its CPU.
    """

    __slots__ = ("avail", "batchcount", "entry", "limit", "line", "lock", "name", "touched")

    name: str
    avail: int
    limit: int
    batchcount: int
    touched: int
    entry: int
    lock: int
    line: int

    def __init__(self, name: str, limit: int, batchcount: int, entry: int) -> None:
        self.name = name
        self.avail = 0
        self.limit = limit
        self.batchcount = batchcount
        self.touched = 0
        self.entry = entry
        self.lock = NOBODY
        self.line = NO_LINE


class Slab:
    """struct slab, or one of a node's three list heads (`num` 0). `serial` counts a cache's slabs as they are created.

    `link` chains slabs that are on no list: a cache's spare ones, and those about to be destroyed. In compiled code the fields
    lie as they are annotated: what a hit reads first.
    """

    __slots__ = (
        "bufctl",
        "cache",
        "colouroff",
        "descriptor",
        "free",
        "inuse",
        "line",
        "link",
        "next",
        "nodeid",
        "num",
        "prev",
        "serial",
        "which",
    )

    bufctl: int
    serial: int
    nodeid: int
    inuse: int
    free: int
    num: int
    next: int
    prev: int
    which: ListName
    line: int
    cache: int
    descriptor: int
    link: int
    colouroff: int

    def __init__(self, number: int, cache: int, num: int, bufctl: int) -> None:
        self.next = number
        self.prev = number
        self.cache = cache
        self.num = num
        self.bufctl = bufctl
        self.nodeid = NO_NODE
        self.inuse = 0
        self.free = BUFCTL_END
        self.colouroff = 0
        self.serial = NOBODY
        self.which = ListName.FREE
        self.descriptor = NO_OBJECT
        self.line = NO_LINE
        self.link = NOBODY


class KmemList3:
    """struct kmem_list3: one node's slabs of one cache. The lists are the numbers of their heads in `slabs`.

    `free_slabs` is 6.1's; kernels before it count the free list when they need its length. `descriptors` only this program
    counts: the node's objects that are descriptors of other caches' slabs.
    """

    __slots__ = (
        "alien", "colour_next", "descriptors", "free_limit", "free_objects", "free_slabs", "free_touched", "line", "list_lock",
        "next_reap", "node", "shared", "slabs_free", "slabs_full", "slabs_partial",
    )  # fmt: skip

    node: int
    slabs_partial: int
    slabs_full: int
    slabs_free: int
    free_objects: int
    free_slabs: int
    free_limit: int
    colour_next: int
    descriptors: int
    free_touched: int
    next_reap: int
    list_lock: int
    line: int
    shared: ArrayCache | None
    alien: list[ArrayCache | None] | None

    def __init__(self, node: int, first_head: int, next_reap: int) -> None:
        self.node = node
        self.slabs_partial = first_head + ListName.PARTIAL
        self.slabs_full = first_head + ListName.FULL
        self.slabs_free = first_head + ListName.FREE
        self.free_objects = 0
        self.free_slabs = 0
        self.descriptors = 0
        self.free_limit = 0
        self.colour_next = 0
        self.free_touched = 0
        self.next_reap = next_reap
        self.shared = None
        self.alien = None
        self.list_lock = NOBODY
        self.line = NO_LINE


@dataclass(slots=True)
class CacheStats:
    """The kernel's STATS counters of a cache, and the refills and retries that only this program counts."""

    num_active: int = 0
    num_allocations: int = 0
    high_mark: int = 0
    grown: int = 0
    reaped: int = 0
    errors: int = 0
    max_freeable: int = 0
    node_allocs: int = 0
    node_frees: int = 0
    node_overflow: int = 0
    allochit: int = 0
    allocmiss: int = 0
    freehit: int = 0
    freemiss: int = 0
    refills: int = 0
    retries: int = 0


class KmemCache:
    """struct kmem_cache: geometry, tunables, an array for each CPU and a kmem_list3 for each node.

    `frees_look_up`: each free finds its object's slab before it is known whether that is needed (create.frees_look_up).
    """

    __slots__ = (
        "array", "batchcount", "colour", "colour_off", "ctor", "ctor_calls", "frees_look_up", "gfporder", "grows_failed", "index",
        "limit", "mem_spread", "name", "nodelists", "num", "off_slab", "shared", "size", "slab_size", "slabp_cache",
        "slabs_created", "slabs_destroyed", "spare", "stats",
    )  # fmt: skip

    index: int
    name: str
    size: int
    num: int
    gfporder: int
    colour: int
    colour_off: int
    slab_size: int
    off_slab: bool
    slabp_cache: KmemCache | None
    mem_spread: bool
    ctor: bool
    ctor_calls: int
    frees_look_up: bool
    limit: int
    batchcount: int
    shared: int
    slabs_created: int
    slabs_destroyed: int
    grows_failed: int
    spare: int
    array: list[ArrayCache]
    nodelists: list[KmemList3]
    stats: CacheStats

    def __init__(self, index: int, spec: CacheSpec) -> None:
        geometry = spec.geometry
        self.index = index
        self.name = spec.name
        self.size = geometry.size
        self.num = geometry.num
        self.gfporder = geometry.gfporder
        self.colour = geometry.colour
        self.colour_off = geometry.colour_off
        self.off_slab = geometry.off_slab
        self.slab_size = geometry.slab_size
        self.slabp_cache = None
        self.mem_spread = spec.mem_spread
        self.ctor = spec.ctor
        self.ctor_calls = 0
        self.frees_look_up = True
        self.limit = 0
        self.batchcount = 0
        self.shared = 0
        self.array = []
        self.nodelists = []
        self.stats = CacheStats()
        self.slabs_created = 0
        self.slabs_destroyed = 0
        self.grows_failed = 0
        self.spare = NOBODY


@dataclass(frozen=True)
class CacheSpec:
    """What kmem_cache_create is asked for, its geometry worked out."""

    name: str
    geometry: Geometry
    tunables: Tunables
    mem_spread: bool = False
    ctor: bool = False


@dataclass
class Memory:
    """What every allocator's records point into: `node_of_cpu[cpu]` places the CPUs, `n_nodes` counts nodes without CPUs too.

    `n_locks` and `n_lines` count the locks and cache lines that have been numbered.
    """

    node_of_cpu: Sequence[int]
    n_nodes: int
    words: list[int] = field(default_factory=list, kw_only=True)
    slabs: list[Slab] = field(default_factory=list, kw_only=True)
    n_locks: int = field(default=0, kw_only=True)
    n_lines: int = field(default=0, kw_only=True)

    @property
    def n_cpus(self) -> int:
        """How many CPUs there are."""
        return len(self.node_of_cpu)

    def nr_cpus_node(self, node: int) -> int:
        """How many CPUs a node has."""
        return self.node_of_cpu.count(node)

    def new_words(self, count: int) -> int:
        """Room for `count` more objects or chain links; its offset in `words`."""
        offset = len(self.words)
        self.words.extend([NO_OBJECT] * count)
        return offset

    def new_lock(self) -> int:
        """The next lock's number."""
        self.n_locks += 1
        return self.n_locks - 1

    def new_lines(self, count: int) -> int:
        """The first number of `count` more cache lines."""
        self.n_lines += count
        return self.n_lines - count


@dataclass
class SlabState(Memory):
    """All caches of one system. In `words`, each CPU has from `stack` on one place for a single object."""

    use_alien_caches: bool = True
    caches: list[KmemCache] = field(default_factory=list)
    stack: int = field(init=False)
    restored: bool = False
    """Whether this was read from a real system, whose free_limits may be older than some of its CPUs."""

    def __post_init__(self) -> None:
        self.stack = self.new_words(self.n_cpus)


L3_LINES: Final = 2
SLAB_LINES: Final = 2
"""Cache lines of a kmem_list3 (DESIGN, "Lines") and of a slab: its descriptor, its free chain."""
LINE_WORDS: Final = 8
HEADER_WORDS: Final = 3
"""Pointers that fit on a cache line, and into the header of an array: 16 bytes, and a lock's word.

An array of 2.6.34 has one, later only an alien cache: the header of their shared arrays is a word shorter, which is left out.
"""


def array_lines(limit: int) -> int:
    """Cache lines of an array of `limit` pointers: the header's, which the first pointers share, and those that follow."""
    return -(-(HEADER_WORDS + limit) // LINE_WORDS)


def entry_line(place: int) -> int:
    """On which of an array's lines its pointer at `place` lies; the header is on line 0."""
    return (HEADER_WORDS + place) // LINE_WORDS


def new_slab(state: SlabState, cache: KmemCache) -> int:
    """A slab for `cache`, on no list: a destroyed one's number again, else the next."""
    if cache.spare != NOBODY:
        number = cache.spare
        cache.spare = state.slabs[number].link
    else:
        number = len(state.slabs)
        state.slabs.append(Slab(number, cache.index, cache.num, state.new_words(cache.num)))
        state.slabs[number].line = state.new_lines(SLAB_LINES)
    slab = state.slabs[number]
    slab.serial = cache.slabs_created
    cache.slabs_created += 1
    return number


def object_number(slab: int, objnr: int) -> int:
    """The number that stands for object `objnr` of slab `slab` in arrays (index_to_obj)."""
    return slab << OBJECT_BITS | objnr


def virt_to_slab(obj: int) -> int:
    """The number of an object's slab."""
    return obj >> OBJECT_BITS


def obj_to_index(obj: int) -> int:
    """An object's place in its slab."""
    return obj & OBJECT_MASK
