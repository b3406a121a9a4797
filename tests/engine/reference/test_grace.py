# SPDX-License-Identifier: GPL-2.0-only
"""kfree_rcu on the reference's clock: what is handed over comes back when a grace period is over, and not before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.slub.state import KVFREE_BULK_MAX_ENTR
from slabdes.config import Experiment, parse_experiment
from slabdes.engine.records import Path, Records, Upkeep
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import machine_of
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op, Step, Workload

CAPACITY = 32
GRACE_PS = 1_000_000_000
GO = 1 << 40


def experiment(allocator: str, cache: dict[str, Any]) -> Experiment:
    raw = {"allocator": allocator, "debug": True, "cache": [{"name": "a", "size": 256} | cache], "timing": {"jitter": 0.0}}
    raw |= {"machine": {"preset": "numa-2x4"}, "workload": {"kind": "burst", "objects": 1}}
    return parse_experiment(raw | {"rcu": {"frees": True, "grace_ms": GRACE_PS / 1e9}}, "test")


SHEAVES = experiment("7.3", {"sheaf_capacity": CAPACITY})


def follow(one: Experiment, programs: dict[int, Sequence[Step]]) -> Records:
    def of(steps: Sequence[Step]) -> Any:
        def again() -> Iterator[Step]:
            return iter(steps)

        return again

    return run_reference(one, machine_of(one), Workload({cpu: of(p) for cpu, p in programs.items()}, one.cache, operations=1))


def allocs(slots: Iterable[int]) -> list[Step]:
    return [(0, Op.ALLOC, 0, slot, ANY_NODE, MAY_WAIT) for slot in slots]


def frees(slots: Iterable[int]) -> list[Step]:
    return [(0, Op.FREE, 0, slot, ANY_NODE, 0) for slot in slots]


def later(picoseconds: int) -> list[Step]:
    """Signals oneself after so long, which allocates nothing."""
    return [(picoseconds, Op.SIGNAL, NO_CACHE, GO, ANY_NODE, 0), (0, Op.AWAIT, NO_CACHE, GO, ANY_NODE, 0)]


def paths(records: Records) -> dict[Path, int]:
    return {path: times.count for (_cache, path), times in records.latency.items()}


@pytest.mark.parametrize(("grace_periods", "came_back"), [(0.5, 0), (1.9, 0), (2.1, 2)])
def test_two_sheaves_come_back_at_the_end_of_the_next_grace_period(grace_periods: float, came_back: int) -> None:
    slots = range(2 * CAPACITY)
    steps = [*allocs(slots), *frees(slots), *later(round(grace_periods * GRACE_PS)), *allocs([0])]
    records = follow(SHEAVES, {0: steps})
    stats = records.slub[0].stats
    assert stats.free_rcu_sheaf == 2 * CAPACITY
    assert stats.barn_put == came_back
    # The allocation takes one from the barn, if it is there.
    assert paths(records).get(Path.BARN, 0) == (came_back > 0)
    assert (Upkeep.RCU in records.turns) == (came_back > 0)
    waiting = sum(slabs.in_rcu for slabs in records.slabs)
    assert waiting == (0 if came_back else 2 * CAPACITY)


def test_a_sheaf_that_is_not_full_waits_for_more() -> None:
    slots = range(CAPACITY - 1)
    records = follow(SHEAVES, {0: [*allocs(slots), *frees(slots), *later(3 * GRACE_PS)]})
    assert Upkeep.RCU not in records.turns
    assert sum(slabs.in_rcu for slabs in records.slabs) == 0


def test_a_barn_that_has_enough_takes_no_more_and_the_sheaf_is_flushed() -> None:
    one = experiment("7.3", {"sheaf_capacity": CAPACITY, "max_full_sheaves": 1})
    slots = range(3 * CAPACITY)
    records = follow(one, {0: [*allocs(slots), *frees(slots), *later(3 * GRACE_PS)]})
    stats = records.slub[0].stats
    assert (stats.barn_put, stats.barn_put_fail, stats.sheaf_flush) == (1, 2, 2 * CAPACITY)
    # The callbacks hold list_lock; that is their turn's.
    assert sum(at.holds for lock in records.locks for at in lock.upkeep if at.upkeep is Upkeep.RCU) > 0


@pytest.mark.parametrize("one", [SHEAVES, experiment("6.12", {})], ids=["objects of another node", "no sheaves"])
def test_the_general_batching_frees_a_full_block_to_the_slabs(one: Experiment) -> None:
    blocks = 2
    slots = range(blocks * KVFREE_BULK_MAX_ENTR + 3)
    go: Step = (0, Op.SIGNAL, NO_CACHE, GO, ANY_NODE, 0)
    wait: Step = (0, Op.AWAIT, NO_CACHE, GO, ANY_NODE, 0)
    pause: list[Step] = [(3 * GRACE_PS, Op.SIGNAL, NO_CACHE, GO + 1, ANY_NODE, 0)]
    records = follow(one, {0: [*allocs(slots), go], 4: [wait, *frees(slots), *pause]})
    told = paths(records)
    assert (told[Path.RCU_BATCH], told[Path.RCU_SHEAF]) == (blocks * (KVFREE_BULK_MAX_ENTR - 1) + 3, blocks)
    assert sum(slabs.in_rcu for slabs in records.slabs) == 3
    assert sum(slabs.in_use for slabs in records.slabs) == 0
