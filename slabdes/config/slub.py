# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment may turn in SLUB's sheaves and refills, and which versions have what it turns. Leaves out what it does."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, Strict, model_validator

from slabdes.config.allocators import SLUB_KEYS, AllocatorVersion, has_cpu_slabs, named
from slabdes.config.fields import MAX_CPUS, Frozen, Name, Real, Truth

MOST_IN_SHEAF: Final = 508
"""Objects of a sheaf that is a page large: 512 words, 4 of them its header."""


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

    cpu_slabs: Truth | None = None
    """What is beneath sheaves: a slab and partial slabs of each CPU, from which refills take object by object (6.18), or nothing,
    so that they take slabs off the node's list (7.0)."""
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
    remote_by_batches: Truth | None = None
    """Whether a bulk free frees objects of other nodes whenever it has set 32 of them aside (6.18 to 7.1), or all last (7.2)."""
    capacity_per_cpu: Annotated[Real, Field(ge=0, le=64)] | None = None
    """Objects that each CPU of the machine adds to the capacity of every sheaf: a rule that no kernel has (assumed). It is of
    caches that have sheaves and say no sheaf_capacity of their own."""
    capacity_base: Annotated[int, Strict(), Field(ge=1, le=MOST_IN_SHEAF)] | None = None
    """To which they are added: by default the capacity that the kernel chooses by size."""
    capacity_most: Annotated[int, Strict(), Field(ge=1, le=MOST_IN_SHEAF)] | None = None
    """More than which no rule gives; by default what fits a page."""

    @model_validator(mode="after")
    def _least_within_most(self) -> SlubConfig:
        base, most = self.capacity_base, self.capacity_most
        if base is not None and most is not None and base > most:
            raise ValueError(f"capacity_base {base} is greater than capacity_most {most}; allowed: 1 to capacity_most")
        return self

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
    stagger_ms: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """Within how long CPUs notice its end, each at random for itself and each grace period, at most a grace period. 0: at once,
    as ticks of all CPUs come together (skew_tick=0, the kernel's default); a jiffy, where they do not (assumed)."""

    @model_validator(mode="after")
    def _stagger_within_grace(self) -> RcuConfig:
        if self.stagger_ms > self.grace_ms:
            raise ValueError(f"stagger_ms {self.stagger_ms:g} is longer than grace_ms; allowed: 0 to {self.grace_ms:g}")
        return self


class ChangeConfig(Frozen):
    """What is changed of SLUB's sheaves at a time of the run. No kernel does so yet: how it goes is assumed.

    With a new capacity every CPU flushes its sheaves, as for a shrink, and barns are emptied; a new limit is one write.
    """

    at_ms: Annotated[Real, Field(ge=0.001, le=1e9)] | None = None
    """When; by default never."""
    sheaf_capacity: Annotated[int, Strict(), Field(ge=1, le=MOST_IN_SHEAF)] | None = None
    """Objects that a CPU's sheaf holds from then on."""
    max_full_sheaves: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] | None = None
    """Full sheaves that a node's barn takes from frees from then on."""
    cache: Name | None = None
    """The cache that is changed; by default all that have sheaves."""
    cpu: Annotated[int, Strict(), Field(ge=0, lt=MAX_CPUS)] = 0
    """The CPU that changes it, and has the others flush."""

    @model_validator(mode="after")
    def _something(self) -> ChangeConfig:
        asked = self.sheaf_capacity is not None or self.max_full_sheaves is not None
        if bool(self.at_ms) != asked:
            raise ValueError("at_ms goes with sheaf_capacity or max_full_sheaves; allowed: when and what, or neither")
        return self


def check_rcu(rcu: RcuConfig) -> None:
    """Raise ValueError for what is said of grace periods where nobody says whether any free waits for one."""
    said = [key for key, value in rcu if value != RcuConfig.model_fields[key].default]
    if said and "frees" not in rcu.model_fields_set:
        raise ValueError(f"rcu.{said[0]} goes with rcu.frees; allowed: rcu.frees = true, or neither")


MOST_IN_CALL: Final = 4096
"""Objects of a bulk call on SLUB (assumed): each CPU has room for as many."""


def check_bulk(version: AllocatorVersion, workload: object, rcu: RcuConfig) -> None:
    """Raise ValueError for a workload's bulk calls that the allocator has not, or that are larger than there is room for."""
    bulk, prefill, bulk_of = (getattr(workload, key, 0) for key in ("bulk", "prefill", "bulk_of"))
    if prefill:
        _check_prefill(version, bulk, prefill, str(bulk_of))
    if not version.is_slub or not bulk:
        return
    if bulk > MOST_IN_CALL:
        raise ValueError(f"workload.bulk {bulk} on allocator {version.value}; allowed: 0 to {MOST_IN_CALL}")
    if rcu.frees and bulk_of != "alloc":
        raise ValueError('workload.bulk with rcu.frees, as kfree_rcu frees one by one; allowed: workload.bulk_of = "alloc"')


def _check_prefill(version: AllocatorVersion, bulk: int, prefill: int, bulk_of: str) -> None:
    if version not in versions_with_sheaves():
        having = ", ".join(versions_with_sheaves())
        raise ValueError(f"workload.prefill is of sheaves, which allocator {version.value} has not; allowed: allocator {having}")
    if bulk_of == "free" or not 1 <= bulk <= prefill <= MOST_IN_CALL:
        taken = f'workload.prefill {prefill} with bulk {bulk} of "{bulk_of}", which takes its objects from that sheaf'
        raise ValueError(f'{taken}; allowed: bulk 1 to prefill, prefill at most {MOST_IN_CALL}, bulk_of "alloc" or "both"')


def versions_with_sheaves() -> tuple[AllocatorVersion, ...]:
    """Those whose caches can have sheaves."""
    return tuple(version for version, keys in SLUB_KEYS.items() if "sheaf_capacity" in keys)


def check_change(version: AllocatorVersion, change: ChangeConfig, *, shrinks: bool) -> None:
    """Raise ValueError for a change that the allocator of this version has not, or beside a shrink."""
    if not change.at_ms:
        return
    if version not in versions_with_sheaves():
        having = ", ".join(versions_with_sheaves())
        raise ValueError(f"[change] is of sheaves, which allocator {version.value} has not; allowed: allocator {having}")
    if shrinks:
        raise ValueError("[change] beside upkeep.shrink_at_ms or shrink_every_ms; allowed: one of them")


_OF_REFILLS: Final = ("refill_order", "leftovers", "unneeded", "remote_refill")
"""Switches of refills that take slabs off a list."""


def check_switches(version: AllocatorVersion, slub: SlubConfig, rcu: RcuConfig) -> None:
    """Raise ValueError for the first switch given that the allocator of this version has not, or not beside another."""
    if rcu.frees and not version.is_slub:
        having = ", ".join(one.value for one in AllocatorVersion if one.is_slub)
        raise ValueError(f"rcu.frees is simulated on SLUB alone, not on allocator {version.value}; allowed: allocator {having}")
    known = switches_of(version, slub.cpu_slabs)
    for key in slub.given:
        if key not in known:
            having = ", ".join(one.value for one in AllocatorVersion if key in switches_of(one))
            instead = ", ".join(known) or f"none of [slub]; allocator {having} has it"
            beside = None if key == "cpu_slabs" else slub.cpu_slabs
            raise ValueError(f"slub.{key} is no switch of {named(version, beside)}; allowed: {instead}")


def switches_of(version: AllocatorVersion, cpu_slabs: bool | None = None) -> tuple[str, ...]:
    """The keys of [slub] that an allocator's version has, with what slub.cpu_slabs says: without sheaves none."""
    if version not in versions_with_sheaves():
        return ()
    beneath = has_cpu_slabs(version, cpu_slabs)
    return tuple(key for key in SlubConfig.model_fields if key not in _OF_REFILLS or not beneath)
