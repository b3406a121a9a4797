# SPDX-License-Identifier: GPL-2.0-only
"""Random numbers that never change: SplitMix64 words, keyed by (seed, replication, CPU, purpose), and integer draws from them.

A word is a published hash of a counter (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), so a stream depends on its key alone: another CPU, another tunable or another library version shifts no draw.
Draws use integers only, no library's distribution and no libm. Leaves out every distribution that the engines do not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from enum import IntEnum
from functools import cache

MASK64 = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
"""SplitMix64's counter step, the odd integer nearest to 2**64 divided by the golden ratio."""

BLOCK = 1024
"""Words made at a time; of no consequence to what is drawn."""

EXPONENTIAL_BITS = 32
"""Exponentials are fixed-point multiples of the mean with this many fraction bits."""
_TABLE_BITS = 10


class Purpose(IntEnum):
    """What a stream is for: two purposes of one CPU never share a word."""

    WORKLOAD = 1
    JITTER = 2
    PHASE = 3
    CREATION = 4
    INTERRUPTS = 5
    RACE = 6
    ARRIVALS = 7
    GRACE = 8
    PAIRS = 9


def mix64(word: int) -> int:
    """SplitMix64's output function of one 64-bit word (Stafford's variant 13)."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK64
    return word ^ (word >> 31)


def stream_key(seed: int, replication: int, cpu: int, purpose: Purpose) -> int:
    """The 64-bit start of the stream for this key: each part is mixed in turn, so neighbours are unrelated."""
    key = 0
    for part in (seed, replication, cpu, int(purpose)):
        key = mix64((key + GAMMA + part) & MASK64)
    return key


def words(key: int) -> Iterator[int]:
    """The stream of 64-bit words that starts at `key`: word n is `mix64(key + (n + 1) * GAMMA)`."""
    import numpy as np

    steps = np.arange(1, BLOCK + 1, dtype=np.uint64) * np.uint64(GAMMA)
    base = key
    while True:
        block = steps + np.uint64(base)
        block = (block ^ (block >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        block = (block ^ (block >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        yield from (block ^ (block >> np.uint64(31))).tolist()
        base = (base + BLOCK * GAMMA) & MASK64


def below(word: int, n: int) -> int:
    """An integer in 0..n-1 from one word (multiply and shift; a bias of at most n / 2**64)."""
    return (word * n) >> 64


@cache
def exponential_table() -> tuple[int, ...]:
    """-ln(m) for m = 1/2 .. 1 in 2**10 steps, then ln 2 itself, as 32-bit fixed point.

    Made with `decimal`, whose logarithm is correctly rounded, so that the table is the same on every machine.
    """
    steps = 1 << _TABLE_BITS
    with localcontext() as context:
        context.prec = 40
        one = 1 << EXPONENTIAL_BITS
        fixed = [(-(Decimal(steps + i) / (2 * steps)).ln() * one).to_integral_value() for i in range(steps + 1)]
        fixed.append((Decimal(2).ln() * one).to_integral_value())
        return tuple(int(entry) for entry in fixed)


def exponential(word: int, mean: int) -> int:
    """An exponential with integer mean `mean` from one word: inverse by table, linear between entries.

    The word's leading zeros give whole multiples of ln 2 and the bits below the leading one the rest; the table's
    interpolation is off by at most 1.2e-7 of the mean, and its rounding, in up to 64 multiples of ln 2, by 1e-8 more.
    """
    table = exponential_table()
    zeros = 64 - word.bit_length() if word else 64
    below_one = (word << (zeros + 1)) & MASK64
    index = below_one >> (64 - _TABLE_BITS)
    fraction = (below_one << _TABLE_BITS & MASK64) >> 32
    upper = table[index]
    unit = zeros * table[-1] + upper - (((upper - table[index + 1]) * fraction) >> 32)
    return (mean * unit) >> EXPONENTIAL_BITS
