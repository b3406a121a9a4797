# SPDX-License-Identifier: GPL-2.0-only
"""kfree_rcu on the reference's clock: what is handed over comes back when a grace period is over, and not before."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from slabdes.allocator.slub.state import KVFREE_BULK_MAX_ENTR, NO_SHEAF
from slabdes.config import Experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.event_log import EventLog, Logged
from slabdes.engine.records import Path, Records, Upkeep
from slabdes.engine.reference.run import run_reference, set_up_slub
from slabdes.results.accounting import check_accounting
from slabdes.streams import Purpose, below, stream_key, words
from slabdes.study.plan import machine_of
from slabdes.workload.programs import Step
from slabdes.workload.synthetic import build_synthetic
from tests.engine.reference import programs
from tests.engine.reference.programs import CAPACITY, CPU_SLABS, GO, SHEAVES, allocs, follow, frees, signal, wait_for

GRACE_PS = 1_000_000_000


def experiment(version: dict[str, Any], **cache: int) -> Experiment:
    more = {"cache": version["cache"] | cache}
    return programs.experiment(version | more, rcu={"frees": True, "grace_ms": GRACE_PS / 1e9})


def later(picoseconds: int) -> list[Step]:
    """Signals oneself after so long, which allocates nothing."""
    return [signal(GO, picoseconds), wait_for(GO)]


def paths(records: Records) -> dict[Path, int]:
    return {path: times.count for (_cache, path), times in records.latency.items()}


@pytest.mark.parametrize(("grace_periods", "came_back"), [(0.5, 0), (1.9, 0), (2.1, 2)])
def test_two_sheaves_come_back_at_the_end_of_the_next_grace_period(grace_periods: float, came_back: int) -> None:
    slots = range(2 * CAPACITY)
    steps = [*allocs(slots), *frees(slots), *later(round(grace_periods * GRACE_PS)), *allocs([0])]
    records = follow(experiment(SHEAVES), {0: steps})
    stats = records.slub[0].stats
    assert stats.free_rcu_sheaf == 2 * CAPACITY
    assert stats.barn_put == came_back
    # The allocation takes one from the barn, if it is there.
    assert paths(records).get(Path.BARN, 0) == (came_back > 0)
    assert (Upkeep.RCU in records.turns) == (came_back > 0)
    waiting = sum(slabs.in_rcu for slabs in records.slabs)
    assert waiting == (0 if came_back else 2 * CAPACITY)


@pytest.mark.parametrize("run", [run_reference, run_compiled])
def test_each_cpu_notices_the_end_of_a_grace_period_at_a_time_of_its_own_which_a_word_of_its_stream_tells(run: Any) -> None:
    staggered = {"seed": 3, "debug": False, "rcu": {"frees": True, "grace_ms": GRACE_PS / 1e9, "stagger_ms": GRACE_PS / 2e9}}
    one = programs.experiment(SHEAVES, {"kind": "burst", "objects": CAPACITY, "rounds": 2, "think_ns": 4e4}, **staggered)
    machine = machine_of(one)
    # Of each CPU's 32 frees the last hands the sheaf over, at 2.56 ms: within the third grace period, so the fourth has to end.
    drawn = [below(list(islice(words(stream_key(3, 0, cpu, Purpose.GRACE)), 4))[3], GRACE_PS // 2) for cpu in range(8)]
    assert max(drawn) - min(drawn) > GRACE_PS // 8
    turns: list[tuple[int, int]] = []
    log = EventLog(lambda kind, rows: turns.extend((cpu, start) for cpu, start, *_ in rows if kind is Logged.TURNS))
    run(one, machine, build_synthetic(one, machine, 0), log=log)
    log.close()
    assert sorted(turns) == [(cpu, 4 * GRACE_PS + late) for cpu, late in enumerate(drawn)]


def test_a_sheaf_that_is_not_full_waits_for_more() -> None:
    slots = range(CAPACITY - 1)
    records = follow(experiment(SHEAVES), {0: [*allocs(slots), *frees(slots), *later(3 * GRACE_PS)]})
    assert Upkeep.RCU not in records.turns
    assert sum(slabs.in_rcu for slabs in records.slabs) == CAPACITY - 1, "nobody has them in stock"


def test_a_barn_that_has_enough_takes_no_more_and_the_sheaf_is_flushed() -> None:
    one = experiment(SHEAVES, max_full_sheaves=1)
    slots = range(3 * CAPACITY)
    records = follow(one, {0: [*allocs(slots), *frees(slots), *later(3 * GRACE_PS)]})
    stats = records.slub[0].stats
    assert (stats.barn_put, stats.barn_put_fail, stats.sheaf_flush) == (1, 2, 2 * CAPACITY)
    # The callbacks hold list_lock; that is their turn's.
    assert sum(at.holds for lock in records.locks for at in lock.upkeep if at.upkeep is Upkeep.RCU) > 0


@pytest.mark.parametrize(("most", "kept"), [(0, 0), (1, 1), (10, 2)])
def test_so_many_of_the_sheaves_that_were_flushed_so_the_barn_keeps(most: int, kept: int) -> None:
    one = experiment({"allocator": "7.3", "cache": {"sheaf_capacity": CAPACITY, "max_empty_sheaves": most}}, max_full_sheaves=0)
    slots = range(2 * CAPACITY)
    before, after = (
        follow(one, {0: [*allocs(slots), *frees(slots), *later(rest)]}).slub[0].stats.sheaf_free for rest in (0, 3 * GRACE_PS)
    )
    assert (before, after) == (0, 2 - kept)


@pytest.mark.parametrize("one", [experiment(SHEAVES), experiment(CPU_SLABS)], ids=["objects of another node", "no sheaves"])
def test_the_general_batching_frees_a_full_block_to_the_slabs(one: Experiment) -> None:
    blocks = 2
    slots = range(blocks * KVFREE_BULK_MAX_ENTR + 3)
    records = follow(one, {0: [*allocs(slots), signal(GO)], 4: [wait_for(GO), *frees(slots), signal(GO + 1, 3 * GRACE_PS)]})
    told = paths(records)
    assert (told[Path.RCU_BATCH], told[Path.RCU_SHEAF]) == (blocks * (KVFREE_BULK_MAX_ENTR - 1) + 3, blocks)
    assert sum(slabs.in_rcu for slabs in records.slabs) == 3
    assert sum(slabs.in_use for slabs in records.slabs) == 0


def _left_by_a_turn(one: Experiment) -> list[int]:
    """What turns of callbacks had still to free of their sheaves when the last program ended."""
    machine = machine_of(one)
    begun = set_up_slub(one, machine, build_synthetic(one, machine, 0))
    begun.live()
    state = begun.kernel.state
    return [hand.left for hand, rcu in zip(state.in_hand, state.rcu, strict=True) if rcu.running != NO_SHEAF]


@pytest.mark.parametrize("run", [run_reference, run_compiled])
def test_objects_of_callbacks_that_the_runs_end_cuts_off_still_wait(run: Any) -> None:
    # Of some seeds a turn is in the midst of a sheaf when the last program ends.
    cut = {"rcu": {"frees": True, "grace_ms": 0.001}, "timing": {"jitter": 0.15}, "debug": False}
    workload = {"kind": "burst", "objects": 600, "rounds": 2}
    seeds = (programs.experiment({"allocator": "7.3", "cache": {"size": 8}}, workload, seed=seed, **cut) for seed in range(60))
    one = next(one for one in seeds if _left_by_a_turn(one) == [60])
    machine = machine_of(one)
    records = run(one, machine, build_synthetic(one, machine, 0))
    assert check_accounting(records) == []
    assert sum(slabs.in_use for slabs in records.slabs) == 0
    assert sum(slabs.in_rcu for slabs in records.slabs) >= 60
