# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU's cache has lost: by what it touched since, counted by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from slabdes.allocator.state import NOBODY
from slabdes.engine.cpu import NEVER
from slabdes.engine.lines import touch
from slabdes.engine.working_set import (
    CODE_BITS,
    LINE_BYTES,
    allocated_by,
    forgotten,
    touch_again,
    touch_freed,
    touch_object,
)

FIRST, MEMORY, COLD, MILLI = 70, 85_000, 60, 100


def cpu(cache_bytes: int = NEVER, number: int = 3) -> Any:
    return SimpleNamespace(number=number, touched_bytes=0, cache_bytes=cache_bytes, slab_read=-1, slab_begun=-1)


def allocate(by: Any, touched: list[int], link: int, size: int, slab: int = 0) -> int:
    return touch_object(by, touched, link, slab, size, FIRST, MEMORY, MILLI)


def give_back(by: Any, touched: list[int], link: int, *, reads: bool = True, once: bool = False, writes: bool = False) -> int:
    return touch_freed(by, touched, link, 0, 64, reads, once, writes, COLD, MEMORY)


@pytest.mark.parametrize("size", [64, 256, 4096])
@pytest.mark.parametrize(("held", "lost"), [(8, True), (9, False)])
def test_a_walk_round_more_bytes_than_the_cache_holds_loses_every_object_and_round_fewer_none(
    size: int, held: int, lost: bool
) -> None:
    # Between two touches of one of ten there are nine others.
    walker, touched = cpu(held * size), [NOBODY] * 10
    assert [allocate(walker, touched, link, size) for link in range(10)] == [FIRST] * 10
    for _round in range(3):
        assert [allocate(walker, touched, link, size) for link in range(10)] == [MEMORY * lost] * 10


def test_what_is_touched_over_and_over_ages_nothing_else() -> None:
    walker, touched = cpu(1000), [NOBODY] * 2
    allocate(walker, touched, 0, 256)
    for _touch in range(100):
        allocate(walker, touched, 1, 256)
    assert allocate(walker, touched, 0, 256) == 0


def test_without_a_size_nothing_is_lost() -> None:
    walker = cpu()
    walker.touched_bytes = 1 << 50
    assert not touch_again(walker, 0, 64)


def test_stamps_of_other_cpus_are_not_compared() -> None:
    one, other, touched = cpu(100), cpu(100, number=4), [NOBODY]
    other.touched_bytes = 1 << 40
    allocate(other, touched, 0, 64)
    assert (allocate(one, touched, 0, 64), one.touched_bytes, allocated_by(touched[0])) == (FIRST, 64, 3)


def test_new_objects_where_a_cpu_had_others_are_lost_once_a_slab_and_for_a_share_each_beside_it() -> None:
    walker, touched = cpu(100), [NOBODY] * 3
    for link in range(3):
        allocate(walker, touched, link, 64)
    walker.touched_bytes += 1000
    touched = [forgotten(stamp) for stamp in touched]
    beside = FIRST + MEMORY * MILLI // 1000
    assert [allocate(walker, touched, link, 64, slab=7) for link in range(3)] == [FIRST + MEMORY, beside, beside]
    assert forgotten(NOBODY) == NOBODY


def test_a_free_reads_a_lost_objects_descriptor_once_a_slab_and_writes_the_object_if_its_program_does() -> None:
    for writes, costs in ((False, [MEMORY, 0]), (True, [2 * MEMORY, MEMORY])):
        walker, touched = cpu(100), [NOBODY] * 2
        for link in range(2):
            allocate(walker, touched, link, 64)
        walker.touched_bytes += 1000
        assert [give_back(walker, touched, link, writes=writes) for link in range(2)] == costs
        # Of an object that was written it is known that it is there again.
        assert [allocate(walker, touched, link, 64) == 0 for link in range(2)] == [writes] * 2


def test_a_free_of_another_cpus_object_reads_its_descriptor_cold_whatever_its_age() -> None:
    touched = [9 << CODE_BITS | 1] * 2
    for once, costs in ((False, [COLD, COLD]), (True, [COLD, 0])):
        walker = cpu(0)
        assert [give_back(walker, touched, link, once=once, writes=True) for link in range(2)] == costs
        assert walker.touched_bytes == 0


def test_a_line_of_ones_own_that_was_lost_comes_from_memory_whole_or_beside_others_for_a_share() -> None:
    walker = cpu(10 * LINE_BYTES)
    stamps, home = [NOBODY, 1, NOBODY], [0, 0, 1]
    transfer, moves, dram = [[40] * 5] * 5, [[0] * 5 for _cpu in range(5)], [80, 130]

    def cost(line: int, milli: int = 1000) -> int:
        return touch(stamps, home, transfer, moves, dram, walker, line, milli)

    assert [cost(line) for line in range(3)] == [80, 40, 130]
    assert [cost(line) for line in range(3)] == [0, 0, 0]
    walker.touched_bytes += 20 * LINE_BYTES
    assert (cost(0), cost(2), cost(1, 250)) == (80, 130, 20)
    # What comes from memory comes from no CPU.
    assert [sum(row) for row in moves] == [0, 1, 0, 0, 0]
