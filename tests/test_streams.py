# SPDX-License-Identifier: GPL-2.0-only
"""Random numbers that never change: published vectors, keys, and draws at their ends."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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

WORD = st.integers(0, MASK64)


def test_the_words_are_those_published_for_splitmix64() -> None:
    # Seed 1234567: the test vector that goes with Vigna's splitmix64.c and many ports of it (Rosetta Code, "Pseudo-random
    # numbers/Splitmix64").
    assert list(itertools.islice(words(1234567), 5)) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_word_depends_on_its_place_only_however_many_are_made_at_a_time() -> None:
    key = MASK64 - 5
    for place, word in enumerate(itertools.islice(words(key), 2 * BLOCK + 3)):
        assert word == mix64((key + (place + 1) * GAMMA) & MASK64)
        assert type(word) is int


@given(WORD, WORD)
def test_mixing_is_one_to_one(a: int, b: int) -> None:
    assert (mix64(a) == mix64(b)) == (a == b)


def test_every_part_of_a_key_gives_another_stream() -> None:
    keys = {
        stream_key(seed, replication, cpu, purpose)
        for seed in (0, 1, 2, (1 << 63) - 1)
        for replication in range(3)
        for cpu in range(5)
        for purpose in Purpose
    }
    assert len(keys) == 4 * 3 * 5 * len(Purpose)


def test_keys_are_fixed_for_good() -> None:
    # By hand from the definition, each part mixed in turn; a change of the scheme changes every published result.
    key = 0
    for part in (7, 1, 3, 2):
        key = mix64((key + GAMMA + part) & MASK64)
    assert stream_key(7, 1, 3, Purpose.JITTER) == key
    assert [purpose.value for purpose in (Purpose.WORKLOAD, Purpose.JITTER, Purpose.PHASE, Purpose.CREATION)] == [1, 2, 3, 4]


@given(WORD, st.integers(1, 1 << 40))
def test_a_draw_below_n_is_below_n(word: int, n: int) -> None:
    assert 0 <= below(word, n) < n


def test_a_draw_below_n_reaches_both_ends() -> None:
    assert below(0, 10) == 0
    assert below(MASK64, 10) == 9
    assert [below(sixth << 61, 8) for sixth in range(8)] == list(range(8))


def test_the_table_goes_from_ln_2_to_nothing() -> None:
    table = exponential_table()
    one = 1 << EXPONENTIAL_BITS
    assert table[0] == table[-1] == round(math.log(2) * one)
    assert table[1024] == 0
    assert list(table[:-1]) == sorted(table[:-1], reverse=True)


@pytest.mark.parametrize(
    ("word", "multiple"),
    [
        (1 << 63, math.log(2)),  # one half
        (1 << 62, 2 * math.log(2)),
        (3 << 62, -math.log(0.75)),
        (1, 64 * math.log(2)),
        (0, 65 * math.log(2)),  # no leading one: treated as 2**-65
    ],
)
def test_an_exponential_is_minus_the_logarithm_of_its_word(word: int, multiple: float) -> None:
    mean = 10**12
    assert exponential(word, mean) == pytest.approx(mean * multiple, rel=1e-8)


@example(2049)
@given(st.integers(1, MASK64))
def test_an_exponential_is_off_by_at_most_what_it_says(word: int) -> None:
    mean = 10**12
    assert abs(exponential(word, mean) + mean * math.log(word / 2**64)) <= 1.3e-7 * mean + 1


@given(WORD, WORD)
def test_a_larger_word_gives_no_longer_time(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert exponential(low, 10**9) >= exponential(high, 10**9) >= 0


def test_a_mean_of_nothing_is_nothing() -> None:
    assert {exponential(word, 0) for word in (0, 1, 1 << 63, MASK64)} == {0}
