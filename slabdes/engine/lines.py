# SPDX-License-Identifier: GPL-2.0-only
"""Cache lines with owners: touching a line one owns is free, another CPU's costs a transfer, nobody's costs its node's memory.

The CPU that touched a line last owns it, until its cache has lost it: then it is memory's (`working_set`). Lines that are asked
for at the same time, as a copy's are, come at the same time. Leaves out sharing (a line read by two CPUs moves to and fro), and
bandwidth.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any, Final

from slabdes.allocator.state import NO_LINE, NOBODY
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.working_set import CODE, CODE_BITS, LINE_BYTES, own_and_near, stamp_of, touch_again
from slabdes.paths.charges import copy_cost
from slabdes.units import MILLI


def touch(
    stamps: MutableSequence[int],
    home: Sequence[int],
    transfer: Sequence[Sequence[int]],
    moves: Sequence[MutableSequence[int]],
    dram: Sequence[int],
    cpu: Any,
    line: int,
    milli: int,
) -> int:
    """Make `cpu`, from whose node memory costs `dram` by node, the owner of `line`; what fetching it costs.

    Of a line that it owned and its cache has lost, `milli` thousandths of memory's latency. `stamps` say by line who touched it
    last and when (`working_set`); `moves` counts lines by the CPU that had one and the CPU that takes it.
    """
    if line == NO_LINE:
        return 0
    stamp, number = stamps[line], int(cpu.number)
    if own_and_near(cpu, stamp):
        return 0
    before = stamp & CODE
    if before == number:
        lost = touch_again(cpu, stamp >> CODE_BITS, LINE_BYTES)
        stamps[line] = stamp_of(cpu)
        return dram[home[line]] * milli // MILLI if lost else 0
    cpu.touched_bytes += LINE_BYTES
    stamps[line] = stamp_of(cpu)
    if stamp == NOBODY:
        return dram[home[line]]
    moves[before][number] += 1
    return transfer[before][number]


SLOT_LINE_BITS: Final = 3
"""Eight slots of a ring, a pointer each, share a line."""


def slot_cost(cpu: Any, slot: int, written_at: int, way: int, milli: int, indexes: int) -> int:
    """What reading a slot costs who takes an object from it, or looks whether it is empty: `way` from who wrote it, `written_at`.

    Nothing if it was written already when its line came last; otherwise the line comes, and writing to it costs a share more.
    Who has waited for it has looked again and again: so the line had to come to who wrote it first. Decided from the slot and
    what the CPU fetched last, so that it depends on no other CPU's progress. With `indexes` it looks not at the slot but at how
    far the other end is. Whoever goes on there writes that with each object, so its line goes to and fro: it stays as long as
    it took to come. (An end that has nothing left to do is taken to go on, and who fills a slot for the first time to know.)
    """
    line = slot >> SLOT_LINE_BITS
    waited = cpu.clock <= written_at
    cost = 0
    if indexes and (waited or cpu.clock > cpu.index_until):
        cost = 2 * way if waited else way
        cpu.index_until = cpu.clock + cost + way
    if cpu.slot_line != line or written_at > cpu.slot_read_at:
        cost += 2 * way if waited and not indexes else copy_cost(way, way, milli)
        cpu.slot_line = line
        cpu.slot_read_at = cpu.clock + cost
    return cost


class CacheLines:
    """All lines of a run: `stamps` and `home` by line number, and `moves` from CPU to CPU; costs in picoseconds."""

    __slots__ = ("_dram", "_node_of_cpu", "_transfer", "home", "moves", "stamps")

    def __init__(self, node_of_cpu: Sequence[int], transfer: Sequence[Sequence[int]], dram: Sequence[Sequence[int]]) -> None:
        self._node_of_cpu = node_of_cpu
        self._transfer = transfer
        self._dram = dram
        self.stamps: list[int] = []
        self.moves = [[0] * len(node_of_cpu) for _cpu in node_of_cpu]
        self.home: list[int] = []

    def place(self, line: int, count: int, node: int) -> None:
        """Say that `count` lines from `line` on lie in `node`'s memory and that nobody owns them (any more)."""
        missing = line + count - len(self.stamps)
        if missing > 0:
            self.stamps.extend([NOBODY] * missing)
            self.home.extend([0] * missing)
        for number in range(line, line + count):
            self.stamps[number] = NOBODY
            self.home[number] = node

    def own(self, cpu: TimedCpu, line: int, count: int) -> None:
        """Make `cpu` the owner of `count` lines from `line` on, for nothing: it writes them without having read them."""
        for number in range(line, line + count):
            self.stamps[number] = stamp_of(cpu)

    def owner(self, line: int) -> int:
        """The CPU that touched a line last, which somebody has."""
        return self.stamps[line] & CODE

    def touch(self, cpu: TimedCpu, line: int, milli: int = MILLI) -> int:
        """Make `cpu` the owner of `line`; what fetching it costs, or `milli` thousandths if its own cache has lost it."""
        dram = self._dram[self._node_of_cpu[cpu.number]]
        return touch(self.stamps, self.home, self._transfer, self.moves, dram, cpu, line, milli)
