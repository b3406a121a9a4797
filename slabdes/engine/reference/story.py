# SPDX-License-Identifier: GPL-2.0-only
"""A run's operations told step by step: SLAB's pictures and ends, and the telling of a run on either allocator.

Leaves out what every told kernel does (`telling`), and printing.
"""

from __future__ import annotations

from typing import Any, Final

from slabdes.allocator.state import BATCHCOUNT_UNUSED, ArrayCache, KmemCache, KmemList3, obj_to_index, virt_to_slab
from slabdes.config import Experiment
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.reference.kernel import TimedKernel
from slabdes.engine.reference.process import Progress, Run
from slabdes.engine.reference.run import set_up, set_up_slub
from slabdes.engine.reference.slab_run import SlabRun
from slabdes.engine.reference.slub_story import SlubStoryKernel, SlubStoryRun
from slabdes.engine.reference.telling import TellingKernel, WholeRun, listed, tell_all
from slabdes.engine.story import ArrayPicture, NodePicture, Picture, Told
from slabdes.machine.topology import Machine
from slabdes.paths.kernel import Waits
from slabdes.paths.outcome import Path
from slabdes.paths.slab.functions import kernel_function
from slabdes.paths.slab.words import WORDS, array_words, list_words
from slabdes.workload.programs import Workload

_TELLING: Final = ("slab.", "pages")
"""Modules of the paths whose functions are the kernel's."""


class StoryRun(WholeRun, SlabRun):
    """A run on SLAB in which no hit takes the short cut."""


class StoryKernel(TellingKernel[KmemCache], TimedKernel):
    """A kernel with SLAB that tells."""

    def path_name(self, module: str, name: str) -> str:
        return name if module.startswith(_TELLING) and (not name.startswith("_") or name.startswith("__")) else ""

    def kernel_name(self, name: str) -> str:
        return kernel_function(name, self.version)

    def hands_out(self, cpu: TimedCpu, cache: KmemCache, obj: int) -> tuple[str, str]:
        what = f"object {obj_to_index(obj)} of slab {virt_to_slab(obj)}"
        left = cache.array[cpu.number].avail
        if cpu.path >= Path.NODE_PARTIAL:
            return "____cache_alloc_node", f"hands out {what}; no array has changed"
        hit = f"ac->avail is {left + 1}, a hit: " if cpu.path is Path.HIT else ""
        return "____cache_alloc", f"{hit}hands out {what}, the top of the array; {left} left"

    def takes_back(self, cpu: TimedCpu, cache: KmemCache, path: Path) -> tuple[str, str]:
        avail = cache.array[cpu.number].avail
        if path not in (Path.FREE_HIT, Path.FLUSH_SHARED, Path.FLUSH_LISTS):
            return "kmem_cache_free", "is done; this CPU's array has not changed"
        hit = f"ac->avail was {avail - 1}, below ac->limit, a hit: " if path is Path.FREE_HIT else ""
        return "kmem_cache_free", f"{hit}puts the object on the array's top; {avail} are there"

    def irqs_on(self, cpu: TimedCpu) -> Waits[None]:
        where = self.kernel_name(self.where())
        yield from super().irqs_on(cpu)
        self.step(cpu, where, "irqs", f"may wait ({self.version.may_wait}): interrupts are turned on")

    def irqs_off(self, cpu: TimedCpu) -> Waits[None]:
        where = self.kernel_name(self.where())
        yield from super().irqs_off(cpu)
        self.step(cpu, where, "irqs", "interrupts are turned off again")

    def picture(self, cpu: TimedCpu, cache: KmemCache) -> Picture:
        return Picture(_array(cache.array[cpu.number]), tuple(self._node(l3) for l3 in cache.nodelists))

    def _node(self, l3: KmemList3) -> NodePicture:
        heads = enumerate((l3.slabs_partial, l3.slabs_full, l3.slabs_free))
        lists = tuple(listed(self.state.slabs, list_words(which), head) for which, head in heads)
        arrays = tuple(_array(array) for array in (l3.shared, *(l3.alien or ())) if array is not None)
        counters = (("free_objects", l3.free_objects), ("free_limit", l3.free_limit))
        return NodePicture(self.machine.node_ids[l3.node], lists, counters, arrays)


def _array(array: ArrayCache) -> ArrayPicture:
    batchcount = 0 if array.batchcount == BATCHCOUNT_UNUSED else array.batchcount
    return ArrayPicture(array_words(array), array.avail, array.limit, batchcount, bool(array.touched))


tell_all(StoryKernel, TimedKernel, WORDS)


def tell(
    experiment: Experiment,
    machine: Machine,
    workload: Workload,
    replication: int,
    first: int,
    cpu: int | None = None,
    progress: Progress | None = None,
) -> list[Told]:
    """The `first` operations that begin, of all CPUs or one, in the order in which they do; fewer if the run has no more."""
    run: Run
    if experiment.allocator.is_slub:
        run = set_up_slub(experiment, machine, workload, replication, progress, SlubStoryKernel, SlubStoryRun)
    else:
        run = set_up(experiment, machine, workload, replication, progress, StoryKernel, StoryRun)
    kernel: Any = run.kernel
    kernel.only = cpu

    def is_over() -> bool:
        if len(kernel.told) < first:
            return False
        open_since = [telling[0].told.start for telling in kernel.open if telling]
        reached = min([kernel.now, *open_since])
        return bool(sum(one.start < reached for one in kernel.told) >= first)

    run.live(is_over)
    return sorted(kernel.told, key=lambda one: (one.start, one.cpu, one.end))[:first]
