# SPDX-License-Identifier: GPL-2.0-only
"""A script's state moved into arrays before compiled code's turn, and all of it back whenever Python has to see it.

Costs are zero and locks free: a script has no clock. Leaves out what an operation sets (`serial`), and SLUB's state
(`slub.script_memory`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slabdes.allocator.page_lists import LIST_ORDERS
from slabdes.allocator.pages import TOP_ORDER
from slabdes.allocator.state import NOBODY, ArrayCache, CacheStats, KmemCache, SlabState
from slabdes.allocator.versions import Version
from slabdes.engine.compiled.layout import BUCKETS, N_PATHS, blank, names_of
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.pack import no_counts, pack_locks
from slabdes.engine.compiled.script_layout import EventRow, ScriptRun
from slabdes.engine.compiled.serial_driver import EVENTS_OF_A_STEP
from slabdes.engine.compiled.slab.layout import L3
from slabdes.engine.compiled.slab.pack import pack_caches, pack_objects, pack_version, put_slab_cpus, unpack_slabs
from slabdes.engine.cpu import NEVER
from slabdes.units import MAX_RUN_PS

NO_LIST = 1
"""Pages that a CPU keeps at most, and moves at a time: a list of one goes straight back to its zone."""
PLENTY_OF_BLOCKS = 1 << 40
_SOME_EVENTS = 1024
"""More room for events than a step needs, so that they are not read after each."""


class SerialMemory(Memory):
    """What every allocator's script has in memory beside its own state."""

    def pack_no_clock(self, node_of_cpu: Sequence[int], n_nodes: int, n_locks: int, n_caches: int) -> None:
        """All that a clock and books would need, at rest; CPUs, which have their stacks, learn who they are."""
        n_cpus = len(node_of_cpu)
        self.set(
            n_cpus=n_cpus,
            n_nodes=n_nodes,
            bits=(n_cpus - 1).bit_length(),
            leaves=1 << (n_cpus - 1).bit_length(),
            time_limit=MAX_RUN_PS,
            mark_at=NEVER,
            mark_key=NEVER,
            caller=NOBODY,
        )
        packed = self["cpus"]
        packed["number"] = np.arange(n_cpus)
        packed["node"] = node_of_cpu
        packed["sp"] = NOBODY
        pack_locks(self, [0] * (n_locks + n_nodes + 1), n_nodes)
        for name, shape in (
            ("transfer", n_cpus * n_cpus),
            ("moves", n_cpus * n_cpus),
            ("dram", n_nodes * n_nodes),
            ("pcp", n_cpus * n_nodes),
            ("pcp_lists", n_cpus * n_nodes * LIST_ORDERS),
            ("pcp_warm", n_cpus * n_nodes * LIST_ORDERS),
        ):
            self.put(name, np.zeros(shape))
        self.put("tree", np.full(2 * self.get("leaves"), np.iinfo(np.int64).max))
        self.put("free_pages", np.zeros(n_nodes))
        self.put("page_batch", np.full(n_nodes, NO_LIST))
        self.put("page_high", np.full(n_nodes, NO_LIST))
        # Blocks of every order, so that none is split, and none merged: how many pages there are is each operation's.
        blocks = n_nodes * (TOP_ORDER + 1)
        self.put("page_blocks", np.full(blocks, PLENTY_OF_BLOCKS))
        self.put("page_lone", np.zeros(n_nodes))
        self.put("page_giver", np.full(blocks, NOBODY))
        self.put("page_given", np.zeros(blocks))
        histograms = (n_caches + 1) * N_PATHS
        self.put("buckets", np.zeros((histograms, BUCKETS)))
        self.put("counts", no_counts(histograms))
        self.put("interrupts", np.arange(n_cpus))

    def of_cpu(self, cpu: int, name: str) -> int:
        """A field of a CPU."""
        return int(self["cpus"][name][cpu])

    def take_events(self) -> list[tuple[int, ...]]:
        """What has been written down since the last call."""
        events: list[tuple[int, ...]] = self["events"][: self.get("n_events")].tolist()
        self.set(n_events=0)
        return events

    def begin(self, cpu: int, pc: int, arguments: Mapping[str, int]) -> None:
        """Put an operation's path on top of a CPU's stack, its arguments in fields of its frame."""
        row: Any = self["cpus"][cpu]
        row["sp"] += 1
        frames, place = self["frames"], int(row["frame0"]) + int(row["sp"])
        frames["pc"][place] = pc
        for field, value in arguments.items():
            frames[field][place] = value
        self.run[0]["turn"] = cpu


class ScriptMemory(SerialMemory):
    """All arrays of a script's run. `arrays` are the ArrayCaches by number; `more` are some that no cache has (yet)."""

    def __init__(
        self, state: SlabState, version: Version, zonelists: Sequence[Sequence[int]], more: Sequence[ArrayCache] = ()
    ) -> None:
        super().__init__(ScriptRun)
        n_nodes = state.n_nodes
        pack_version(self, version)
        self.set(reaper=NOBODY, hz=1)
        self.arrays, self.first_more = pack_caches(self, state, more)
        # Lines of locks and zones come after the caches', as they do in timed runs.
        lines = state.n_lines + n_nodes + 1
        pack_objects(self, state, [NOBODY] * lines, [0] * lines)
        put_slab_cpus(self, state)
        self.pack_no_clock(state.node_of_cpu, n_nodes, state.n_locks, len(state.caches))
        self.put("zonelists", zonelists)
        self.put("new_shared", np.full(n_nodes, NOBODY))
        self.put("cpus_of_node", np.zeros(n_nodes))
        self.put("node_of_cpu", state.node_of_cpu)
        self.make_room_for_events()

    def make_room_for_events(self) -> None:
        """Room for what several steps write down, whatever slabs there are now; what was written is gone."""
        most = max((array.limit for array in self.arrays), default=0)
        room = _SOME_EVENTS + most + 2 * self.get("n_slabs") + EVENTS_OF_A_STEP
        self.put("events", blank(EventRow, room))
        self.set(n_events=0, event_room=room, most_moved=most)

    def unpack(self, state: SlabState) -> None:
        """Bring everything back into the state's own objects."""
        state.words[:] = self["words"][: self.get("n_words")].tolist()
        state.n_lines = self.get("n_lines")
        for name, values in unpack_slabs(self, state).items():
            for slab, value in zip(state.slabs, values, strict=True):
                setattr(slab, name, value)
        for array, packed in zip(self.arrays, self["arrays"], strict=False):
            array.avail, array.touched = int(packed["avail"]), int(packed["touched"])
        for cache, packed, stats in zip(state.caches, self["caches"], self["stats"], strict=False):
            for name in ("slabs_created", "slabs_destroyed", "ctor_calls", "spare"):
                setattr(cache, name, int(packed[name]))
            for name in names_of(CacheStats):
                setattr(cache.stats, name, int(stats[name]))
            cache.array = self.arrays[int(packed["array"]) : int(packed["array"]) + len(state.node_of_cpu)]
            for l3 in cache.nodelists:
                record = self["l3s"][cache.index * state.n_nodes + l3.node]
                for name in names_of(L3):
                    if name not in ("shared", "alien"):
                        setattr(l3, name, int(record[name]))
                shared = int(record["shared"])
                l3.shared = None if shared == NOBODY else self.arrays[shared]

    def l3(self, cache: KmemCache, node: int) -> Any:
        """A cache's record of a node."""
        return self["l3s"][cache.index * self.get("n_nodes") + node]
