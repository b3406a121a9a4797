# SPDX-License-Identifier: GPL-2.0-only
"""How much work a run will be for the reference engine, told before it begins: not only the operations that are asked for.

A crude estimate from costs, good to a factor of a few: whether to compile hangs on it, no result does. Leaves out memory.
"""

from __future__ import annotations

from typing import Final

from slabdes.config import (
    ArrivalsWorkload,
    BurstWorkload,
    CriticalSectionWorkload,
    Discipline,
    Experiment,
    PagesWorkload,
    ProducerConsumerWorkload,
    TraceWorkload,
)
from slabdes.engine.laid_out import LaidOut, laid_out
from slabdes.machine.costs import Costs
from slabdes.machine.topology import Machine
from slabdes.paths.interrupts import MOST_IN_A_ROW
from slabdes.units import NS_PER_MS, PS_PER_S, ns_to_ps
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import known_span_ps

REAP_PS: Final = 2 * PS_PER_S
"""Between two turns of a CPU's reap timer (REAPTIMEOUT_CPUC)."""
LINES: Final = 8
"""Cache lines that a slow path fetches from other CPUs (assumed)."""
WAITERS: Final = 400
"""Waiters that a hand-over looks at in the time of an operation (measured: 50 ns each, of 20 us)."""


def effort(experiment: Experiment, machine: Machine, workload: Workload) -> int:
    """What one replication costs the reference, counted in operations of a usual run.

    Beside the steps of the programs these are what interrupt handlers do, turns of upkeep, and what waiters cost whoever
    hands a lock over: the longer a run takes in simulated time, and the more CPUs there are, the more.
    """
    steps, cpus = workload.operations or 0, len(workload.programs)
    specs = [laid_out(experiment, machine, cache) for cache in workload.caches]
    slow = _share_of_slow_steps(experiment, specs)
    span = _span_ps(experiment, machine, specs, steps, cpus, slow)
    handed = steps * slow * cpus / WAITERS
    reaps = machine.n_cpus * len(specs) * (span / REAP_PS)
    if every := ns_to_ps(experiment.upkeep.slabinfo_every_ms * NS_PER_MS):
        reaps += len(specs) * machine.n_nodes * (span / every)
    if every := ns_to_ps(experiment.upkeep.shrink_every_ms * NS_PER_MS):
        reaps += len(specs) * machine.n_cpus * (span / every)
    handled = 0.0
    if interrupts := experiment.interrupts:
        mean, inner = ns_to_ps(interrupts.mean_ns), 2 * interrupts.objects
        hold = _hold_ps(experiment, machine.costs, specs, machine.farthest_ps, cpus)
        # Handlers that take longer than the gaps between interrupts once all CPUs' wait for one lock become a storm on each.
        storm = ns_to_ps(interrupts.work_ns) + inner * slow * cpus * hold > mean
        handled = cpus * max(span / mean, MOST_IN_A_ROW if storm else 0) * (1 + inner)
    return round(steps + handed + reaps + handled)


def _share_of_slow_steps(experiment: Experiment, specs: list[LaidOut]) -> float:
    """The part of all steps that goes beyond the CPU's own array: a batch's last, or every one that takes a lock anyway."""
    match experiment.workload:
        case CriticalSectionWorkload() | PagesWorkload() | ArrivalsWorkload(of="critical_section"):
            return 1.0
    return 1 / min((spec.batch for spec in specs), default=1)


def _span_ps(experiment: Experiment, machine: Machine, specs: list[LaidOut], steps: int, cpus: int, slow: float) -> float:
    """How long the run may take: the CPUs' own time, or that of everything done under locks, one after the other."""
    costs = machine.costs
    far = machine.farthest_ps
    hold = _hold_ps(experiment, costs, specs, far, cpus)
    grown = max((_grow_ps(costs, spec) / spec.num for spec in specs), default=0)
    hit = max(costs.alloc_hit, costs.free_hit) + max(costs.first_touch, costs.descriptor_read) + grown
    own = steps / max(cpus, 1) * (hit + slow * hold)
    thought = 0 if isinstance(experiment.workload, TraceWorkload) else known_span_ps(experiment, cpus)
    return max(thought + own, steps * slow * hold)


def _hold_ps(experiment: Experiment, costs: Costs, specs: list[LaidOut], far: int, cpus: int) -> float:
    """A slow path: what it moves, the lines that it fetches, and the hand-over of its lock."""
    batch = max((spec.batch for spec in specs), default=0)
    lines = LINES * max(far, costs.dram_local + 10 * costs.dram_remote_per_distance)
    handover = far * (cpus / 2 if experiment.lock.discipline is Discipline.TICKET else costs.handoff_transfers)
    work = (
        costs.slow_path + costs.irq_pair + costs.lock_op + batch * (costs.move_object + costs.slab_object) + 3 * costs.list_move
    )
    held = 0
    match experiment.workload:
        case CriticalSectionWorkload(hold_ns=hold_ns) | ArrivalsWorkload(of="critical_section", hold_ns=hold_ns):
            held = ns_to_ps(hold_ns)
        case PagesWorkload(order=order):
            held = costs.page_take + order * costs.page_split + costs.pcp_refill_page
        case ProducerConsumerWorkload() | BurstWorkload():
            pass
    return work + lines + handover + held


def _grow_ps(costs: Costs, spec: LaidOut) -> float:
    """A new slab."""
    pages = costs.page_take + spec.order * costs.page_split + (costs.page_cold << spec.order) if spec.order else 0
    return costs.grow_base + spec.num * costs.init_object + pages + costs.page_alloc_order0 + costs.pcp_refill_page
