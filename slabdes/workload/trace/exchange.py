# SPDX-License-Identifier: GPL-2.0-only
"""Who hands objects to whom in a spooled trace, how many at most at a time, and in which order: measured once, for `loops`.

A pass over the spool's files in the trace's order, a chunk at a time. Leaves out what a replay makes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from slabdes.workload.programs import Op
from slabdes.workload.trace.caches import LEFT_OUT
from slabdes.workload.trace.writer import FIELDS, ORDER, STEP_BYTES, order_file, read_records, steps_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CHUNK: Final = 1 << 16
"""Records looked at together (assumed: some megabytes)."""
_KEY_BITS: Final = 20
"""Enough for a CPU, a cache, an operation."""
NOBODY: Final = -1
"""The partner of a step whose object stays with its CPU, or is never freed; the turn of one that need not wait for any."""
_SIDES: Final = [("by", "<i2"), ("to", "<i2")]
"""Of each object: the CPU that allocates it, and the one that frees it."""
_LINKS: Final = [("partner", "<i2"), ("before", "<i8"), ("place", "<i8"), ("turn", "<i8"), ("next", "<i8")]
"""Of each step: see `links_of`."""


FlowKey = tuple[int, int, int]
"""Of a flow: the CPU that allocates, the one that frees, and the cache."""


class Flow(NamedTuple):
    """Objects of one cache that one CPU allocates and another frees.

    `most` were in flight at the same time at most. `before_last` were freed before the last of them was allocated. Signals of
    the flow are numbered from `first` on.
    """

    objects: int
    most: int
    before_last: int
    first: int


@dataclass(frozen=True)
class Exchange:
    """What CPUs of a spool hand each other: the flows by (allocating CPU, freeing CPU, cache), and each cache's peak of objects.

    `bases` is where each CPU's links begin in the file of links.
    """

    flows: Mapping[FlowKey, Flow]
    most_live: tuple[int, ...]
    """Objects of each cache allocated at the same time, at most, those never freed included."""
    bases: Mapping[int, int] = field(repr=False)
    records: int
    """Of all CPUs, those left out included: turns are below this."""


def measure(folder: Path, cpus: Sequence[int], objects: int, caches: int) -> Exchange:
    """Measure the spool in `folder`, which has steps of `cpus`, and write its links."""
    import numpy as np

    sizes = {cpu: steps_file(folder, cpu).stat().st_size // STEP_BYTES for cpu in cpus}
    bases = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    records = sum(sizes.values())
    sides = np.memmap(folder / "sides", _SIDES, "w+", shape=(max(objects, 1),))
    sides["by"] = sides["to"] = NOBODY
    for cpu in cpus:
        for chunk, _first in read_records(steps_file(folder, cpu), FIELDS, _CHUNK):
            kept = chunk[chunk["cache"] != LEFT_OUT]
            allocated = kept["op"] == Op.ALLOC
            sides["by"][kept["slot"][allocated]] = cpu
            sides["to"][kept["slot"][~allocated]] = cpu
    links = np.memmap(folder / "links", _LINKS, "w+", shape=(max(records, 1),))
    meter = _Meter(sides, links, bases, caches, _groups(sides))
    for chunk, where, whose in in_order(folder, cpus):
        kept = chunk["cache"] != LEFT_OUT
        meter.take(chunk[kept], where[kept], whose[kept])
    links.flush()
    return Exchange(meter.flows(), tuple(meter.most_live.tolist()), bases, records)


def links_of(folder: Path, base: int, first: int, count: int) -> npt.NDArray[np.void]:
    """The links of `count` records of the CPU whose links begin at `base`, from its record `first` on.

    `partner`: the CPU that allocated the object or frees it, if that is another. `before`, of an allocation with a partner: how
    many objects of the flow were freed before it. `place`: the step's place in the order of all CPUs. `turn`: the step's place
    in the order of all CPUs that exchange objects, directly or over others, if the step before it in that order is another
    CPU's. `next`: the turn of the step after it, if that is another CPU's.
    """
    import numpy as np

    dtype = _links_type()
    return np.fromfile(folder / "links", dtype, count, offset=(base + first) * dtype.itemsize)


def by_key(*parts: npt.NDArray[Any]) -> Iterator[tuple[tuple[int, int, int], npt.NDArray[Any]]]:
    """Each different triple of three arrays of small numbers, and where it stands, in order."""
    import numpy as np

    # One number for three: rows of an array would make a type a time, and numpy keeps each.
    one, two, three = (part.astype("i8") for part in parts)
    keys, which = np.unique((one << 2 * _KEY_BITS) | (two << _KEY_BITS) | three, return_inverse=True)
    ends = np.cumsum(np.bincount(which, minlength=1))
    places = np.split(np.argsort(which, kind="stable"), ends[:-1])
    mask = (1 << _KEY_BITS) - 1
    for key, where in zip(keys.tolist(), places, strict=False):
        yield (key >> 2 * _KEY_BITS, key >> _KEY_BITS & mask, key & mask), where


@once
def _links_type() -> np.dtype[np.void]:
    import numpy as np

    return np.dtype(_LINKS)


def _groups(sides: npt.NDArray[np.void]) -> dict[int, int]:
    """For each CPU that exchanges objects with another, the least CPU of those that it does so with, directly or over others."""
    import numpy as np

    pairs: set[tuple[int, int]] = set()
    for first in range(0, len(sides), _CHUNK):
        some = sides[first : first + _CHUNK]
        by, to = some["by"].astype("i8"), some["to"].astype("i8")
        passed = (to != NOBODY) & (by != NOBODY) & (by != to)
        pairs.update(divmod(pair, 1 << _KEY_BITS) for pair in np.unique(by[passed] << _KEY_BITS | to[passed]).tolist())
    least: dict[int, int] = {}

    def root(cpu: int) -> int:
        while least.setdefault(cpu, cpu) != cpu:
            cpu = least[cpu]
        return cpu

    for one, other in sorted(pairs):
        low, high = sorted((root(one), root(other)))
        least[high] = low
    return {cpu: root(cpu) for cpu in sorted(least)}


def in_order(folder: Path, cpus: Sequence[int]) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]]:
    """Records in the trace's order, a chunk at a time: the records, their places in the CPUs' files, and the CPUs."""
    import numpy as np

    dtype = np.dtype(FIELDS)
    done = dict.fromkeys(cpus, 0)
    for chunk, _first in read_records(order_file(folder), ORDER, _CHUNK):
        records, places = np.empty(len(chunk), dtype), np.empty(len(chunk), "i8")
        for cpu in np.unique(chunk).tolist():
            mine = np.flatnonzero(chunk == cpu)
            records[mine] = np.fromfile(steps_file(folder, cpu), dtype, len(mine), offset=done[cpu] * dtype.itemsize)
            places[mine] = np.arange(done[cpu], done[cpu] + len(mine))
            done[cpu] += len(mine)
        yield records, places, chunk.astype("i8")


class _Meter:
    """Counts what is in flight, a chunk of records after the other."""

    def __init__(
        self,
        sides: npt.NDArray[np.void],
        links: npt.NDArray[np.void],
        bases: Mapping[int, int],
        caches: int,
        groups: Mapping[int, int],
    ) -> None:
        import numpy as np

        self.most_live = np.zeros(caches, "i8")
        self._live = np.zeros(caches, "i8")
        self._sides, self._links = sides, links
        size = max(bases, default=0) + 1
        self._base = np.zeros(size, "i8")
        self._group = np.full(size, NOBODY, "i8")
        for cpu, base in bases.items():
            self._base[cpu] = base
            self._group[cpu] = groups.get(cpu, NOBODY)
        self._allocs: Counter[FlowKey] = Counter()
        self._frees: Counter[FlowKey] = Counter()
        self._most: dict[FlowKey, int] = {}
        self._before_last: dict[FlowKey, int] = {}
        self._last: dict[int, tuple[int, int]] = {}
        """Of each group: the CPU of its last step, and that step's place among the links."""
        self._turn = 0

    def take(self, chunk: npt.NDArray[Any], places: npt.NDArray[Any], cpus: npt.NDArray[Any]) -> None:
        """Count the next records of the trace, which lie at `places` in the files of `cpus`."""
        import numpy as np

        if not len(chunk):
            return
        allocated = chunk["op"] == Op.ALLOC
        sides = self._sides[chunk["slot"]]
        partner = np.where(allocated, sides["to"], sides["by"]).astype("i8")
        partner[partner == cpus] = NOBODY
        at = self._base[cpus] + places
        made = np.zeros(len(chunk), self._links.dtype)
        made["partner"], made["turn"], made["next"] = partner, NOBODY, NOBODY
        self._count_live(chunk["cache"].astype("i8"), allocated)
        self._count_flows(chunk, allocated, cpus, partner, made)
        made["place"] = np.arange(self._turn, self._turn + len(cpus))
        self._links[at] = made
        self._take_turns(cpus, at)

    def _count_live(self, caches: npt.NDArray[Any], allocated: npt.NDArray[Any]) -> None:
        import numpy as np

        for cache in np.unique(caches).tolist():
            live = self._live[cache] + np.cumsum(np.where(allocated[caches == cache], 1, -1))
            self.most_live[cache] = max(self.most_live[cache], live.max())
            self._live[cache] = live[-1]

    def _count_flows(
        self, chunk: npt.NDArray[Any], allocated: npt.NDArray[Any], cpus: npt.NDArray[Any], partner: npt.NDArray[Any], made: Any
    ) -> None:
        import numpy as np

        passed = np.flatnonzero(partner != NOBODY)
        here, there, is_alloc = cpus[passed], partner[passed], allocated[passed]
        makers, takers = np.where(is_alloc, here, there), np.where(is_alloc, there, here)
        for key, mine in by_key(makers, takers, chunk["cache"][passed]):
            allocs = self._allocs[key] + np.cumsum(is_alloc[mine])
            frees = self._frees[key] + np.cumsum(~is_alloc[mine])
            made["before"][passed[mine]] = frees
            self._most[key] = max(self._most.get(key, 0), int((allocs - frees).max()))
            last = np.flatnonzero(is_alloc[mine])
            if len(last):
                self._before_last[key] = int(frees[last[-1]])
            self._allocs[key], self._frees[key] = int(allocs[-1]), int(frees[-1])

    def _take_turns(self, cpus: npt.NDArray[Any], at: npt.NDArray[Any]) -> None:
        import numpy as np

        turns = np.arange(self._turn, self._turn + len(cpus))
        self._turn += len(cpus)
        groups = self._group[cpus]
        for group in np.unique(groups[groups != NOBODY]).tolist():
            mine = np.flatnonzero(groups == group)
            whose, where, turn = cpus[mine], at[mine], turns[mine]
            before, last = self._last.get(group, (int(whose[0]), int(where[0])))
            passes = np.concatenate(([before], whose[:-1])) != whose
            self._links["turn"][where[passes]] = turn[passes]
            self._links["next"][np.concatenate(([last], where[:-1]))[passes]] = turn[passes]
            self._last[group] = int(whose[-1]), int(where[-1])

    def flows(self) -> dict[FlowKey, Flow]:
        """All flows, in the order of their CPUs and caches."""
        flows: dict[FlowKey, Flow] = {}
        first = 0
        for key in sorted(self._allocs):
            flows[key] = Flow(self._allocs[key], self._most[key], self._before_last[key], first)
            first += self._allocs[key]
        return flows
