# SPDX-License-Identifier: GPL-2.0-only
"""Cache lines with owners: touching a line one owns is free, another CPU's costs a transfer, nobody's costs its node's memory.

The CPU that touched a line last owns it. Lines that are asked for at the same time, as a copy's are, come at the same time.
Leaves out sharing (a line read by two CPUs moves to and fro), capacity and bandwidth.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

from slabdes.allocator.state import NO_LINE, NOBODY


def touch(
    owner: MutableSequence[int],
    home: Sequence[int],
    transfer: Sequence[Sequence[int]],
    dram: Sequence[int],
    cpu: int,
    line: int,
) -> int:
    """Make `cpu`, from whose node memory costs `dram` by node, the owner of `line`; what fetching it costs."""
    if line == NO_LINE:
        return 0
    before = owner[line]
    if before == cpu:
        return 0
    owner[line] = cpu
    if before == NOBODY:
        return dram[home[line]]
    return transfer[before][cpu]


class CacheLines:
    """All lines of a run: `owner` and `home` by line number; costs in picoseconds."""

    __slots__ = ("_dram", "_node_of_cpu", "_transfer", "home", "owner")

    def __init__(self, node_of_cpu: Sequence[int], transfer: Sequence[Sequence[int]], dram: Sequence[Sequence[int]]) -> None:
        self._node_of_cpu = node_of_cpu
        self._transfer = transfer
        self._dram = dram
        self.owner: list[int] = []
        self.home: list[int] = []

    def place(self, line: int, count: int, node: int) -> None:
        """Say that `count` lines from `line` on lie in `node`'s memory and that nobody owns them (any more)."""
        missing = line + count - len(self.owner)
        if missing > 0:
            self.owner.extend([NOBODY] * missing)
            self.home.extend([0] * missing)
        for number in range(line, line + count):
            self.owner[number] = NOBODY
            self.home[number] = node

    def own(self, cpu: int, line: int, count: int) -> None:
        """Make `cpu` the owner of `count` lines from `line` on, for nothing: it writes them without having read them."""
        for number in range(line, line + count):
            self.owner[number] = cpu

    def touch(self, cpu: int, line: int) -> int:
        """Make `cpu` the owner of `line`; what fetching it costs."""
        return touch(self.owner, self.home, self._transfer, self._dram[self._node_of_cpu[cpu]], cpu, line)
