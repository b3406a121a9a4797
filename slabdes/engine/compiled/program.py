# SPDX-License-Identifier: GPL-2.0-only
"""How a CPU lives through its program in compiled code: the counterpart of `reference/process.py`.

Hits run ahead in one loop; everything else goes stage by stage. Leaves out what the slow paths do.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_OBJECT
from slabdes.engine.compiled.bulk import begin_bulk, end_bulk, gathered, handed_out
from slabdes.engine.compiled.clock import GO, WAIT, call, schedule, set_timer, unschedule, upkeep_time
from slabdes.engine.compiled.codes import REAP, STAGE
from slabdes.engine.compiled.cpu_layout import Cpu, Micro, Why
from slabdes.engine.compiled.families import path, room_between_steps
from slabdes.engine.compiled.hits import hits_in_a_row
from slabdes.engine.compiled.layout import Frame, Status
from slabdes.engine.compiled.locks import look
from slabdes.engine.compiled.numba_tools import function, inline, ints_at, slots_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slots import NO_SLOT, emptied, fill, find_slot, forget_slot, is_ready, make_slot, open_barrier
from slabdes.engine.compiled.steps import END, HAVE, next_step, skip_steps
from slabdes.engine.compiled.turns import timer_after_free
from slabdes.engine.cpu import NEVER
from slabdes.engine.lines import slot_cost
from slabdes.workload.programs import Op

allocate, begin_allocate = path("allocate")
give_back, begin_give_back = path("give_back")
hold_section, begin_hold_section = path("hold_section")
take_block, begin_take_block = path("take_block")
give_block, begin_give_block = path("give_block")
_, begin_take_interrupts = path("take_interrupts")
_STALLED, _PAUSE, _SLOTS, _SLABS = int(Status.STALLED), int(Status.PAUSE), int(Status.SLOTS), int(Status.SLABS)
_FINISH = int(Micro.FINISH)
_FILLED, _EMPTIED, _AT_BARRIER = int(Why.FILLED), int(Why.EMPTIED), int(Why.BARRIER)
_ALLOC, _FREE, _SECTION = int(Op.ALLOC), int(Op.FREE), int(Op.SECTION)
_GET_PAGES, _GIVE_PAGES = int(Op.GET_PAGES), int(Op.GIVE_PAGES)
_BEGIN_BULK, _END_BULK = int(Op.BEGIN_BULK), int(Op.END_BULK)
_SIGNAL, _AWAIT = int(Op.SIGNAL), int(Op.AWAIT)

# Stages of a program, which is the bottom of every CPU's stack; a CPU without one begins at _IDLE.
_NEXT, _THINK, _DO, _UNTIL_EMPTY, _ALLOCATE, _ALLOCATED, _UNTIL_FULL, _FULL, _RELEASE, _FREED = range(10)
_BLOCK, _BLOCKED, _WAIT_UNTIL, _LAST, _IDLE, _REAP, _THOUGHT, _PASSED = range(10, 18)
IDLE = _IDLE


@function
def live(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Go on with the CPU's program, or with its idling."""
    stage = frame.pc & STAGE
    if stage == _ALLOCATED:
        _end_of_alloc(run, cpu, frame)
        stage = _NEXT
    elif stage == _FREED:
        _end_of_free(run, cpu, frame)
        stage = _NEXT
    if stage == _NEXT:
        return _run_ahead(run, cpu, frame)
    if stage == _THINK:
        return _think(run, cpu, frame)
    if stage == _THOUGHT:
        frame.pc = _NEXT
        cpu.think = 0
        if hits_in_a_row(run, cpu, 1):
            return GO
        return _begin(run, cpu, frame)
    if stage < _FREED:
        return _operate(run, cpu, frame, stage)
    if stage in (_BLOCK, _BLOCKED):
        return _block(run, cpu, frame, stage)
    if stage == _WAIT_UNTIL:
        return _wait_until(run, cpu, frame)
    return _idle(run, cpu, frame, stage)


@function
def _run_ahead(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Take steps while they only hit the CPU's own array: nobody else can see them."""
    while True:
        if run.done >= run.pause_at:
            return _PAUSE
        if run.hashed and 2 * run.n_slots > run.slot_mask:
            return _SLOTS
        if not room_between_steps(run):
            return _SLABS
        got = next_step(run, cpu)
        if got != HAVE:
            if got != END:
                return got
            frame.pc = _LAST
            cpu.irq_at = NEVER
            set_timer(run, cpu)
            return look(run, cpu)
        most = min(cpu.alike, run.pause_at - run.done)
        hits = hits_in_a_row(run, cpu, most)
        if hits == most:
            skip_steps(cpu, hits - 1)
            run.done += hits
            continue
        # The step after the hits is more than that, or a timer comes before it.
        skip_steps(cpu, hits)
        run.done += hits + 1
        if cpu.clock + cpu.think >= cpu.timer_at:
            frame.pc = _THINK
            return GO
        cpu.clock += cpu.think
        cpu.think_time += cpu.think
        status = _begin(run, cpu, frame)
        if status == GO and frame.pc == _ALLOCATED and cpu.sp == 0:
            _end_of_alloc(run, cpu, frame)
        elif status == GO and frame.pc == _FREED and cpu.sp == 0:
            _end_of_free(run, cpu, frame)
        elif status != GO or frame.pc != _NEXT or cpu.sp != 0:
            return status


@function
def _allocate(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Allocate an object for a slot that is empty."""
    frame.pc = _ALLOCATED
    if handed_out(run, cpu):
        return GO
    return allocate(run, cpu, begin_allocate(run, cpu, cpu.cache, cpu.want, cpu.flags, cpu.alloc_hit))


@inline
def _read_slot(run: Run, cpu: Cpu, written_at: int) -> None:
    """Wait for the line of the present step's slot, which the partner wrote at that time."""
    if written_at and run.slot_lines and cpu.partner >= 0:
        way = ints_at(run.transfer)[cpu.partner * run.n_cpus + cpu.number]
        _pass_waiting(cpu, cpu.clock + slot_cost(cpu, cpu.what, written_at, way, run.copy_line_milli, run.ring_indexes))


@function
def _release(run: Run, cpu: Cpu, frame: Frame, place: int) -> int:
    """Take what is in a slot that is full; an object is freed."""
    slot = slots_at(run.slots)[place]
    obj = slot.obj
    _read_slot(run, cpu, slot.full_at)
    if not run.windowed or cpu.op == _AWAIT:
        slot.full = 0
        forget_slot(run, place)
    if cpu.op == _AWAIT:
        frame.pc = _NEXT
        return GO
    if obj == NO_OBJECT:
        cpu.skipped += 1
        frame.pc = _NEXT
        emptied(run, cpu)
        return GO
    frame.pc = _FREED
    if gathered(run, cpu, obj):
        return GO
    return give_back(run, cpu, begin_give_back(run, cpu, cpu.cache, obj, cpu.free_hit))


@function
def _begin(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Begin a step that is more than a hit."""
    if cpu.op == _ALLOC:
        if not run.windowed:
            return _allocate(run, cpu, frame)
        frame.pc = _UNTIL_EMPTY
        return GO
    if cpu.op in (_FREE, _AWAIT):
        place = find_slot(run, cpu.what)
        if place != NO_SLOT and slots_at(run.slots)[place].full and slots_at(run.slots)[place].full_at <= cpu.clock:
            return _release(run, cpu, frame, place)
        frame.pc = _UNTIL_FULL
        return GO
    if cpu.op == _SIGNAL:
        fill(run, cpu, NO_OBJECT)
        frame.pc = _NEXT
        return GO
    if cpu.op == _SECTION:
        frame.pc = _NEXT
        return hold_section(run, cpu, begin_hold_section(run, cpu, run.section_lock, cpu.what))
    if cpu.op == _GET_PAGES:
        frame.pc = _NEXT
        return take_block(run, cpu, begin_take_block(run, cpu, cpu.what))
    if cpu.op == _GIVE_PAGES:
        frame.pc = _NEXT
        return give_block(run, cpu, begin_give_block(run, cpu, cpu.what))
    if cpu.op == _BEGIN_BULK:
        return begin_bulk(run, cpu)
    if cpu.op == _END_BULK:
        return end_bulk(run, cpu)
    return _barrier(run, cpu, frame)


@function
def _timer_comes(run: Run, cpu: Cpu) -> int:
    """What takes the CPU is next: an interrupt, or a turn of upkeep unless that is due later; a mark is waited for after both."""
    upkeep = upkeep_time(cpu)
    if min(cpu.irq_at, upkeep) > cpu.clock:
        if run.mark_at > cpu.clock:
            return GO
        schedule(run, cpu.number, cpu.clock)
        return WAIT
    if cpu.irq_at <= upkeep:
        cpu.irqs_on_at = cpu.clock
        begin_take_interrupts(run, cpu)
    else:
        call(run, cpu, REAP)
    return GO


@inline
def _think(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Think, with reaps and interrupts in between: they take the CPU and the thought goes on after them."""
    if cpu.timer_at <= cpu.clock + cpu.think:
        spent = max(0, cpu.timer_at - cpu.clock)
        cpu.clock += spent
        cpu.think_time += spent
        cpu.think -= spent
        return _timer_comes(run, cpu)
    cpu.clock += cpu.think
    cpu.think_time += cpu.think
    frame.pc = _THOUGHT
    return GO


@inline
def _pass_waiting(cpu: Cpu, when: int) -> None:
    if when > cpu.clock:
        waited = when - cpu.clock
        if cpu.op == _AWAIT:
            cpu.partner_wait += waited
        else:
            cpu.slot_wait += waited
        cpu.clock = when


@inline
def _wait_until(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Wait for something that happens at `cpu.when`, with reaps and interrupts meanwhile; go on at stage `cpu.after`."""
    if cpu.timer_at <= cpu.when and cpu.clock < cpu.when:
        _pass_waiting(cpu, cpu.timer_at)
        return _timer_comes(run, cpu)
    _pass_waiting(cpu, cpu.when)
    frame.pc = cpu.after
    return GO


@inline
def _block(run: Run, cpu: Cpu, frame: Frame, stage: int) -> int:
    """Wait until another CPU has made it ready, reaping whenever the timer is due; go on at stage `cpu.after`."""
    if stage == _BLOCKED:
        if cpu.blocked:
            cpu.blocked = 0
            run.n_blocked -= 1
        frame.pc = _BLOCK
        if not is_ready(run, cpu):
            _pass_waiting(cpu, cpu.when)
            return _timer_comes(run, cpu)
        return GO
    if is_ready(run, cpu):
        frame.pc = cpu.after
        return GO
    cpu.blocked = 1
    run.n_blocked += 1
    if run.n_blocked == run.unfinished:
        return _STALLED
    frame.pc = _BLOCKED
    cpu.when = cpu.timer_at
    if cpu.when == NEVER:
        unschedule(run, cpu.number)
    else:
        schedule(run, cpu.number, max(cpu.when, run.now))
    return WAIT


@inline
def _barrier(run: Run, cpu: Cpu, frame: Frame) -> int:
    """Wait until as many CPUs as the workload says are here; all go on at the last one's time."""
    run.arrived += 1
    run.latest = max(run.latest, cpu.clock)
    cpu.at_barrier = 1
    if run.arrived < run.barrier:
        cpu.why = _AT_BARRIER
        cpu.after = _PASSED
        frame.pc = _BLOCK
        return GO
    open_barrier(run, cpu)
    frame.pc = _PASSED
    return GO


@function
def _end_of_alloc(run: Run, cpu: Cpu, frame: Frame) -> None:
    """An allocation that was more than a hit has its object, or none."""
    fill(run, cpu, cpu.ret)
    frame.pc = _NEXT


@function
def _end_of_free(run: Run, cpu: Cpu, frame: Frame) -> None:
    """A free that was more than a hit is done."""
    emptied(run, cpu)
    timer_after_free(run, cpu)
    frame.pc = _NEXT


@inline
def _operate(run: Run, cpu: Cpu, frame: Frame, stage: int) -> int:
    """An allocation or a free that is more than a hit."""
    if stage == _UNTIL_EMPTY:
        place = find_slot(run, cpu.what)
        frame.pc = _DO
        if place != NO_SLOT and slots_at(run.slots)[place].full:
            slots_at(run.slots)[place].waiting = cpu.number + 1
            cpu.why = _EMPTIED
            cpu.after = _DO
            frame.pc = _BLOCK
        return GO
    if stage == _DO:
        # An allocation's slot is empty: since when?
        place = find_slot(run, cpu.what)
        cpu.when = 0
        if place != NO_SLOT:
            slot = slots_at(run.slots)[place]
            cpu.when = slot.emptied
            slot.emptied = 0
            forget_slot(run, place)
        cpu.after = _ALLOCATE
        frame.pc = _WAIT_UNTIL
        return GO
    if stage == _ALLOCATE:
        _read_slot(run, cpu, cpu.when)
        return _allocate(run, cpu, frame)
    return _give_back(run, cpu, frame, stage)


@inline
def _give_back(run: Run, cpu: Cpu, frame: Frame, stage: int) -> int:
    """A free that is more than a hit."""
    if stage == _UNTIL_FULL:
        place = make_slot(run, cpu.what)
        slot = slots_at(run.slots)[place]
        frame.pc = _FULL
        if not slot.full:
            slot.waiting = cpu.number + 1
            cpu.why = _FILLED
            cpu.after = _FULL
            frame.pc = _BLOCK
        return GO
    if stage == _FULL:
        cpu.when = slots_at(run.slots)[find_slot(run, cpu.what)].full_at
        cpu.after = _RELEASE
        frame.pc = _WAIT_UNTIL
        return GO
    return _release(run, cpu, frame, find_slot(run, cpu.what))


@inline
def _idle(run: Run, cpu: Cpu, frame: Frame, stage: int) -> int:
    """After the last step: only reap. The run ends with the last CPU's last step."""
    if stage == _PASSED:
        cpu.when = cpu.barrier_time
        cpu.after = _NEXT
        frame.pc = _WAIT_UNTIL
        return GO
    if stage == _LAST:
        frame.pc = _IDLE
        run.unfinished -= 1
        if not run.unfinished:
            cpu.micro = _FINISH
            schedule(run, cpu.number, run.now)
            return WAIT
        if run.n_blocked == run.unfinished:
            return _STALLED
        return GO
    if stage == _IDLE:
        frame.pc = _REAP
        cpu.when = upkeep_time(cpu)
        if cpu.when == NEVER:
            unschedule(run, cpu.number)
            return WAIT
        schedule(run, cpu.number, max(cpu.when, cpu.clock))
        return WAIT
    cpu.idle_time += max(0, cpu.when - cpu.clock)
    frame.pc = _IDLE
    call(run, cpu, REAP)
    return GO
