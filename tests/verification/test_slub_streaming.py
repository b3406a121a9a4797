# SPDX-License-Identifier: GPL-2.0-only
"""Lock acquisitions and shared atomics of a streaming pair on each SLUB, against closed forms derived by hand in the text.

One CPU allocates 256-byte objects, another frees them in the same order. A slab has S = 32 objects; a sheaf has C = 32, or 16
where that is said. At most W objects are out: the consumer is slow, so the pair goes `free i, allocation i + W` for ever. Rates
are per 32 objects, the difference of a longer and a shorter run. No update fails, as the two never act at one moment.

*Sheaves, both CPUs on a node with a barn* (7.x, 6.18 of a cache that asks). The consumer fills a sheaf and exchanges it for an
empty one of its barn, the producer exchanges its empty one for a full one: 2 barn locks every C objects. No slab is touched.

*Sheaves, consumer on another node, W = 1.* It frees to the slab, one atomic an object. The slab X that the producer's sheaf came
from was full, taken whole: the first free lists it (list_lock), the last empties it (list_lock; X is kept, as the node has
fewer than min_partial slabs). The producer's next refill finds X on the list: list_lock, and one atomic takes the chain. 3
list_locks and 33 atomics. With C = 16 half of X is left over at each refill and goes back, by one atomic under list_lock, in 7.2
as a chain and in 7.1 as a group of objects; X is listed while its others are freed, so of these only the last, which empties it,
takes list_lock: 3 every 16 objects (refill, leftovers, emptied) and 16 + 2 atomics.
W = 97 changes nothing for C = 32: allocation 32 j comes after free 32 j - 97, which is the last of slab j - 4.

*7.0 without a barn, W = 1* (a node without memory). Each object goes the slow path. Node 0 has min_partial = 5 partial slabs, not
more, so none of these may be taken: a new slab, whose other objects make it the sixth, listed under list_lock. The free
empties it: list_lock, one atomic, and it goes, being one too many. 2 list_locks, 1 atomic and a slab made for every object.

*Per-CPU slabs, W = 1* (6.12; beneath 6.18's sheaves). The producer's slab is frozen: 32 frees of others are an atomic each, and
when the private chain is empty one more takes all 32 back. No list_lock.
*W = 97.* When the private chain is empty nothing has come back: one atomic finds that, the slab is forgotten. Its first free puts
it on the consumer's partial ones, no lock; its last one looks for it under list_lock. When cpu_partial_slabs = 4 lie there they
go to the node's list, by one list_lock; the producer takes up to 4/2 + 2 = 4 at once, by one list_lock, and each one's chain by
one atomic. Every 4 slabs 4 + 1 + 1 list_locks; every slab 32 + 1 + 1 atomics.
*W = 97, both on a node without memory.* The node with memory keeps min_partial slabs, and is asked only if it has more: all
slabs that are put there go, all that are taken are new. Every 4 slabs 4 + 1 list_locks; every slab 32 + 1 atomics, and 1 new.

*6.18's sheaves, consumer on another node.* As per-CPU slabs; and each refill takes an empty sheaf from the barn and puts the one
that it has emptied there: 2 barn locks every C objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from slabdes.config import Experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.records import LockKind, Records
from slabdes.engine.reference.run import run_reference
from slabdes.engine.reference.slub import TimedSlubKernel
from slabdes.paths.kernel import Waits
from slabdes.study.plan import machine_of
from slabdes.workload.programs import Workload
from tests.engine.reference.programs import allocs, experiment, frees

OBJECTS: Final = 32
"""Of 256 bytes, in a slab of a machine with 8 CPUs."""
SHORT, LONG = 24, 36
"""Slabs' worth of objects of the two runs; both have settled, and lie 12 apart, which is 3 stacks of 4 partial slabs."""


class Rate(NamedTuple):
    """Of 32 objects: acquisitions of list_lock and of barns' locks, atomic updates of state words, new slabs."""

    list_lock: float
    barn: float
    atomics: float
    slabs: float = 0


NO_SLAB: Final = Rate(0, 2, 0)
TO_SLABS: Final = Rate(3, 0, 33)
HALVES: Final = Rate(6, 0, 36)
FROZEN: Final = Rate(0, 0, 33)
STACKS: Final = Rate(6 / 4, 0, 34)
NEW_SLABS: Final = Rate(5 / 4, 0, 33, 1)
SAME, ACROSS, NO_MEMORY = "one node", "two nodes", "a node without memory"
CASES: Final = [
    *((version, SAME, 97, 32, NO_SLAB) for version in ("7.3", "7.2", "7.1", "7.0", "6.18")),
    ("6.12", SAME, 1, 32, FROZEN),
    ("6.12", SAME, 97, 32, STACKS),
    *((version, ACROSS, 97, 32, TO_SLABS) for version in ("7.3", "7.2", "7.1", "7.0")),
    ("7.3", ACROSS, 1, 32, TO_SLABS),
    *((version, ACROSS, 1, 16, HALVES) for version in ("7.3", "7.2", "7.1", "7.0")),
    ("6.18", ACROSS, 1, 32, Rate(0, 2, 33)),
    ("6.18", ACROSS, 97, 32, Rate(6 / 4, 2, 34)),
    ("6.18", ACROSS, 1, 16, Rate(0, 4, 33)),
    ("6.12", ACROSS, 1, 32, FROZEN),
    ("6.12", ACROSS, 97, 32, STACKS),
    *((version, NO_MEMORY, 97, 32, NO_SLAB) for version in ("7.3", "7.2", "7.1")),
    ("7.0", NO_MEMORY, 1, 32, Rate(64, 0, 32, 32)),
    *((version, NO_MEMORY, 1, 32, FROZEN) for version in ("6.18", "6.12")),
    *((version, NO_MEMORY, 97, 32, NEW_SLABS) for version in ("6.18", "6.12")),
]


def pair(version: str, where: str, window: int, capacity: int, slabs: int, debug: bool) -> tuple[Experiment, Workload]:
    """The experiment, and the two programs."""
    place = {"preset": "numa-2x4"} | ({"memory_mib": [64, 0]} if where == NO_MEMORY else {})
    cache: dict[str, Any] = {} if version == "6.12" else {"sheaf_capacity": capacity}
    one = experiment({"allocator": version, "cache": cache}, machine=place, debug=debug)
    producer, consumer = {SAME: (0, 1), ACROSS: (0, 4), NO_MEMORY: (4, 5)}[where]
    slots = [number % window for number in range(slabs * OBJECTS)]
    steps = {producer: allocs(slots), consumer: frees(slots, think=20_000_000)}
    programs = {cpu: (lambda mine=mine: iter(mine)) for cpu, mine in steps.items()}
    return one, Workload(programs, one.cache, windowed=True, operations=1)


@pytest.mark.parametrize(("version", "where", "window", "capacity", "expected"), CASES)
def test_a_streaming_pair_takes_the_locks_and_atomics_that_follow_from_the_rules(
    version: str, where: str, window: int, capacity: int, expected: Rate, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomics = 0
    update: Callable[..., Waits[None]] = TimedSlubKernel.cmpxchg

    def counted(kernel: TimedSlubKernel, cpu: TimedCpu, slab: int) -> Waits[None]:
        nonlocal atomics
        atomics += 1
        return update(kernel, cpu, slab)

    monkeypatch.setattr(TimedSlubKernel, "cmpxchg", counted)

    def totals(slabs: int) -> Rate:
        nonlocal atomics
        atomics = 0
        one, workload = pair(version, where, window, capacity, slabs, True)
        records = run_reference(one, machine_of(one), workload)
        stats = records.slub[0].stats
        assert stats.cmpxchg_double_fail == 0
        return Rate(taken(records, LockKind.LIST), taken(records, LockKind.BARN), atomics, stats.alloc_slab)

    short, long = totals(SHORT), totals(LONG)
    assert Rate(*((more - less) / (LONG - SHORT) for more, less in zip(long, short, strict=True))) == expected


def taken(records: Records, kind: LockKind) -> int:
    """Acquisitions of all locks of a kind."""
    return sum(lock.acquisitions for lock in records.locks if lock.kind is kind)


@pytest.mark.parametrize(("version", "where", "window", "capacity"), [case[:4] for case in CASES])
def test_compiled_code_streams_alike(version: str, where: str, window: int, capacity: int) -> None:
    digests, locks = set(), set()
    for engine in (run_reference, run_compiled):
        one, workload = pair(version, where, window, capacity, SHORT, False)
        records = engine(one, machine_of(one), workload)
        digests.add(records.digest)
        locks.add(tuple(taken(records, kind) for kind in LockKind))
    assert len(digests) == len(locks) == 1
