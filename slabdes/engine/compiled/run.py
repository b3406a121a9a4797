# SPDX-License-Identifier: GPL-2.0-only
"""Runs one experiment with the compiled engine and hands over its records, which equal the reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from slabdes.allocator.timers import first_reap
from slabdes.allocator.versions import Version
from slabdes.config import Experiment
from slabdes.engine.collect import make_records
from slabdes.engine.event_log import EventLog
from slabdes.engine.lines import CacheLines
from slabdes.engine.marks import Marking, Marks
from slabdes.engine.records import Records
from slabdes.engine.setup import build_state
from slabdes.engine.timed import (
    AT_BARRIER,
    TimedSettings,
    for_slot,
    interrupt_key,
    interrupt_storm,
    jitter_key,
    make_cpus,
    make_locks,
    place_lines,
    race_key,
    ran_too_long,
    reap_time_ps,
    stalled,
    timed_settings,
)
from slabdes.errors import Impossible
from slabdes.machine.topology import Machine
from slabdes.workload.programs import Workload

if TYPE_CHECKING:
    from slabdes.engine.compiled.books import ClosedBook
    from slabdes.engine.compiled.memory import Memory

STEPS_BETWEEN_REPORTS = 1 << 20
"""Operations after which progress is told, and Ctrl-C heard."""
STAGES_BETWEEN_REPORTS = 1 << 22
"""Stages of paths after which it is, too, a second or less: many may come between two operations."""


def why_not(experiment: Experiment) -> Impossible | None:
    """Why only the reference engine can run an experiment; None if this one can."""
    from slabdes.engine.compiled.run_layout import DISCIPLINES

    if experiment.allocator.is_slub:
        what = f"compiled has SLAB alone, not allocator {experiment.allocator.value}"
        return Impossible("engine", what, allowed="auto or reference")
    if experiment.debug:
        return Impossible("engine", "compiled does not check invariants, which debug asks for", allowed="auto or reference")
    if experiment.lock.discipline.value not in DISCIPLINES:
        known = f'{", ".join(DISCIPLINES)}, or engine = "reference"'
        return Impossible("lock.discipline", f"{experiment.lock.discipline.value!r} is not in the compiled engine", allowed=known)
    return None


def refuse_what_it_cannot(experiment: Experiment) -> None:
    """Raise Impossible for an experiment that only the reference engine can run."""
    if (error := why_not(experiment)) is not None:
        raise error


def prepare(say: Callable[[int], None], logged: bool = False) -> None:
    """Load compiled code, or compile it first; `say` hears 0 before it is compiled and 1 when it is ready.

    `logged`: the code of runs with an event log.
    """
    from slabdes.engine.compiled.cache import has_compiled
    from slabdes.engine.compiled.entries import simulate_function

    if has_compiled("simulate_logged" if logged else "simulate"):
        simulate_function(logged)
        return
    say(0)
    simulate_function(logged)
    say(1)


def run_compiled(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int = 0,
    progress: Callable[[int], None] | None = None,
    log: EventLog | None = None,
    marking: Marking | None = None,
) -> Records:
    """Simulate one replication, as run_reference does. Raises Impossible for what only the reference can do."""
    from slabdes.engine.compiled.books import CompiledBooks
    from slabdes.engine.compiled.logged import LoggedRun, pack_log
    from slabdes.engine.compiled.memory import Memory
    from slabdes.engine.compiled.pack import pack, unpack
    from slabdes.engine.compiled.standing import CompiledStanding

    refuse_what_it_cannot(experiment)
    state = build_state(experiment, machine, workload.caches, replication)
    settings = timed_settings(experiment, machine, workload.caches)
    lines = CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps)
    place_lines(state, lines)
    locks = make_locks(state, lines, settings.version)
    cpus = make_cpus(experiment, machine, workload, replication)
    jitter_keys = [jitter_key(experiment, replication, cpu.number) for cpu in cpus]
    race_keys = [race_key(experiment, replication, cpu.number) for cpu in cpus]
    memory = Memory() if log is None else Memory(LoggedRun)
    if log is not None:
        pack_log(memory)
    pack(memory, state, machine, settings, lines, locks, cpus, jitter_keys, race_keys)
    _pack_timers(memory, settings, [interrupt_key(experiment, replication, cpu.number) for cpu in cpus])
    marks = None if marking is None else Marks(marking, CompiledBooks(memory), CompiledStanding(memory, state))
    _live(memory, workload, progress, log, marks)
    now = memory.get("now")
    cut = None if marks is None else marks.end(now)
    unpack(memory, state, locks, cpus)
    samples = () if marks is None else marks.samples
    return make_records(state, locks, cpus, settings, machine.node_ids, now, workload, cut, samples)


def _pack_timers(memory: Memory, settings: TimedSettings[Version], interrupt_keys: Sequence[int]) -> None:
    from slabdes.engine.compiled.pack import pack_interrupts

    if settings.interrupts is not None:
        pack_interrupts(memory, settings.interrupts, interrupt_keys)
    cpus = memory["cpus"]
    cpus["reap_due"] = [first_reap(number, 0, settings.hz) for number in range(len(cpus))]
    cpus["reap_at"] = [reap_time_ps(due, settings.hz) for due in cpus["reap_due"].tolist()]


def _live(
    memory: Memory,
    workload: Workload,
    progress: Callable[[int], None] | None,
    log: EventLog | None,
    marks: Marks[ClosedBook] | None,
) -> None:
    """Simulate to the end: whenever compiled code wants something of Python, it comes back and says what."""
    from slabdes.engine.compiled.books import set_marks
    from slabdes.engine.compiled.entries import simulate_function
    from slabdes.engine.compiled.feed import Feed
    from slabdes.engine.compiled.layout import Status
    from slabdes.engine.compiled.logged import STEPS_BETWEEN_EMPTYINGS, empty
    from slabdes.engine.compiled.pack import make_room

    feed = Feed(memory, workload)
    simulate = simulate_function(logged=log is not None)
    between = STEPS_BETWEEN_REPORTS if log is None else STEPS_BETWEEN_EMPTYINGS
    set_marks(memory, marks)
    status = Status.PAUSE
    while status is not Status.FINISHED:
        if status is Status.PAUSE:
            memory.set(pause_at=memory.get("done") + between, stages_left=STAGES_BETWEEN_REPORTS)
        elif status is Status.STEPS:
            feed.refill(memory.get("current"))
        elif status is Status.SLABS:
            make_room(memory, memory.get("n_slabs"))
        elif status is Status.SLOTS:
            feed.more_slots()
        elif status is Status.MARK and marks is not None:
            marks.come()
            set_marks(memory, marks)
        elif status is Status.STALLED:
            raise stalled(_blocked(memory["cpus"]))
        elif status is Status.STORM:
            raise interrupt_storm(memory.get("current"))
        elif status is Status.OVERFLOW:
            raise ran_too_long()
        elif status is not Status.LOG:
            raise AssertionError(f"{status!r}: nothing that a run wants of Python")
        status = Status(simulate(memory.run))
        if log is not None:
            empty(memory, log)
        if progress is not None and status is Status.PAUSE:
            progress(memory.get("done"))
    if log is not None:
        log.close()
    if progress is not None:
        progress(memory.get("done"))


def _blocked(cpus: Any) -> dict[int, str]:
    """What each blocked CPU waits for."""
    from slabdes.engine.compiled.cpu_layout import Why

    return {
        int(cpu["number"]): AT_BARRIER
        if cpu["why"] == Why.BARRIER
        else for_slot(int(cpu["what"]), "filled" if cpu["why"] == Why.FILLED else "emptied")
        for cpu in cpus
        if cpu["blocked"]
    }
