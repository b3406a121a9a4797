# SPDX-License-Identifier: GPL-2.0-only
"""Default tunables and derived limits, by hand from SEMANTICS.md, "Tunables"."""

from __future__ import annotations

import pytest

from slabdes.allocator.tunables import Tunables, alien_limit, default_tunables, free_limit


@pytest.mark.parametrize(
    ("size", "limit", "batchcount", "shared"),
    [
        (8, 120, 60, 8),
        (256, 120, 60, 8),
        (264, 54, 27, 8),
        (1024, 54, 27, 8),
        (1032, 24, 12, 8),
        (4096, 24, 12, 8),
        (4104, 8, 4, 0),
        (131072, 8, 4, 0),
        (131080, 1, 1, 0),
    ],
)
def test_the_limit_falls_with_size(size: int, limit: int, batchcount: int, shared: int) -> None:
    assert default_tunables(size, cpus=4) == Tunables(limit, batchcount, shared)


def test_one_cpu_has_nobody_to_share_with() -> None:
    assert default_tunables(256, cpus=1).shared == 0
    assert default_tunables(256, cpus=2).shared == 8


@pytest.mark.parametrize("words", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (3, 4, 0), (3, 3, -1), (-1, -1, 0)])
def test_what_slabinfo_write_refuses(words: tuple[int, int, int]) -> None:
    assert Tunables(*words).refused()


@pytest.mark.parametrize("words", [(1, 1, 0), (4, 4, 0), (120, 60, 8)])
def test_what_slabinfo_write_takes(words: tuple[int, int, int]) -> None:
    assert not Tunables(*words).refused()


def test_alien_caches_hold_twelve_unless_the_limit_is_one() -> None:
    assert [alien_limit(limit) for limit in (1, 2, 12, 120)] == [1, 12, 12, 12]


def test_free_limit_is_a_batch_a_cpu_one_to_spare_and_a_slab() -> None:
    assert free_limit(4, 60, 15) == 5 * 60 + 15
    assert free_limit(0, 60, 15) == 60 + 15
