# SPDX-License-Identifier: GPL-2.0-only
"""A CPU of the timed engine: its own clock, the work that it has yet to live through, and what it has counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.engine.event_log import EventLog
from slabdes.engine.fields import Account, Clock, Interrupts, Program, Timers, fields_of
from slabdes.engine.records import Histogram, Spent
from slabdes.machine.costs import Costs
from slabdes.paths.outcome import Path, Upkeep
from slabdes.paths.slab.upkeep import UpkeepCpu
from slabdes.paths.slub.calls import CallingCpu
from slabdes.streams import MASK64

# The digest. Two runs are the same if each CPU did the same operations at the same times, and each lock was held by the same
# CPUs at the same times: then everything that a table can show is the same, and hardly anything that differs can hide. So each
# CPU and each lock has a running 64-bit hash. A CPU's folds, for every operation in its own order, when it began and ended,
# which object of which cache it was about and which path it took; a lock's folds, for every hold, who held it, when it was
# asked for, granted and released. They are rows of the event log (`event_log`), bit for bit, whether or not one is kept.
#
# Why a hash a CPU and a lock: each has an order of its own that no engine can see differently, while the order *between* CPUs
# is the engine's business: one runs ahead while another waits. Nothing has to be sorted, and a hit costs one multiplication
# that waits for the one before. At the end the hashes go into one SHA-256, CPUs and then locks in index order
# (`collect.digest_of`).
#
# What changes a digest: any change of a time by a picosecond, of an object handed out, of a path's number, of the order of
# CPUs' or locks' numbers, of a random stream. What does not: how records are kept, what is counted beside, names, tables. The
# numbers of `Path` are therefore never reused, and a new one comes last. A digest is no signature: it is made to find
# differences, not forgers.
FIXED_BITS: Final = 16
"""smt_slowdown and jitter are fixed-point multiples of 2**-16."""
FIXED_ONE: Final = 1 << FIXED_BITS
_HALF: Final = FIXED_ONE >> 1
DIGEST_PRIME: Final = 0x9E3779B97F4A7C15
"""Odd multiplier of the running hashes (the golden ratio, as in SplitMix64)."""
WHAT_PRIME: Final = 0xD1B54A32D192ED03
"""Odd multiplier of the words that say what happened (2**64 divided by the root of x**4 = x + 1, made odd)."""
NEVER: Final = (1 << 63) - 1
_FIRST_TOUCH: Final = [part.name for part in fields(Spent)].index("first_touch")
CPU_BITS: Final = 10
"""Enough for 1,024 CPUs."""


def fold(digest: int, start: int, end: int, what: int) -> int:
    """Fold the times of an operation or a hold, and the word that says what it was, into a running hash.

    Only one multiplication waits for the hash before it. Each argument alone changes the result: both multipliers are odd.
    """
    digest = ((digest ^ start) * DIGEST_PRIME + (end ^ what * WHAT_PRIME)) & MASK64
    return digest ^ (digest >> 29)


def hold_word(cpu: int, granted: int) -> int:
    """Who was granted a lock when, as one number."""
    return granted << CPU_BITS ^ cpu


def what_word(obj: int, cache: int, path: int) -> int:
    """Which object of which cache went which path, as one number; negative for what has no cache or object."""
    return obj << 16 ^ cache << 8 ^ path


def slowed(slowdown: int, jitter: int, drawn: int) -> int:
    """The factor on local work that a random number of FIXED_BITS draws: `slowdown` +- `jitter`, in fixed point."""
    return slowdown + ((jitter * (drawn - _HALF)) // _HALF)


_INTEGERS: Final = tuple(fields_of(Clock, Account, Interrupts, Timers, Program))


class TimedCpu(UpkeepCpu, CallingCpu, Clock, Account, Interrupts, Timers, Program):
    """A CPU of either allocator's, with a clock, an account, interrupts and a program. Times in picoseconds."""

    __slots__ = (
        *fields_of(Clock), "grace_key", "jitter_words", "race_words",
        *fields_of(Account), "latency", "log", "logged", "read_before", "response", "spent", "start", "was",
        *fields_of(Interrupts), "irq_wait", "irq_words", "irqs_off",
        *fields_of(Timers), *fields_of(Program), "batches", "call_at", "turns",
    )  # fmt: skip

    def __init__(
        self, number: int, node: int, policy: MemPolicy, slowdown: float, jitter: float, jitter_words: Iterator[int]
    ) -> None:
        super().__init__(number, node, policy)
        for name in _INTEGERS:
            setattr(self, name, 0)
        # The clock.
        self.slowdown = round(slowdown * FIXED_ONE)
        self.jitter = round(jitter * self.slowdown)
        self.jitter_words = jitter_words
        self.race_words: Iterator[int] = iter(())
        self.grace_key = 0
        """Where its stream begins of when it notices that grace periods are over: a word each."""
        # The account.
        self.latency: dict[tuple[int, Path], Histogram] = {}
        self.response: dict[tuple[int, Path], Histogram] | None = None
        """Where operations arrive: from their arrival to their end, those of handlers apart."""
        self.spent: dict[Path, list[int]] = {}
        self.was: list[tuple[int, ...]] = []
        self.start = self.read_before = 0
        """Of a run whose warm-up was cut: where its account stood then, and reads of descriptors in the operation it was in."""
        self.log: EventLog | None = None
        self.logged: tuple[int, int] | None = None
        """From when to when the log has the operation that is recorded, if not for as long as it takes."""
        # Interrupts.
        self.irq_at = self.slabinfo_at = self.drain_at = self.rcu_at = NEVER
        self.irq_words: Iterator[int] = iter(())
        self.irqs_off, self.irq_wait = Histogram(), Histogram()
        # The program, and turns of upkeep by Upkeep.
        self.in_bulk = False
        self.slab_read = self.slab_begun = self.slot_line = self.partner = -1
        self.cache_bytes = NEVER
        self.batches = self.call_at = 0
        self.turns = [Histogram() for _upkeep in Upkeep]

    # The clock.

    def settle(self) -> None:
        """Live through the local work collected so far."""
        work, page_work = self.work, self.page_work
        if not work and not page_work:
            return
        self.work = self.page_work = 0
        factor = self.slowdown
        if self.jitter:
            factor = slowed(factor, self.jitter, next(self.jitter_words) >> (64 - FIXED_BITS))
        work = (work * factor) >> FIXED_BITS
        page_work = (page_work * factor) >> FIXED_BITS
        self.work_time += work
        self.page_time += page_work
        self.clock += work + page_work

    def spend_on_lines(self, cost: int) -> None:
        """Wait for other CPUs' lines."""
        self.line_time += cost
        self.clock += cost

    def until_arrival(self, arrival: int) -> int:
        """How long to think until a step that arrives at `arrival`; one that has arrived already begins late."""
        self.arrival = arrival
        late = self.late_last = max(0, self.clock - arrival)
        self.late_total += late
        self.late_most = max(self.late_most, late)
        return max(0, arrival - self.clock)

    def set_hits(self, costs: Costs) -> None:
        """What hits cost from here on: without turning interrupts off themselves, within a bulk call."""
        in_bulk = self.in_bulk
        self.alloc_hit = costs.alloc_bulk if in_bulk else costs.alloc_hit
        self.free_hit = costs.free_bulk if in_bulk else costs.free_hit

    def can_run(self, cost: int) -> bool:
        """Whether a hit of this cost may run ahead: it has one, and the CPU owes no other work that would be settled with it."""
        return cost > 0 and not self.work and not self.page_work

    # The account.

    def count(self, cache: int, path: Path, start: int, what: int) -> None:
        """Record an operation that began at `start` and ends now; `what` is the object, or what else tells it from others."""
        key = (cache, path)
        histogram = self.latency.get(key)
        if histogram is None:
            histogram = self.latency[key] = Histogram()
        end = self.clock
        histogram.add(end - start)
        # An account within another is a handler's.
        if self.response is not None and len(self.was) <= 1:
            self.response.setdefault(key, Histogram()).add(end - self.arrival)
        self.digest = fold(self.digest, start, end, what_word(what, cache, path))
        if self.log is not None:
            since, until = self.logged or (start, end)
            self.log.operation(self.number, since, until, cache, path, what)

    @property
    def touch_time(self) -> int:
        """First touches of objects and of descriptors."""
        return self.first_touch_time + self.descriptor_read_time

    @property
    def reading(self) -> int:
        """First touches in the operation that it is in: those of an allocation end it, so of a descriptor."""
        return self.touch_time - self.was[0][_FIRST_TOUCH] if len(self.was) == 1 else 0

    def accounts(self) -> tuple[int, ...]:
        """Where time went so far, in the order of Spent."""
        return (
            self.lock_wait,
            self.handoff_time,
            self.line_time,
            self.local_memory_time,
            self.remote_memory_time,
            self.page_time,
            self.touch_time,
            self.work_time,
            self.interrupt_time,
        )

    def remember_accounts(self) -> None:
        """From here on, what the accounts grow by belongs to something new."""
        self.was.append(self.accounts())

    def account_for(self, path: Path) -> int:
        """What the accounts have grown by since they were last remembered belongs to a path; what first touches are of it."""
        grown = self._grown()
        spent = self.spent.setdefault(path, [0] * len(grown))
        for part, time in enumerate(grown):
            spent[part] += time
        return grown[_FIRST_TOUCH]

    def _grown(self) -> list[int]:
        return [now - was for now, was in zip(self.accounts(), self.was.pop(), strict=True)]

    def account_for_interrupt(self, began: int) -> None:
        """The growth belongs to a handler that began at `began`: to what it interrupted, all its time is `interrupts`."""
        grown = self._grown()
        if self.was:
            self.was[-1] = tuple(was + more for was, more in zip(self.was[-1], grown, strict=True))
        self.interrupt_time += self.clock - began
