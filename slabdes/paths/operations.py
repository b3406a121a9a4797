# SPDX-License-Identifier: GPL-2.0-only
"""An operation of a program or of a handler from its begin to its end: what it calls, what it costs, what is counted.

Leaves out where its object comes from or goes to (slots, handlers' own), and hits that run ahead: engines have short cuts.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Generic, Protocol, TypeVar

from slabdes.allocator.state import NO_NODE, NO_OBJECT
from slabdes.paths.accounts import Accounts, begin_account, end_account
from slabdes.paths.charges import Cpu
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.pages import PageKernel, get_pages, give_pages
from slabdes.paths.sites import LockSite

NO_CACHE: Final = -1


class _Numbered(Protocol):
    """What operations ask of a cache, and who tells them."""

    index: int
    name: str
    size: int
    frees_look_up: bool


KmemCache = TypeVar("KmemCache", bound=_Numbered)
"""An allocator's own kind of cache."""


class OperatingKernel(PageKernel[Cpu], Accounts[Cpu], Generic[Cpu, KmemCache]):
    """An engine with a clock and an allocator of objects."""

    @abstractmethod
    def kmem_cache_alloc(self, cpu: Cpu, cache: KmemCache, flags: int) -> Waits[int]:
        """An object, or NO_OBJECT; `cpu.path` says how it came about."""

    @abstractmethod
    def kmem_cache_alloc_node(self, cpu: Cpu, cache: KmemCache, flags: int, node: int) -> Waits[int]:
        """An object of `node`, or of another unless THISNODE is asked for; or NO_OBJECT."""

    @abstractmethod
    def kmem_cache_free(self, cpu: Cpu, cache: KmemCache, obj: int) -> Waits[None]:
        """Give an object back; `cpu.path` says how."""


def allocate(k: OperatingKernel[Cpu, KmemCache], cpu: Cpu, cache: KmemCache, node: int, flags: int, cost: int) -> Waits[int]:
    """Allocate an object, of `node` unless that is NO_NODE, and touch it; NO_OBJECT if there is none. A hit costs `cost`."""
    start = cpu.clock
    begin_account(k, cpu)
    cpu.work += cost
    if node == NO_NODE:
        obj = yield from k.kmem_cache_alloc(cpu, cache, flags)
    else:
        obj = yield from k.kmem_cache_alloc_node(cpu, cache, flags, node)
    k.settle(cpu)
    cpu.allocs += 1
    if obj == NO_OBJECT:
        cpu.failed += 1
        cpu.path = Path.FAIL
    else:
        k.first_touch(cpu, obj)
    k.count(cpu, cache.index, cpu.path, start, obj)
    end_account(k, cpu, cpu.path)
    return obj


def give_back(k: OperatingKernel[Cpu, KmemCache], cpu: Cpu, cache: KmemCache, obj: int, cost: int) -> Waits[None]:
    """Free an object. A hit costs `cost`."""
    start = cpu.clock
    begin_account(k, cpu)
    cpu.work += cost
    k.descriptor_read(cpu, obj)
    yield from k.kmem_cache_free(cpu, cache, obj)
    k.settle(cpu)
    cpu.frees += 1
    k.count(cpu, cache.index, cpu.path, start, obj)
    end_account(k, cpu, cpu.path)


def hold_section(k: OperatingKernel[Cpu, KmemCache], cpu: Cpu, lock: int, hold: int) -> Waits[None]:
    """Take the workload's own lock, fetch the lines of data behind its own, and hold it for `hold` picoseconds."""
    start = cpu.clock
    begin_account(k, cpu)
    yield from k.spin_lock(cpu, lock, LockSite.SECTION)
    k.settle(cpu)
    if k.rules.section_lines:
        line = k.lock(lock).line
        k.fetch_together(cpu, line + 1, line + k.rules.section_lines)
    cpu.clock += hold
    cpu.work_time += hold
    yield from k.spin_unlock(cpu, lock)
    cpu.sections += 1
    k.count(cpu, NO_CACHE, Path.SECTION, start, hold)
    end_account(k, cpu, Path.SECTION)


def take_block(k: OperatingKernel[Cpu, KmemCache], cpu: Cpu, order: int) -> Waits[None]:
    """Ask the page allocator for 2**order pages of the CPU's own node."""
    start = cpu.clock
    begin_account(k, cpu)
    got = yield from get_pages(k, cpu, cpu.node, order)
    k.settle(cpu)
    cpu.allocs += 1
    if got:
        cpu.blocks += 1
        path = Path.GET_PAGES
    else:
        cpu.failed += 1
        path = Path.FAIL
    k.count(cpu, NO_CACHE, path, start, order)
    end_account(k, cpu, path)


def give_block(k: OperatingKernel[Cpu, KmemCache], cpu: Cpu, order: int) -> Waits[None]:
    """Give as many back; nothing to do if the CPU holds none."""
    if not cpu.blocks:
        cpu.skipped += 1
        return
    start = cpu.clock
    begin_account(k, cpu)
    cpu.blocks -= 1
    yield from give_pages(k, cpu, cpu.node, order)
    k.settle(cpu)
    cpu.frees += 1
    k.count(cpu, NO_CACHE, Path.GIVE_PAGES, start, order)
    end_account(k, cpu, Path.GIVE_PAGES)
