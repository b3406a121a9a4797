# SPDX-License-Identifier: GPL-2.0-only
"""What SLUB's paths say has happened, written down as events in a log's run; timed runs are compiled without all this.

A note that costs something is lowered from the price list: its `write_note_x` comes before. Leaves out who reads events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import by_run, inline, slabs_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub import scripted
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.slub.records import sheaves_at
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun, SlubEvent
from slabdes.engine.compiled.variants import write

Note = Callable[..., Any]


def _plain(event: SlubEvent) -> Note:
    """A note of nothing but that it has happened."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu) -> None:
        write(run, cpu, kind, 0, 0, 0, 0, 0, 0)

    return note


def _number(event: SlubEvent) -> Note:
    """A note of a number."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, nr: int) -> None:
        write(run, cpu, kind, nr, 0, 0, 0, 0, 0)

    return note


def _with_slab(run: ScriptSlubRun, cpu: Cpu, kind: int, slab: int, nr: int) -> None:
    record = slabs_at(run.slabs)[slab]
    write(run, cpu, kind, slab, nr, record.serial, record.num, record.inuse, record.nodeid)


def _without_slab(run: Run, cpu: Cpu, kind: int, slab: int, nr: int) -> None:
    pass


_write_slab = by_run(ScriptSlubRun, _with_slab, _without_slab)


def _slab(event: SlubEvent) -> Note:
    """A note of a slab."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, slab: int) -> None:
        _write_slab(run, cpu, kind, slab, 0)

    return note


def _slab_and_number(event: SlubEvent) -> Note:
    """A note of a slab and a number."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, slab: int, nr: int) -> None:
        _write_slab(run, cpu, kind, slab, nr)

    return note


def _its_slab(event: SlubEvent) -> Note:
    """A note of a slab and what it belongs to: its node, or its cache."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, of: int, slab: int) -> None:
        _write_slab(run, cpu, kind, slab, of)

    return note


def _its_slab_and_number(event: SlubEvent) -> Note:
    """The same and a number."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, of: int, slab: int, nr: int) -> None:
        _write_slab(run, cpu, kind, slab, nr)

    return note


def _with_sheaf(run: ScriptSlubRun, cpu: Cpu, kind: int, sheaf: int, cache: int, flushing: bool) -> None:
    record = sheaves_at(run.all_sheaves)[sheaf]
    write(run, cpu, kind, sheaf, record.size, record.node, cache, flushing, 0)


def _without_sheaf(run: Run, cpu: Cpu, kind: int, sheaf: int, cache: int, flushing: bool) -> None:
    pass


_write_sheaf = by_run(ScriptSlubRun, _with_sheaf, _without_sheaf)


def _sheaf(event: SlubEvent) -> Note:
    """A note of a sheaf."""
    kind = int(event)

    @inline
    def note(run: SlubRun, cpu: Cpu, sheaf: int) -> None:
        _write_sheaf(run, cpu, kind, sheaf, 0, False)

    return note


# Those that cost nothing.
note_spare_used = _plain(SlubEvent.SPARE_USED)
note_kept_as_spare = _plain(SlubEvent.KEPT_AS_SPARE)
note_spare_to_rcu = _plain(SlubEvent.SPARE_TO_RCU)
note_no_full = _plain(SlubEvent.NO_FULL)
note_many_full = _plain(SlubEvent.MANY_FULL)
note_no_empty = _plain(SlubEvent.NO_EMPTY)
note_no_sheaf = _plain(SlubEvent.NO_SHEAF)
note_mismatch = _plain(SlubEvent.MISMATCH)
note_search = _plain(SlubEvent.SEARCH)
note_search_skipped = _plain(SlubEvent.SEARCH_SKIPPED)
note_turn = _plain(SlubEvent.TURN)
note_oversize = _number(SlubEvent.OVERSIZE)
note_list_refilled = _slab(SlubEvent.LIST_REFILLED)
note_forgotten = _slab(SlubEvent.FORGOTTEN)
note_frozen = _slab(SlubEvent.FROZEN)
note_kept = _slab(SlubEvent.KEPT)
note_off_list = _slab(SlubEvent.OFF_LIST)
note_freed_frozen = _slab(SlubEvent.FREED_FROZEN)
note_list_taken = _slab_and_number(SlubEvent.LIST_TAKEN)
note_submitted = _sheaf(SlubEvent.SUBMITTED)
note_rcu_flushed = _sheaf(SlubEvent.RCU_FLUSHED)
note_callback = _sheaf(SlubEvent.CALLBACK)
note_flushing_callback = _sheaf(SlubEvent.FLUSHING_CALLBACK)

# Those that have a price.
write_note_swapped = _plain(SlubEvent.SWAPPED)
write_note_main_to_spare = _plain(SlubEvent.MAIN_TO_SPARE)
write_note_sheaf_freed = _plain(SlubEvent.SHEAF_FREED)
write_note_slow = _plain(SlubEvent.SLOW)
write_note_drained = _plain(SlubEvent.DRAINED)
write_note_refill = _number(SlubEvent.REFILL)
write_note_direct = _number(SlubEvent.DIRECT)
write_note_block = _number(SlubEvent.BLOCK)
write_note_rest = _number(SlubEvent.REST)
write_note_remote = _number(SlubEvent.REMOTE)
write_note_flush = _number(SlubEvent.FLUSH)
write_note_flush_main = _number(SlubEvent.FLUSH_MAIN)
write_note_popped = _slab(SlubEvent.POPPED)
write_note_taken_from_new = _slab_and_number(SlubEvent.TAKEN_FROM_NEW)
write_note_freed = _slab_and_number(SlubEvent.FREED)
write_note_to_cpu_partial = _slab_and_number(SlubEvent.TO_CPU_PARTIAL)
write_note_deactivated = _slab_and_number(SlubEvent.DEACTIVATED)
write_note_isolated = _its_slab(SlubEvent.ISOLATED)
write_note_put_back = _its_slab(SlubEvent.PUT_BACK)
write_note_unlisted = _its_slab(SlubEvent.UNLISTED)
write_note_added = _its_slab(SlubEvent.ADDED)
write_note_one = _its_slab(SlubEvent.ONE)
write_note_grown = _its_slab(SlubEvent.GROWN)
write_note_dropped = _its_slab(SlubEvent.DROPPED)
write_note_returned = _its_slab_and_number(SlubEvent.RETURNED)
write_note_listed = _its_slab_and_number(SlubEvent.LISTED)
write_note_sheaf_allocated = _sheaf(SlubEvent.SHEAF_ALLOCATED)

# Services that are told, too.
write_cmpxchg = _slab(SlubEvent.CMPXCHG)
_CALL_RCU, _BATCH_RCU = int(SlubEvent.CALL_RCU), int(SlubEvent.BATCH_RCU)


@inline
def write_call_rcu(run: SlubRun, cpu: Cpu, cache: int, sheaf: int, flushing: bool) -> None:
    """A sheaf is to wait for a grace period."""
    _write_sheaf(run, cpu, _CALL_RCU, sheaf, cache, flushing)


@inline
def write_batch_rcu(run: SlubRun, cpu: Cpu, cache: int, obj: int) -> None:
    """An object is, in the general batching."""
    write(run, cpu, _BATCH_RCU, cache, obj, 0, 0, 0, 0)


def _no_failure(run: SlubRun, cpu: Cpu, cache: int, order: int, fallback: bool, node: int, thisnode: bool) -> None:
    pass


write_slab_pages = by_run(ScriptSlubRun, scripted.ask_pages, _no_failure)
"""A slab's pages are about to be asked for."""
