# SPDX-License-Identifier: GPL-2.0-only
"""Runs one experiment with the compiled engine and hands over its records, which equal the reference's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from slabdes.config import Experiment
from slabdes.engine.collect import make_records
from slabdes.engine.event_log import EventLog
from slabdes.engine.marks import Marking, Marks, counters_of
from slabdes.engine.records import Records, Standing
from slabdes.engine.timed import (
    AT_BARRIER,
    TimedLock,
    TimedSettings,
    for_slot,
    interrupt_key,
    interrupt_storm,
    jitter_key,
    make_cpus,
    race_key,
    ran_too_long,
    stalled,
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


def prepare(say: Callable[[int], None], *, slub: bool = False, logged: bool = False) -> None:
    """Load compiled code, or compile it first; `say` hears 0 before it is compiled and 1 when it is ready.

    `slub`: the code of runs on SLUB; `logged`: of runs with an event log.
    """
    from slabdes.engine.compiled.cache import has_compiled
    from slabdes.engine.compiled.entries import name_of, simulate_function

    if has_compiled(name_of(slub=slub, logged=logged)):
        simulate_function(slub=slub, logged=logged)
        return
    say(0)
    simulate_function(slub=slub, logged=logged)
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
    from slabdes.engine.compiled.entries import run_type
    from slabdes.engine.compiled.logged import pack_log
    from slabdes.engine.compiled.memory import Memory
    from slabdes.engine.compiled.pack import pack, pack_cpus, pack_interrupts, unpack

    refuse_what_it_cannot(experiment)
    family = _family(experiment)
    memory = Memory(run_type(slub=experiment.allocator.is_slub, logged=log is not None))
    if log is not None:
        pack_log(memory)
    state, settings, locks = family.set_up(memory, experiment, machine, workload, replication)
    cpus = make_cpus(experiment, machine, workload, replication)
    pack(memory, machine, settings, locks, len(state.caches))
    jitter_keys = [jitter_key(experiment, replication, cpu.number) for cpu in cpus]
    race_keys = [race_key(experiment, replication, cpu.number) for cpu in cpus]
    pack_cpus(memory, cpus, jitter_keys, race_keys)
    if settings.interrupts is not None:
        pack_interrupts(memory, settings.interrupts, [interrupt_key(experiment, replication, cpu.number) for cpu in cpus])
    names, counters = counters_of(state)
    books = CompiledBooks(memory, (names, len(counters)))
    marks = None if marking is None else Marks(marking, books, family.standing(memory, state))
    _live(memory, workload, progress, log, marks, family.make_room)
    now = memory.get("now")
    cut = None if marks is None else marks.end(now)
    family.unpack_state(memory, state)
    unpack(memory, locks, cpus)
    samples = () if marks is None else marks.samples
    return make_records(
        state, locks, cpus, settings, machine.node_ids, now, workload, cut, samples, memory["moves"].tolist() if samples else ()
    )


class _Family(Protocol):
    """How an allocator's caches get into compiled memory and out of it: a module."""

    def set_up(
        self, memory: Memory, experiment: Experiment, machine: Machine, workload: Workload, replication: int
    ) -> tuple[Any, TimedSettings[Any], list[TimedLock]]:
        """Build what a run starts from and put its caches into a run's memory."""
        ...

    def make_room(self, memory: Memory) -> None:
        """Make room for more slabs."""
        ...

    def standing(self, memory: Memory, state: Any) -> Callable[[], tuple[Standing, ...]]:
        """What says how a run's memory stands now."""
        ...

    def unpack_state(self, memory: Memory, state: Any) -> None:
        """Bring what records are made from back into the state."""
        ...


def _family(experiment: Experiment) -> _Family:
    if experiment.allocator.is_slub:
        from slabdes.engine.compiled.slub import pack as slub_pack

        return slub_pack
    from slabdes.engine.compiled.slab import pack as slab_pack

    return slab_pack


def _live(
    memory: Memory,
    workload: Workload,
    progress: Callable[[int], None] | None,
    log: EventLog | None,
    marks: Marks[ClosedBook] | None,
    make_room: Callable[[Memory], None],
) -> None:
    """Simulate to the end: whenever compiled code wants something of Python, it comes back and says what."""
    from slabdes.engine.compiled.books import set_marks
    from slabdes.engine.compiled.entries import simulate_function
    from slabdes.engine.compiled.feed import Feed
    from slabdes.engine.compiled.layout import Status
    from slabdes.engine.compiled.logged import STEPS_BETWEEN_EMPTYINGS, empty
    from slabdes.engine.compiled.slub.layout import SlubRun

    feed = Feed(memory, workload)
    simulate = simulate_function(slub=issubclass(memory.kind, SlubRun), logged=log is not None)
    between = STEPS_BETWEEN_REPORTS if log is None else STEPS_BETWEEN_EMPTYINGS
    set_marks(memory, marks)
    status = Status.PAUSE
    while status is not Status.FINISHED:
        if status is Status.PAUSE:
            memory.set(pause_at=memory.get("done") + between, stages_left=STAGES_BETWEEN_REPORTS)
        elif status is Status.STEPS:
            feed.refill(memory.get("current"))
        elif status is Status.SLABS:
            make_room(memory)
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
