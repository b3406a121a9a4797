# SPDX-License-Identifier: GPL-2.0-only
"""A CPU's steps in compiled code: the synthetic programs, drawn as `workload/synthetic.py` draws them, and steps from Python."""

from __future__ import annotations

from slabdes.allocator.gfp import MAY_WAIT
from slabdes.engine.compiled.clock import GAMMA_WORD, exponential_draw, high_product, next_draw
from slabdes.engine.compiled.cpu_layout import Cpu, ProgramKind
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.numba_tools import function, inline, ints_at, steps_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.streams import mix64
from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op

_BURST, _MIX, _PASS, _SECTION, _STREAM = map(
    int, (ProgramKind.BURST, ProgramKind.MIX, ProgramKind.PASS, ProgramKind.SECTION, ProgramKind.STREAM)
)
_ALLOC, _FREE, _HOLD, _BARRIER = int(Op.ALLOC), int(Op.FREE), int(Op.SECTION), int(Op.BARRIER)
_BEGIN_BULK, _END_BULK = int(Op.BEGIN_BULK), int(Op.END_BULK)
HAVE = 0
END = -1
MORE = int(Status.STEPS)


@inline
def next_step(run: Run, cpu: Cpu) -> int:
    """Put the CPU's next step into its record: HAVE; END after the last one, MORE if Python must bring more."""
    got = _step(run, cpu)
    if run.arrivals and got == HAVE:
        _until_arrival(run, cpu)
    return got


@inline
def _step(run: Run, cpu: Cpu) -> int:
    if cpu.kind == _BURST:
        return _burst(run, cpu)
    if cpu.kind == _MIX:
        return _mix(run, cpu)
    if cpu.kind == _PASS:
        return _pass(run, cpu)
    if cpu.kind == _SECTION:
        return _section(run, cpu)
    return _stream(run, cpu)


@inline
def _set(cpu: Cpu, think: int, op: int, cache: int, what: int, flags: int) -> int:
    cpu.think = think
    cpu.op = op
    cpu.cache = cache
    cpu.what = what
    cpu.want = ANY_NODE
    cpu.flags = flags
    cpu.alike = 1
    return HAVE


@function
def _until_arrival(run: Run, cpu: Cpu) -> None:
    """Think until the step arrives; one that has arrived already begins late (TimedCpu.until_arrival)."""
    if cpu.kind == _STREAM:
        cpu.arrival = cpu.think
    else:
        _next_arrival(run, cpu)
    cpu.late_last = max(0, cpu.clock - cpu.arrival)
    cpu.late_total += cpu.late_last
    cpu.late_most = max(cpu.late_most, cpu.late_last)
    cpu.think = max(0, cpu.arrival - cpu.clock)


@inline
def _next_arrival(run: Run, cpu: Cpu) -> None:
    """workload.arrivals.times, from one to the next."""
    gap = run.arrive_gap
    if run.arrive_random:
        gap = exponential_draw(run, _arrival_draw(cpu), gap)
    while run.arrive_on and gap >= cpu.on_left:
        gap -= cpu.on_left
        cpu.arrival += cpu.on_left + exponential_draw(run, _arrival_draw(cpu), run.arrive_off)
        cpu.on_left = exponential_draw(run, _arrival_draw(cpu), run.arrive_on)
    cpu.arrival += gap
    cpu.on_left -= gap


@inline
def _arrival_draw(cpu: Cpu) -> int:
    """The next word of the CPU's stream of arrivals."""
    cpu.arrival_key += GAMMA_WORD
    return mix64(cpu.arrival_key)


@inline
def _stream(run: Run, cpu: Cpu) -> int:
    if cpu.pos == cpu.end:
        return END if cpu.ended else MORE
    step = steps_at(run.steps)[cpu.number * run.chunk + cpu.pos]
    cpu.pos += 1
    cpu.think = step.think
    cpu.op = step.op
    cpu.cache = step.cache
    cpu.what = step.what
    cpu.want = step.node
    cpu.flags = step.flags
    cpu.alike = 1
    return HAVE


@inline
def _burst(run: Run, cpu: Cpu) -> int:
    """Phases: 0 allocate, 1 barrier, 2 free, 3 barrier. Within a bulk call `call_end` is the object after its last, else 0."""
    if cpu.call_end and cpu.index == cpu.call_end:
        frees = _in_call(cpu, run.bulk_free) if cpu.phase & 2 else 0
        cpu.call_end = 0
        ended = cpu.cache0 + cpu.turn
        _next_cache(run, cpu)
        return _set(cpu, 0, _END_BULK, ended, frees, 0)
    if cpu.index == run.objects and not cpu.phase & 1 and run.has_barrier:
        cpu.phase += 1
        return _set(cpu, 0, _BARRIER, NO_CACHE, 0, 0)
    if cpu.index == run.objects:
        cpu.phase = ((cpu.phase | 1) + 1) & 3
        cpu.index = 0
        cpu.turn = 0
        if cpu.phase == 0:
            cpu.round += 1
    if cpu.round == run.rounds:
        return END
    bulk = run.bulk_free if cpu.phase & 2 else run.bulk_alloc
    if bulk and not cpu.call_end:
        cpu.call_end = min(cpu.index + bulk, run.objects)
        allocs = 0 if cpu.phase & 2 else cpu.call_end - cpu.index
        flags = MAY_WAIT if allocs else 0
        return _set(cpu, run.burst_think, _BEGIN_BULK, cpu.cache0 + cpu.turn, allocs, flags)
    slot = cpu.index
    cache = cpu.cache0 + cpu.turn
    cpu.index += 1
    think = 0 if bulk else run.burst_think
    if not bulk and cpu.index % run.of_one_cache == 0:
        _next_cache(run, cpu)
    if cpu.phase == 0:
        _set(cpu, think, _ALLOC, cache, cpu.base + slot, MAY_WAIT)
    else:
        _set(cpu, think, _FREE, cache, cpu.base + slot, 0)
    if bulk:
        cpu.alike = cpu.call_end - slot
    elif run.n_caches == 1:
        cpu.alike = run.objects - slot
    return HAVE


@inline
def _in_call(cpu: Cpu, bulk: int) -> int:
    """Objects of the present bulk call: the last may have fewer than the others."""
    return cpu.call_end - (cpu.call_end - 1) // bulk * bulk


@inline
def _next_cache(run: Run, cpu: Cpu) -> None:
    cpu.turn += 1
    if cpu.turn == run.n_caches:
        cpu.turn = 0


@inline
def skip_steps(cpu: Cpu, steps: int) -> None:
    """Go on from the present step to one like it: the next `cpu.alike` - 1 differ in their slots only, all the CPU's own."""
    cpu.index += steps
    cpu.what += steps


@inline
def _think(run: Run, cpu: Cpu) -> int:
    if run.think_random:
        return exponential_draw(run, next_draw(cpu), run.think_mean)
    return run.think_mean


@function
def _mix(run: Run, cpu: Cpu) -> int:
    if cpu.index == run.operations:
        return END
    cpu.index += 1
    think = _think(run, cpu)
    lives = ints_at(run.lives + 8 * cpu.live0)
    spares = ints_at(run.spares + 8 * cpu.live0)
    if high_product(next_draw(cpu), 2 * run.target) >= cpu.live:
        # As many slots are spare as there are beyond the live ones.
        slot = spares[2 * run.target - cpu.live]
        lives[cpu.live] = slot
        cpu.live += 1
        return _set(cpu, think, _ALLOC, slot % run.n_caches, slot, MAY_WAIT)
    chosen = high_product(next_draw(cpu), cpu.live)
    slot = lives[chosen]
    cpu.live -= 1
    lives[chosen] = lives[cpu.live]
    spares[2 * run.target - cpu.live] = slot
    return _set(cpu, think, _FREE, slot % run.n_caches, slot, 0)


@function
def _pass(run: Run, cpu: Cpu) -> int:
    if cpu.round == run.objects:
        return END
    cpu.round += 1
    slot = cpu.index
    cpu.index += 1
    if cpu.index == run.window:
        cpu.index = 0
    think = _think(run, cpu)
    flags = MAY_WAIT if cpu.phase == _ALLOC else 0
    return _set(cpu, think, cpu.phase, cpu.cache0 + slot % run.n_caches, cpu.base + slot, flags)


@function
def _section(run: Run, cpu: Cpu) -> int:
    if cpu.index == run.operations:
        return END
    cpu.index += 1
    think = _think(run, cpu)
    hold = run.hold_mean
    if run.hold_one_in > 1 and high_product(next_draw(cpu), run.hold_one_in) != 0:
        hold = 0
    elif run.hold_random:
        hold = exponential_draw(run, next_draw(cpu), run.hold_mean)
    return _set(cpu, think, _HOLD, NO_CACHE, hold, 0)
