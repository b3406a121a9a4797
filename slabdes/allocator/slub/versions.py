# SPDX-License-Identifier: GPL-2.0-only
"""What differs between the kernels whose SLUB can be simulated: a few switches, each looked at in one place.

6.12 and 7.3 are recorded, and 7.2 does the same as 7.3; 6.18, 7.0 and 7.1 are from reading alone. Leaves out versions that
differ in nothing that is modelled (6.19 is as 6.18).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from slabdes.allocator.page_lists import LISTS_OF_5_14
from slabdes.allocator.versions import Kernel

MOST_IN_PAGE: Final = 508
"""Objects of a sheaf that is a page large: 512 words, 4 of them its header."""
MILLI_OBJECTS: Final = 1000
"""Thousandths of an object in one."""


class Leftovers(IntEnum):
    """Where the objects go that a refill has taken off a slab's free chain and does not need."""

    TAIL = 0
    """Back to the slab by one atomic operation, under list_lock, and the slab to the tail of its list (7.2)."""
    HEAD = 1
    """The same, to the list's head."""
    GROUP = 2
    """Freed as a group, as by anybody: the slab looks full, so it goes to the tail under list_lock (7.0)."""
    SPILL = 3
    """Into the CPU's empty main sheaf, and what fills sheaves to the barn, while it takes any; the rest as TAIL."""


class RemoteRefill(IntEnum):
    """How a refill asks other nodes' partial lists."""

    OFF = 0
    """Not at all."""
    TRYLOCK = 1
    """If their list_lock is free."""
    WAIT = 2
    """It waits for their list_lock."""


class SheavesOf(IntEnum):
    """Which caches have sheaves."""

    NONE = 0
    ASKING = 1
    """Those that ask for a capacity."""
    ALL = 2
    """All but those whose flags forbid it."""


@dataclass(frozen=True, kw_only=True)
class SlubSwitches:
    """What some kernels do and others do not, each looked at in one place. An experiment turns those it has a key for ([slub]).

    `cpu_slabs`: each CPU has a slab and partial slabs of its own, beneath its sheaves if there are any.
    `sheaves`: which caches have them.
    `reverse_refill`: of the slabs that a refill has unlinked the last is used first.
    `leftovers`: where objects go that it does not need.
    `unneeded_to_head`: slabs that it does not need go to the head of their list, and empty ones are given up if the node has
    enough; otherwise all go to the tail.
    `remote_refill`: how it asks other nodes.
    `empty_main_to_barn`: a refill's empty main sheaf goes to the barn; otherwise it becomes the spare.
    `barns_with_memory`: only nodes with memory have barns, and a CPU's sheaves take objects of its own node alone; otherwise all
    nodes have, and a CPU on a node without memory takes any object.
    `refill_needs_waiting`: only allocations that may wait refill a sheaf.
    `remote_by_batches`: a bulk free sets objects of other nodes aside and frees them as soon as they are a batch; otherwise last.
    """

    cpu_slabs: bool = False
    sheaves: SheavesOf = SheavesOf.ALL
    reverse_refill: bool = False
    leftovers: Leftovers = Leftovers.TAIL
    unneeded_to_head: bool = False
    remote_refill: RemoteRefill = RemoteRefill.TRYLOCK
    empty_main_to_barn: bool = False
    barns_with_memory: bool = False
    refill_needs_waiting: bool = False
    remote_by_batches: bool = False


@dataclass(frozen=True)
class SlubVersion(SlubSwitches, Kernel):
    """One kernel's SLUB. `asked` are the capacities that caches of the kernel's own ask for, by their names.

    No kernel has a rule of capacities by CPUs (assumed): to the kernel's choice, or `capacity_base`, each CPU adds
    `capacity_per_cpu_milli` thousandths of an object, up to `capacity_most`.
    """

    asked: tuple[tuple[str, int], ...] = field(default=(), kw_only=True)
    capacity_base: int = field(default=0, kw_only=True)
    capacity_per_cpu_milli: int = field(default=0, kw_only=True)
    capacity_most: int = field(default=MOST_IN_PAGE, kw_only=True)

    def sheaf_capacity(self, name: str, asked: int | None, by_size: int, cpus: int = 0) -> int:
        """Of a cache's sheaves (0: it has none): what it is `asked` to be, else what the kernel makes of its name and size.

        `cpus` are those of the machine, which only a rule looks at.
        """
        if self.sheaves == SheavesOf.NONE:
            return 0
        if asked is not None:
            return asked
        of_name = dict(self.asked).get(name, 0)
        if self.sheaves == SheavesOf.ALL:
            of_name = max(by_size, of_name) if by_size and name not in OF_SLUB_ITSELF else 0
        if not of_name:
            return 0
        of_cpus = self.capacity_per_cpu_milli * cpus // MILLI_OBJECTS
        return min(self.capacity_most, (self.capacity_base or of_name) + of_cpus)


OF_SLUB_ITSELF: Final = ("kmem_cache", "kmem_cache_node")
"""Caches that sheaves and caches are made with: they have none themselves."""
LINUX_7_3: Final = SlubVersion("7.3", asked=(("maple_node", 32),), page_lists=LISTS_OF_5_14, rmqueue_function="rmqueue_buddy")
LINUX_7_2: Final = replace(LINUX_7_3, name="7.2")
LINUX_7_1: Final = replace(
    LINUX_7_2, name="7.1", reverse_refill=True, leftovers=Leftovers.GROUP, unneeded_to_head=True, remote_by_batches=True
)
LINUX_7_0: Final = replace(LINUX_7_1, name="7.0", barns_with_memory=True)
LINUX_6_18: Final = SlubVersion(
    "6.18",
    cpu_slabs=True,
    sheaves=SheavesOf.ASKING,
    empty_main_to_barn=True,
    barns_with_memory=True,
    refill_needs_waiting=True,
    remote_by_batches=True,
    asked=(("vm_area_struct", 32), ("maple_node", 32)),
    page_lists=LISTS_OF_5_14,
    rmqueue_function="rmqueue_buddy",
)
LINUX_6_12: Final = SlubVersion(
    "6.12", cpu_slabs=True, sheaves=SheavesOf.NONE, page_lists=LISTS_OF_5_14, rmqueue_function="rmqueue_buddy"
)

SLUB_VERSIONS: Final = {version.name: version for version in (LINUX_6_12, LINUX_6_18, LINUX_7_0, LINUX_7_1, LINUX_7_2, LINUX_7_3)}
"""Every version by the name that an experiment gives."""
RECORDED: Final = ("6.12", "7.3")
"""Those whose recordings are compared with; 7.2 is the same code, the others are from reading."""
