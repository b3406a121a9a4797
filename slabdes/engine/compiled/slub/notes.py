# SPDX-License-Identifier: GPL-2.0-only
"""What SLUB's paths say has happened and costs nothing, in compiled form: nothing. Prices answer all other notes."""

from __future__ import annotations

from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import inline
from slabdes.engine.compiled.slub.layout import SlubRun


@inline
def note_forgotten(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """The CPU gives up a slab without free objects."""


@inline
def note_freed_frozen(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """Objects went to a slab that is some CPU's own."""


@inline
def note_frozen(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """A slab became the CPU's own."""


@inline
def note_kept(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """An empty slab stays on its list."""


@inline
def note_list_refilled(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """A slab's chain became the private one."""


@inline
def note_list_taken(run: SlubRun, cpu: Cpu, slab: int, nr: int) -> None:
    """A slab's chain was taken."""


@inline
def note_many_full(run: SlubRun, cpu: Cpu) -> None:
    """A barn takes no more full sheaves."""


@inline
def note_mismatch(run: SlubRun, cpu: Cpu) -> None:
    """What the CPU has lies on another node than was asked for."""


@inline
def note_no_full(run: SlubRun, cpu: Cpu) -> None:
    """A barn has no full sheaf."""


@inline
def note_no_sheaf(run: SlubRun, cpu: Cpu) -> None:
    """There is no memory for a sheaf."""


@inline
def note_off_list(run: SlubRun, cpu: Cpu, slab: int) -> None:
    """A slab stays off its list."""


@inline
def note_search(run: SlubRun, cpu: Cpu) -> None:
    """Other nodes are searched."""


@inline
def note_search_skipped(run: SlubRun, cpu: Cpu) -> None:
    """Other nodes are not searched this time."""


@inline
def note_spare_used(run: SlubRun, cpu: Cpu) -> None:
    """The empty spare sheaf is to be filled."""


@inline
def note_callback(run: SlubRun, cpu: Cpu, sheaf: int) -> None:
    """A sheaf's callback begins."""


@inline
def note_spare_to_rcu(run: SlubRun, cpu: Cpu) -> None:
    """The empty spare sheaf became the RCU sheaf."""


@inline
def note_submitted(run: SlubRun, cpu: Cpu, sheaf: int) -> None:
    """A full RCU sheaf is handed over."""
