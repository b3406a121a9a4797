"""Pages in compiled code: TimedKernel's kmem_getpages and kmem_freepages, cut where they wait, and slabs' numbers."""

from __future__ import annotations

from slabdes.allocator.pages import give_to_list, refill_list, take_from_list, take_pages, trim_list
from slabdes.allocator.state import NO_NODE
from slabdes.engine.compiled.account import begin_account, end_account
from slabdes.engine.compiled.clock import CALLED, GO, Record, call, count, end_of_path, settle
from slabdes.engine.compiled.codes import FREE_PAGES, PAGES, STAGE
from slabdes.engine.compiled.locks import look, spin_lock, spin_unlock
from slabdes.engine.compiled.numba_tools import caches_at, function, inline, ints_at, slabs_at, table_at
from slabdes.engine.compiled.variants import page_call_fails
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.workload.programs import Op
from slabdes.workload.synthetic import NO_CACHE

_GET_PAGES = int(Op.GET_PAGES)
_GOT, _GAVE, _FAIL = int(Path.GET_PAGES), int(Path.GIVE_PAGES), int(Path.FAIL)
_AT_PAGELISTREFILL, _AT_PAGELISTTRIM = int(LockSite.PAGELISTREFILL), int(LockSite.PAGELISTTRIM)
_AT_HIGHERPAGES, _AT_FREEPAGES = int(LockSite.HIGHERPAGES), int(LockSite.FREEPAGES)


@function
def new_slab(run: Record, cpu: Record, cache: int) -> int:
    """A slab for a cache, on no list: a destroyed one's number again, else the next."""
    record = caches_at(run.caches)[cache]
    slabs = slabs_at(run.slabs)
    number = record.spare
    if number >= 0:
        record.spare = slabs[number].link
    else:
        number = run.n_slabs
        run.n_slabs += 1
        slab = slabs[number]
        slab.cache = cache
        slab.num = record.num
        slab.bufctl = run.n_words
        slab.descriptor = -1
        slab.line = run.n_lines
        run.n_words += record.num
        run.n_lines += 2
    slab = slabs[number]
    slab.serial = record.slabs_created
    record.slabs_created += 1
    return number


@function
def begin_pages(run: Record, cpu: Record, node: int, thisnode: bool, order: int) -> None:
    """Begin to get 2**order pages of a node, or without `thisnode` of those after it: the node they lie on, or NO_NODE."""
    frame = call(run, cpu, PAGES)
    frame.node = node
    frame.a = thisnode
    frame.order = order


@function
def begin_free_pages(run: Record, cpu: Record, node: int, order: int) -> None:
    """Begin to give 2**order pages of a node back."""
    frame = call(run, cpu, FREE_PAGES)
    frame.node = node
    frame.order = order


@inline
def kmem_getpages(run: Record, cpu: Record, cache: int, node: int, thisnode: bool) -> int:
    """Pages for one slab."""
    begin_pages(run, cpu, node, thisnode, caches_at(run.caches)[cache].gfporder)
    return CALLED


@inline
def kmem_freepages(run: Record, cpu: Record, cache: int, node: int) -> int:
    """Give one slab's pages back."""
    begin_free_pages(run, cpu, node, caches_at(run.caches)[cache].gfporder)
    return CALLED


@function
def get_pages(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: node, a: whether no other node will do, order. Result: the node, or NO_NODE."""
    stage = frame.pc & STAGE
    order = frame.order
    if stage == 0:
        frame.i = run.n_nodes if page_call_fails(run, frame.node) else 0
        stage = 1
    if stage == 1 and frame.i >= (1 if frame.a else run.n_nodes):
        end_of_path(cpu, NO_NODE)
        return GO
    zone = frame.node if frame.a else ints_at(run.zonelists)[frame.node * run.n_nodes + frame.i]
    got = False
    if order:
        if stage == 1:
            frame.pc = PAGES + 2
            return look(run, cpu)
        if stage == 2:
            if ints_at(run.free_pages)[zone] >= 1 << order:
                frame.pc = PAGES + 3
                return spin_lock(run, cpu, run.first_zone_lock + zone, _AT_HIGHERPAGES)
        elif stage == 3:
            frame.nr = 1 if take_pages(ints_at(run.free_pages), zone, 1 << order) else 0
            cpu.page_work += run.page_alloc_higher + (order - 1) * run.page_per_order
            frame.pc = PAGES + 4
            return spin_unlock(run, cpu, run.first_zone_lock + zone)
        else:
            got = frame.nr != 0
    else:
        pcp = table_at(run.pcp, run.n_nodes)
        if stage == 1:
            cpu.page_work += run.page_alloc_order0
            got = take_from_list(pcp, cpu.number, zone)
            if not got:
                frame.pc = PAGES + 2
                return look(run, cpu)
        elif stage == 2:
            if ints_at(run.free_pages)[zone]:
                frame.pc = PAGES + 3
                return spin_lock(run, cpu, run.first_zone_lock + zone, _AT_PAGELISTREFILL)
        elif stage == 3:
            moved = refill_list(ints_at(run.free_pages), pcp, ints_at(run.page_batch)[zone], cpu.number, zone)
            cpu.page_work += moved * run.pcp_refill_page
            frame.pc = PAGES + 4
            return spin_unlock(run, cpu, run.first_zone_lock + zone)
        else:
            got = take_from_list(pcp, cpu.number, zone)
    if got:
        end_of_path(cpu, zone)
    else:
        frame.i += 1
        frame.pc = PAGES + 1
    return GO


@function
def give_pages(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: node, order."""
    stage = frame.pc & STAGE
    order = frame.order
    node = frame.node
    lock = run.first_zone_lock + node
    if stage == 0:
        frame.pc = FREE_PAGES + 1
        if order:
            return spin_lock(run, cpu, lock, _AT_FREEPAGES)
        cpu.page_work += run.page_free_order0
        if give_to_list(table_at(run.pcp, run.n_nodes), ints_at(run.page_high)[node], cpu.number, node):
            return spin_lock(run, cpu, lock, _AT_PAGELISTTRIM)
    elif stage == 1:
        free_pages = ints_at(run.free_pages)
        if order:
            free_pages[node] += 1 << order
            cpu.page_work += run.page_free_higher + (order - 1) * run.page_per_order
        else:
            moved = trim_list(free_pages, table_at(run.pcp, run.n_nodes), ints_at(run.page_batch)[node], cpu.number, node)
            cpu.page_work += moved * run.pcp_refill_page
        frame.pc = FREE_PAGES + 2
        return spin_unlock(run, cpu, lock)
    end_of_path(cpu, 0)
    return GO


@function
def move_pages(run: Record, cpu: Record) -> int:
    """Begin a step of a program that takes or gives blocks of pages itself; their order is the step's slot."""
    cpu.start = cpu.clock
    cpu.ret = NO_NODE
    if cpu.op == _GET_PAGES:
        begin_account(run, cpu)
        begin_pages(run, cpu, cpu.node, True, cpu.slot)
    elif cpu.blocks:
        begin_account(run, cpu)
        begin_free_pages(run, cpu, cpu.node, cpu.slot)
    return GO


@function
def pages_moved(run: Record, cpu: Record) -> int:
    """End such a step."""
    settle(run, cpu)
    done = cpu.ret != NO_NODE
    if cpu.op == _GET_PAGES:
        cpu.allocs += 1
        if done:
            cpu.blocks += 1
        else:
            cpu.failed += 1
        count(run, cpu, NO_CACHE, _GOT if done else _FAIL, cpu.start, cpu.slot)
        end_account(run, cpu, _GOT if done else _FAIL)
    elif done:
        cpu.blocks -= 1
        cpu.frees += 1
        count(run, cpu, NO_CACHE, _GAVE, cpu.start, cpu.slot)
        end_account(run, cpu, _GAVE)
    else:
        cpu.skipped += 1
    return GO
