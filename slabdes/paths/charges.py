# SPDX-License-Identifier: GPL-2.0-only
"""What paths and price lists ask of an engine with a clock: a CPU's own time, the machine's costs, lines, and locks' tolls.

Leaves out what each step of an allocator costs (its `prices`), and how work becomes time (the engine).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from slabdes.machine.costs import Costs
from slabdes.paths.kernel import CpuContext
from slabdes.units import MILLI


class ClockedCpu(CpuContext):
    """A CPU of an engine with a clock, which gives it these fields. Times in picoseconds.

    `clock` may run ahead of the simulation's. `work` and `page_work` collect local work that it has yet to live through.
    `blocks` of pages are held by its program itself. `alloc_hit` and `free_hit` are what its program's hits cost.
    `irqs_off_depth` counts the reasons for interrupts to be off, since `irqs_off_at`; they went on at `irqs_on_at`; the next
    comes at `irq_at`. `upkeep` says what it does for the caches now, an Upkeep.
    """

    __slots__ = ()

    clock: int
    work: int
    page_work: int
    work_time: int
    allocs: int
    frees: int
    failed: int
    skipped: int
    sections: int
    blocks: int
    in_bulk: bool
    alloc_hit: int
    free_hit: int
    irq_at: int
    irqs_off_depth: int
    irqs_off_at: int
    irqs_on_at: int
    interrupts: int
    interrupts_lost: int
    upkeep: int


Cpu = TypeVar("Cpu", bound=ClockedCpu)
"""An engine's own kind of CPU."""


@dataclass(frozen=True)
class ClockRules:
    """Rules of the clock: those that an experiment may turn off (config's `timing`), and those that are its kernel's.

    `spinners_slow_holder`: a write to a line that a waiter spins on costs its transfer; with `late_spinners` also if all of
    them came during the hold. `posted_neighbour_writes`: of the writes to neighbours on a list, the holder of the lock pays the
    dearest, at its release; otherwise all, at once. `array_lines`: the pointers of shared arrays, alien caches and sheaves lie
    on lines, too. `irqs_off`: operations have interrupts off, as SLAB's do; otherwise spinlocks alone.
    `zone_lists_beside_lock`: a zone's list of single pages lies on its lock's line. `page_lists_to_order`: CPUs have lists of
    their own of blocks of pages up to this order. `section_lines`: lines of data that the workload's own lock guards.
    `copy_line_milli`: thousandths of its transfer that a line of a copy costs beside the dearest. `descriptor_once`: of frees
    in a row of one slab's objects the first alone reads its descriptor. `slot_lines`: rings of objects lie on lines, too, and
    with `ring_indexes` how far their ends are. `early_lookups`: descriptors that a flush needs were read before its lock was
    asked for. `miss_milli`: thousandths of memory's latency that each of several independent misses of a CPU's own cache costs.
    `writes_objects`: the program writes an object before it frees it.
    """

    spinners_slow_holder: bool
    late_spinners: bool
    posted_neighbour_writes: bool
    array_lines: bool
    irqs_off: bool
    zone_lists_beside_lock: bool
    page_lists_to_order: int
    section_lines: int
    copy_line_milli: int
    descriptor_once: bool
    slot_lines: bool
    ring_indexes: bool
    early_lookups: bool
    miss_milli: int
    writes_objects: bool


class Tolls(Protocol):
    """A lock's line, what a write to it costs the holder, whose move has paid that last, writes so far; writes yet to be paid."""

    line: int
    toll: int
    relinked: int
    written: int
    posted: int
    posted_total: int


def copy_cost(dearest: int, others: int, milli: int) -> int:
    """What lines asked for together cost, from the dearest's transfer and all others' sum."""
    return dearest + others * milli // MILLI


def written_beside_lock(lock: Tolls, writes: int) -> int:
    """What the holder's writes to its lock's line cost because of who spins on it."""
    lock.written += writes
    return writes * lock.toll


def share_behind(granted_at: int, asked: int, now: int) -> int:
    """Thousandths of a hold, from `granted_at` until `now`, that are behind a waiter's asking; times in picoseconds."""
    return (now - max(asked, granted_at)) * MILLI // (now - granted_at) if now > granted_at else 0


def late_toll(written: int, toll: int) -> int:
    """What a hold's writes to its lock's line cost beside, if all waiters came during it.

    They count as spread evenly over the hold: `toll` is what a write costs, each waiter for the thousandths that it spun.
    """
    return written * toll // MILLI


class Charges(ABC, Generic[Cpu]):
    """An engine with a clock, as every price list sees it."""

    costs: Costs
    rules: ClockRules

    @abstractmethod
    def settle(self, cpu: Cpu) -> None:
        """Live through the local work collected so far."""

    @abstractmethod
    def fetch(self, cpu: Cpu, line: int) -> None:
        """Make the CPU the owner of a line, unless that is NO_LINE, and wait for it."""

    @abstractmethod
    def fetch_one_of(self, cpu: Cpu, line: int) -> None:
        """The same of a line that is one of several, none of which says where another is: misses of the CPU's own overlap."""

    @abstractmethod
    def fetch_together(self, cpu: Cpu, first: int, last: int) -> None:
        """Make the CPU the owner of the lines from `first` to `last`, asked for at the same time, and wait for them.

        That takes as long as the dearest, and a share of each other (`copy_cost`).
        """

    @abstractmethod
    def touch(self, cpu: Cpu, line: int) -> int:
        """Make the CPU the owner of a line without waiting; what fetching it costs, beside others."""

    @abstractmethod
    def owns(self, cpu: Cpu, line: int) -> bool:
        """Whether the CPU is the owner of a line."""

    @abstractmethod
    def spend_on_lines(self, cpu: Cpu, cost: int) -> None:
        """Wait for other CPUs' lines."""

    @abstractmethod
    def place_lines(self, cpu: Cpu, first: int, nr: int, node: int) -> None:
        """`nr` lines lie in `node`'s memory from now on, and nobody owns them."""

    @abstractmethod
    def own_lines(self, cpu: Cpu, first: int, nr: int) -> None:
        """The CPU owns `nr` lines, for nothing: it writes them without having read them."""

    @abstractmethod
    def forget_touches(self, cpu: Cpu, first: int, nr: int) -> None:
        """The `nr` objects whose chain links begin at `first` in `words` have been touched by nobody."""

    @abstractmethod
    def first_touch(self, cpu: Cpu, obj: int) -> None:
        """An allocation touches its object: dear unless this CPU was the last to allocate it, and lately."""

    @abstractmethod
    def descriptor_read(self, cpu: Cpu, obj: int) -> None:
        """A free reads the descriptor of its object's slab: dear if another CPU has allocated the object, or none lately."""

    @abstractmethod
    def allocated_elsewhere(self, cpu: Cpu, obj: int) -> bool:
        """Whether another CPU was the last to allocate the object."""

    @abstractmethod
    def lock(self, number: int) -> Tolls:
        """A lock's account."""
