# SPDX-License-Identifier: GPL-2.0-only
"""Random experiments and programs of every kind, and what two engines make of one: their records, or how they refuse it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from drawn import machine_files
from drawn_traces import traces
from hypothesis import strategies as st

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.config import (
    AllocatorVersion,
    Discipline,
    Experiment,
    InterruptKind,
    Placement,
    Switch,
    ThinkKind,
    parse_experiment,
)
from slabdes.config.allocators import SLUB_KEYS, slub_tunables
from slabdes.config.slub import (
    Barns,
    EmptyMain,
    LeftoverRule,
    ListEnd,
    RefillOrder,
    RemoteRefillRule,
    switches_of,
)
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.cpu import NEVER
from slabdes.engine.event_log import EventLog, Logged
from slabdes.engine.marks import Marking
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.engine.setup import SWITCHES
from slabdes.errors import InputError, SlabdesError
from slabdes.machine import describe_machine
from slabdes.machine.costs import COST_NAMES, RATIOS
from slabdes.machine.description import TRANSFER_COSTS
from slabdes.machine.topology import Machine
from slabdes.results.accounting import check_accounting
from slabdes.study.effort import effort
from slabdes.study.plan import machine_of
from slabdes.units import NS_PER_MS, ns_to_ps
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op, Step, Workload
from slabdes.workload.synthetic import build_synthetic

Engine = Callable[..., Records]
SLAB_VERSIONS = tuple(version for version in AllocatorVersion if not version.is_slub)
SIZES = (1, 16, 64, 192, 256, 512, 700, 1024, 2048, 3000, 4096, 9000, 20000, 1 << 22)
CACHES_MIB = (0.001, 0.02, 0.5)
"""So little that most of what is touched is lost, to more than most programs touch."""
COSTS_NS = (0, 0, 0, 0.001, 0.002, 0.5, 30, 1e3, 1e6)
"""From nothing, and the least that is not nothing, to a millisecond."""
MOST_EFFORT = 60_000
"""What an experiment with interrupts may cost the reference (see there): about three seconds."""
MOST_STEPS = 4000
"""Of all CPUs together, so that an experiment is short on a machine of any size."""
SECOND_PS = 10**12
NS_PER_S = 10**9
ROWS_A_PART = 100
"""Of an event log, so that a short run has parts."""


SLUB_VALUES = {
    "sheaf_capacity": (1, 2, 7, 40),
    "max_full_sheaves": (0, 1, 3),
    "max_empty_sheaves": (0, 1, 3),
    "cpu_partial": (0, 5, 300),
    "min_partial": (0, 1, 20),
    "remote_node_defrag_ratio": (0, 50, 100),
}
"""Of SLUB's keys."""


@st.composite
def caches(draw: st.DrawFn, allocator: AllocatorVersion, tunables: Sequence[str]) -> list[dict[str, Any]]:
    """One to three caches, on-slab and off-slab, of order 0 and higher, with default tunables or small ones."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from(SIZES) | st.integers(0, 22).flatmap(lambda bits: st.integers(1, 1 << bits)))
        cache: dict[str, Any] = {"name": f"c{number}", "size": size}
        made.append(cache)
        if allocator.is_slub:
            for key in tunables:
                if draw(st.booleans()):
                    cache[key] = draw(st.sampled_from(SLUB_VALUES[key]))
            continue
        if draw(st.booleans()):
            cache["limit"] = draw(st.sampled_from((1, 2, 3, 8, 12, 40)))
            cache["batchcount"] = draw(st.integers(1, cache["limit"]))
        if draw(st.booleans()):
            cache["frees_look_up"] = draw(st.booleans())
        if draw(st.booleans()):
            cache["shared"] = draw(st.sampled_from((0, 1, 2, 8)))
    return made


@st.composite
def presets(draw: st.DrawFn) -> dict[str, Any]:
    """A part of a preset."""
    preset = draw(st.sampled_from(("uma-4", "numa-2x4", "xeon-2s", "opteron-8n")))
    part = {"cpus": draw(st.sampled_from((2, 6, 12)))} if preset in ("xeon-2s", "opteron-8n") else {}
    return {"preset": preset} | part


@st.composite
def imported(draw: st.DrawFn, folder: Path) -> dict[str, Any]:
    """All of a machine file or a part of it."""
    path = draw(machine_files(folder))
    part = {"cpus": draw(st.integers(1, len(describe_machine(path).node_of_cpu)))} if draw(st.booleans()) else {}
    return {"file": str(path)} | part


@st.composite
def machines(draw: st.DrawFn, folder: Path) -> dict[str, Any]:
    """A preset or a file, with much memory, little, none on a node, and sometimes with steps that cost nothing, or much."""
    machine = draw(presets() | imported(folder))
    described = describe_machine(machine.get("preset") or Path(machine["file"]))
    machine["placement"] = draw(st.sampled_from(Placement))
    memory = draw(st.sampled_from((None, None, None, 0.05, 0.2, 1, 40, "uneven")))
    if memory == "uneven":
        nodes = len(described.node_ids)
        memory = [0, *([0.5] * (nodes - 1))] if nodes > 1 else None
    if memory is not None:
        machine["memory_mib"] = memory
    if (llc := draw(st.sampled_from((None, *CACHES_MIB)))) is not None:
        machine["llc_mib"] = llc
    costs = [name for name in COST_NAMES if name not in RATIOS]
    if described.transfer_ps is not None:
        costs = [name for name in costs if name not in TRANSFER_COSTS]
    machine["costs"] = {name: draw(st.sampled_from(COSTS_NS)) for name in draw(st.sets(st.sampled_from(costs), max_size=4))}
    return machine


def cpus_of(machine: dict[str, Any]) -> int:
    """How many CPUs a workload uses."""
    return machine.get("cpus") or len(describe_machine(machine.get("preset") or Path(machine["file"])).node_of_cpu)


def fitted(workload: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    """The same workload with fewer operations a CPU where there are many CPUs."""
    cpus = cpus_of(machine)
    most = max(1, MOST_STEPS // cpus)
    for length in ("on_ns", "off_ns"):
        if length in workload:
            workload = workload | {length: workload[length] * cpus * NS_PER_S / workload["rate"]}
    return workload | {key: min(workload[key], most) for key in ("objects", "operations", "blocks") if key in workload}


WORKLOADS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("burst"),
            "objects": st.sampled_from((3, 40, 200, 400)),
            "rounds": st.integers(1, 4),
            "think_ns": st.sampled_from((0, 100, 2e6)),
            "bulk": st.sampled_from((0, 0, 1, 7, 64)),
            "bulk_of": st.sampled_from(("both", "alloc", "free")),
            "own_caches": st.sampled_from((False, False, False, True)),
            "barrier": st.booleans(),
            "touch": st.sampled_from(("none", "write")),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("mix"),
            "touch": st.sampled_from(("none", "write")),
            "operations": st.sampled_from((200, 1000)),
            "live": st.sampled_from((1, 20, 200)),
            "think_ns": st.sampled_from((0, 100, 5e3, 2e7)),
            "think": st.sampled_from(ThinkKind),
            "bulk": st.sampled_from((0, 0, 0, 1, 7, 64)),
            "bulk_of": st.sampled_from(("both", "alloc", "free")),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("producer_consumer"),
            "objects": st.sampled_from((100, 600)),
            "window": st.sampled_from((1, 7, 64)),
            "opposite": st.booleans(),
            "think_ns": st.sampled_from((0, 100, 2e7)),
            "think": st.sampled_from(ThinkKind),
            "bulk": st.sampled_from((0, 0, 0, 1, 5, 64)),
            "bulk_of": st.sampled_from(("both", "alloc", "free")),
        }
    ).map(lambda raw: raw | {"bulk": min(raw["bulk"], raw["window"])}),
    st.fixed_dictionaries(
        {
            "kind": st.just("critical_section"),
            "operations": st.sampled_from((100, 400)),
            "think_ns": st.sampled_from((0, 100, 2e7)),
            "hold_ns": st.sampled_from((0, 100, 1000)),
            "hold": st.sampled_from(ThinkKind),
            "hold_one_in": st.sampled_from((1, 1, 7)),
            "lines": st.sampled_from((0, 1, 64)),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("pages"),
            "order": st.sampled_from((0, 0, 1, 3, 10)),
            "blocks": st.sampled_from((1, 40, 300)),
            "rounds": st.integers(1, 3),
            "barrier": st.booleans(),
        }
    ),
    st.tuples(
        st.fixed_dictionaries(
            {
                "kind": st.just("arrivals"),
                "operations": st.sampled_from((200, 1000)),
                "rate": st.sampled_from((1e4, 1e7, 1e9)),
            }
        ),
        st.sampled_from(
            (
                {"arrivals": "poisson"},
                {"arrivals": "periodic"},
                # In times between two arrivals: `fitted` makes nanoseconds of these.
                {"arrivals": "on_off", "on_ns": 1, "off_ns": 1},
                {"arrivals": "on_off", "on_ns": 9, "off_ns": 0.7},
            )
        ),
        st.fixed_dictionaries({"of": st.just("mix"), "live": st.sampled_from((1, 20, 200))})
        | st.fixed_dictionaries(
            {
                "of": st.just("critical_section"),
                "hold_ns": st.sampled_from((0, 100)),
                "hold": st.sampled_from(ThinkKind),
                "lines": st.sampled_from((0, 2)),
            }
        ),
    ).map(lambda parts: parts[0] | parts[1] | parts[2]),
)


def thought_ns(workload: dict[str, Any], machine: dict[str, Any]) -> float:
    """Between two operations of a CPU, about: for how long a run goes on."""
    if workload["kind"] != "arrivals":
        return float(workload.get("think_ns", 0))
    return cpus_of(machine) * NS_PER_S / workload["rate"]


def _rare(allocator: str, machine: dict[str, Any], cache: dict[str, Any], **more: Any) -> dict[str, Any]:
    workload = {"kind": "burst", "rounds": 2, **more.pop("workload")}
    return {
        "allocator": allocator,
        "machine": machine,
        "cache": [{"name": "c", "shared": 0} | cache],
        "workload": workload,
    } | more


_LARGE = {"limit": 40, "batchcount": 40}
RARE = {
    "the last page goes to a slab, and none is left for its descriptor": _rare(
        "2.6.34",
        {"preset": "uma-4", "cpus": 1, "memory_mib": 63 / 256},
        {"size": 512} | _LARGE,
        workload={"objects": 520},
    ),
    "others take a slab of one object before the CPU without memory that has had it made": _rare(
        "2.6.34",
        {"preset": "numa-2x4", "memory_mib": [0, 64]},
        {"size": 4096, "limit": 1, "batchcount": 1},
        workload={"objects": 60},
    ),
    "several slabs of one object each are given up by one flush": _rare(
        "4.6", {"preset": "uma-4", "cpus": 1}, {"size": 40_000} | _LARGE, workload={"objects": 250}
    ),
    "cache_reap gives free slabs back": _rare(
        "2.6.34",
        {"preset": "numa-2x4"},
        {"size": 4096, "limit": 8, "batchcount": 1},
        workload={"objects": 10, "rounds": 20, "think_ns": 5e8, "barrier": True},
    ),
    "a reader of /proc/slabinfo finds another CPU reaping: CPU 2 does at 0.994 s, for some 2.5 ms": _rare(
        "2.6.34",
        {"preset": "uma-4", "cpus": 1, "costs": {"reap_base": 2.5e6}},
        {"size": 256},
        workload={"objects": 12, "rounds": 1, "think_ns": 5e7},
        upkeep={"slabinfo_every_ms": 10.05},
    ),
    "interrupts come within bulk calls, and while others wait": _rare(
        "6.1",
        {"preset": "uma-4"},
        {"size": 256} | _LARGE,
        workload={"objects": 200, "rounds": 3, "bulk": 64, "think_ns": 100},
        interrupts={"mean_ns": 3000, "objects": 3, "keep": 3, "work_ns": 300},
    ),
    "room is made again after many sheaves have taken less of it than a block of kfree_rcu would": {
        "allocator": "6.18",
        "machine": {"preset": "epyc-2s", "cpus": 256},
        "cache": [{"name": "c", "size": 4096, "sheaf_capacity": 40, "max_full_sheaves": 1}],
        "rcu": {"frees": True, "grace_ms": 0.02, "stagger_ms": 0.01},
        "workload": {"kind": "burst", "objects": 15, "rounds": 2, "think_ns": 100.0},
    },
    "a batch of pages comes from the lists of two orders": {
        "allocator": "6.1",
        "machine": {"preset": "uma-4", "memory_mib": 1024},
        "cache": [
            {"name": f"c{size}", "size": size, "limit": 1, "batchcount": 1, "shared": 0} for size in (3000, 12_000, 20_000)
        ],
        "workload": {"kind": "burst", "objects": 100, "rounds": 2},
    },
}
"""Experiments for what is next to never drawn."""


@st.composite
def of_slab(draw: st.DrawFn) -> dict[str, Any]:
    """What only experiments on SLAB may say."""
    return {
        "switches": sorted(draw(st.sets(st.sampled_from(Switch)))),
        "noaliencache": draw(st.booleans()),
        **{name: draw(st.booleans()) for name in SWITCHES},
        "upkeep": {"slabinfo_every_ms": draw(st.sampled_from((0, 0, 1, 10))), "slabinfo_cpu": draw(st.integers(0, 3))}
        | draw(shrinks())["upkeep"],
    }


SLUB_SWITCHES: dict[str, Sequence[Any]] = {
    "refill_order": tuple(RefillOrder),
    "leftovers": tuple(LeftoverRule),
    "unneeded": tuple(ListEnd),
    "remote_refill": tuple(RemoteRefillRule),
    "empty_main": tuple(EmptyMain),
    "barns": tuple(Barns),
    "refill_needs_waiting": (False, True),
    "remote_by_batches": (False, True),
    "capacity_base": (1, 5, 40),
    "capacity_per_cpu": (0, 0.3, 4),
    "capacity_most": (40, 60),
}
"""What [slub] may say."""


@st.composite
def of_slub(draw: st.DrawFn, allocator: AllocatorVersion, cpu_slabs: bool | None) -> dict[str, Any]:
    """What only experiments on SLUB may say: switches of the version, and frees by kfree_rcu."""
    keys = [key for key in switches_of(allocator, cpu_slabs) if key != "cpu_slabs"]
    turned = draw(st.sets(st.sampled_from(keys), max_size=4)) if keys else set()
    changing = "sheaf_capacity" in SLUB_KEYS[allocator] and draw(st.booleans())
    grace_ms = draw(st.sampled_from((0.001, 0.02, 1, 20)))
    stagger_ms = grace_ms * draw(st.sampled_from((0, 0.1, 1)))
    return {
        "slub": {"cpu_slabs": cpu_slabs} | {key: draw(st.sampled_from(SLUB_SWITCHES[key])) for key in sorted(turned)},
        "rcu": {"frees": draw(st.booleans()), "grace_ms": grace_ms, "stagger_ms": stagger_ms},
        **draw(changes() if changing else shrinks()),
    }


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """A change of sheaves while the run goes on."""
    capacity, limit = draw(st.sampled_from(((1, None), (3, None), (90, None), (None, 0), (None, 30), (20, 1))))
    who = {"cpu": draw(st.integers(0, 3)), "cache": draw(st.sampled_from((None, None, "c0")))}
    return {
        "change": {"at_ms": draw(st.sampled_from((0.002, 0.02))), "sheaf_capacity": capacity, "max_full_sheaves": limit} | who
    }


@st.composite
def shrinks(draw: st.DrawFn) -> dict[str, Any]:
    """Caches that are shrunk, once or over and over; or none."""
    times = {"shrink_every_ms": draw(st.sampled_from((0, 0, 10, 100))), "shrink_at_ms": draw(st.sampled_from((0, 0.02)))}
    return {"upkeep": times | {"shrink_cpu": draw(st.integers(0, 3)), "shrink_cache": draw(st.sampled_from((None, None, "c0")))}}


@st.composite
def experiments(draw: st.DrawFn, folder: Path, versions: Sequence[AllocatorVersion] = tuple(AllocatorVersion)) -> Experiment:
    """Any experiment but a trace, small enough for the reference to run it in well under a second; machine files in `folder`."""
    allocator = draw(st.sampled_from(versions))
    # Early and by name: hypothesis says no most of the time to a last question.
    interrupts = None if allocator.is_slub else draw(st.sampled_from((None, *InterruptKind)))
    cpu_slabs = draw(st.sampled_from((None, None, False, True))) if "cpu_slabs" in switches_of(allocator) else None
    machine = draw(machines(folder))
    raw = {
        "seed": draw(st.integers(0, 1 << 32)),
        "log": draw(st.booleans()),
        "machine": machine,
        "cache": draw(caches(allocator, slub_tunables(allocator, cpu_slabs))),
        "allocator": allocator,
        **draw(of_slub(allocator, cpu_slabs) if allocator.is_slub else of_slab()),
        "lock": {
            "discipline": draw(st.sampled_from(Discipline)),
            "handoff_transfers": draw(st.sampled_from((0, 1, 3, 4.5))),
            "numa_spinlock_threshold_ns": draw(st.sampled_from((0, 500, 5000, 1e6))),
        },
        "timing": {
            "jitter": draw(st.sampled_from((0, 0.15, 0.5))),
            "hz": draw(st.sampled_from((100, 250, 300, 1000))),
            "spinners_slow_holder": draw(st.booleans()),
            "all_spinners": draw(st.booleans()),
            "posted_neighbour_writes": draw(st.booleans()),
            "array_lines": draw(st.booleans()),
            "lock_races": draw(st.sampled_from((True, True, False))),
            "arrival_races": draw(st.sampled_from((True, True, False))),
            "copy_lines": draw(st.booleans()),
            "descriptor_once": draw(st.booleans()),
            "slot_lines": draw(st.booleans()),
            "early_lookups": draw(st.booleans()),
            "ring_indexes": draw(st.booleans()),
            "late_spinners": draw(st.booleans()),
            "higher_page_lists": draw(st.booleans()),
            "smt_siblings": draw(st.booleans()),
            "first_touch": draw(st.booleans()),
            "working_sets": draw(st.sampled_from((True, True, False))),
        },
        "workload": fitted(draw(WORKLOADS), machine),
    }
    if allocator.is_slub and raw["rcu"]["frees"] and "bulk" in raw["workload"]:
        raw["workload"]["bulk_of"] = "alloc"
    if "sheaf_capacity" in SLUB_KEYS.get(allocator, ()) and raw["workload"].get("bulk") and raw["workload"]["bulk_of"] != "free":
        more = draw(st.sampled_from((None, None, 0, 5, 300)))
        raw["workload"] |= {} if more is None else {"prefill": raw["workload"]["bulk"] + more}
    thought = thought_ns(raw["workload"], machine)
    # A turn every few operations of a CPU or fewer: a run's length is mostly think time.
    for every in ("slabinfo_every_ms", "shrink_every_ms"):
        if every in raw.get("upkeep", {}):
            raw["upkeep"][every] *= max(0.01, thought / 1e6)
    experiment = parse_experiment(raw, "drawn")
    if interrupts:
        raw["interrupts"] = {
            "kind": interrupts,
            # About one an operation, or fewer: a run's length is mostly think time, and handlers must leave some for the rest.
            "mean_ns": max(1e4, thought) * draw(st.sampled_from((1, 1, 10))),
            "objects": draw(st.sampled_from((0, 1, 3))),
            "keep": draw(st.sampled_from((0, 3, 50))),
            "work_ns": draw(st.sampled_from((0, 300))),
        }
        while effort_of(experiment := parse_experiment(raw, "drawn")) > MOST_EFFORT and "interrupts" in raw:
            if raw["interrupts"]["mean_ns"] > 1e12 / 30:  # the most that an experiment may say
                del raw["interrupts"]
            else:
                raw["interrupts"]["mean_ns"] *= 30
    return experiment


def effort_of(experiment: Experiment) -> int:
    """What it costs the reference, in operations; nothing if it is going to be refused."""
    try:
        machine = machine_of(experiment)
        return effort(experiment, machine, build_synthetic(experiment, machine, 0))
    except InputError:
        return 0


@dataclass(frozen=True)
class Listed:
    """A program that is just its steps."""

    steps: tuple[Step, ...]

    def __call__(self) -> Iterator[Step]:
        """The steps."""
        return iter(self.steps)


def random_workload(experiment: Experiment, machine: Machine, rng: random.Random) -> Workload:
    """Programs that no preset workload has: any CPU frees, nodes (or one too many), flags, sparse slots, signals, stalls."""
    cpus = machine.choose_cpus(experiment.machine.cpus or machine.n_cpus, experiment.machine.placement)
    programs: dict[int, list[Step]] = {cpu: [] for cpu in cpus}
    longest = rng.choice((0, 500, 10**6, SECOND_PS // 100, SECOND_PS // 10))
    if experiment.interrupts:
        longest = min(longest, 2 * ns_to_ps(experiment.interrupts.mean_ns))
    for every in (experiment.upkeep.slabinfo_every_ms, experiment.upkeep.shrink_every_ms):
        if every:
            longest = min(longest, 2 * ns_to_ps(every * NS_PER_MS))
    live: list[tuple[int, int, int]] = []
    told: list[tuple[int, int]] = []
    signals = rng.choice((0, 0.02, 0.3))
    slot = 0
    for _step in range(rng.choice((100, 1500, 3000))):
        think = rng.randint(0, longest)
        if rng.random() < 0.55 or not live:
            cpu, cache = rng.choice(cpus), rng.randrange(len(experiment.cache))
            node = rng.choice((ANY_NODE, ANY_NODE, ANY_NODE, rng.randrange(machine.n_nodes + 1)))
            flags = rng.choice((0, MAY_WAIT, MAY_WAIT, THISNODE, MAY_WAIT | THISNODE))
            programs[cpu].append((think, Op.ALLOC, cache, slot, node, flags))
            live.append((slot, cache, cpu))
            slot += rng.choice((1, 1, 7, 1 << 33))
        else:
            freed, cache, maker = live.pop(rng.choice((0, rng.randrange(len(live)))))
            cpu = maker if rng.random() < 0.6 else rng.choice(cpus)
            programs[cpu].append((think, Op.FREE, cache, freed, ANY_NODE, 0))
        if rng.random() < 0.02:
            programs[rng.choice(cpus)].append((think, Op.SECTION, NO_CACHE, rng.randint(0, 100_000), ANY_NODE, 0))
        if rng.random() < 0.02:
            op = rng.choice((Op.GET_PAGES, Op.GIVE_PAGES))
            programs[rng.choice(cpus)].append((think, op, NO_CACHE, rng.choice((0, 1)), ANY_NODE, 0))
        if rng.random() < signals:
            # All waits point back in the order in which steps are made here: none is for ever.
            teller, waiter = rng.choice(cpus), rng.choice(cpus)
            programs[teller].append((rng.choice((0, think)), Op.SIGNAL, NO_CACHE, 10**14 + slot, ANY_NODE, 0))
            told.append((waiter, 10**14 + slot))
            slot += 1
        if told and rng.random() < signals:
            waiter, what = told.pop(rng.randrange(len(told)))
            programs[waiter].append((rng.choice((0, think)), Op.AWAIT, NO_CACHE, what, ANY_NODE, 0))
    if rng.random() < 0.05 and len(cpus) > 1:
        # Two CPUs that each wait for what the other only makes afterwards.
        for number, (first, second) in enumerate(((cpus[0], cpus[1]), (cpus[1], cpus[0]))):
            programs[first].insert(0, (0, Op.FREE, 0, 10**15 + number, ANY_NODE, 0))
            programs[second].append((0, Op.ALLOC, 0, 10**15 + number, ANY_NODE, MAY_WAIT))
    if rng.random() < 0.5 and not experiment.allocator.is_slub:
        # On SLUB a call is of one cache and one side: a synthetic workload's.
        for cpu, steps in programs.items():
            programs[cpu] = in_bulk(steps, rng)
    windowed = rng.random() < 0.2
    listed = {cpu: Listed(tuple(steps)) for cpu, steps in sorted(programs.items())}
    if rng.random() < 0.3:
        return Workload({cpu: arriving(program) for cpu, program in listed.items()}, experiment.cache, windowed, arrivals=True)
    return Workload(listed, experiment.cache, windowed=windowed)


def arriving(program: Listed) -> Listed:
    """The same steps, each to begin as long after the one before was to as it thought; none waits for that one."""
    now, steps = 0, []
    for think, *rest in program.steps:
        now += think
        steps.append((now, *rest))
    return Listed(tuple(steps))


@st.composite
def replays(draw: st.DrawFn, folder: Path) -> Experiment:
    """A replay of a drawn trace, written into `folder`, in any loop."""
    path = folder / "drawn.trace"
    path.write_text("\n".join(draw(traces())) + "\n", encoding="utf-8")
    loop = draw(st.sampled_from(("bounded", "traced", None)))
    how = {"loop": loop} if loop else {"arrivals": "recorded"}
    workload = {"kind": "trace", "file": str(path), **how, "copies": draw(st.sampled_from((1, 1, 2)))}
    workload["think"] = draw(st.sampled_from(("recorded", "none", "0.001x", "20x")))
    if loop == "bounded" and draw(st.booleans()):
        workload["in_flight"] = draw(st.sampled_from((1, 3, 1000)))
    raw = {
        "seed": draw(st.integers(0, 99)),
        "log": draw(st.booleans()),
        "machine": {"preset": draw(st.sampled_from(("numa-2x4", "xeon-2s"))), "memory_mib": draw(st.sampled_from((0.05, 40)))},
        "allocator": draw(st.sampled_from(AllocatorVersion)),
        "timing": {"jitter": draw(st.sampled_from((0, 0.15)))},
        "workload": workload,
    }
    if not raw["allocator"].is_slub and draw(st.booleans()):
        raw["interrupts"] = {"kind": "periodic", "mean_ns": 1e5, "objects": 1, "keep": 3, "work_ns": 300}
    return parse_experiment(raw, "drawn")


def in_bulk(steps: list[Step], rng: random.Random) -> list[Step]:
    """The same steps, some of them within bulk calls, whatever they are: thoughts, waits for other CPUs, pages, sections."""
    made: list[Step] = []
    left = 0
    for step in steps:
        if not left and rng.random() < 0.1:
            left = rng.choice((1, 2, 7, 40))
            made.append((rng.choice((0, step[0])), Op.BEGIN_BULK, NO_CACHE, 0, ANY_NODE, 0))
        made.append(step)
        if left:
            left -= 1
            if not left:
                made.append((rng.choice((0, step[0])), Op.END_BULK, NO_CACHE, 0, ANY_NODE, 0))
    return [*made, (0, Op.END_BULK, NO_CACHE, 0, ANY_NODE, 0)] if left else made


Rows = dict[Logged, "np.ndarray[Any, Any]"]


def a_third(means: Sequence[float]) -> tuple[int, bool]:
    """Of all batches are warm-up."""
    return len(means) // 3, True


def marked(experiment: Experiment, elapsed: int) -> Marking:
    """Every experiment is sampled, and every other's warm-up cut, at marks that move apart now and then or never.

    There is one when sheaves are changed.
    """
    judge = a_third if experiment.seed % 2 else None
    changed = ns_to_ps((experiment.change.at_ms or 0) * NS_PER_MS) or NEVER
    return Marking(elapsed // (1 + 7 * (experiment.seed % 4 // 2)), judge, samples=True, also=changed)


def logged(
    engine: Engine,
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    marking: Marking | None = None,
) -> tuple[Records, Rows]:
    """An engine's records and the rows of its event log, a CPU's operations and a lock's holds together."""
    parts: dict[Logged, list[np.ndarray[Any, Any]]] = {kind: [] for kind in Logged}
    log = EventLog(lambda kind, some: parts[kind].append(some), ROWS_A_PART)
    records = engine(experiment, machine, workload, replication, None, log, marking)
    rows = {kind: np.concatenate(some) for kind, some in parts.items()}
    return records, {kind: some[np.argsort(some[:, 0], kind="stable")] for kind, some in rows.items()}


def outcome(
    engine: Engine,
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    marking: Marking | None = None,
) -> tuple[Records, Rows] | str:
    """An engine's records and, where the experiment asks for it, its event log; or the one line in which it says why not."""
    try:
        if experiment.log:
            return logged(engine, experiment, machine, workload, replication, marking)
        return engine(experiment, machine, workload, replication, None, None, marking), {}
    except SlabdesError as error:
        return f"{type(error).__name__}: {error}"


def differences(experiment: Experiment, machine: Machine, workload: Workload, replication: int = 0) -> list[str]:
    """The names of the records' fields, and of the kinds of logged rows, in which the engines differ; none if they agree."""
    whole = outcome(run_compiled, experiment, machine, workload, replication)
    marking = None if isinstance(whole, str) else marked(experiment, whole[0].elapsed)
    compiled = whole if marking is None else outcome(run_compiled, experiment, machine, workload, replication, marking)
    reference = outcome(run_reference, experiment, machine, workload, replication, marking)
    if isinstance(reference, str) or isinstance(compiled, str):
        return [] if reference == compiled else [f"{reference} / {compiled}"]
    (records, rows), (others, other_rows) = reference, compiled
    if marking is not None:
        assert not isinstance(whole, str) and whole[0].digest == others.digest
        # What a dump has allocated was never counted.
        begun_empty = not experiment.start and not getattr(experiment.workload, "from_dump", None)
        if begun_empty and (unaccounted := check_accounting(records)):
            return unaccounted
    return fields_that_differ(records, others) + [kind for kind in rows if not np.array_equal(rows[kind], other_rows[kind])]


def fields_that_differ(one: Records, other: Records) -> list[str]:
    """Names of the fields in which records differ."""
    return [field.name for field in dataclasses.fields(Records) if getattr(one, field.name) != getattr(other, field.name)]


def synthetic_differences(experiment: Experiment, replication: int = 0) -> list[str]:
    """The same for an experiment's own workload."""
    machine = machine_of(experiment)
    return differences(experiment, machine, build_synthetic(experiment, machine, replication), replication)
