# SPDX-License-Identifier: GPL-2.0-only
"""When reap timers fire: the rounding of SEMANTICS.md, "Reap", each case worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.allocator.timers import first_next_reap, first_reap, following_reap, round_jiffies_relative


@pytest.mark.parametrize(
    ("delay", "cpu", "jiffies", "hz", "rounded"),
    [
        (1000, 0, 0, 1000, 1000),  # 1000 is a whole second already
        (1000, 1, 0, 1000, 997),  # 1003, remainder 3: down to 1000, less 3
        (1000, 0, 249, 1000, 751),  # 1249, remainder 249 < 250: down to 1000, which is 751 away
        (1000, 0, 250, 1000, 1750),  # 1250, remainder 250: up to 2000
        (1000, 0, 999, 1000, 1001),  # 1999: up to 2000
        (1000, 83, 0, 1000, 751),  # 1249: down to 1000, less 249
        (1000, 84, 0, 1000, 1748),  # 1252: up to 2000, less 252
        (10, 0, 0, 1000, 10),  # 10: down to 0, which is not after now: unrounded
        (10, 0, 1000, 1000, 10),  # 1010: down to 1000, which is now: unrounded
        (3, 5, 0, 250, 3),  # 18: down to 0, less 15 is before now: unrounded
        (250, 0, 61, 250, 189),  # 311, remainder 61 < 250 // 4 = 62: down to 250
        (250, 0, 62, 250, 438),  # 312, remainder 62: up to 500
    ],
)
def test_a_delay_is_rounded_to_its_cpus_second(delay: int, cpu: int, jiffies: int, hz: int, rounded: int) -> None:
    assert round_jiffies_relative(delay, cpu, jiffies, hz) == rounded


@given(st.integers(1, 10_000), st.integers(0, 127), st.integers(0, 10**9), st.sampled_from((100, 250, 300, 1000)))
def test_a_rounded_timer_is_in_the_future_and_off_by_less_than_a_second(delay: int, cpu: int, jiffies: int, hz: int) -> None:
    rounded = round_jiffies_relative(delay, cpu, jiffies, hz)
    assert rounded > 0
    assert abs(rounded - delay) < hz
    assert rounded == delay or (jiffies + rounded + 3 * cpu) % hz == 0


def test_the_first_reap_is_about_a_second_away_and_the_next_two() -> None:
    assert [first_reap(cpu, 0, 1000) for cpu in range(3)] == [1000, 997, 994]
    # CPU 2 at its own time, 994: 994 + 2000 + 6 = 3000, less 6.
    assert following_reap(2, 994, 1000) == 2994


def test_a_nodes_first_trim_is_four_seconds_after_the_caches_birth_and_its_address_later() -> None:
    assert first_next_reap(0, 2784, 1000) == 6784
    assert first_next_reap(500, 0, 250) == 1500
