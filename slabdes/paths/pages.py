# SPDX-License-Identifier: GPL-2.0-only
"""How the page allocator runs, every allocator's: a CPU's own list of single pages, a zone under its lock for the rest.

What it costs stands where it happens. Leaves out what is not modelled of it (allocator.pages), and where slabs come in.
"""

from __future__ import annotations

from abc import abstractmethod

from slabdes.allocator.pages import (
    NO_BLOCK,
    PagePool,
    give_to_list,
    give_to_zone,
    note_given,
    refill_list,
    take_from_list,
    take_from_zone,
    take_given,
    trim_list,
)
from slabdes.allocator.state import NO_NODE, KmemCache
from slabdes.paths.charges import Charges, Cpu
from slabdes.paths.kernel import Locks, Looks, Waits
from slabdes.paths.sites import LockSite


class PageKernel(Locks[Cpu], Looks[Cpu], Charges[Cpu]):
    """An engine with a clock, as the page allocator sees it."""

    pages: PagePool

    @abstractmethod
    def zones(self, node: int) -> tuple[int, ...]:
        """The nodes whose pages will do for `node`, itself first: its zonelist, but for a call that is to fail."""

    @abstractmethod
    def zone_lock(self, zone: int) -> int:
        """The number of the lock of a node's zone."""


def kmem_getpages(k: PageKernel[Cpu], cpu: Cpu, cache: KmemCache, node: int, thisnode: bool) -> Waits[int]:
    """Pages for one slab, from `node` or (without `thisnode`) the nodes after it; the node they lie on, or NO_NODE."""
    for zone in k.zones(node):
        if (yield from get_pages(k, cpu, zone, cache.gfporder)):
            return zone
        if thisnode:
            break
    return NO_NODE


def kmem_freepages(k: PageKernel[Cpu], cpu: Cpu, cache: KmemCache, node: int) -> Waits[None]:
    """Give one slab's pages back."""
    yield from give_pages(k, cpu, node, cache.gfporder)


def get_pages(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> Waits[bool]:
    """2**order pages of a zone; whether there were so many (buffered_rmqueue)."""
    if order:
        return (yield from _higher_pages(k, cpu, zone, order))
    return (yield from _order0_page(k, cpu, zone))


def _order0_page(k: PageKernel[Cpu], cpu: Cpu, zone: int) -> Waits[bool]:
    cpu.page_work += k.costs.page_alloc_order0
    if take_from_list(k.pages.pcp, cpu.number, zone):
        return True
    yield from k.look(cpu)
    if not k.pages.free[zone]:
        return False
    yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.PAGELISTREFILL)
    moved = refill_list(k.pages.free, k.pages.pcp, k.pages.batch[zone], cpu.number, zone)
    _lists_written(k, cpu, zone, moved)
    cpu.page_work += moved * k.costs.pcp_refill_page
    yield from k.spin_unlock(cpu, k.zone_lock(zone))
    return take_from_list(k.pages.pcp, cpu.number, zone)


def _lists_written(k: PageKernel[Cpu], cpu: Cpu, zone: int, pages: int) -> None:
    """So many single pages go between the zone and a list: each writes the head of the zone's list of them.

    That lay on the lock's line, on which waiters may spin, until Linux 4.1 moved the lock away from it (commit a368ab67aa55).
    """
    if k.rules.zone_lists_beside_lock:
        k.spend_on_lines(cpu, pages * k.lock(k.zone_lock(zone)).toll)
    else:
        _fetch_lists(k, cpu, zone)


def _fetch_lists(k: PageKernel[Cpu], cpu: Cpu, zone: int) -> None:
    """The line of a zone's free lists, which lies behind its lock's."""
    k.fetch(cpu, k.lock(k.zone_lock(zone)).line + 1)


def _higher_pages(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> Waits[bool]:
    cpu.page_work += k.costs.page_alloc_order0
    yield from k.look(cpu)
    if k.pages.free[zone] < 1 << order:
        return False
    yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.HIGHERPAGES)
    splits = take_from_zone(k.pages.free, k.pages.blocks, zone, order)
    warm = take_given(k.pages.giver, k.pages.given, cpu.number, zone, order)
    _fetch_lists(k, cpu, zone)
    cpu.page_work += k.costs.page_take
    if splits > 0:
        cpu.page_work += splits * k.costs.page_split
    yield from k.spin_unlock(cpu, k.zone_lock(zone))
    if not warm:
        cpu.page_work += k.costs.page_cold << order
    return splits != NO_BLOCK


def give_pages(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> Waits[None]:
    """Give 2**order pages back to their zone (free_hot_cold_page, free_one_page)."""
    if order:
        cpu.page_work += k.costs.page_free_order0 + (k.costs.page_check << order)
        yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.FREEPAGES)
        merges = give_to_zone(k.pages.free, k.pages.blocks, k.pages.lone[zone], zone, order)
        note_given(k.pages.giver, k.pages.given, cpu.number, zone, order)
        _fetch_lists(k, cpu, zone)
        cpu.page_work += merges * k.costs.page_split
        yield from k.spin_unlock(cpu, k.zone_lock(zone))
        return
    cpu.page_work += k.costs.page_free_order0
    if give_to_list(k.pages.pcp, k.pages.high[zone], cpu.number, zone):
        yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.PAGELISTTRIM)
        moved = trim_list(k.pages.free, k.pages.pcp, k.pages.batch[zone], cpu.number, zone)
        _lists_written(k, cpu, zone, moved)
        cpu.page_work += moved * k.costs.pcp_trim_page
        yield from k.spin_unlock(cpu, k.zone_lock(zone))
