# SPDX-License-Identifier: GPL-2.0-only
"""When operations of an open loop arrive: drawn from a stream of their own, so that neither engines nor programs have a say.

Leaves out what arrives: that is a program without think times, whichever it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from slabdes.config import ArrivalKind, ArrivalsWorkload
from slabdes.errors import InputError
from slabdes.streams import below, exponential, words
from slabdes.units import PS_PER_S, ns_to_ps
from slabdes.workload.programs import Program, Step

WORDS_TO_BEGIN: Final = 2
"""Of a CPU's stream, for `begin`, whatever it takes of them."""


@dataclass(frozen=True)
class Arrivals:
    """How a CPU's operations arrive; both engines draw from these numbers, all of them picoseconds.

    `gap`: the mean time between two, exponential if `random`, else always the same. With `on`, it counts the time within
    bursts alone, which last `on` on average with pauses of `off`, both exponential (an interrupted Poisson process).
    """

    gap: int
    random: bool
    on: int = 0
    off: int = 0


def gap_ps(config: ArrivalsWorkload, cpus: int) -> int:
    """The mean time between two arrivals at one of `cpus` CPUs, bursts and pauses together."""
    return max(1, round(PS_PER_S * cpus / config.rate))


def arrivals_of(config: ArrivalsWorkload, cpus: int) -> Arrivals:
    """How operations arrive at each of `cpus` CPUs. Raises InputError for bursts in which there are hardly any."""
    gap = gap_ps(config, cpus)
    if config.arrivals is not ArrivalKind.ON_OFF:
        return Arrivals(gap, config.arrivals is ArrivalKind.POISSON)
    on, off = ns_to_ps(config.on_ns), ns_to_ps(config.off_ns)
    if on + off < gap:
        problem = (
            f"{config.on_ns:g} with off_ns {config.off_ns:g}: at this rate a CPU's operations are {gap / 1000:,.0f} ns apart"
        )
        raise InputError("workload.on_ns", problem, allowed="bursts that have an operation on average; a greater rate")
    return Arrivals(max(1, gap * on // (on + off)), True, on, off)


def begin(arrivals: Arrivals, draws: Iterator[int]) -> tuple[int, int]:
    """The time from which the first gap counts, and what is left then of a burst; 0 within a pause, whose end is drawn next."""
    where, length = next(draws), next(draws)
    if arrivals.on:
        return 0, exponential(length, arrivals.on) if below(where, arrivals.on + arrivals.off) < arrivals.on else 0
    return 0 if arrivals.random else below(where, arrivals.gap) - arrivals.gap, 0


def times(arrivals: Arrivals, key: int) -> Iterator[int]:
    """The times at which a CPU's operations arrive, without end; its draws are the stream at `key`."""
    draws = words(key)
    now, left = begin(arrivals, draws)
    while True:
        gap = exponential(next(draws), arrivals.gap) if arrivals.random else arrivals.gap
        while arrivals.on and gap >= left:
            gap -= left
            now += left + exponential(next(draws), arrivals.off)
            left = exponential(next(draws), arrivals.on)
        now += gap
        left -= gap
        yield now


@dataclass(frozen=True)
class Arriving:
    """A program whose steps begin as `arrivals` says, drawn from the stream at `key`. Engines may read its fields."""

    program: Program
    arrivals: Arrivals
    key: int

    def __call__(self) -> Iterator[Step]:
        """The program's steps, each at its time."""
        for arrival, (_think, *step) in zip(times(self.arrivals, self.key), self.program(), strict=False):
            op, cache, what, node, flags = step
            yield arrival, op, cache, what, node, flags
