# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts against sums written by hand: when they are on, how long they wait, what their handlers do.

Leaves out how the tables show them.
"""

from __future__ import annotations

import pytest

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.records import Path, Records, Spent
from slabdes.engine.reference import kernel
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.paths.kernel import Waits
from slabdes.results.accounting import check_accounting
from slabdes.units import PS_PER_NS
from slabdes.workload.synthetic import build_synthetic
from tests.verification.bench import PRICE as P
from tests.verification.bench import alloc, experiment, free, run, section

WORK_NS = 500
WORK = WORK_NS * PS_PER_NS
MEAN_NS = 100_000
MEAN = MEAN_NS * PS_PER_NS


def source(mean_ns: float = MEAN_NS, **parts: object) -> dict[str, object]:
    """A periodic source whose handlers only work, unless `parts` says otherwise."""
    return {"kind": "periodic", "mean_ns": mean_ns, "objects": 0, "work_ns": WORK_NS, **parts}


def test_an_interrupt_takes_the_cpu_from_its_thoughts_and_the_thought_goes_on_afterwards() -> None:
    think = 10 * MEAN
    records = run({0: [section(0, think=think)]}, experiment(interrupts=source()))
    (cpu,) = (cpu for cpu in records.cpus if cpu.sections)
    assert cpu.interrupts == pytest.approx(10, abs=1)
    assert cpu.end == think + cpu.interrupts * WORK + P.dram_local + P.lock_op
    assert cpu.think == think
    assert (records.irq_wait.count, records.irq_wait.greatest) == (cpu.interrupts, 0)


def test_interrupts_wait_for_the_end_of_a_hold_and_those_that_come_meanwhile_are_lost() -> None:
    hold = 5 * MEAN
    records = run({0: [section(hold), section(0)]}, experiment(interrupts=source()))
    cpu = records.cpus[0]
    took = P.dram_local + P.lock_op + hold
    # Five or six came, one a period: the first is pending, the others are lost.
    assert cpu.interrupts == 1
    assert cpu.interrupts_lost in (4, 5)
    assert took - MEAN < records.irq_wait.greatest <= took
    assert records.irqs_off.greatest == took, "from before the lock is asked for until it is released"
    # The hold, the handler, the second section.
    assert (records.irqs_off.count, records.irqs_off.least) == (3, P.lock_op)


def test_a_slow_path_is_off_from_its_call_to_its_return_without_the_objects_first_touch() -> None:
    records = run({0: [alloc(0, flags=0)]})
    assert (records.irqs_off.count, records.irqs_off.total) == (1, records.cpus[0].end - P.first_touch)


def test_a_grow_that_may_wait_has_them_on_between_the_pages_and_the_slabs_insertion() -> None:
    waits, never = run({0: [alloc(0)]}), run({0: [alloc(0, flags=0)]})
    objects = waits.caches[0].num
    # Off until the pages are asked for; under the zone's lock; and from the insertion on.
    assert (waits.irqs_off.count, never.irqs_off.count) == (3, 1)
    made = P.irq_pair + P.page_alloc_order0 + P.grow_base + objects * P.init_object
    assert waits.cpus[0].end - P.first_touch - waits.irqs_off.total == made
    assert waits.cpus[0].end == never.cpus[0].end + P.irq_pair


def grower(limit: int = 12) -> Experiment:
    """CPUs that allocate more and more, interrupted so often that grows are, too, by handlers of the same cache."""
    raw = {
        "machine": {"preset": "uma-4"},
        "cache": [{"name": "a", "size": 1024, "limit": limit, "batchcount": limit // 2}],
        "workload": {"kind": "burst", "objects": 2000},
        "interrupts": {"mean_ns": 3000, "objects": 3, "keep": 20, "work_ns": 50},
        "debug": True,
    }
    return parse_experiment(raw, "test")


def simulate(settings: Experiment) -> Records:
    assert settings.machine.preset is not None
    machine = load_machine(settings.machine.preset)
    return run_reference(settings, machine, build_synthetic(settings, machine, 0))


def test_handlers_run_in_the_middle_of_grows_and_nothing_is_lost() -> None:
    records = simulate(grower())
    assert check_accounting(records) == []
    assert records.spent[Path.GROW].interrupts > 0
    others = {path: spent.interrupts for path, spent in records.spent.items() if path is not Path.GROW}
    assert set(others.values()) == {0}, "interrupts are on in the middle of nothing else"
    slab = records.slabs[0]
    assert 0 < slab.in_use <= 20 * len(records.cpus), "the workload frees everything, handlers keep 20 a CPU at most"


def test_a_refill_finds_its_array_filled_by_a_handler_when_it_comes_back_from_growing() -> None:
    """The second look at ac->avail: without it the refill would take a batch more than the array has room for."""
    filled = 0

    original = kernel.TimedKernel.irqs_off

    def watched(self: kernel.TimedKernel, cpu: TimedCpu) -> Waits[None]:
        nonlocal filled
        array = self.state.caches[0].array[cpu.number]
        before = array.avail
        yield from original(self, cpu)
        filled += not before and bool(array.avail)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel.TimedKernel, "irqs_off", watched)
        records = simulate(grower())
    assert filled > 0
    assert check_accounting(records) == []


@pytest.mark.parametrize(
    "workload", [{"kind": "mix", "operations": 300, "live": 20}, {"kind": "burst", "objects": 30, "rounds": 6}]
)
def test_a_refill_whose_grow_failed_is_told_as_one_though_a_handler_has_filled_its_array(workload: dict[str, object]) -> None:
    """Its path used to be whatever the CPU's operation before had gone: a failure, or even a free."""
    raw = {
        "machine": {"preset": "uma-4", "memory_mib": 0.06},
        "cache": [{"name": "a", "size": 700, "limit": 4, "batchcount": 3}],
        "workload": workload,
        "interrupts": {"mean_ns": 20_000, "objects": 3, "keep": 4, "work_ns": 100},
    }
    assert check_accounting(simulate(parse_experiment(raw, "test"))) == []


def test_handlers_free_the_oldest_beyond_those_they_keep() -> None:
    settings = experiment(interrupts=source(objects=2, keep=3, work_ns=0))
    records = run({0: [section(0, think=6 * MEAN)]}, settings)
    cpu = records.cpus[0]
    assert cpu.interrupts in (6, 7)
    assert (cpu.allocs, cpu.allocs - cpu.frees) == (2 * cpu.interrupts, 3)
    assert sum(slab.in_use for slab in records.slabs) == 3


def test_interrupts_go_on_while_a_cpu_waits_for_another_ones_object() -> None:
    programs = {0: [alloc(0, think=5 * MEAN)], 1: [free(0)]}
    records = run(programs, experiment(interrupts=source()))
    assert records.cpus[1].interrupts in (5, 6)
    assert records.cpus[1].slot_wait == pytest.approx(5 * MEAN, rel=0.02)


def test_a_source_stops_with_its_cpus_program_and_other_cpus_have_none() -> None:
    programs = {0: [section(0, think=MEAN)], 2: [section(0, think=20 * MEAN)]}
    records = run(programs, experiment(interrupts=source()))
    counts = [cpu.interrupts for cpu in records.cpus]
    assert counts[0] in (1, 2) and counts[2] in (20, 21)
    assert counts[1] == counts[3] == 0


def test_handlers_that_leave_no_time_for_anything_else_are_told() -> None:
    with pytest.raises(InputError, match=r"interrupts.mean_ns: CPU 0 only handles interrupts, 1,000 in a row"):
        run({0: [section(0, think=MEAN)]}, experiment(interrupts=source(WORK_NS / 2)))


def test_a_cache_that_the_workload_has_not_is_told() -> None:
    with pytest.raises(InputError, match=r"interrupts.cache: 'skb' is not a cache of the workload; allowed: bench"):
        run({0: [alloc(0)]}, experiment(interrupts=source(cache="skb", objects=1)))


def test_without_a_source_nothing_waits_and_nothing_is_spent_on_interrupts() -> None:
    records = run({0: [alloc(0)]})
    assert records.irq_wait.count == 0
    assert all(spent == Spent(**{**vars(spent), "interrupts": 0}) for spent in records.spent.values())
