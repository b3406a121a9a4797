# SPDX-License-Identifier: GPL-2.0-only
"""What a recording may ask of memory and time, told before it is spent: a line of it can stand for any amount of work.

Leaves out what grows with the recording's own length, which `conformance.script.read_text` bounds.
"""

from __future__ import annotations

from typing import Final

from slabdes.allocator.state import Memory, SlabState
from slabdes.allocator.tunables import Tunables, alien_limit
from slabdes.errors import InputError

MAX_CPUS: Final = 1024
MAX_NODES: Final = 256
MAX_ARRAYS: Final = 1 << 18
"""Arrays of objects that all caches of a system may have (assumed: some 100 MB; 250 caches on 1,024 CPUs have as many)."""
MAX_PLACES: Final = 1 << 25
"""Objects that all arrays and slabs may have room for, those included that a tune has replaced (assumed: 256 MB)."""
MAX_STEPS: Final = 1 << 22
"""Steps of about a microsecond that a recording may take beyond one operation a line (assumed: some five seconds; the longest
of the golden data and of the 6.1 logs takes a thirteenth of that)."""
ARRAY_STEPS: Final = 4
OPERATION_STEPS: Final = 20
"""Steps that an array is counted as, or a cache at a turn of a timer; an allocation or a free."""
DUMPED_CACHE_STEPS: Final = 40
DUMPED_OBJECT_STEPS: Final = 3
"""In a dump: steps that a cache is counted as, and an object, which is checked."""
PACKED_ARRAY_STEPS: Final = 16
PLACES_A_STEP: Final = 4
"""Where all memory is laid out anew: steps that an array is counted as; objects that a step makes room for."""


def check_room(state: Memory, caches: int, arrays: int, places: int, where: str) -> None:
    """Raise InputError if `caches` caches with `arrays` arrays, or room for `places` objects more, are too many."""
    if arrays > MAX_ARRAYS:
        machine = f"{len(state.node_of_cpu)} CPUs and {state.n_nodes} nodes"
        raise InputError(where, f"{caches} caches on {machine} have {arrays} arrays", allowed=f"at most {MAX_ARRAYS}")
    if len(state.words) + places > MAX_PLACES:
        problem = f"room for {len(state.words) + places} objects in arrays and slabs"
        raise InputError(where, problem, allowed=f"at most {MAX_PLACES}: lower limits, fewer CPUs, nodes or caches")


def arrays_of_cache(state: SlabState) -> int:
    """Arrays of a cache: each CPU's, each node's shared one, and an alien cache for each pair of nodes."""
    aliens = state.n_nodes * (state.n_nodes - 1) if state.use_alien_caches else 0
    return len(state.node_of_cpu) + state.n_nodes + aliens


def places_of_cache(state: SlabState, tunables: Tunables) -> int:
    """Objects that a new cache's arrays have room for."""
    nodes = state.n_nodes
    aliens = nodes * (nodes - 1) * alien_limit(tunables.limit) if state.use_alien_caches else 0
    return _places_of_tune(state, tunables) + aliens


def _places_of_tune(state: SlabState, tunables: Tunables) -> int:
    """Objects that the arrays which a tune makes have room for."""
    return len(state.node_of_cpu) * tunables.limit + state.n_nodes * tunables.shared * tunables.batchcount


class Allowance:
    """What one recording may still ask for. Each method takes something off, or raises InputError about `where`."""

    def __init__(self) -> None:
        self._most = self._left = MAX_STEPS

    def spend(self, steps: int, where: str, what: str) -> None:
        """Steps for `what`."""
        if steps > self._left:
            problem = f"{what}: some {steps} steps, after {self._most - self._left} before"
            raise InputError(where, problem, allowed=f"{self._most} a recording; cut it into several")
        self._left -= steps

    def operations(self, count: int, where: str) -> None:
        """Allocations and frees beyond one a line."""
        self.spend(count * OPERATION_STEPS, where, f"{count} operations")

    def cache(self, state: SlabState, tunables: Tunables, where: str, *, anew: bool) -> None:
        """A cache more; `anew` if all memory is laid out anew for it."""
        caches = len(state.caches) + 1
        check_room(state, caches, caches * arrays_of_cache(state), places_of_cache(state, tunables), where)
        self._arrays(state, where, "a cache beside all those before", anew)

    def tune(self, state: SlabState, tunables: Tunables, where: str, *, anew: bool) -> None:
        """New arrays for a cache; `anew` if all memory is laid out anew for them."""
        check_room(state, 1, arrays_of_cache(state), _places_of_tune(state, tunables), where)
        self._arrays(state, where, "a tune", anew)

    def _arrays(self, state: SlabState, where: str, what: str, anew: bool) -> None:
        steps = ARRAY_STEPS * arrays_of_cache(state)
        if anew:
            arrays = len(state.caches) * arrays_of_cache(state)
            steps += PACKED_ARRAY_STEPS * arrays + len(state.slabs) + len(state.words) // PLACES_A_STEP
        self.spend(steps, where, what)

    def turns(self, state: SlabState, jiffies: int, hz: int, where: str) -> None:
        """The turns of all CPUs' reap timers in `jiffies`."""
        cpus = len(state.node_of_cpu)
        turns = jiffies // hz * cpus
        steps = turns * (cpus + (1 + len(state.caches)) * ARRAY_STEPS)
        self.spend(steps, where, f"{jiffies} jiffies with {turns} turns of reap timers")

    def turn(self, state: SlabState, where: str) -> None:
        """A turn of one CPU's reap timer."""
        self.spend(len(state.caches) * ARRAY_STEPS, where, "a turn of the reap timer")

    def dump(self, state: SlabState, objects: int, issued: int, where: str) -> None:
        """A dump of all caches with `objects` objects, after a script has issued some."""
        more = len(state.caches) * (DUMPED_CACHE_STEPS + issued) + DUMPED_OBJECT_STEPS * objects
        self.look(state, len(state.caches), where, "a dump", more)

    def look(self, state: SlabState, caches: int, where: str, what: str, more: int = 0) -> None:
        """A look at every array and slab of `caches` caches."""
        self.spend(ARRAY_STEPS * caches * arrays_of_cache(state) + more, where, what)
