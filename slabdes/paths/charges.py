"""What a price list asks of an engine with a clock: the machine's costs, the clock's rules, cache lines, and locks' tolls.

Leaves out what each step of an allocator costs (its `prices`), and how work becomes time (the engine).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from slabdes.machine.costs import Costs


@dataclass(frozen=True)
class ClockRules:
    """Rules of the clock that an experiment may turn off (config's `timing`).

    `spinners_slow_holder`: a write to a line that a waiter spins on costs its transfer. `posted_neighbour_writes`: of the writes
    to neighbours on a list, the holder of the lock pays the dearest, at its release; otherwise all, at once. `array_lines`: the
    pointers of shared arrays and alien caches lie on lines, too.
    """

    spinners_slow_holder: bool
    posted_neighbour_writes: bool
    array_lines: bool


class ChargedCpu(Protocol):
    """A CPU that work is charged to: `work`, and `page_work` in the page allocator, become time when the CPU settles."""

    number: int
    node: int
    work: int
    page_work: int


class Tolls(Protocol):
    """What a write to a lock's line costs its holder; the slab whose move has paid that last; the dearest write to be paid."""

    toll: int
    relinked: int
    posted: int


Cpu = TypeVar("Cpu", bound=ChargedCpu)
"""An engine's own kind of CPU."""


class Charges(ABC, Generic[Cpu]):
    """An engine with a clock, as every price list sees it."""

    costs: Costs
    rules: ClockRules

    @abstractmethod
    def fetch(self, cpu: Cpu, line: int) -> None:
        """Make the CPU the owner of a line, unless that is NO_LINE, and wait for it."""

    @abstractmethod
    def fetch_together(self, cpu: Cpu, first: int, last: int) -> None:
        """Make the CPU the owner of the lines from `first` to `last`, asked for at the same time, and wait for the dearest."""

    @abstractmethod
    def touch(self, cpu: Cpu, line: int) -> int:
        """Make the CPU the owner of a line without waiting; what fetching it costs."""

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
    def lock(self, number: int) -> Tolls:
        """A lock's account."""
