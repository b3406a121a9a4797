# SPDX-License-Identifier: GPL-2.0-only
"""What price lists ask for, in compiled form: cache lines, first touches, locks' tolls (paths.charges.Charges).

And what who shrinks asks of the other CPUs.
"""

from __future__ import annotations

from slabdes.allocator.state import NOBODY
from slabdes.engine.compiled.clock import fetch_line, fetch_one_of_several, own_line, touch_line
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import cpus_at, function, inline, ints_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.working_set import CODE, forgotten

fetch = fetch_line
fetch_one_of = fetch_one_of_several


@inline
def touch(run: Run, cpu: Cpu, line: int) -> int:
    """Make the CPU the owner of a line without waiting; what fetching it costs, beside others."""
    return touch_line(run, cpu, line, run.miss_milli)


@inline
def owns(run: Run, cpu: Cpu, line: int) -> bool:
    """Whether the CPU is the owner of a line."""
    return ints_at(run.stamps)[line] & CODE == cpu.number


@inline
def place_lines(run: Run, cpu: Cpu, first: int, nr: int, node: int) -> None:
    """`nr` lines lie in a node's memory from now on, and nobody owns them."""
    stamps, home = ints_at(run.stamps), ints_at(run.home)
    for line in range(first, first + nr):
        stamps[line] = NOBODY
        home[line] = node


@inline
def own_lines(run: Run, cpu: Cpu, first: int, nr: int) -> None:
    """The CPU owns `nr` lines, for nothing."""
    for line in range(first, first + nr):
        own_line(run, cpu, line)


@inline
def forget_touches(run: Run, cpu: Cpu, first: int, nr: int) -> None:
    """The `nr` objects whose chain links begin at `first` have been touched by nobody."""
    touched = ints_at(run.touched)
    for link in range(first, first + nr):
        touched[link] = forgotten(touched[link])


@inline
def lock(run: Run, number: int) -> int:
    """A lock's account has the lock's number."""
    return number


@function
def all_drained(run: Run, cpu: Cpu, due: int) -> bool:
    """Whether no other CPU has yet to drain its arrays for who shrinks since `due`."""
    cpus = cpus_at(run.cpus)
    left = 0
    for number in range(run.n_cpus):
        left += number != cpu.number and cpus[number].drain_at <= due
    return left == 0
