# SPDX-License-Identifier: GPL-2.0-only
"""First touches of objects and of their slabs' descriptors in compiled code, and those that a CPU's cache has lost.

The counterpart of what `reference.charges` does with `working_set`. Leaves out lines.
"""

from __future__ import annotations

from slabdes.allocator.state import OBJECT_BITS
from slabdes.engine.compiled.clock import link_of
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.numba_tools import inline, ints_at, slabs_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.working_set import FORGOTTEN, allocated_by, touch_freed, touch_object
from slabdes.units import MILLI


@inline
def from_memory(run: Run, cpu: Cpu, node: int) -> int:
    """What a line of a node's memory costs a CPU."""
    return ints_at(run.dram)[cpu.node * run.n_nodes + node]


@inline
def first_touch(run: Run, cpu: Cpu, obj: int) -> None:
    """An allocation touches its object: dear unless this CPU was the last to allocate it, and lately."""
    cost = object_touch(run, cpu, obj, link_of(run, obj))
    cpu.first_touch_time += cost
    cpu.clock += cost
    cpu.beyond_work |= cost


@inline
def object_touch(run: Run, cpu: Cpu, obj: int, link: int) -> int:
    """What an allocation of the object with that chain link pays for touching it (working_set.touch_object)."""
    number = obj >> OBJECT_BITS
    slab = slabs_at(run.slabs)[number]
    size, memory = ints_at(run.sizes)[slab.cache], from_memory(run, cpu, slab.nodeid)
    return touch_object(cpu, ints_at(run.touched), link, number, size, run.first_touch, memory, run.miss_milli)


@inline
def allocated_elsewhere(run: Run, cpu: Cpu, obj: int) -> bool:
    """Whether another CPU was the last to allocate the object."""
    by = allocated_by(ints_at(run.touched)[link_of(run, obj)])
    return by != cpu.number and by < FORGOTTEN


@inline
def descriptor_read(run: Run, cpu: Cpu, obj: int) -> None:
    """A free reads the descriptor of its object's slab: dear if another CPU has allocated the object, or none lately."""
    cost = freed_touch(run, cpu, obj, link_of(run, obj))
    cpu.descriptor_read_time += cost
    cpu.clock += cost
    cpu.beyond_work |= cost


@inline
def freed_touch(run: Run, cpu: Cpu, obj: int, link: int) -> int:
    """What a free of the object with that chain link pays for the object and its descriptor (working_set.touch_freed)."""
    number = obj >> OBJECT_BITS
    slab = slabs_at(run.slabs)[number]
    size, memory = ints_at(run.sizes)[slab.cache], from_memory(run, cpu, slab.nodeid) * run.miss_milli // MILLI
    reads, once, writes = looks_up(run, slab.cache), run.descriptor_once, run.writes_objects
    return touch_freed(cpu, ints_at(run.touched), link, number, size, reads, once, writes, run.descriptor_read, memory)


@inline
def looks_up(run: Run, cache: int) -> bool:
    """Whether frees of a cache find their objects' slabs."""
    return ints_at(run.looked_up)[cache] != 0
