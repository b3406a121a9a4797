# SPDX-License-Identifier: GPL-2.0-only
"""Which cache each traced object belongs to: said by the trace, by its size or its free, or learned from who allocates and frees.

Works on groups of allocations that surely share a cache. Leaves out merged caches: a trace shows the name the kernel used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from slabdes.workload.trace.events import MAX_NAME, KmemEvent

if TYPE_CHECKING:
    from slabdes.config import CacheConfig

CACHE_LINE: Final = 64
"""Bytes of an x86-64 cache line; padding of a line or more is a debugging kernel's, not alignment."""
MAX_OBJECT_BYTES: Final = 1 << 22
"""Largest object that a simulated cache can have, bytes (config.MAX_OBJECT_SIZE); the page allocator serves more."""
KMALLOC_SIZES: Final = (8, 16, 32, 64, 96, 128, 192, *(1 << shift for shift in range(8, 23)))
"""Sizes of kmalloc's caches (include/linux/kmalloc_sizes.h of 2.6.34, kmalloc_info of 6.1)."""
_ODD_SIZE: Final = 96
"""kmalloc-96: a SLAB kernel lays its objects 128 bytes apart and traces say bytes_alloc=128 for it."""
MAX_LISTED: Final = 1 << 22
"""Call sites and CPUs that all caches together may list (assumed: some 300 MB; a kernel's caches list some ten thousand)."""
LEFT_OUT: Final = -1
"""The cache number of objects that no simulated cache can hold."""


class GroupKind(IntEnum):
    """What a group of allocations is known by."""

    KMALLOC = 0
    NAME = 1
    SITE = 2


class GroupKey(NamedTuple):
    """What allocations of one group share: kmalloc's size, the name, or call site and sizes."""

    kind: GroupKind
    text: str
    bytes_req: int
    bytes_alloc: int


@dataclass(frozen=True)
class TraceCache:
    """One cache found in a trace. `size` is its object size, bytes; counts are of events.

    `frees` are those of objects whose allocation is in the trace, `remote_frees` those of them on another CPU,
    `never_freed` the objects that the trace leaves allocated. Where one call site allocates from several caches, its CPUs and
    call sites are listed with each.
    """

    name: str
    size: int
    is_kmalloc: bool
    allocs: int
    frees: int
    remote_frees: int
    call_sites: tuple[str, ...]
    cpus: tuple[int, ...]
    site_allocs: tuple[int, ...]
    """Allocations from each of `call_sites`; where one allocates from several caches, all of them with each."""

    @property
    def never_freed(self) -> int:
        """Objects whose free is not in the trace."""
        return self.allocs - self.frees

    def config(self) -> CacheConfig:
        """The cache to simulate; kmalloc's are aligned to cache lines (ARCH_KMALLOC_FLAGS, mm/slab.c of 2.6.34)."""
        from slabdes.config import CacheConfig, CacheFlag

        flags = (CacheFlag.HWCACHE_ALIGN,) if self.is_kmalloc else ()
        return CacheConfig(name=self.name, size=self.size, flags=flags)


class Fate(NamedTuple):
    """Where a group's objects go: to cache number `cache`, except those whose free names one of `by_name`.

    A call site that allocates from several caches (a mempool's, say) has the most frequent one in `cache`.
    """

    cache: int
    by_name: Mapping[str, int]


def group_key(event: KmemEvent) -> GroupKey:
    """The group that the allocation `event` belongs to."""
    if event.name:
        return GroupKey(GroupKind.NAME, event.name, 0, 0)
    if not event.is_kmalloc:
        return GroupKey(GroupKind.SITE, event.call_site, event.bytes_req, event.bytes_alloc)
    size = kmalloc_size(event.bytes_req, event.bytes_alloc)
    small = size == 128 and CACHE_LINE < event.bytes_req <= _ODD_SIZE
    return GroupKey(GroupKind.KMALLOC, "", _ODD_SIZE if small else 0, size)


def kmalloc_size(bytes_req: int, bytes_alloc: int) -> int:
    """The size of the kmalloc cache that served `bytes_req` bytes with `bytes_alloc`, all in bytes.

    >>> kmalloc_size(600, 1024), kmalloc_size(8, 336)
    (1024, 8)
    """
    if bytes_alloc in KMALLOC_SIZES:
        return bytes_alloc
    # A debugging kernel's bytes_alloc has red zones and owners in it.
    return next((size for size in KMALLOC_SIZES if size >= bytes_req), bytes_alloc)


def object_size(bytes_req: int, bytes_alloc: int) -> int:
    """The object size to simulate for a cache with these: the aligned size, without what debugging adds.

    >>> object_size(232, 256), object_size(168, 576)
    (256, 168)
    """
    return bytes_alloc if 0 <= bytes_alloc - bytes_req < CACHE_LINE else max(bytes_req, 1)


@dataclass(slots=True)
class _Group:
    key: GroupKey
    size: int = 1
    smallest_req: int = MAX_OBJECT_BYTES
    allocs: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    """Allocations by call site."""
    cpus: set[int] = field(default_factory=set)
    freed: Counter[str] = field(default_factory=Counter)
    """Frees by the name they give, empty where they give none."""
    freed_remotely: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Draft:
    """A TraceCache in the making."""

    size: int = 1
    is_kmalloc: bool = False
    allocs: int = 0
    frees: int = 0
    remote_frees: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    cpus: set[int] = field(default_factory=set)


class CacheLearner:
    """Watches allocations and their frees, then says which cache every group's objects belong to.

    Memory grows with distinct caches and call sites only.
    """

    def __init__(self) -> None:
        self._ids: dict[GroupKey, int] = {}
        self._groups: list[_Group] = []
        self._parents: list[int] = []
        self._freed_at: dict[tuple[str, int, int], int] = {}
        self.named = False
        """Whether the trace names caches at all; set it when an event does."""

    @property
    def groups(self) -> int:
        """Groups known so far."""
        return len(self._groups)

    @property
    def keys(self) -> tuple[GroupKey, ...]:
        """What each group is known by, by its number."""
        return tuple(group.key for group in self._groups)

    @property
    def listed(self) -> int:
        """Call sites and CPUs that all caches together are going to list, at most."""
        return sum((1 + len(group.freed)) * (len(group.sites) + len(group.cpus)) for group in self._groups)

    def allocated(self, event: KmemEvent, times: int = 1) -> int:
        """Count an allocation, or as many that say the same; the number of its group."""
        key = group_key(event)
        number = self._ids.get(key)
        if number is None:
            number = self._ids[key] = len(self._groups)
            self._groups.append(_Group(key))
            self._parents.append(number)
        group = self._groups[number]
        group.allocs += times
        group.sites[event.call_site] += times
        group.cpus.add(event.cpu)
        if key.kind is GroupKind.KMALLOC:
            group.size = key.bytes_alloc
            group.smallest_req = min(group.smallest_req, event.bytes_req)
        else:
            group.size = max(group.size, object_size(event.bytes_req, event.bytes_alloc))
        return number

    def freed(self, event: KmemEvent, number: int, allocated_on: int, times: int = 1) -> None:
        """Count the free of an object of group `number` that CPU `allocated_on` allocated, or as many that say the same."""
        group = self._groups[number]
        name = event.name
        group.freed[name] += times
        group.cpus.add(event.cpu)
        if event.cpu != allocated_on:
            group.freed_remotely[name] += times
        if not name and group.key.kind is GroupKind.SITE:
            place = (event.call_site, group.key.bytes_req, group.key.bytes_alloc)
            self._join(self._freed_at.setdefault(place, number), number)

    def resolve(self) -> tuple[tuple[TraceCache, ...], dict[GroupKey, Fate]]:
        """The caches, those with most allocations first, and where each group's objects go."""
        drafts: dict[str, _Draft] = {}
        chosen: list[tuple[GroupKey, str, tuple[str, ...]]] = []
        synthetic = _SyntheticNames()
        smallest_kmalloc = self._smallest_kmalloc()
        for number, group in enumerate(self._groups):
            names: tuple[str, ...] = ()
            if group.key.kind is GroupKind.KMALLOC:
                name = self._kmalloc_name(group, smallest_kmalloc)
            elif group.key.kind is GroupKind.NAME:
                name = group.key.text
            elif names := _names_by_frequency(group):
                name = names[0]
            else:
                root = number if self.named else self._root(number)
                name = synthetic.of(root, self._groups[root].key)
            chosen.append((group.key, name, names[1:]))
            _add(drafts, group, name, names[1:])
        kept = [name for name, draft in drafts.items() if draft.size <= MAX_OBJECT_BYTES]
        kept.sort(key=lambda name: (-drafts[name].allocs, name))
        numbers = {name: index for index, name in enumerate(kept)}
        fates = {
            key: Fate(numbers.get(name, LEFT_OUT), {other: numbers.get(other, LEFT_OUT) for other in others})
            for key, name, others in chosen
        }
        return _finished(kept, drafts), fates

    def _kmalloc_name(self, group: _Group, smallest: int) -> str:
        # Where even the smallest request gets 128 bytes, alignment forbids a kmalloc-96.
        if group.key.bytes_req == _ODD_SIZE and smallest < 128:
            group.size = 128
            return f"kmalloc-{_ODD_SIZE}"
        return f"kmalloc-{group.key.bytes_alloc}"

    def _smallest_kmalloc(self) -> int:
        """Bytes that a kmalloc of at most a cache line gets at least; 0 where the trace has none."""
        sizes = [group.size for group in self._groups if group.key.kind is GroupKind.KMALLOC and group.smallest_req <= CACHE_LINE]
        return min(sizes, default=0)

    def _join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parents[high] = low

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number


class _SyntheticNames:
    """`cache-<bytes_alloc>@<function>` for caches that the trace gives no name, with a number where that is taken."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()
        """By name without number, the highest number that is taken."""

    def of(self, root: int, key: GroupKey) -> str:
        """The name of the cache whose groups are joined at number `root`, which has the key `key`."""
        if root not in self._names:
            self._names[root] = self._new(key)
        return self._names[root]

    def _new(self, key: GroupKey) -> str:
        function = key.text.partition("+")[0] or "unknown"
        base = f"cache-{key.bytes_alloc}@{function}"[: MAX_NAME - 8]
        name = base
        while name in self._taken:
            self._numbers[base] = max(self._numbers[base], 1) + 1
            name = f"{base}#{self._numbers[base]}"
        self._taken.add(name)
        return name


def _names_by_frequency(group: _Group) -> tuple[str, ...]:
    """The names that the frees of a group's objects give, the most frequent first."""
    named = [(name, count) for name, count in group.freed.items() if name]
    return tuple(name for name, _ in sorted(named, key=lambda item: (-item[1], item[0])))


def _add(drafts: dict[str, _Draft], group: _Group, name: str, others: tuple[str, ...]) -> None:
    """Give a group's counts to the cache `name`, except those of objects whose frees name one of `others`."""
    elsewhere = sum(group.freed[other] for other in others)
    remote_elsewhere = sum(group.freed_remotely[other] for other in others)
    shares = [(name, group.allocs - elsewhere, group.freed.total() - elsewhere, group.freed_remotely.total() - remote_elsewhere)]
    shares += [(other, group.freed[other], group.freed[other], group.freed_remotely[other]) for other in others]
    for cache, allocs, frees, remote in shares:
        draft = drafts.setdefault(cache, _Draft())
        draft.size = max(draft.size, group.size)
        draft.is_kmalloc |= group.key.kind is GroupKind.KMALLOC
        draft.allocs += allocs
        draft.frees += frees
        draft.remote_frees += remote
        draft.sites.update(group.sites)
        draft.cpus |= group.cpus


def _finished(kept: list[str], drafts: dict[str, _Draft]) -> tuple[TraceCache, ...]:
    return tuple(
        TraceCache(
            name,
            draft.size,
            draft.is_kmalloc,
            draft.allocs,
            draft.frees,
            draft.remote_frees,
            tuple(sorted(draft.sites)),
            tuple(sorted(draft.cpus)),
            tuple(draft.sites[site] for site in sorted(draft.sites)),
        )
        for name, draft in ((name, drafts[name]) for name in kept)
    )
