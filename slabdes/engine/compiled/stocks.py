# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU has of its own of a cache, for hits: SLAB's array; SLUB's main sheaf, or the private free chain of the CPU's slab.

What is asked of one is chosen by the type of its record, or by that of the run, so that hits of each are loops of their own
(`hits`). The counterpart of Run._take, _has_room and _put. Leaves out what each does (`slab.stocks`, `slub.stocks`).
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, Final, TypeAlias

from slabdes.allocator.state import Slab
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import by_record, by_run, function, inline
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slab import stocks as arrays
from slabdes.engine.compiled.slab.stocks import Own as OwnArray
from slabdes.engine.compiled.slub import stocks as sheaves
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.slub.stocks import NO_SHEAF, OwnRcuSheaf, OwnSheaf, OwnSlab

Own: TypeAlias = OwnArray | OwnSheaf | OwnSlab | OwnRcuSheaf
"""One of them."""
own_array, main_sheaf, own_slab = inline(arrays.own_array), inline(sheaves.main_sheaf), inline(sheaves.own_slab)
rcu_sheaf_number, rcu_sheaf = inline(sheaves.rcu_sheaf_number), inline(sheaves.rcu_sheaf)
has_slabs_alone = inline(sheaves.has_slabs_alone)


def with_own(row: Callable[[Run, Cpu, int, Own], int]) -> Callable[[Run, Cpu, int], int]:
    """A row of hits in what the CPU has of its own of the present step's cache; frees by kfree_rcu gather elsewhere."""

    @function
    def of_array(run: Run, cpu: Cpu, most: int) -> int:
        return row(run, cpu, most, own_array(run, cpu))

    @function
    def of_sheaf(run: SlubRun, cpu: Cpu, most: int) -> int:
        return row(run, cpu, most, main_sheaf(run, cpu))

    @function
    def of_chain(run: SlubRun, cpu: Cpu, most: int) -> int:
        return row(run, cpu, most, own_slab(run, cpu))

    def of_slab(run: Run, cpu: Cpu, most: int) -> int:
        return of_array(run, cpu, most)

    def of_slub(run: SlubRun, cpu: Cpu, most: int) -> int:
        return of_chain(run, cpu, most) if has_slabs_alone(run, cpu) else of_sheaf(run, cpu, most)

    return by_run(SlubRun, of_slub, of_slab)


def or_gathered(
    row: Callable[[Run, Cpu, int, Own], int], at_once: Callable[[Run, Cpu, int], int]
) -> Callable[[Run, Cpu, int], int]:
    """A row of frees that hit: `at_once`, or by kfree_rcu into the CPU's RCU sheaf, if it has one."""

    @function
    def gathered(run: SlubRun, cpu: Cpu, most: int) -> int:
        number = rcu_sheaf_number(run, cpu)
        return 0 if number == NO_SHEAF else row(run, cpu, most, rcu_sheaf(run, number))

    def of_slub(run: SlubRun, cpu: Cpu, most: int) -> int:
        return gathered(run, cpu, most) if run.grace else at_once(run, cpu, most)

    def of_slab(run: Run, cpu: Cpu, most: int) -> int:
        return at_once(run, cpu, most)

    return by_run(SlubRun, of_slub, of_slab)


def _yes(own: Own) -> bool:
    return True


counters: Final[Callable[[Run, Cpu], Any]] = by_record({SlubRun: sheaves.counters}, arrays.counters)
"""Where hits of the present step's cache are counted."""
home_of: Final = by_run(SlubRun, sheaves.home_of, arrays.home_of)
"""The node whose objects a CPU keeps."""
kept: Final[Callable[[Own], int]] = by_record({OwnArray: arrays.kept, OwnSheaf: sheaves.kept, OwnSlab: sheaves.kept_in_chain})
"""How many objects can be taken at most."""
has_any: Final[Callable[[Own], bool]] = by_record({OwnSlab: sheaves.any_in_chain}, _yes)
"""Whether one more can be taken, if no more than `kept` were."""
take: Final[Callable[[Own, MutableSequence[int], Sequence[Slab], Any], int]] = by_record(
    {OwnArray: arrays.take, OwnSheaf: sheaves.take, OwnSlab: sheaves.take_from_chain}
)
"""Take an object, a hit."""
room: Final[Callable[[Own], int]] = by_record(
    {
        OwnArray: arrays.room,
        OwnSheaf: sheaves.room,
        OwnSlab: sheaves.room_in_chain,
        OwnRcuSheaf: sheaves.room_to_gather,
    }
)
"""How many can be put there at most."""
accepts: Final[Callable[[Own, int, int, int], bool]] = by_record(
    {
        OwnArray: arrays.accepts,
        OwnSheaf: sheaves.accepts,
        OwnSlab: sheaves.accepts_in_chain,
        OwnRcuSheaf: sheaves.accepts_to_gather,
    }
)
"""Whether an object of this slab, on this node, may be put there by a CPU whose `home_of` is given."""
put: Final[Callable[[Own, MutableSequence[int], Sequence[Slab], Any, int], None]] = by_record(
    {OwnArray: arrays.put, OwnSheaf: sheaves.put, OwnSlab: sheaves.put_in_chain, OwnRcuSheaf: sheaves.gather}
)
"""Put an object there, a hit."""
