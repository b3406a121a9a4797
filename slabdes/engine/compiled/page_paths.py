"""Pages in compiled code: TimedKernel's kmem_getpages and kmem_freepages, cut where they wait, and slabs' numbers."""

from __future__ import annotations

from slabdes.allocator.pages import give_to_list, refill_list, take_from_list, take_pages, trim_list
from slabdes.allocator.state import NO_NODE
from slabdes.allocator.transitions import NO_SLAB
from slabdes.engine.compiled.account import begin_account, end_account
from slabdes.engine.compiled.clock import Record, call, count, end_of_path, settle
from slabdes.engine.compiled.codes import FREE_PAGES, PAGES, STAGE
from slabdes.engine.compiled.locks import GO, look, spin_lock, spin_unlock_irq
from slabdes.engine.compiled.numba_tools import caches_at, function, inline, ints_at, slabs_at, table_at
from slabdes.engine.compiled.script_layout import Event
from slabdes.engine.compiled.variants import page_call_fails, write
from slabdes.paths.outcome import Path
from slabdes.paths.sites import LockSite
from slabdes.workload.programs import NO_CACHE, Op

NOBODY = -1
_GET_PAGES = int(Op.GET_PAGES)
_GOT, _GAVE, _FAIL = int(Path.GET_PAGES), int(Path.GIVE_PAGES), int(Path.FAIL)
_AT_PAGELISTREFILL, _AT_PAGELISTTRIM = int(LockSite.PAGELISTREFILL), int(LockSite.PAGELISTTRIM)
_AT_HIGHERPAGES, _AT_FREEPAGES = int(LockSite.HIGHERPAGES), int(LockSite.FREEPAGES)
_PAGES = int(Event.PAGES)


@function
def new_slab(run: Record, cache: int, home: int) -> int:
    """A slab for a cache, on no list, on pages of node `home`: a destroyed one's number again, else the next."""
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
    owner, homes = ints_at(run.owner), ints_at(run.home)
    for line in range(slab.line, slab.line + 2):
        owner[line] = NOBODY
        homes[line] = home
    return number


@inline
def drop_slab(run: Record, cache: int, number: int) -> None:
    """Give a destroyed slab's number back."""
    record = caches_at(run.caches)[cache]
    slab = slabs_at(run.slabs)[number]
    slab.nodeid = NO_NODE
    slab.link = record.spare
    record.spare = number
    record.slabs_destroyed += 1


@inline
def _order(run: Record, frame: Record) -> int:
    return frame.b if frame.cache == NO_CACHE else caches_at(run.caches)[frame.cache].gfporder


@inline
def _note_pages(run: Record, cpu: Record, frame: Record, slab: int, got: int) -> None:
    """The page allocator answered: a slab's number and the node its pages lie on, or NO_SLAB and NO_NODE."""
    serial = NOBODY if slab == NO_SLAB else slabs_at(run.slabs)[slab].serial
    write(run, cpu, _PAGES, frame.cache, frame.node, frame.a, slab, got, serial)


@function
def slab_pages(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node, a: whether no other node will do. Results: slab and node, or NO_SLAB and NO_NODE.

    With NO_CACHE for the cache, b is the order, and the pages become no slab.
    """
    stage = frame.pc & STAGE
    order = _order(run, frame)
    if stage == 0:
        frame.i = run.n_nodes if page_call_fails(run, frame.node) else 0
        stage = 1
    if stage == 1 and frame.i >= (1 if frame.a else run.n_nodes):
        _note_pages(run, cpu, frame, NO_SLAB, NO_NODE)
        cpu.ret2 = NO_NODE
        end_of_path(cpu, NO_SLAB)
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
            return spin_unlock_irq(run, cpu, run.first_zone_lock + zone)
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
            return spin_unlock_irq(run, cpu, run.first_zone_lock + zone)
        else:
            got = take_from_list(pcp, cpu.number, zone)
    if got:
        slab = NO_SLAB + 1
        if frame.cache != NO_CACHE:
            slab = new_slab(run, frame.cache, zone)
            _note_pages(run, cpu, frame, slab, zone)
        cpu.ret2 = zone
        end_of_path(cpu, slab)
    else:
        frame.i += 1
        frame.pc = PAGES + 1
    return GO


@function
def kmem_freepages(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node; with NO_CACHE for the cache, b is the order."""
    stage = frame.pc & STAGE
    order = _order(run, frame)
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
        return spin_unlock_irq(run, cpu, lock)
    end_of_path(cpu, 0)
    return GO


@function
def move_pages(run: Record, cpu: Record) -> int:
    """Begin a step of a program that takes or gives blocks of pages itself; their order is the step's slot."""
    cpu.start = cpu.clock
    cpu.ret = NO_SLAB
    if cpu.op == _GET_PAGES:
        begin_account(run, cpu)
        call(run, cpu, PAGES, NO_CACHE, cpu.node, 0, 1, cpu.slot)
    elif cpu.blocks:
        begin_account(run, cpu)
        call(run, cpu, FREE_PAGES, NO_CACHE, cpu.node, 0, 0, cpu.slot)
    return GO


@function
def pages_moved(run: Record, cpu: Record) -> int:
    """End such a step."""
    settle(run, cpu)
    done = cpu.ret != NO_SLAB
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
