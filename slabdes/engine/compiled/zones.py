# SPDX-License-Identifier: GPL-2.0-only
"""Nodes in the order in which one falls back to them, and their zones' locks. How many there are is each allocator's own."""

from __future__ import annotations

from slabdes.engine.compiled.numba_tools import inline, ints_at
from slabdes.engine.compiled.run_layout import Run


@inline
def zonelist_item(run: Run, node: int, place: int) -> int:
    """A node of a zonelist."""
    return ints_at(run.zonelists)[node * run.n_nodes + place]


@inline
def zones_item(run: Run, node: int, place: int) -> int:
    """A node whose pages will do."""
    return zonelist_item(run, node, place)


@inline
def zone_lock(run: Run, zone: int) -> int:
    """The number of the lock of a node's zone."""
    return run.first_zone_lock + zone
