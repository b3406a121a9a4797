# SPDX-License-Identifier: GPL-2.0-only
"""Programs that walk through more than a cache holds, and through less: priced by hand, on both engines.

Leaves out how bytes are counted (`tests/engine/test_working_set`).
"""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import Path, Records
from slabdes.engine.reference.run import run_reference
from slabdes.engine.working_set import LINE_BYTES
from slabdes.machine.topology import BYTES_PER_MIB
from slabdes.workload.programs import Step, Workload
from tests.verification.bench import PRICE as P
from tests.verification.bench import alloc, experiment, free, last_operation, machine, run

SIZE = 256
OBJECTS = 32
CACHE = {"limit": 120, "size": SIZE}
SHARE = 0.25


def mib(count: int) -> float:
    """A cache for so many objects."""
    return count * SIZE / BYTES_PER_MIB


def walk(rounds: int) -> list[Step]:
    """The same objects in the same order each time: the last one freed is the first one handed out."""
    out, back = [alloc(slot) for slot in range(OBJECTS)], [free(slot) for slot in reversed(range(OBJECTS))]
    return (out + back) * rounds


def of_last_rounds(engine: Any, rounds: int, *, settings: Any, on: Any, path: Path = Path.HIT) -> tuple[int, int]:
    """Hits of the rounds behind the third, and their time: by then all comes from the CPU's array."""

    def rounds_of(count: int) -> Records:
        steps = walk(count)
        return engine(settings.model_copy(update={"debug": False}), on, Workload({0: lambda: iter(steps)}, settings.cache))

    less, more = rounds_of(3).latency[0, path], rounds_of(3 + rounds).latency[0, path]
    return more.count - less.count, more.total - less.total


@pytest.mark.parametrize("engine", [run_reference, run_compiled])
def test_a_walk_through_more_than_the_cache_pays_memory_for_every_object_and_through_less_for_none(engine: Any) -> None:
    # Objects are passed by OBJECTS - 1 others in between; lost descriptors are counted, too.
    for holds, lost in ((OBJECTS - 2, True), (2 * OBJECTS, False)):
        hits = of_last_rounds(engine, 2, settings=experiment(CACHE), on=machine(llc_mib=mib(holds)))
        assert hits == (2 * OBJECTS, 2 * OBJECTS * (P.alloc_hit + lost * P.dram_local))


@pytest.mark.parametrize("engine", [run_reference, run_compiled])
def test_frees_of_a_walk_through_much_more_than_the_cache_overlap_once_a_slab(engine: Any) -> None:
    # All but the object allocated last are lost when they are freed, and each slab's come in a row: 16 objects, two slabs.
    on = machine(llc_mib=mib(1) / 2, miss_share=SHARE)
    for touch, written in (("none", 0), ("write", OBJECTS - 1)):
        settings = experiment(CACHE, workload={"kind": "burst", "touch": touch})
        count, total = of_last_rounds(engine, 1, settings=settings, on=on, path=Path.FREE_HIT)
        misses, rest = divmod(total - count * P.free_hit, P.dram_local * 250 // 1000)
        assert (count, rest) == (OBJECTS, 0)
        assert misses - written in (2, 3)


def test_nothing_is_lost_without_the_rule_or_on_a_machine_that_does_not_tell_its_caches() -> None:
    hot = (2 * OBJECTS, 2 * OBJECTS * P.alloc_hit)
    off = experiment(CACHE, timing={"jitter": 0.0, "working_sets": False})
    assert of_last_rounds(run_reference, 2, settings=off, on=machine(llc_mib=mib(1))) == hot
    assert of_last_rounds(run_reference, 2, settings=experiment(CACHE), on=machine()) == hot


def test_cpus_at_work_that_share_a_cache_have_equal_parts_of_it() -> None:
    settings, on = experiment(CACHE), machine(llc_mib=mib(48))

    def dearest_hit(*cpus: int) -> int:
        programs = {cpu: [(*step[:3], step[3] + 1000 * cpu, *step[4:]) for step in walk(3)] for cpu in cpus}
        return run(programs, settings, on).latency[0, Path.HIT].greatest

    assert dearest_hit(0) == dearest_hit(0, 2) == P.alloc_hit + P.first_touch
    assert dearest_hit(0, 1) >= P.alloc_hit + P.dram_local


def test_lines_of_lists_and_slabs_that_were_lost_come_from_memory() -> None:
    # Each allocation refills from a slab of many; its object alone is more than the cache holds, the lines of a refill are not.
    settings = experiment({"limit": 1, "batchcount": 1, "shared": 0, "size": 512})
    steps = [alloc(slot) for slot in range(4)]
    known = last_operation(0, {0: steps}, settings, machine(llc_mib=1.0))
    lost = last_operation(0, {0: steps}, settings, machine(llc_mib=8 * LINE_BYTES / BYTES_PER_MIB))
    assert known[0] == lost[0] == Path.PARTIAL
    # The lock's line, the lists', the slab's descriptor and its free chain, one after the other.
    assert lost[1] - known[1] == 4 * P.dram_local
