# SPDX-License-Identifier: GPL-2.0-only
"""How the page allocator runs, every allocator's: a CPU's own lists of pages, a zone under its lock for the rest.

What it costs stands where it happens. Leaves out what is not modelled of it (allocator.pages and .page_lists), and where slabs
come in.
"""

from __future__ import annotations

from abc import abstractmethod

from slabdes.allocator.page_lists import (
    COLD,
    LIST_ORDERS,
    NO_BLOCK,
    give_to_list,
    put_refill,
    refill_blocks,
    take_from_list,
    trim_list,
)
from slabdes.allocator.pages import PagePool, give_to_zone, note_given, take_from_zone, take_given
from slabdes.allocator.state import NO_NODE, KmemCache
from slabdes.paths.charges import Charges, Cpu, written_beside_lock
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
    """2**order pages of a zone; whether there were so many (buffered_rmqueue, rmqueue)."""
    cpu.page_work += k.costs.page_alloc_order0
    if order > k.rules.page_lists_to_order:
        return (yield from _block_of_zone(k, cpu, zone, order))
    found = take_from_list(k.pages.pcp, k.pages.lists, k.pages.warm, cpu.number, zone, order)
    if found == NO_BLOCK:
        yield from k.look(cpu)
        if k.pages.free[zone] < 1 << order:
            return False
        yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.PAGELISTREFILL)
        _refill(k, cpu, zone, order)
        yield from k.spin_unlock(cpu, k.zone_lock(zone))
        found = take_from_list(k.pages.pcp, k.pages.lists, k.pages.warm, cpu.number, zone, order)
    if found == COLD:
        cpu.page_work += k.costs.page_cold * ((1 << order) - 1)
    return found != NO_BLOCK


def _refill(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> None:
    """Move blocks from the zone to the CPU's list (rmqueue_bulk), each with its first page's cold descriptor.

    What a single page's split and descriptor cost is in pcp_refill_page.
    """
    blocks = refill_blocks(k.pages.free, k.pages.batch[zone], zone, order)
    put_refill(k.pages.pcp, k.pages.lists, blocks, cpu.number, zone, order)
    _lists_written(k, cpu, zone, blocks)
    if order:
        for _block in range(blocks):
            splits = take_from_zone(k.pages.free, k.pages.blocks, zone, order)
            cpu.page_work += k.costs.page_take + k.costs.page_cold + splits * k.costs.page_split
    else:
        k.pages.free[zone] -= blocks
        cpu.page_work += blocks * k.costs.pcp_refill_page


def _lists_written(k: PageKernel[Cpu], cpu: Cpu, zone: int, blocks: int) -> None:
    """So many blocks go between the zone and a CPU's lists: each writes the head of a list of the zone's.

    That lay on the lock's line, on which waiters may spin, until Linux 4.1 moved the lock away from it (commit a368ab67aa55).
    """
    if k.rules.zone_lists_beside_lock:
        k.spend_on_lines(cpu, written_beside_lock(k.lock(k.zone_lock(zone)), blocks))
    else:
        _fetch_lists(k, cpu, zone)


def _fetch_lists(k: PageKernel[Cpu], cpu: Cpu, zone: int) -> None:
    """The line of a zone's free lists, which lies behind its lock's."""
    k.fetch(cpu, k.lock(k.zone_lock(zone)).line + 1)


def _block_of_zone(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> Waits[bool]:
    """A block of an order that has no lists (rmqueue_buddy)."""
    yield from k.look(cpu)
    if k.pages.free[zone] < 1 << order:
        return False
    yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.HIGHERPAGES)
    splits = take_from_zone(k.pages.free, k.pages.blocks, zone, order)
    warm = take_given(k.pages.giver, k.pages.given, cpu.number, zone, order)
    cold = splits != NO_BLOCK and not warm
    _fetch_lists(k, cpu, zone)
    cpu.page_work += k.costs.page_take
    if splits > 0:
        cpu.page_work += splits * k.costs.page_split
    if cold:
        cpu.page_work += k.costs.page_cold
    yield from k.spin_unlock(cpu, k.zone_lock(zone))
    if cold:
        cpu.page_work += k.costs.page_cold * ((1 << order) - 1)
    return splits != NO_BLOCK


def give_pages(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> Waits[None]:
    """Give 2**order pages back (free_hot_cold_page, free_unref_page; free_one_page)."""
    cpu.page_work += k.costs.page_free_order0
    if order:
        cpu.page_work += k.costs.page_check << order
    if order > k.rules.page_lists_to_order:
        yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.FREEPAGES)
        merges = give_to_zone(k.pages.free, k.pages.blocks, k.pages.lone[zone], zone, order)
        note_given(k.pages.giver, k.pages.given, cpu.number, zone, order)
        _fetch_lists(k, cpu, zone)
        cpu.page_work += merges * k.costs.page_split
        yield from k.spin_unlock(cpu, k.zone_lock(zone))
    elif give_to_list(k.pages.pcp, k.pages.lists, k.pages.warm, k.pages.high[zone], cpu.number, zone, order):
        yield from k.spin_lock(cpu, k.zone_lock(zone), LockSite.PAGELISTTRIM)
        _trim(k, cpu, zone, order)
        yield from k.spin_unlock(cpu, k.zone_lock(zone))


def _trim(k: PageKernel[Cpu], cpu: Cpu, zone: int, order: int) -> None:
    """Move a batch from the CPU's lists to the zone, from that of `order` first (free_pcppages_bulk).

    What a single page's merges cost is in pcp_trim_page.
    """
    pages = k.pages.batch[zone]
    blocks, singles, merges = 0, 0, 0
    while pages > 0 and k.pages.pcp[cpu.number][zone]:
        moved = trim_list(k.pages.pcp, k.pages.lists, k.pages.warm, pages, cpu.number, zone, order)
        pages -= moved << order
        blocks += moved
        if order:
            for _block in range(moved):
                merges += give_to_zone(k.pages.free, k.pages.blocks, k.pages.lone[zone], zone, order)
        else:
            k.pages.free[zone] += moved
            singles += moved
        order = (order + 1) % LIST_ORDERS
    _lists_written(k, cpu, zone, blocks)
    cpu.page_work += singles * k.costs.pcp_trim_page + merges * k.costs.page_split
