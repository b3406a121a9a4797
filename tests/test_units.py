# SPDX-License-Identifier: GPL-2.0-only
"""Picoseconds and pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.units import MAX_RUN_PS, PAGE_SHIFT, PAGE_SIZE, PS_PER_NS, PS_PER_S, ns_to_ps, pages_of_mib, ps_to_ns


def test_the_constants_agree() -> None:
    assert PAGE_SIZE == 4096 == 1 << PAGE_SHIFT
    assert PS_PER_S == PS_PER_NS * 10**9


@pytest.mark.parametrize(("ns", "ps"), [(0, 0), (1, 1000), (8.334, 8334), (0.0005, 0), (0.0015, 2), (1e9, PS_PER_S)])
def test_nanoseconds_become_whole_picoseconds_half_to_even(ns: float, ps: int) -> None:
    assert ns_to_ps(ns) == ps
    assert type(ns_to_ps(ns)) is int


@given(st.integers(0, 10**15))
def test_picoseconds_survive_the_way_to_people_and_back(ps: int) -> None:
    assert ns_to_ps(ps_to_ns(ps)) == ps


@pytest.mark.parametrize(("mib", "pages"), [(0, 0), (1, 256), (0.5, 128), (1 / 256, 1), (0.99 / 256, 0), (1024, 262144)])
def test_memory_is_counted_in_whole_pages(mib: float, pages: int) -> None:
    assert pages_of_mib(mib) == pages


def test_the_longest_run_is_two_and_a_half_hours_and_a_float_holds_every_picosecond_of_it() -> None:
    assert MAX_RUN_PS // PS_PER_S == 9007
    assert float(MAX_RUN_PS - 1) + 1 == MAX_RUN_PS
    assert float(MAX_RUN_PS) + 1 == float(MAX_RUN_PS)
