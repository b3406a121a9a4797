# SPDX-License-Identifier: GPL-2.0-only
"""A SLUB log's state moved into arrays before compiled code's turn, and all of it back whenever Python has to see it.

Leaves out what an operation sets (`slub.serial`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from slabdes.allocator.slub.state import SlubState, sheaf_lines
from slabdes.allocator.slub.versions import SlubVersion
from slabdes.allocator.state import NOBODY
from slabdes.engine.compiled.layout import blank
from slabdes.engine.compiled.script_layout import EventRow
from slabdes.engine.compiled.script_memory import SerialMemory
from slabdes.engine.compiled.slub.pack import grow_room, pack_caches, pack_nodes, pack_objects, pack_version, put_slub_cpus
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun
from slabdes.engine.compiled.variants import EVENTS_OF_A_LOOK, EVENTS_OF_A_SLAB

_SOME_EVENTS: Final = 4096
"""More room for events than a look needs, so that they are not read after each."""

_SOME_SHEAVES: Final = 16
"""Sheaves that there is room for, more than are made between two looks."""


class SlubScriptMemory(SerialMemory):
    """All arrays of a log's run; `batches` is where CPUs' batches begin."""

    def __init__(self, state: SlubState, version: SlubVersion, zonelists: Sequence[Sequence[int]], batches: int) -> None:
        super().__init__(ScriptSlubRun)
        pack_version(self, version)
        self.set(batches=batches, cycle_ps=1)
        pack_caches(self, state)
        # Lines of locks and zones come after the caches', as they do in timed runs.
        lines = state.n_lines + state.n_nodes + 1
        pack_objects(self, state, [NOBODY] * lines, [0] * lines, 0, _SOME_SHEAVES)
        put_slub_cpus(self, state.n_cpus)
        self.pack_no_clock(state.node_of_cpu, state.n_nodes, state.n_locks, len(state.caches))
        pack_nodes(self, state, zonelists)
        self.put("skips", [])
        self._array_at = self._array_size = 0
        self.make_room_for_events()

    def make_room_for_events(self) -> None:
        """Room for what several looks write down, whatever slabs there are now; what was written is gone."""
        room = _SOME_EVENTS + EVENTS_OF_A_LOOK + 2 * EVENTS_OF_A_SLAB * self.get("n_slabs")
        self.put("events", blank(EventRow, room))
        self.set(n_events=0, event_room=room)

    def make_room_for_sheaf(self, capacity: int) -> None:
        """Room for sheaves of so many objects, from now on."""
        if capacity > self.get("most_capacity"):
            self.set(most_capacity=capacity, most_sheaf_lines=sheaf_lines(capacity))
            self.make_room()

    def make_room(self) -> None:
        """Room for as many slabs again, and for some sheaves: what a log asks for may be large."""
        slabs, sheaves = self.get("n_slabs"), self.get("n_sheaves")
        grow_room(self, max(slabs, self.get("slab_room") - slabs), max(_SOME_SHEAVES, self.get("sheaf_room") - sheaves))

    def array(self, objects: Sequence[int]) -> int:
        """Where in `words` a caller's array lies, now with these objects; the next one may lie in the same place."""
        size = len(objects)
        if size > self._array_size:
            self._array_at, self._array_size = self.get("n_words"), size
            self.grow("words", len(self["words"]) + size, 0)
            self.grow("touched", len(self["touched"]) + size, NOBODY)
            self.set(n_words=self._array_at + size, word_room=self.get("word_room") + size)
        self["words"][self._array_at : self._array_at + size] = np.asarray(objects, "i8")
        return self._array_at
