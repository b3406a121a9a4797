# SPDX-License-Identifier: GPL-2.0-only
"""Runs one experiment with the reference engine and hands over its records."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import simpy

from slabdes.config import Experiment
from slabdes.engine.collect import make_records
from slabdes.engine.event_log import EventLog
from slabdes.engine.marks import Marking, Marks
from slabdes.engine.records import Records
from slabdes.engine.reference.books import ReferenceBooks
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.process import Progress, Run
from slabdes.engine.reference.slab_run import SlabRun
from slabdes.engine.reference.slub import SlubRun, TimedSlubKernel
from slabdes.engine.setup import build_state, slub_version_of
from slabdes.engine.slub_setup import build_slub_state, make_slub_locks, place_slub_lines
from slabdes.engine.standing import standing_of
from slabdes.engine.timed import make_cpus, make_locks, place_lines, settings_of, timed_settings
from slabdes.machine.topology import Machine
from slabdes.workload.programs import Workload

AnyRun = TypeVar("AnyRun", bound=Run)


def set_up(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    progress: Progress | None = None,
    kernel_of: type[TimedKernel] = TimedKernel,
    run_of: type[SlabRun] = SlabRun,
) -> SlabRun:
    """One replication on SLAB, ready to live: nothing has happened yet."""
    state = build_state(experiment, machine, workload.caches, replication)
    kernel = kernel_of(simpy.Environment(0), state, machine, timed_settings(experiment, machine, workload.caches))
    place_lines(state, kernel.lines)
    kernel.locks = make_locks(state, kernel.lines, kernel.version)
    run = run_of(kernel, workload, len(kernel.locks) - 1, progress, debug=experiment.debug)
    return _started(run, experiment, machine, replication)


def set_up_slub(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    progress: Progress | None = None,
    kernel_of: type[TimedSlubKernel] = TimedSlubKernel,
    run_of: type[SlubRun] = SlubRun,
) -> SlubRun:
    """The same on SLUB."""
    state = build_slub_state(experiment, machine, workload.caches)
    settings = settings_of(experiment, machine, workload.caches, slub_version_of(experiment))
    kernel = kernel_of(simpy.Environment(0), state, machine, settings)
    place_slub_lines(state, kernel.lines)
    kernel.locks = make_slub_locks(state, kernel.lines)
    run = run_of(kernel, workload, len(kernel.locks) - 1, progress, debug=experiment.debug)
    return _started(run, experiment, machine, replication)


def _started(run: AnyRun, experiment: Experiment, machine: Machine, replication: int) -> AnyRun:
    run.kernel.zone_locks = list(range(run.section_lock - machine.n_nodes, run.section_lock))
    run.start(make_cpus(experiment, machine, run.workload, replication))
    return run


def run_reference(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    progress: Progress | None = None,
    log: EventLog | None = None,
    marking: Marking | None = None,
) -> Records:
    """Simulate one replication. `progress` is told the operations done; Stalled if the programs wait for each other.

    With `marking`, its warm-up is in no count, and samples are taken, as that says.
    """
    run: Run
    if experiment.allocator.is_slub:
        run = set_up_slub(experiment, machine, workload, replication, progress)
    else:
        run = set_up(experiment, machine, workload, replication, progress)
    kernel = run.kernel
    for cpu in kernel.cpus:
        cpu.log = log
    if marking is not None:
        books = ReferenceBooks(kernel.state, kernel.locks, kernel.cpus)
        kernel.set_marks(Marks(marking, books, partial(standing_of, kernel.state)))
    run.live()
    if log is not None:
        log.close()
    # The end of the last program may find a CPU within a turn, with a slab in its hands.
    if experiment.debug and not run.inside:
        run.check()
    cut = None if kernel.marks is None else kernel.marks.end(kernel.now)
    samples = () if kernel.marks is None else kernel.marks.samples
    run_of = (kernel.state, kernel.locks, kernel.cpus, kernel.settings, machine.node_ids, kernel.now, workload)
    return make_records(*run_of, cut, samples, kernel.lines.moves if samples else ())
