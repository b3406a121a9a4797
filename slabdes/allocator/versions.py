# SPDX-License-Identifier: GPL-2.0-only
"""What differs between the kernels whose SLAB can be simulated: a few switches, each looked at in one place.

Everything that is not here is the same code for all of them. Leaves out versions that differ in nothing that is modelled.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from slabdes.allocator.page_lists import LISTS_OF_2_6_34, LISTS_OF_5_14, PageLists


class FreeList(IntEnum):
    """How a slab keeps its free objects: it decides the geometry. Which object is handed out next is the same in both."""

    BUFCTL = 0
    """A chain of 4-byte indexes behind the descriptor (up to 3.12)."""
    INDEXES = 1
    """A stack of indexes, one byte each where that does (3.13 and later); the descriptor lies in struct page."""


@dataclass(frozen=True)
class L3Layout:
    """On which of a kmem_list3's two cache lines its fields lie; the three list heads are always on line 0."""

    list_lock: int
    free_objects: int
    colour_next: int


LISTS_LINE: Final = 0
LAYOUT_2_6_34: Final = L3Layout(list_lock=1, free_objects=0, colour_next=0)
"""List heads (48 bytes), free_objects, free_limit and colour_next fill the first line; list_lock, shared, alien follow."""
LAYOUT_4_6: Final = L3Layout(list_lock=0, free_objects=0, colour_next=1)
"""list_lock, list heads and free_objects come first."""
LAYOUT_6_1: Final = L3Layout(list_lock=0, free_objects=1, colour_next=1)
"""list_lock, list heads and total_slabs come first."""


@dataclass(frozen=True, kw_only=True)
class Switches:
    """What some kernels do and others do not, each looked at in one place. An experiment may turn on those that it has a key for.

    `unlocked_look`: a refill looks without the lock whether there is anything, and otherwise grows at once.
    `private_slab`: objects are taken from a new slab before it is inserted, so nobody else can take it.
    `unlocked_colour`: a new slab's colour is advanced without list_lock, before it is used, on the node its pages lie on;
    otherwise used, then advanced, under the lock of the node that was asked for.
    `trim_after_batch`: free_block gives slabs up once all objects are back, the last of the free list first; otherwise
    object by object, the slab just emptied.
    `pages_after_unlock`: slabs are destroyed when no lock is held any more; otherwise where they are given up.
    `shrink_locks_empty_shared`: shrink takes list_lock even for an empty shared array.
    `tune_locks_twice`: tuning takes a node's list_lock once for free_limit and once for the shared array.
    `reap_drains_all_aliens`: a reap turn drains every alien cache of its node, waiting for their locks, as before the reap node
    (2.6.16, from reading; an experiment's switch over any version). Otherwise one, if its lock is free.
    `slabinfo_counters`: reading /proc/slabinfo reads a node's counters; otherwise it counts the slabs on its lists, one by one
    (from reading: until 4.8 all of them, in 4.9 all but full ones, from 4.10 on none).
    """

    unlocked_look: bool = False
    private_slab: bool = False
    unlocked_colour: bool = False
    trim_after_batch: bool = False
    pages_after_unlock: bool = False
    shrink_locks_empty_shared: bool = False
    tune_locks_twice: bool = False
    reap_drains_all_aliens: bool = False
    slabinfo_counters: bool = False


@dataclass(frozen=True)
class Kernel:
    """One kernel, by its name in experiments.

    `rmqueue_function`, `free_pages_function`: the functions that take a lock for pages of an order above 0, and for those given
    back. `zone_lists_beside_lock`: a zone's list of single pages lies on its lock's line; commit a368ab67aa55 (Linux 4.1) parted
    them. `page_lists`: CPUs' own lists of pages.
    """

    name: str
    zone_lists_beside_lock: bool = field(default=False, kw_only=True)
    page_lists: PageLists = field(default=LISTS_OF_2_6_34, kw_only=True)
    rmqueue_function: str = field(default="buffered_rmqueue", kw_only=True)
    free_pages_function: str = field(default="free_one_page", kw_only=True)


@dataclass(frozen=True)
class Version(Switches, Kernel):
    """One kernel's SLAB.

    `layout`: where a kmem_list3's fields lie (DESIGN, "Lines").
    `free_alien_function`, `slabinfo_function`: the functions that take a lock for a remote free and to read /proc/slabinfo.
    `frees_find_slab`: each free looks its object's slab up, for memcg_slab_free_hook (since 6.0, from reading).
    `may_wait`: how its source asks whether an allocation may wait (4.4 renamed the flag that said so).
    """

    free_list: FreeList
    layout: L3Layout
    free_alien_function: str = "cache_free_alien"
    slabinfo_function: str = "s_show"
    may_wait: str = "__GFP_WAIT"
    frees_find_slab: bool = False


LINUX_2_6_34: Final = Version("2.6.34", FreeList.BUFCTL, LAYOUT_2_6_34, zone_lists_beside_lock=True)
LINUX_4_6: Final = Version(
    "4.6",
    FreeList.INDEXES,
    LAYOUT_4_6,
    pages_after_unlock=True,
    free_alien_function="__cache_free_alien",
    slabinfo_function="get_slabinfo",
    may_wait="gfpflags_allow_blocking",
)
LINUX_4_7: Final = replace(
    LINUX_4_6,
    name="4.7",
    unlocked_look=True,
    private_slab=True,
    unlocked_colour=True,
    trim_after_batch=True,
    shrink_locks_empty_shared=True,
    tune_locks_twice=True,
)
LINUX_6_1: Final = replace(
    LINUX_4_7,
    name="6.1",
    layout=LAYOUT_6_1,
    frees_find_slab=True,
    slabinfo_counters=True,
    page_lists=LISTS_OF_5_14,
    rmqueue_function="rmqueue_buddy",
    free_pages_function="__free_pages_ok",
)

VERSIONS: Final = {version.name: version for version in (LINUX_2_6_34, LINUX_4_6, LINUX_4_7, LINUX_6_1)}
"""Every version by the name that an experiment gives."""

SERIES_2016: Final = ("unlocked_colour", "private_slab", "unlocked_look")
"""The switches of the 2016 series "mm/slab: reduce lock contention in alloc path", in the order in which it turned them."""


def with_switches(version: Version, switches: Collection[str]) -> Version:
    """`version` with some of the 2016 series' switches turned on; the series' order tells their names."""
    on = [switch for switch in SERIES_2016 if switch in switches]
    return replace(
        version,
        name="+".join((version.name, *on)),
        unlocked_colour=version.unlocked_colour or "unlocked_colour" in on,
        private_slab=version.private_slab or "private_slab" in on,
        unlocked_look=version.unlocked_look or "unlocked_look" in on,
    )
