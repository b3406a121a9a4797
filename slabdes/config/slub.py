# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment may turn in SLUB's sheaves and refills, and which versions have what it turns. Leaves out what it does."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from slabdes.config.allocators import AllocatorVersion
from slabdes.config.fields import Frozen, Real, Truth


class RefillOrder(StrEnum):
    """In which order the slabs are used that a refill has unlinked."""

    LIST = "list"
    REVERSE = "reverse"


class LeftoverRule(StrEnum):
    """Where a slab's objects go that a refill has taken and does not need (`allocator.slub.versions.Leftovers`)."""

    TAIL = "tail"
    HEAD = "head"
    GROUP = "group"
    SPILL = "spill"


class ListEnd(StrEnum):
    """Where in a partial list a slab goes."""

    TAIL = "tail"
    HEAD = "head"


class RemoteRefillRule(StrEnum):
    """How a refill asks other nodes' partial lists."""

    OFF = "off"
    TRYLOCK = "trylock"
    WAIT = "wait"


class EmptyMain(StrEnum):
    """Where a refill's empty main sheaf goes."""

    SPARE = "spare"
    BARN = "barn"


class Barns(StrEnum):
    """Which nodes have barns."""

    ONLINE = "online"
    MEMORY = "memory"


class SlubConfig(Frozen):
    """Switches of SLUB with sheaves (6.18 and later); what is not given is as the allocator's version has it."""

    refill_order: RefillOrder | None = None
    """Which of the slabs that a refill has unlinked is used first: the first of the list (7.2), or the last (7.0)."""
    leftovers: LeftoverRule | None = None
    """Where objects of its last slab go that it does not need: `tail`, back to the slab, which goes to its list's tail (7.2);
    `head`, the same, to its head; `group`, freed as any group (7.0); `spill`, into the CPU's main sheaf and further ones."""
    unneeded: ListEnd | None = None
    """Where slabs go that it has unlinked and does not need: to their list's tail (7.2), or head, and empty ones away (7.0)."""
    remote_refill: RemoteRefillRule | None = None
    """How it asks other nodes that have more than they need: not at all, if their list_lock is free (7.0), or waiting for it."""
    empty_main: EmptyMain | None = None
    """Where the empty main sheaf goes after it: it becomes the spare (7.0), or goes to the barn (6.18)."""
    barns: Barns | None = None
    """Which nodes have a barn: all that are online (7.1), or those with memory (7.0), without which nothing passes sheaves."""
    refill_needs_waiting: Truth | None = None
    """Whether only allocations that may wait refill a sheaf (6.18)."""

    @property
    def given(self) -> Mapping[str, object]:
        """The switches that are turned, by key."""
        return {key: value for key, value in self if value is not None}


class RcuConfig(Frozen):
    """Frees of SLUB by kfree_rcu: objects can be allocated again once a grace period is over."""

    frees: Truth = False
    """Whether every free of the workload is by kfree_rcu."""
    grace_ms: Annotated[Real, Field(ge=0.001, le=1e6)] = 20.0
    """How long a grace period of RCU lasts (assumed: some ticks; what is freed in one waits for the end of the next)."""


_OF_SHEAVES: Final = ("empty_main", "barns", "refill_needs_waiting")
_HAVE: Final[Mapping[AllocatorVersion, tuple[str, ...]]] = {
    AllocatorVersion.V6_12: (),
    AllocatorVersion.V6_18: _OF_SHEAVES,
}
"""Switches that a version has, where these are not all: without sheaves none; a refill of 6.18 unlinks no slabs."""


def check_switches(version: AllocatorVersion, slub: SlubConfig, rcu: RcuConfig) -> None:
    """Raise ValueError for the first switch given that the allocator of this version has not."""
    if rcu.frees and not version.is_slub:
        having = ", ".join(one.value for one in AllocatorVersion if one.is_slub)
        raise ValueError(f"rcu.frees is simulated on SLUB alone, not on allocator {version.value}; allowed: allocator {having}")
    known = switches_of(version)
    for key in slub.given:
        if key not in known:
            having = ", ".join(one.value for one in AllocatorVersion if key in switches_of(one))
            instead = ", ".join(known) or f"none of [slub]; allocator {having} has it"
            raise ValueError(f"slub.{key} is no switch of allocator {version.value}; allowed: {instead}")


def switches_of(version: AllocatorVersion) -> tuple[str, ...]:
    """The keys of [slub] that an allocator's version has."""
    return _HAVE.get(version, tuple(SlubConfig.model_fields)) if version.is_slub else ()
