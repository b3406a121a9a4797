# SPDX-License-Identifier: GPL-2.0-only
"""The random streams against what is published and what is exact. Leaves out what is drawn from them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import islice

import pytest

from slabdes.streams import (
    BLOCK,
    EXPONENTIAL_BITS,
    GAMMA,
    MASK64,
    Purpose,
    below,
    exponential,
    exponential_table,
    mix64,
    stream_key,
    words,
)

PUBLISHED_SEED = 1234567
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
"""SplitMix64's first words for that seed, as Vigna's splitmix64.c prints them and as many libraries test theirs."""
MEAN = 1_000_000_000
INTERPOLATION = 1.2e-7
"""Of the mean: a line between points h apart misses -ln by at most h^2 / 8 * its second derivative, here (1/2048)^2 / 8 * 4."""


def test_words_are_splitmix64s_published_test_vector() -> None:
    assert list(islice(words(PUBLISHED_SEED), len(PUBLISHED))) == PUBLISHED


def test_words_made_in_blocks_are_those_made_one_by_one() -> None:
    key = MASK64 - 5  # the counter wraps at once
    expected = [mix64((key + n * GAMMA) & MASK64) for n in range(1, 2 * BLOCK + 4)]
    assert list(islice(words(key), len(expected))) == expected


def test_every_part_of_a_key_makes_another_stream() -> None:
    keys = {
        stream_key(seed, rep, cpu, purpose) for seed in range(6) for rep in range(6) for cpu in range(6) for purpose in Purpose
    }
    assert len(keys) == 6**3 * len(Purpose)


def minus_ln(word: int) -> Decimal:
    with localcontext() as context:
        context.prec = 40
        return -(Decimal(word) / (1 << 64)).ln()


def error(word: int) -> float:
    """Of an exponential from this word, as a share of the mean."""
    return float(Decimal(exponential(word, MEAN)) / MEAN - minus_ln(word))


def test_exponentials_are_minus_the_logarithm_to_within_the_tables_interpolation() -> None:
    middles = [(1024 + i) << 53 | 1 << 52 for i in range(1024)]
    assert all(word >> 63 for word in middles)
    errors = [error(word) for word in middles]
    assert max(errors) < INTERPOLATION
    assert max(errors) > INTERPOLATION / 2, "the worst place is in the first interval, and it is among these"
    assert min(errors) > -2e-9, "a chord of a convex curve is never below it, rounding apart"


@pytest.mark.parametrize("word", [1, 2, 3, 1 << 20, (1 << 63) - 1, 1 << 63, MASK64, 0x123456789ABCDEF])
def test_extreme_words_are_as_exact_as_any(word: int) -> None:
    assert abs(error(word)) < INTERPOLATION


def test_word_0_is_the_longest_draw_and_not_an_error() -> None:
    assert exponential(0, MEAN) >= exponential(1, MEAN) > 44 * MEAN  # 64 ln 2 = 44.36


def test_exponentials_fall_as_words_rise() -> None:
    draws = [exponential(word << 50, MEAN) for word in range(1, 1 << 14, 7)]
    assert draws == sorted(draws, reverse=True)


def test_exponentials_have_the_mean_and_the_variance_of_one() -> None:
    count = 200_000
    draws = [exponential(word, MEAN) / MEAN for word in islice(words(stream_key(1, 0, 0, Purpose.WORKLOAD)), count)]
    mean = sum(draws) / count
    variance = sum((draw - mean) ** 2 for draw in draws) / count
    # Standard errors: 1 / sqrt(n) of the mean, sqrt(8 / n) of the variance (fourth central moment 9). Four of each.
    assert abs(mean - 1) < 4 / count**0.5
    assert abs(variance - 1) < 4 * (8 / count) ** 0.5


def test_exponentials_pass_kolmogorov_and_smirnov() -> None:
    from scipy.stats import kstest

    draws = [exponential(word, MEAN) / MEAN for word in islice(words(stream_key(1, 0, 0, Purpose.WORKLOAD)), 50_000)]
    assert kstest(draws, "expon").pvalue > 0.01


def test_the_tables_entries_are_rounded_logarithms() -> None:
    table = exponential_table()
    assert len(table) == 1024 + 2
    assert table[1024] == 0
    assert table[0] == table[-1] == round(Decimal(2).ln() * (1 << EXPONENTIAL_BITS))


def test_integers_below_n_are_spread_evenly() -> None:
    n, count = 7, 70_000
    tally = [0] * n
    for word in islice(words(stream_key(1, 0, 0, Purpose.WORKLOAD)), count):
        tally[below(word, n)] += 1
    chi_squared = sum((seen - count / n) ** 2 / (count / n) for seen in tally)
    assert chi_squared < 16.8  # 99 % of a chi-squared with 6 degrees of freedom
    assert below(0, n) == 0
    assert below(MASK64, n) == n - 1
