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
from typing import Final

from slabdes.allocator.pages import PagePool
from slabdes.allocator.slub.state import SlubState
from slabdes.allocator.slub.versions import LINUX_7_3, SlubVersion
from slabdes.config import BurstWorkload, Experiment
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import LockKind
from slabdes.engine.setup import slub_version_of
from slabdes.engine.slub_setup import build_slub_state, cycle_ps, make_slub_locks
from slabdes.engine.timed import TimedSettings, settings_of
from slabdes.machine.topology import Machine
from slabdes.study.bench.limit import (
    LEFT,
    LONG,
    LONGS,
    OF_MACHINE,
    Inputs,
    Limit,
    compiled_library,
    known_burst,
    no_such_scenario,
)
from slabdes.workload.programs import Workload

SLUB_SOURCE: Final = "limit_slub.c"
_COSTS: Final = (
    "alloc_hit", "free_hit", "lock_op", "irq_save", "slow_path", "move_object", "slab_object", "list_move", "grow_base",
    "init_object", "cmpxchg_double", "page_alloc_order0", "page_free_order0", "page_take", "page_split", "page_check",
    "page_cold", "first_touch",
)  # fmt: skip
_NUMBERS: Final = (
    "n_cpus", "n_nodes", "objects", "rounds", "capacity", "num", "order", "min_partial", "full_limit", "ratio", "cycle_ps",
    "handoff_milli",
)  # fmt: skip


class _Given(ctypes.Structure):
    """What limit_slub.c calls Given, field by field."""

    _fields_ = (
        *((name, LONG) for name in (*_NUMBERS, *_COSTS)),
        *OF_MACHINE,
        *((name, LONGS) for name in ("free_pages", "page_batch", "page_high", "lone", "blocks", "zonelists")),
        *LEFT,
    )


def _known(experiment: Experiment, settings: TimedSettings[SlubVersion], state: SlubState) -> bool:
    return (
        known_burst(experiment, settings, state.caches)
        and replace(settings.version, name=LINUX_7_3.name) == LINUX_7_3
        and not (settings.grace or settings.upkeeps.shrink_first or settings.upkeeps.slabinfo_every)
        and all(state.has_memory)
        and state.caches[0].sheaf_capacity > 0
        and 0 < state.caches[0].order <= settings.rules.page_lists_to_order
    )


class SlubInputs(Inputs):
    """Those of limit_slub.c."""

    kinds = (LockKind.LIST, LockKind.BARN, LockKind.ZONE)

    def __init__(self, experiment: Experiment, machine: Machine, workload: Workload) -> None:
        super().__init__(machine)
        config = experiment.workload
        if not experiment.allocator.is_slub or not isinstance(config, BurstWorkload):
            raise no_such_scenario()
        settings = settings_of(experiment, machine, workload.caches, slub_version_of(experiment))
        state = build_slub_state(experiment, machine, workload.caches)
        if not _known(experiment, settings, state):
            raise no_such_scenario()
        (cache,) = state.caches
        pool = PagePool(machine.memory_pages, machine.node_of_cpu, settings.version.page_lists)
        self._locks = make_slub_locks(state, CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps))
        self.given = _Given(
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
            free_pages=self._longs(pool.free),
            page_batch=self._longs(pool.batch),
            page_high=self._longs(pool.high),
            lone=self._longs(pool.lone),
            blocks=self._longs(blocks for node in pool.blocks for blocks in node),
            zonelists=self._longs(zone for node in range(machine.n_nodes) for zone in machine.zonelist(node)),
            **self._room(machine),
        )


@contextmanager
def compiled_slub_limit(cc: str | None, text: bytes | None = None) -> Iterator[Limit | None]:
    """The C version, compiled by `cc` from `text` (limit_slub.c); None without a compiler. CheckFailed if the compiler fails."""
    with compiled_library(cc, SLUB_SOURCE, text) as library:
        yield None if library is None else Limit(library, SlubInputs)
