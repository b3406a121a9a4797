# SPDX-License-Identifier: GPL-2.0-only
"""Runs a SLUB log's operations through compiled code, one at a time, without a clock.

Python only creates caches, keeps what waits for RCU, and runs what comes in at a point of an operation on top of it, as it
makes room for slabs in timed runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.allocator.slub.create import create_with_cpu_slabs, kmem_cache_create
from slabdes.allocator.slub.geometry import SlubGeometry
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache
from slabdes.allocator.state import NOBODY
from slabdes.engine.clockless_slub import ClocklessSlub
from slabdes.engine.compiled import codes
from slabdes.engine.compiled.entries import operate_slub_function
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.slub.event_reader import SlubEventReader
from slabdes.engine.compiled.slub.pack import unpack_state
from slabdes.engine.compiled.slub.script_memory import SlubScriptMemory
from slabdes.engine.compiled.slub.target import lowered
from slabdes.paths.outcome import Path
from slabdes.paths.slub.kernel import SlubCpu

PLENTY = 1 << 40
"""Pages of a node."""


class SlubSerialDriver:
    """Operations one by one, in compiled code's memory. The state's objects are a copy, brought up to date in part or whole."""

    def __init__(self, kernel: ClocklessSlub) -> None:
        self._kernel = kernel
        self._operate = operate_slub_function()
        self._pack()

    def _pack(self) -> None:
        kernel = self._kernel
        self._memory = SlubScriptMemory(kernel.state, kernel.version, kernel.zonelists, kernel.batches)
        self._reader = SlubEventReader(kernel)

    def settle(self) -> None:
        unpack_state(self._memory, self._kernel.state)

    def create(self, name: str, geometry: SlubGeometry, *, cpu_slabs: bool) -> KmemCache:
        self.settle()
        cache = (create_with_cpu_slabs if cpu_slabs else kmem_cache_create)(self._kernel.state, name, geometry)
        self._pack()
        return cache

    def alloc(self, cpu: SlubCpu, cache: KmemCache, flags: int, node: int) -> int:
        return self._run(cpu, "kmem_cache_alloc_node", cache=cache.index, flags=flags, node=node)

    def free(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        self._run(cpu, "kmem_cache_free", cache=cache.index, obj=obj)

    def alloc_bulk(self, cpu: SlubCpu, cache: KmemCache, count: int) -> list[int] | None:
        at = self._memory.array([0] * count)
        done = self._run(cpu, "kmem_cache_alloc_bulk", cache=cache.index, flags=0, at=at, size=count)
        objects: list[int] = self._memory["words"][at : at + count].tolist()
        return objects if done else None

    def free_bulk(self, cpu: SlubCpu, cache: KmemCache, objects: Sequence[int]) -> None:
        at = self._memory.array(objects)
        self._run(cpu, "kmem_cache_free_bulk", cache=cache.index, at=at, size=len(objects))

    def prefill(self, cpu: SlubCpu, cache: KmemCache, size: int) -> int:
        self._memory.make_room_for_sheaf(size)
        return self._shown(self._run(cpu, "kmem_cache_prefill_sheaf", cache=cache.index, flags=0, size=size))

    def alloc_from_sheaf(self, cpu: SlubCpu, sheaf: int) -> int:
        obj = self._go_on(cpu, codes.POP, {"i": sheaf})
        self._shown(sheaf)
        return obj

    def refill_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int, size: int) -> int:
        self._memory.make_room_for_sheaf(size)
        got = self._run(cpu, "kmem_cache_refill_sheaf", cache=cache.index, flags=0, number=sheaf, size=size)
        self._shown(sheaf)
        return self._shown(got)

    def return_sheaf(self, cpu: SlubCpu, cache: KmemCache, sheaf: int) -> None:
        self._run(cpu, "kmem_cache_return_sheaf", cache=cache.index, flags=0, number=sheaf)

    def kfree_rcu(self, cpu: SlubCpu, cache: KmemCache, obj: int) -> None:
        self._run(cpu, "kfree_rcu", cache=cache.index, obj=obj)

    def end_grace_period(self, order: Sequence[int]) -> None:
        for callback in self._kernel.take_callbacks(order):
            path = "rcu_free_sheaf_nobarn" if callback.flushing else "rcu_free_sheaf"
            self._run(self._kernel.cpus[callback.cpu], path, cache=callback.cache.index, number=callback.sheaf)

    def free_batched(self) -> None:
        for cpu, objects in self._kernel.take_batched():
            self._run(cpu, "kvfree_rcu_bulk", at=self._memory.array(objects), size=len(objects))

    def shrink(self, cpu: SlubCpu, cache: KmemCache) -> int:
        self._set_turns()
        return self._run(cpu, "kmem_cache_shrink", cache=cache.index)

    def flush_rcu(self, cpu: SlubCpu, cache: KmemCache) -> None:
        self._set_turns()
        self._run(cpu, "flush_rcu_all_sheaves", cache=cache.index)

    def _set_turns(self) -> None:
        self._memory["interrupts"][:] = self._kernel.in_turn([cpu.number for cpu in self._kernel.cpus])

    def _shown(self, sheaf: int) -> int:
        """A sheaf that the log holds now: the state says what it holds."""
        if sheaf != NO_SHEAF:
            packed = self._memory["all_sheaves"][sheaf]
            self._reader.see_sheaf(sheaf, int(packed["size"]), int(packed["node"]))
        return sheaf

    def _run(self, cpu: SlubCpu, path: str, **arguments: int) -> int:
        """Run a path to its end, tell the kernel of its steps; its result."""
        fields = lowered().arguments[path]
        return self._go_on(cpu, lowered().numbers[path], {fields[name]: value for name, value in arguments.items()})

    def _go_on(self, cpu: SlubCpu, pc: int, arguments: dict[str, int]) -> int:
        """What is under way, if anything is, goes on afterwards as it was."""
        memory = self._memory
        under_way = {name: memory.get(name) for name in ("turn", "caller", "floor")}
        self._give()
        memory.begin(cpu.number, pc, arguments)
        memory.set(floor=memory.of_cpu(cpu.number, "sp"), caller=NOBODY)
        status = Status(self._operate(memory.run))
        while status is not Status.FINISHED:
            if status is Status.SLABS:
                memory.make_room()
            elif status is Status.EVENTS:
                self._reader.read(memory.take_events())
                memory.make_room_for_events()
            elif status is Status.LET_IN:
                self._tell()
                self._kernel.come_in()
                self._give()
            else:
                raise AssertionError(f"{status!r}: something waits in an engine without a clock")
            status = Status(self._operate(memory.run))
        self._tell()
        memory.set(**under_way)
        cpu.path = Path(memory.of_cpu(cpu.number, "path"))
        return memory.of_cpu(cpu.number, "ret")

    def _give(self) -> None:
        """What the log has set since the last operation."""
        kernel, memory = self._kernel, self._memory
        for cache, record in zip(kernel.state.caches, memory["caches"], strict=False):
            record["ratio"], record["min_partial"] = cache.ratio, cache.min_partial
            record["full_limit"], record["empty_limit"] = cache.full_limit, cache.empty_limit
        memory["free_pages"][:] = PLENTY
        first, second = kernel.failing_pages
        memory.put("skips", list(kernel.skips))
        memory.set(
            let_in_at=-1 if kernel.injected is None else int(kernel.injected[0]),
            skip_at=0,
            n_skips=len(kernel.skips),
            failing_first=first,
            failing_second=second,
            failing_sheaves=kernel.failing_sheaves,
        )

    def _tell(self) -> None:
        """What has happened, and what it has used up of that."""
        kernel, memory = self._kernel, self._memory
        self._reader.read(memory.take_events())
        kernel.failing_sheaves = memory.get("failing_sheaves")
        for _search in range(memory.get("skip_at")):
            kernel.skips.popleft()
        memory.set(skip_at=0, n_skips=0)
