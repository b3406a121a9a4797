# SPDX-License-Identifier: GPL-2.0-only
"""The scenario on SLUB in C (`limit_slub.c`): fed with an experiment's numbers, read back as histograms.

Leaves out every scenario but bursts on one cache of 7.3 (or 7.2, which is the same) with qspinlocks; limit_slub.c says what
else it takes for granted.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.slub.versions import LINUX_7_3, SlubVersion
from slabdes.config import BurstWorkload, Discipline, Experiment
from slabdes.engine.collect import digest_of
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import Histogram, LockKind
from slabdes.engine.records import Path as Served
from slabdes.engine.setup import slub_version_of
from slabdes.engine.slub_setup import build_slub_state, cycle_ps, make_slub_locks
from slabdes.engine.timed import TimedSettings, jitter_key, make_cpus, settings_of
from slabdes.machine.topology import Machine
from slabdes.study.bench.limit import (
    LONG,
    LONGS,
    WORDS,
    HistogramInC,
    Histograms,
    Inputs,
    Limit,
    LimitResult,
    compiled_library,
    histogram,
    no_such_scenario,
)
from slabdes.workload.programs import Workload

SLUB_SOURCE: Final = "limit_slub.c"
_COSTS: Final = (
    "alloc_hit", "free_hit", "lock_op", "irq_save", "slow_path", "move_object", "slab_object", "list_move", "grow_base",
    "init_object", "cmpxchg_double", "page_alloc_higher", "page_free_higher", "page_per_order", "first_touch",
)  # fmt: skip
_NUMBERS: Final = (
    "n_cpus", "n_nodes", "objects", "rounds", "capacity", "num", "order", "min_partial", "full_limit", "ratio", "cycle_ps",
    "handoff_milli",
)  # fmt: skip
_TABLES: Final = ("transfer", "dram", "node_of_cpu", "works", "slowdown", "jitter")
_KINDS: Final = (LockKind.LIST, LockKind.BARN, LockKind.ZONE)
"""In the order of C's histograms."""


class _Given(ctypes.Structure):
    """What limit_slub.c calls Given, field by field."""

    _fields_ = (
        *((name, LONG) for name in (*_NUMBERS, *_COSTS)),
        *((name, LONGS) for name in _TABLES),
        ("jitter_key", WORDS),
        *((name, LONGS) for name in ("free_pages", "zonelists")),
        *((name, Histograms) for name in ("paths", "waits", "holds")),
        *((name, WORDS) for name in ("cpu_digests", "lock_digests")),
        *((name, LONG) for name in ("elapsed", "done")),
    )


def _known(experiment: Experiment, settings: TimedSettings[SlubVersion], state: SlubState) -> bool:
    """Whether the C version has what an experiment asks for."""
    config = experiment.workload
    return (
        isinstance(config, BurstWorkload)
        and not (config.think_ns or config.barrier or config.bulk)
        and replace(settings.version, name=LINUX_7_3.name) == LINUX_7_3
        and experiment.lock.discipline is Discipline.QSPINLOCK
        and settings.rules.posted_neighbour_writes
        and settings.rules.array_lines
        and settings.rules.spinners_slow_holder
        and settings.interrupts is None
        and not (settings.grace or settings.upkeeps.shrink_first or settings.upkeeps.slabinfo_every)
        and all(state.has_memory)
        and len(state.caches) == 1
        and state.caches[0].sheaf_capacity > 0
        and state.caches[0].order > 0
    )


class SlubInputs(Inputs):
    """Those of limit_slub.c."""

    def __init__(self, experiment: Experiment, machine: Machine, workload: Workload) -> None:
        super().__init__()
        config = experiment.workload
        if not experiment.allocator.is_slub or not isinstance(config, BurstWorkload):
            raise no_such_scenario()
        settings = settings_of(experiment, machine, workload.caches, slub_version_of(experiment))
        state = build_slub_state(experiment, machine, workload.caches)
        if not _known(experiment, settings, state):
            raise no_such_scenario()
        (cache,) = state.caches
        self._locks = make_slub_locks(state, CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps))
        self._n_nodes = machine.n_nodes
        self.given = _Given(
            n_cpus=machine.n_cpus,
            n_nodes=machine.n_nodes,
            objects=config.objects,
            rounds=config.rounds,
            capacity=cache.sheaf_capacity,
            num=cache.num,
            order=cache.order,
            min_partial=cache.min_partial,
            full_limit=cache.full_limit,
            ratio=cache.ratio,
            cycle_ps=cycle_ps(machine),
            handoff_milli=settings.locks.handoff_milli,
            **{name: getattr(settings.costs, name) for name in _COSTS},
            **self._of_machine(experiment, machine, workload),
            **self._room(machine),
        )

    def _of_machine(self, experiment: Experiment, machine: Machine, workload: Workload) -> dict[str, Any]:
        cpus = make_cpus(experiment, machine, workload, 0)
        return {
            "transfer": self._longs(transfer for row in machine.transfer_ps for transfer in row),
            "dram": self._longs(dram for row in machine.dram_ps for dram in row),
            "node_of_cpu": self._longs(machine.node_of_cpu),
            "works": self._longs(cpu.number in workload.programs for cpu in cpus),
            "slowdown": self._longs(cpu.slowdown for cpu in cpus),
            "jitter": self._longs(cpu.jitter for cpu in cpus),
            "jitter_key": self._words(jitter_key(experiment, 0, cpu.number) for cpu in cpus),
            "free_pages": self._longs(machine.memory_pages),
            "zonelists": self._longs(zone for node in range(machine.n_nodes) for zone in machine.zonelist(node)),
        }

    def _room(self, machine: Machine) -> dict[str, Any]:
        locks = len(_KINDS) * machine.n_nodes
        return {
            "paths": self._keep((HistogramInC * len(Served))()),
            "waits": self._keep((HistogramInC * locks)()),
            "holds": self._keep((HistogramInC * locks)()),
            "cpu_digests": self._words([0] * machine.n_cpus),
            "lock_digests": self._words([0] * locks),
        }

    def result(self, seconds: float) -> LimitResult:
        """What the finished run has left."""
        given = self.given
        locks = dict[tuple[LockKind, int], tuple[Histogram, Histogram]]()
        for lock in self._locks:
            # No other lock is taken in this scenario: their hashes stay as they begin.
            if lock.kind in _KINDS:
                number = _KINDS.index(lock.kind) * self._n_nodes + lock.node
                lock.digest = given.lock_digests[number]
                locks[lock.kind, lock.node] = histogram(given.waits[number]), histogram(given.holds[number])
        return LimitResult(
            digest=digest_of(given.cpu_digests[: given.n_cpus], [lock.digest for lock in self._locks]),
            elapsed=given.elapsed,
            latency={(0, path): histogram(given.paths[path]) for path in Served if given.paths[path].count},
            locks=locks,
            operations=given.done,
            seconds=seconds,
        )


@contextmanager
def compiled_slub_limit(cc: str | None, text: bytes | None = None) -> Iterator[Limit | None]:
    """The C version, compiled by `cc` from `text` (limit_slub.c); None without a compiler. CheckFailed if the compiler fails."""
    with compiled_library(cc, SLUB_SOURCE, text) as library:
        yield None if library is None else Limit(library, SlubInputs)
