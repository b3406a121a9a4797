# SPDX-License-Identifier: GPL-2.0-only
"""Both engines give the same records, byte for byte, whatever they are asked to simulate."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import equality
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.allocator import transitions
from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.slub import transitions as slub_transitions
from slabdes.allocator.state import Slab
from slabdes.config import Experiment, parse_experiment
from slabdes.engine.compiled import run as compiled_run
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.compiled.slub.pack import SPARE
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.event_log import EventLog, Logged
from slabdes.engine.lines import CacheLines
from slabdes.engine.reference import clocked as reference_clocked
from slabdes.engine.reference import slub as reference_slub
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError, Stalled
from slabdes.locks.disciplines import DISCIPLINES
from slabdes.machine.costs import Costs
from slabdes.paths.slab import alloc, free, prices
from slabdes.paths.slub import cpu_slab_free
from slabdes.paths.slub import free as slub_free
from slabdes.paths.slub import prices as slub_prices
from slabdes.study.plan import machine_of, plan
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op, Workload
from slabdes.workload.synthetic import build_synthetic

EXAMPLES = int(os.environ.get("SLABDES_EQUALITY_EXAMPLES", "60"))
"""Random experiments of each of the two kinds; 2500 makes the 5,000 of a thorough comparison."""
UNHURRIED = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@UNHURRIED
@given(st.data(), st.integers(0, 3))
def test_any_synthetic_experiment_has_equal_records(tmp_path: Path, data: st.DataObject, replication: int) -> None:
    experiment = data.draw(equality.experiments(tmp_path))
    try:
        build_synthetic(experiment, machine_of(experiment), replication)
    except InputError:
        return
    assert not equality.synthetic_differences(experiment, replication)


@UNHURRIED
@given(st.data(), st.randoms(use_true_random=False))
def test_any_programs_have_equal_records(tmp_path: Path, data: st.DataObject, rng: random.Random) -> None:
    experiment = data.draw(equality.experiments(tmp_path))
    machine = machine_of(experiment)
    assert not equality.differences(experiment, machine, equality.random_workload(experiment, machine, rng))


@UNHURRIED
@given(st.data(), st.integers(0, 2))
def test_any_replay_has_equal_records_in_each_loop(tmp_path: Path, data: st.DataObject, replication: int) -> None:
    experiment = data.draw(equality.replays(tmp_path))
    try:
        (point,) = plan(experiment, tmp_path / "spools")
    except InputError:
        return
    assert not equality.differences(point.experiment, point.machine, point.workload(replication), replication)


@pytest.mark.parametrize("raw", equality.RARE.values(), ids=equality.RARE.keys())
def test_what_is_next_to_never_drawn_has_equal_records(raw: dict[str, object]) -> None:
    assert not equality.synthetic_differences(parse_experiment(raw, "rare"))


def burst(**more: object) -> Experiment:
    """A burst on the small NUMA machine that refills, grows and flushes."""
    raw = {
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "a", "size": 64, "limit": 40, "batchcount": 20}],
        "workload": {"kind": "burst", "objects": 200, "rounds": 3},
    }
    return parse_experiment(raw | more, "test")


ROOT = Path(__file__).parents[3]
TRACES = (
    ("unix_dgram_6.18", ("skbuff_head_cache",), "recorded", {"loop": "bounded"}),
    ("unix_dgram_6.18", ("skbuff_head_cache",), "0.0001x", {"arrivals": "recorded"}),
    ("slab_6.1_8cpu_2node_unix4", (), "none", {"loop": "traced"}),
)


@pytest.mark.parametrize(("name", "caches", "think", "how"), TRACES)
def test_a_real_trace_has_equal_records(
    name: str, caches: tuple[str, ...], think: str, how: dict[str, str], tmp_path: Path
) -> None:
    file = ROOT / "experiments" / "traces" / f"{name}.txt.gz"
    workload = {"kind": "trace", "file": str(file), "caches": caches, "copies": 2, "think": think, **how}
    (point,) = plan(burst(machine={"preset": "xeon-2s"}, cache=[], workload=workload), tmp_path)
    assert not equality.differences(point.experiment, point.machine, point.workload(0))


def test_a_run_from_a_real_systems_state_has_equal_records_its_counters_since_boot_included(tmp_path: Path) -> None:
    folder = ROOT / "tests/kernel61/traces/8cpu_2node_counter_quiet1"
    files = {"file": str(folder / "trace.txt.gz"), "from_dump": str(folder / "dumps.txt.gz")}
    workload = {"kind": "trace", "caches": ("filp", "shmem_inode_cache"), "think": "none"} | files
    (point,) = plan(burst(allocator="6.1", cache=[], workload=workload), tmp_path)
    assert not equality.differences(point.experiment, point.machine, point.workload(0))


def test_a_stall_is_told_in_the_same_words() -> None:
    experiment = burst()
    machine = machine_of(experiment)
    steps = ((0, Op.FREE, 0, 7, ANY_NODE, 0), (0, Op.ALLOC, 0, 7, ANY_NODE, MAY_WAIT))
    workload = Workload({2: equality.Listed(steps)}, experiment.cache)
    with pytest.raises(Stalled, match="CPU 2 for slot 7 to be filled"):
        run_compiled(experiment, machine, workload)
    assert not equality.differences(experiment, machine, workload)


def test_an_interrupt_storm_is_told_in_the_same_words() -> None:
    experiment = burst(interrupts={"kind": "periodic", "mean_ns": 100.0, "work_ns": 500.0})
    machine = machine_of(experiment)
    workload = build_synthetic(experiment, machine, 0)
    with pytest.raises(InputError, match="only handles interrupts"):
        run_compiled(experiment, machine, workload)
    assert not equality.differences(experiment, machine, workload)


@pytest.mark.parametrize(("queued", "spins"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("name", DISCIPLINES)
def test_any_discipline_may_be_queued_or_not_and_its_waiters_may_sleep_and_both_engines_do_so(
    name: str, queued: bool, spins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DISCIPLINES, name, replace(DISCIPLINES[name], queued=queued, spins=spins))  # type: ignore[arg-type]
    experiment = burst(allocator="6.1", lock={"discipline": name}, interrupts={"mean_ns": 5000.0})
    assert not equality.synthetic_differences(experiment)


def _plant(monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: object) -> None:
    assert getattr(module, name) != value
    monkeypatch.setattr(module, name, value)


def _one_picosecond_more(lines: CacheLines, cpu: TimedCpu, line: int, milli: int = 1000) -> int:
    return _TOUCH(lines, cpu, line, milli) + (cpu.number == 3 and line == 1)


_TOUCH = CacheLines.touch
PLANTED = (
    (alloc, "refill_batchcount", lambda ac: ac.batchcount),
    (free, "excess_slab", lambda slabs, l3: transitions.NO_SLAB),
    (free, "flush_to_shared", lambda words, shared, ac, nr: transitions.flush_to_shared(words, shared, ac, nr - 1)),
    (CacheLines, "touch", _one_picosecond_more),
    (prices, "entry_line", lambda place: place // 8),
    (reference_clocked, "first_of", lambda drawn, racers: racers - 1),
    (reference_clocked, "arrives_late", lambda *_asked: False),
)
RACES = {"first_of": False, "arrives_late": True}
"""Whether races go by arrival, where a bug in a race is to be seen."""


@pytest.mark.parametrize(("module", "name", "bug"), PLANTED)
def test_a_bug_in_one_engine_only_is_seen(module: object, name: str, bug: object, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = {"discipline": "tas" if name in RACES else "ticket"}
    timing = {"arrival_races": RACES.get(name, True)}
    experiment = burst(allocator="4.7", lock=lock, timing=timing, workload={"kind": "burst", "objects": 600, "rounds": 3})
    assert not equality.synthetic_differences(experiment)
    _plant(monkeypatch, module, name, bug)
    assert "digest" in equality.synthetic_differences(experiment)


class _OneRaceTooMany:
    """Sees a free's slab changed once where nobody changed it: tried again, which costs time and leaves lists whole."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, slab: Slab, prior: int, inuse: int) -> bool:
        seen, self.seen = self.seen, True
        return seen and slub_transitions.is_unchanged(slab, prior, inuse)


def streaming(allocator: str, cache: dict[str, object], memory: dict[str, object], **more: object) -> Experiment:
    """Objects allocated on one node and freed on the other, on SLUB."""
    workload = {"kind": "producer_consumer", "objects": 600, "window": 64, "think_ns": 20}
    machine = {"preset": "numa-2x4", "placement": "spread"} | memory
    return burst(allocator=allocator, machine=machine, cache=[{"name": "a", "size": 256} | cache], workload=workload, **more)


SHEAVES = {"sheaf_capacity": 8, "max_full_sheaves": 3, "min_partial": 1}
THROUGH_BARNS = burst(
    allocator="7.3", cache=[{"name": "a", "size": 256} | SHEAVES], workload={"kind": "burst", "objects": 300, "rounds": 2}
)


@pytest.mark.parametrize(
    ("experiment", "module", "name", "bug"),
    [
        (THROUGH_BARNS, slub_prices, "sheaf_lines", lambda capacity: 1),
        (streaming("7.3", SHEAVES, {"cpus": 2}), slub_free, "is_unchanged", _OneRaceTooMany),
        # Where slots lie on lines no free of a ring's object is a hit in a row, where the reference asks for itself.
        (streaming("7.3", SHEAVES, {}, timing={"slot_lines": False}), reference_slub, "is_local", lambda k, cpu, node: True),
        (streaming("6.12", {"size": 2048}, {"memory_mib": [0, 40]}), slub_prices, "_moved", lambda k, cpu, lock, slab: None),
        (streaming("6.12", {}, {"memory_mib": [0, 40]}), cpu_slab_free, "is_unchanged", _OneRaceTooMany),
    ],
)
def test_a_bug_in_slub_in_one_engine_only_is_seen(
    experiment: Experiment, module: object, name: str, bug: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not equality.synthetic_differences(experiment)
    _plant(monkeypatch, module, name, bug() if isinstance(bug, type) else bug)
    assert "digest" in equality.synthetic_differences(experiment)


def test_room_for_sheaves_and_slabs_grows_with_a_run() -> None:
    cache = {"name": "a", "size": 2048, "sheaf_capacity": 1, "max_full_sheaves": 10_000}
    workload = {"kind": "burst", "objects": 3000, "rounds": 2}
    experiment = burst(allocator="7.3", machine={"preset": "uma-4", "cpus": 2}, cache=[cache], workload=workload)
    machine = machine_of(experiment)
    records = run_compiled(experiment, machine, build_synthetic(experiment, machine, 0))
    assert records.slub[0].sheaves > SPARE
    assert not equality.synthetic_differences(experiment)


BULK = {"kind": "burst", "objects": 200, "rounds": 3, "bulk": 7}


def test_a_bulk_call_whose_hits_cost_too_much_in_one_engine_only_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = burst(workload=BULK, interrupts={"mean_ns": 5000.0})
    assert not equality.synthetic_differences(experiment)
    monkeypatch.setattr(TimedCpu, "set_hits", _always_single)
    assert "digest" in equality.synthetic_differences(experiment)


def _always_single(cpu: TimedCpu, costs: Costs) -> None:
    cpu.alloc_hit, cpu.free_hit = costs.alloc_hit, costs.free_hit


def test_a_hold_that_one_engine_logs_otherwise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = burst(log=True)
    assert not equality.synthetic_differences(experiment)
    monkeypatch.setattr(EventLog, "hold", lambda log, *row: log.rows(Logged.HOLDS, np.array([row]) + (row[1] == 3)))
    assert equality.synthetic_differences(experiment) == ["holds"]


def test_checking_invariants_is_left_to_the_reference() -> None:
    experiment = burst(debug=True)
    machine = machine_of(experiment)
    with pytest.raises(InputError, match="debug"):
        run_compiled(experiment, machine, build_synthetic(experiment, machine, 0))


@pytest.mark.parametrize(("workload", "steps"), [({}, 9600), ({"workload": BULK}, 9600 + 8 * 3 * 2 * 2 * 29)])
def test_progress_ends_with_every_step(workload: dict[str, object], steps: int) -> None:
    experiment = burst(**workload)
    machine = machine_of(experiment)
    workload = build_synthetic(experiment, machine, 0)
    for engine in (run_reference, run_compiled):
        told: list[int] = []
        engine(experiment, machine, workload, 0, told.append)
        assert told[-1] == workload.operations == steps


@pytest.mark.parametrize("steps", [1, 7])
def test_a_run_that_is_interrupted_for_a_report_every_few_steps_has_equal_records(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_run, "STEPS_BETWEEN_REPORTS", steps)
    assert not equality.synthetic_differences(burst())
    assert not equality.synthetic_differences(burst(workload=BULK, interrupts={"mean_ns": 5000.0}))


def test_a_mark_in_the_middle_of_a_wait_for_another_cpu_books_it_alike() -> None:
    experiment = burst(seed=3, machine={"preset": "numa-2x4"}, interrupts={"mean_ns": 5000.0})  # cut at many marks
    far, many = 1 << 20, range(600)
    programs = {
        0: [(120_000_000, Op.SIGNAL, NO_CACHE, far, ANY_NODE, 0)],
        1: [(300_000, Op.ALLOC, 0, number, ANY_NODE, MAY_WAIT) for number in many],
        # First it waits for the signal, then, after the cut, for objects: what is booked as one is not as the other.
        5: [(0, Op.AWAIT, NO_CACHE, far, ANY_NODE, 0), *((0, Op.FREE, 0, number, ANY_NODE, 0) for number in many[500:])],
    }
    workload = Workload({cpu: equality.Listed(tuple(steps)) for cpu, steps in programs.items()}, experiment.cache)
    machine = machine_of(experiment)
    assert not equality.differences(experiment, machine, workload)
    whole = run_reference(experiment, machine, workload)
    cut = run_reference(experiment, machine, workload, 0, None, None, equality.marked(experiment, whole.elapsed))
    assert 0 < cut.cpus[5].partner_wait < whole.cpus[5].partner_wait


def test_room_for_slabs_lines_and_slots_grows_with_a_run() -> None:
    experiment = burst(
        cache=[{"name": "a", "size": 1024}],
        workload={"kind": "burst", "objects": 1500, "rounds": 1},
        machine={"preset": "numa-2x4"},
    )
    machine = machine_of(experiment)
    assert not equality.synthetic_differences(experiment)
    steps = [(0, Op.ALLOC, 0, 3 * number, ANY_NODE, MAY_WAIT) for number in range(10_000)]
    steps += [(0, Op.FREE, 0, 3 * number, ANY_NODE, 0) for number in range(0, 10_000, 2)]
    workload = Workload({1: equality.Listed(tuple(steps))}, experiment.cache)
    assert not equality.differences(experiment, machine, workload)


@pytest.mark.parametrize("run", [run_compiled, run_reference])
def test_a_run_beyond_the_time_that_is_counted_exactly_is_refused_by_both_engines(run: Callable[..., object]) -> None:
    workload = {"kind": "critical_section", "operations": 50, "think_ns": 1e12, "hold_ns": 1e12, "hold": "constant"}
    experiment = burst(machine={"preset": "xeon-2s"}, cache=[], timing={"hz": 100}, workload=workload)
    machine = machine_of(experiment)
    with pytest.raises(InputError, match=r"simulated time: the run does not end in time; allowed: at most 9,007 s"):
        run(experiment, machine, build_synthetic(experiment, machine, 0))
