# SPDX-License-Identifier: GPL-2.0-only
"""Draws and hashes in compiled code equal those of Python's integers, at the edges of 64 bits too."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes import streams
from slabdes.engine.compiled import clock, layout
from slabdes.engine.compiled.numba_tools import OPTIONS
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.cpu import fold, what_word
from slabdes.engine.records import bucket_of

WORDS = st.integers(0, streams.MASK64) | st.sampled_from((0, 1, 2, 1 << 63, (1 << 63) - 1, streams.MASK64))
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
LONGEST_MEAN_PS = 10**15
"""The greatest think time that an experiment may give."""


@pytest.fixture(scope="module")
def run() -> np.ndarray:
    run = layout.blank(Run, 1)
    table = np.array(streams.exponential_table(), "i8")
    run[0]["exponential"] = table.ctypes.data
    table.setflags(write=False)
    TABLES.append(table)
    return run


TABLES: list[np.ndarray] = []
"""Keeps what the run points to."""


@numba.njit(**OPTIONS)
def compiled_exponential(runs, word, mean):  # type: ignore[no-untyped-def]
    return clock.exponential_draw(runs[0], word, mean)


@numba.njit(**OPTIONS)
def compiled_below(word, n):  # type: ignore[no-untyped-def]
    return clock.high_product(word, n)


@numba.njit(**OPTIONS)
def compiled_mix64(word):  # type: ignore[no-untyped-def]
    return clock.mix64(word)


@numba.njit(**OPTIONS)
def compiled_fold(digest, start, end, identity, cache, path):  # type: ignore[no-untyped-def]
    what = clock.uint64(clock.what_word(identity, cache, path))
    return clock.fold(digest, clock.uint64(start), clock.uint64(end), what)


@numba.njit(**OPTIONS)
def compiled_bucket(value):  # type: ignore[no-untyped-def]
    return clock.bucket_of(value)


@QUICK
@given(WORDS, st.integers(0, LONGEST_MEAN_PS))
def test_exponentials_are_those_of_streams(run: np.ndarray, word: int, mean: int) -> None:
    assert compiled_exponential(run, np.uint64(word), mean) == streams.exponential(word, mean)


@QUICK
@given(WORDS, st.integers(1, 1 << 62))
def test_integers_below_a_bound_are_those_of_streams(word: int, n: int) -> None:
    assert compiled_below(np.uint64(word), n) == streams.below(word, n)


@QUICK
@given(WORDS)
def test_words_are_those_of_streams(word: int) -> None:
    assert compiled_mix64(np.uint64(word)) == streams.mix64(word)


@QUICK
@given(
    WORDS, st.integers(0, 1 << 60), st.integers(0, 1 << 60), st.integers(-1, 1 << 50), st.integers(-1, 300), st.integers(0, 19)
)
def test_digests_are_the_references(digest: int, start: int, end: int, identity: int, cache: int, path: int) -> None:
    expected = fold(digest, start, end, what_word(identity, cache, path))
    assert compiled_fold(np.uint64(digest), start, end, identity, cache, path) == expected


@QUICK
@given(st.integers(0, (1 << 63) - 1))
def test_buckets_are_the_references_and_all_have_room(value: int) -> None:
    assert compiled_bucket(value) == bucket_of(value) < layout.BUCKETS
