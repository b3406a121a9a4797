# SPDX-License-Identifier: GPL-2.0-only
"""Runs a script's operations through compiled code, one at a time, without a clock.

Python only creates caches and a tune's arrays, as it makes room for slabs in timed runs. A script's page limits count pages
given in all; an operation that got pages after it gave some back would see those again, but none does: scripts' caches have
no descriptors that could be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.create import alloc_arraycache, alloc_shared, kmem_cache_create
from slabdes.allocator.state import NO_NODE, NO_OBJECT, NOBODY, ArrayCache, CacheSpec, KmemCache, virt_to_slab
from slabdes.allocator.tunables import Tunables
from slabdes.engine.clockless import UNLIMITED, ClocklessKernel
from slabdes.engine.compiled.entries import operate_function
from slabdes.engine.compiled.event_reader import EventReader
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.script_memory import ScriptMemory
from slabdes.engine.compiled.slab.pack import make_room
from slabdes.engine.compiled.slab.target import lowered
from slabdes.paths.outcome import Path
from slabdes.paths.slab.kernel import SlabCpu

PLENTY = 1 << 40
"""Pages of a node without a limit."""


class SerialDriver:
    """Operations one by one, in compiled code's memory. The state's objects are a copy, brought up to date in part or whole."""

    anew = True

    def __init__(self, kernel: ClocklessKernel) -> None:
        self._kernel = kernel
        self._operate = operate_function()
        self._pack()

    def _pack(self, more: Sequence[ArrayCache] = ()) -> None:
        kernel = self._kernel
        zonelists = [kernel.zonelist(node) for node in range(kernel.state.n_nodes)]
        self._memory = ScriptMemory(kernel.state, kernel.version, zonelists, more)
        self._reader = EventReader(kernel, self._memory.arrays)

    def settle(self) -> None:
        self._memory.unpack(self._kernel.state)

    def create(self, spec: CacheSpec, next_reap: int) -> KmemCache:
        self.settle()
        cache = kmem_cache_create(self._kernel.state, spec, next_reap)
        self._pack()
        return cache

    def alloc(self, cpu: SlabCpu, cache: KmemCache, flags: int, node: int) -> int:
        if node == NO_NODE:
            self._run(cpu, "kmem_cache_alloc", cache=cache.index, flags=flags)
        else:
            self._run(cpu, "kmem_cache_alloc_node", cache=cache.index, flags=flags, node=node)
        obj = self._memory.of_cpu(cpu.number, "ret")
        cpu.altfail = bool(self._memory.of_cpu(cpu.number, "altfail"))
        self._refresh(cpu, cache, obj)
        return obj

    def free(self, cpu: SlabCpu, cache: KmemCache, obj: int) -> None:
        self._run(cpu, "kmem_cache_free", cache=cache.index, obj=obj)
        self._refresh(cpu, cache, obj)

    def reap(self, cpu: SlabCpu, hz: int) -> None:
        self._run(cpu, "cache_reap", hz=hz)
        cpu.reap_node, cpu.reap_due = self._memory.of_cpu(cpu.number, "reap_node"), self._memory.of_cpu(cpu.number, "reap_due")

    def reap_cache(self, cpu: SlabCpu, cache: KmemCache, hz: int) -> None:
        self._memory.l3(cache, cpu.node)["next_reap"] = cache.nodelists[cpu.node].next_reap
        self._run(cpu, "reap_cache", cache=cache.index, hz=hz)
        self.settle()

    def shrink(self, cpu: SlabCpu, cache: KmemCache) -> int:
        self._memory["interrupts"][:] = [other.number for other in self._kernel.interrupted(cpu)]
        self._run(cpu, "kmem_cache_shrink", cache=cache.index)
        self._refresh(cpu, cache, NO_OBJECT)
        return self._memory.of_cpu(cpu.number, "ret")

    def tune(self, cpu: SlabCpu, cache: KmemCache, tunables: Tunables) -> None:
        self.settle()
        state = self._kernel.state
        cache.limit, cache.batchcount, cache.shared = tunables.limit, tunables.batchcount, tunables.shared
        new = [alloc_arraycache(state, ac.name, cache.limit, cache.batchcount) for ac in cache.array]
        shared = [alloc_shared(state, cache, node) for node in range(state.n_nodes)]
        self._pack([*new, *(array for array in shared if array is not None)])
        memory = self._memory
        memory.set(new_arrays=memory.first_more)
        memory["new_shared"][:] = [NOBODY if array is None else memory.arrays.index(array) for array in shared]
        memory["cpus_of_node"][:] = [state.nr_cpus_node(node) for node in range(state.n_nodes)]
        self._run(cpu, "do_tune_cpucache", cache=cache.index, limit=cache.limit, batchcount=cache.batchcount, shared=cache.shared)
        self.settle()
        # The old arrays are no longer anybody's.
        self._pack()

    def _run(self, cpu: SlabCpu, path: str, **arguments: int) -> None:
        """Run a path to its end and tell the kernel of its steps."""
        memory = self._memory
        self._give(cpu)
        fields = lowered().arguments[path]
        memory.begin(cpu.number, lowered().numbers[path], {fields[name]: value for name, value in arguments.items()})
        status = Status(self._operate(memory.run))
        while status is not Status.FINISHED:
            if status is Status.SLABS:
                make_room(memory)
            elif status is Status.EVENTS:
                self._reader.read(memory.take_events())
                memory.make_room_for_events()
            else:
                raise AssertionError(f"{status!r}: something waits in an engine without a clock")
            status = Status(self._operate(memory.run))
        self._reader.read(memory.take_events())
        self._take(cpu)

    def _give(self, cpu: SlabCpu) -> None:
        """What the script has set since the last operation."""
        kernel, memory = self._kernel, self._memory
        memory.set(jiffies=kernel.now, failing_calls=kernel.failing_calls, failing_node=kernel.failing_node)
        memory["policies"][0] = (kernel.policy.n_nodes, kernel.policy.kind, kernel.policy.node)
        memory["cpus"]["reap_node"][cpu.number] = cpu.reap_node
        memory["free_pages"][:] = self._free_pages()

    def _free_pages(self) -> list[int]:
        """Pages that the script lets each node give away."""
        kernel = self._kernel
        limits = zip(kernel.page_limit, kernel.pages_out, strict=True)
        return [PLENTY if limit == UNLIMITED else max(0, limit - out) for limit, out in limits]

    def _take(self, cpu: SlabCpu) -> None:
        """What the operation has changed of that, and how it went."""
        kernel, memory = self._kernel, self._memory
        kernel.failing_calls = memory.get("failing_calls")
        for node, (before, after) in enumerate(zip(self._free_pages(), memory["free_pages"].tolist(), strict=True)):
            kernel.pages_out[node] += before - after
        kernel.policy.node = int(memory["policies"][0]["node"])
        cpu.path = Path(memory.of_cpu(cpu.number, "path"))

    def _refresh(self, cpu: SlabCpu, cache: KmemCache, obj: int) -> None:
        """Bring what an operation's record tells of up to date."""
        memory, state = self._memory, self._kernel.state
        array = cache.array[cpu.number]
        avail = memory["arrays"]["avail"]
        array.avail = int(avail[int(memory["caches"]["array"][cache.index]) + cpu.number])
        first = cache.index * state.n_nodes
        for l3, free_objects in zip(
            cache.nodelists, memory["l3s"]["free_objects"][first : first + state.n_nodes].tolist(), strict=True
        ):
            l3.free_objects = free_objects
            if l3.shared is not None:
                l3.shared.avail = int(avail[int(memory["l3s"]["shared"][first + l3.node])])
        if obj != NO_OBJECT:
            number = virt_to_slab(obj)
            slab = state.slabs[number]
            slab.serial, slab.nodeid = int(memory["slabs"]["serial"][number]), int(memory["slabs"]["nodeid"][number])
