"""Runs a script's operations through compiled code, one at a time: the conformance engine's other Driver.

Python only creates caches and a tune's arrays, as it makes room for slabs in timed runs. A script's page limits count pages
given in all; an operation that got pages after it gave some back would see those again, but none does: scripts' caches have
no descriptors that could be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.state import (
    NO_OBJECT,
    NOBODY,
    ArrayCache,
    CacheSpec,
    KmemCache,
    alloc_arraycache,
    alloc_shared,
    kmem_cache_create,
    virt_to_slab,
)
from slabdes.allocator.tunables import Tunables, free_limit
from slabdes.engine.compiled import codes
from slabdes.engine.compiled.cache import operate_function
from slabdes.engine.compiled.event_reader import EventReader
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.pack import make_room
from slabdes.engine.compiled.script_memory import ScriptMemory
from slabdes.engine.conformance.kernel import UNLIMITED, ClocklessKernel
from slabdes.engine.kernel import CpuContext
from slabdes.engine.records import Path

PLENTY = 1 << 40
"""Pages of a node without a limit."""
_REAP_CACHE = codes.REAP + 3
"""Where cache_reap begins with a cache; it goes on to older ones, and ends its turn after the first."""


class SerialDriver:
    """A Driver over the memory of compiled code. The state's objects are a copy, brought up to date in part or whole."""

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

    def alloc(self, cpu: CpuContext, cache: KmemCache, flags: int, node: int) -> int:
        self._run(cpu, codes.ALLOC_ASKED, cache, node=node, flags=flags)
        obj = self._memory.of_cpu(cpu.number, "ret")
        cpu.altfail = bool(self._memory.get("altfail"))
        self._refresh(cpu, cache, obj)
        return obj

    def free(self, cpu: CpuContext, cache: KmemCache, obj: int) -> None:
        self._run(cpu, codes.FREE, cache, a=obj)
        self._refresh(cpu, cache, obj)

    def reap(self, cpu: CpuContext, hz: int) -> None:
        self._memory.set(hz=hz)
        self._run(cpu, codes.REAP, None)
        cpu.reap_node, cpu.reap_due = self._memory.of_cpu(cpu.number, "reap_node"), self._memory.of_cpu(cpu.number, "reap_due")

    def reap_cache(self, cpu: CpuContext, cache: KmemCache, hz: int) -> None:
        assert cache.index == 0, "a turn of the timer does not stop at a cache that is not the first"
        self._memory.set(hz=hz)
        self._memory.l3(cache, cpu.node)["next_reap"] = cache.nodelists[cpu.node].next_reap
        self._run(cpu, _REAP_CACHE, cache)
        self.settle()

    def shrink(self, cpu: CpuContext, cache: KmemCache) -> int:
        self._memory["interrupts"][:] = [other.number for other in self._kernel.finish(self._kernel.on_each_cpu(cpu))]
        self._run(cpu, codes.SHRINK, cache)
        self._refresh(cpu, cache, NO_OBJECT)
        return self._memory.of_cpu(cpu.number, "ret")

    def tune(self, cpu: CpuContext, cache: KmemCache, tunables: Tunables) -> None:
        self.settle()
        state = self._kernel.state
        cache.limit, cache.batchcount, cache.shared = tunables.limit, tunables.batchcount, tunables.shared
        new = [alloc_arraycache(state, ac.name, cache.limit, cache.batchcount) for ac in cache.array]
        shared = [alloc_shared(state, cache, node) for node in range(state.n_nodes)]
        self._pack([*new, *(array for array in shared if array is not None)])
        memory = self._memory
        first = memory.first_more
        memory["new_shared"][:] = [NOBODY if array is None else memory.arrays.index(array) for array in shared]
        limits = [free_limit(state.nr_cpus_node(node), cache.batchcount, cache.num) for node in range(state.n_nodes)]
        memory["new_limits"][:] = limits
        self._run(cpu, codes.TUNE, cache, a=int(memory["caches"][cache.index]["array"]), b=first)
        self.settle()
        # The old arrays are no longer anybody's.
        self._pack()

    def _run(
        self, cpu: CpuContext, pc: int, cache: KmemCache | None, *, node: int = 0, flags: int = 0, a: int = 0, b: int = 0
    ) -> None:
        """Run an operation to its end and tell the kernel of its steps."""
        memory = self._memory
        self._give(cpu)
        memory.begin(cpu.number, pc, 0 if cache is None else cache.index, (node, flags, a, b))
        status = Status(self._operate(memory.run))
        while status is not Status.FINISHED:
            if status is Status.SLABS:
                make_room(memory, memory.get("n_slabs"))
            elif status is Status.EVENTS:
                self._reader.read(memory.take_events())
                memory.make_room_for_events()
            else:
                raise AssertionError(f"{status!r}: something waits in an engine without a clock")
            status = Status(self._operate(memory.run))
        self._reader.read(memory.take_events())
        self._take(cpu)

    def _give(self, cpu: CpuContext) -> None:
        """What the script has set since the last operation."""
        kernel, memory = self._kernel, self._memory
        memory.set(jiffies=kernel.now, failing_calls=kernel.failing_calls, failing_node=kernel.failing_node)
        memory["policy"][0] = (kernel.policy.n_nodes, kernel.policy.kind, kernel.policy.node)
        memory["cpus"]["reap_node"][cpu.number] = cpu.reap_node
        memory["free_pages"][:] = [
            PLENTY if limit == UNLIMITED else max(0, limit - given)
            for limit, given in zip(kernel.page_limit, kernel.pages_given, strict=True)
        ]

    def _take(self, cpu: CpuContext) -> None:
        """What the operation has changed of that, and how it went."""
        kernel, memory = self._kernel, self._memory
        kernel.failing_calls = memory.get("failing_calls")
        kernel.policy.node = int(memory["policy"][0]["node"])
        cpu.path = Path(memory.of_cpu(cpu.number, "path"))

    def _refresh(self, cpu: CpuContext, cache: KmemCache, obj: int) -> None:
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
