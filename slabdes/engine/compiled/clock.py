# SPDX-License-Identifier: GPL-2.0-only
"""Time in compiled code: the tree of events, CPUs' clocks and accounts, cache lines, random draws, histograms.

The counterpart of TimedCpu and of what SimPy does for the reference. Leaves out locks.
"""

from __future__ import annotations

from slabdes.allocator.state import NO_LINE, OBJECT_BITS, OBJECT_MASK
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import frame_at
from slabdes.engine.compiled.layout import BUCKETS, N_PATHS, Frame, Status
from slabdes.engine.compiled.logged import log_operation
from slabdes.engine.compiled.numba_tools import (
    counts_at,
    function,
    inline,
    int64,
    ints_at,
    leading_zeros,
    slabs_at,
    table_at,
    uint64,
    word,
)
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.cpu import FIXED_BITS, NEVER, fold, slowed, what_word
from slabdes.engine.lines import touch
from slabdes.engine.records import bucket_of
from slabdes.engine.working_set import is_anothers, own_and_near, stamp_of
from slabdes.paths.charges import copy_cost
from slabdes.streams import GAMMA, mix64
from slabdes.units import MILLI, PS_PER_S

UNKNOWN = -1
"""Stands for a horizon that has not been looked at: less than every key."""
GO = int(Status.GO)
WAIT = int(Status.WAIT)
CALLED = int(Status.CALLED)
GAMMA_WORD = word(GAMMA)
_LOW = word((1 << 32) - 1)
_32 = word(32)
_DRAWN = word(64 - FIXED_BITS)
_ONE = word(1)
_INDEX_BITS = word(10)
_INDEX_SHIFT = word(64 - 10)
_LN2_AT = (1 << 10) + 1


@function
def schedule(run: Run, cpu: int, when: int) -> None:
    """Make `when` (picoseconds) the time of a CPU's next event. The tree's root is the first event of all."""
    if when >= run.time_limit:
        run.overflow = 1
        when = run.time_limit
    key = when << run.bits | cpu
    run.horizon = min(run.horizon, key)
    _put(run, cpu, key)


@inline
def comes_next(run: Run, cpu: Cpu, when: int) -> bool:
    """Whether a CPU's event at `when` comes before every other CPU's. Then it is time for it; otherwise it is scheduled."""
    if when < run.time_limit and _is_first(run, cpu.number, when << run.bits | cpu.number):
        run.now = when
        return True
    schedule(run, cpu.number, when)
    return False


@inline
def _is_first(run: Run, cpu: int, key: int) -> bool:
    """Whether the key of the CPU whose event has come is less than a mark's and all others, which lie beside its way to the root.

    `run.horizon` is the least of them once they had to be looked at, until the next CPU's event comes.
    """
    if run.horizon != UNKNOWN:
        return key < run.horizon
    tree = ints_at(run.tree)
    place = run.leaves + cpu
    least = run.mark_key
    if key >= least:
        return False
    while place > 1:
        other = tree[place ^ 1]
        if other < key:
            return False
        least = min(least, other)
        place >>= 1
    run.horizon = least
    return True


@function
def unschedule(run: Run, cpu: int) -> None:
    """The CPU has no event: another CPU will schedule it."""
    _put(run, cpu, NEVER)


@inline
def _put(run: Run, cpu: int, key: int) -> None:
    tree = ints_at(run.tree)
    place = run.leaves + cpu
    tree[place] = key
    while place > 1:
        other = tree[place ^ 1]
        least = min(tree[place], other)
        place >>= 1
        if tree[place] == least:
            break
        tree[place] = least


@inline
def drawn_factor(slowdown: int, jitter: int, key: int) -> int:
    """The factor on local work that the word of a CPU's stream of jitter at `key` gives."""
    return slowed(slowdown, jitter, int64(mix64(key) >> _DRAWN))


@inline
def settle(run: Run, cpu: Cpu) -> None:
    """Live through the local work collected so far (TimedCpu.settle)."""
    work, page_work = cpu.work, cpu.page_work
    if work == 0 and page_work == 0:
        return
    cpu.work = 0
    cpu.page_work = 0
    factor = cpu.slowdown
    if cpu.jitter:
        cpu.jitter_key += GAMMA_WORD
        factor = drawn_factor(factor, cpu.jitter, cpu.jitter_key)
    work = (work * factor) >> FIXED_BITS
    cpu.work_time += work
    cpu.clock += work
    if page_work:
        page_work = (page_work * factor) >> FIXED_BITS
        cpu.page_time += page_work
        cpu.clock += page_work
        cpu.beyond_work = 1


@inline
def spend_on_lines(run: Run, cpu: Cpu, cost: int) -> None:
    """Wait for other CPUs' lines."""
    cpu.line_time += cost
    cpu.clock += cost
    cpu.beyond_work |= cost


@inline
def touch_line(run: Run, cpu: Cpu, line: int, milli: int) -> int:
    """Make the CPU the owner of a line; what fetching it costs, or `milli` thousandths if its own cache has lost it."""
    dram = ints_at(run.dram + 8 * cpu.node * run.n_nodes)
    transfer, moves = table_at(run.transfer, run.n_cpus), table_at(run.moves, run.n_cpus)
    return touch(ints_at(run.stamps), ints_at(run.home), transfer, moves, dram, cpu, line, milli)


@inline
def own_line(run: Run, cpu: Cpu, line: int) -> None:
    """Make the CPU the owner of a line for nothing (CacheLines.own)."""
    ints_at(run.stamps)[line] = stamp_of(cpu)


@inline
def fetch_line(run: Run, cpu: Cpu, line: int) -> None:
    """Make the CPU the owner of a line and wait for it (TimedKernel.fetch)."""
    if line == NO_LINE:
        return
    # A line of its own costs nothing, which is the usual case of a CPU alone: then there is nothing to be accounted for.
    if not own_and_near(cpu, ints_at(run.stamps)[line]):
        _fetch(run, cpu, line, MILLI)


@inline
def fetch_one_of_several(run: Run, cpu: Cpu, line: int) -> None:
    """The same of a line that is one of several: misses of the CPU's own overlap (ChargingKernel.fetch_one_of)."""
    if not own_and_near(cpu, ints_at(run.stamps)[line]):
        _fetch(run, cpu, line, run.miss_milli)


@function
def _fetch(run: Run, cpu: Cpu, line: int, milli: int) -> None:
    owned = is_anothers(cpu, ints_at(run.stamps)[line])
    cost = touch_line(run, cpu, line, milli)
    if cost:
        _wait_for(run, cpu, line, owned, cost)


@inline
def _wait_for(run: Run, cpu: Cpu, line: int, owned: bool, cost: int) -> None:
    """Wait for a line: for another CPU's write-back if it was `owned`, else for its node's memory."""
    if owned:
        cpu.line_time += cost
    elif ints_at(run.home)[line] == cpu.node:
        cpu.local_memory_time += cost
    else:
        cpu.remote_memory_time += cost
    cpu.clock += cost
    cpu.beyond_work |= cost


@function
def fetch_together(run: Run, cpu: Cpu, first: int, last: int) -> None:
    """Make the CPU the owner of the lines from `first` to `last` and wait for them (ChargingKernel.fetch_together)."""
    stamps = ints_at(run.stamps)
    dearest, line_of_dearest, was_owned, total = 0, first, False, 0
    for line in range(first, last + 1):
        owned = is_anothers(cpu, stamps[line])
        cost = touch_line(run, cpu, line, MILLI)
        total += cost
        if cost > dearest:
            dearest, line_of_dearest, was_owned = cost, line, owned
    _wait_for(run, cpu, line_of_dearest, was_owned, copy_cost(dearest, total - dearest, run.copy_line_milli))


@inline
def add(run_buckets: int, run_counts: int, number: int, value: int) -> None:
    """Count a value in histogram `number` of those at two addresses."""
    ints_at(run_buckets)[number * BUCKETS + bucket_of(value)] += 1
    counts = counts_at(run_counts)[number]
    counts.count += 1
    counts.total += value
    counts.least = min(counts.least, value)
    counts.greatest = max(counts.greatest, value)


@inline
def histogram_at(run: Run, number: int) -> int:
    """Where the buckets of an operations' histogram lie."""
    return run.buckets + 8 * number * BUCKETS


@inline
def wrap_up(run: Run, number: int, done: int, total: int, least: int, greatest: int) -> None:
    """Add the sums of `done` values whose buckets were counted already."""
    counts = counts_at(run.counts)[number]
    counts.count += done
    counts.total += total
    counts.least = min(counts.least, least)
    counts.greatest = max(counts.greatest, greatest)


@function
def count_response(run: Run, cpu: Cpu, cache: int, path: int) -> None:
    """How long after its arrival the CPU's step ends, which is now."""
    add(run.response_buckets, run.response_counts, (cache + 1) * N_PATHS + path, cpu.clock - cpu.arrival)


@inline
def count(run: Run, cpu: Cpu, cache: int, path: int, start: int, what: int) -> None:
    """Record an operation that began at `start` and ends now (TimedCpu.count)."""
    log_operation(run, cpu.number, start, cpu.clock, cache, path, what)
    _count(run, cpu, cache, path, start, what)


@inline
def count_part(run: Run, cpu: Cpu, cache: int, path: int, start: int, what: int, since: int, until: int) -> None:
    """The same of a part of a call (TimedKernel.count_part)."""
    log_operation(run, cpu.number, since, until, cache, path, what)
    _count(run, cpu, cache, path, start, what)


@inline
def _count(run: Run, cpu: Cpu, cache: int, path: int, start: int, what: int) -> None:
    end = cpu.clock
    add(run.buckets, run.counts, (cache + 1) * N_PATHS + path, end - start)
    # An account within another is a handler's.
    if run.arrivals and cpu.level == 1:
        count_response(run, cpu, cache, path)
    cpu.digest = fold(cpu.digest, uint64(start), uint64(end), uint64(what_word(what, cache, path)))


@inline
def reap_time(run: Run, cpu: Cpu) -> int:
    """When the CPU's reap timer fires, picoseconds; due * PS_PER_S would overflow."""
    seconds, jiffies = cpu.reap_due // run.hz, cpu.reap_due % run.hz
    return seconds * PS_PER_S + (jiffies * PS_PER_S + run.hz - 1) // run.hz


@inline
def upkeep_time(cpu: Cpu) -> int:
    """When a turn of the CPU's is due (Run._upkeep_time)."""
    return min(min(cpu.reap_at, cpu.rcu_at), min(cpu.slabinfo_at, cpu.drain_at))


@inline
def set_timer(run: Run, cpu: Cpu) -> None:
    """When the CPU's next turn or interrupt comes has changed, or whether they can take it (Run._timer)."""
    cpu.timer_at = NEVER if cpu.in_bulk else min(run.mark_at, min(upkeep_time(cpu), cpu.irq_at))


@inline
def jiffies_of(run: Run, cpu: Cpu) -> int:
    """The CPU's time in jiffies."""
    seconds, rest = cpu.clock // PS_PER_S, cpu.clock % PS_PER_S
    return seconds * run.hz + rest * run.hz // PS_PER_S


@inline
def call(run: Run, cpu: Cpu, pc: int) -> Frame:
    """Put a path on top of the one under way; its frame, for who sets its arguments."""
    cpu.sp += 1
    frame = frame_at(run, cpu.frame0 + cpu.sp)
    frame.pc = pc
    return frame


@inline
def end_of_path(cpu: Cpu, result: int) -> None:
    """End a path with a result."""
    cpu.ret = result
    cpu.sp -= 1


@inline
def link_of(run: Run, obj: int) -> int:
    """The place of an object's chain link in `words`."""
    return slabs_at(run.slabs)[obj >> OBJECT_BITS].bufctl + (obj & OBJECT_MASK)


# Draws: streams.py's, where Python's integers have more than 64 bits on the way.


@inline
def next_draw(cpu: Cpu) -> int:
    """The next word of the CPU's workload stream."""
    cpu.draw_key += GAMMA_WORD
    return mix64(cpu.draw_key)


@inline
def high_product(drawn: int, n: int) -> int:
    """The upper 64 bits of a 128-bit product (streams.below)."""
    other = uint64(n)
    low, high = drawn & _LOW, drawn >> _32
    other_low, other_high = other & _LOW, other >> _32
    middle = high * other_low + (low * other_low >> _32)
    crossed = low * other_high + (middle & _LOW)
    return int64(high * other_high + (middle >> _32) + (crossed >> _32))


@function
def exponential_draw(run: Run, drawn: int, mean: int) -> int:
    """streams.exponential."""
    table = ints_at(run.exponential)
    zeros = leading_zeros(int64(drawn))
    below_one = uint64(0) if zeros >= 63 else drawn << (uint64(zeros) + _ONE)
    index = int64(below_one >> _INDEX_SHIFT)
    fraction = int64((below_one << _INDEX_BITS) >> _32)
    upper = table[index]
    unit = zeros * table[_LN2_AT] + upper - (((upper - table[index + 1]) * fraction) >> 32)
    low = uint64(unit) & _LOW
    return (mean >> 32) * unit + mean_part(uint64(mean) & _LOW, unit >> 32, low)


@inline
def mean_part(mean_low: int, unit_high: int, unit_low: int) -> int:
    """The part of (mean * unit) >> 32 that the mean's low half gives."""
    return int64(mean_low) * unit_high + int64(mean_low * unit_low >> _32)
