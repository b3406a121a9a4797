# SPDX-License-Identifier: GPL-2.0-only
"""Runs a SLUB log's commands (7.3, 6.12) and says, line by line, what should have been recorded. Leaves out counting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from slabdes.allocator.gfp import THISNODE
from slabdes.allocator.slub.geometry import SlubGeometry
from slabdes.allocator.slub.state import NO_SHEAF, KmemCache, SlubState
from slabdes.allocator.slub.versions import LINUX_6_12, LINUX_7_3
from slabdes.allocator.state import NO_NODE, NO_OBJECT, virt_to_slab
from slabdes.conformance.kernel_log.runner import LogLine, whole, words_of
from slabdes.conformance.slub_log.driver import MakeSlubDriver, SlubGeneratorDriver
from slabdes.conformance.slub_log.geometry import asked_geometry, geometry_text
from slabdes.conformance.slub_log.kernel import LogKernel
from slabdes.conformance.slub_log.machine import Topology
from slabdes.conformance.slub_log.snapshot import counters, object_name, snapshot
from slabdes.dumps.bounds import Allowance
from slabdes.engine.clockless_slub import Injected
from slabdes.errors import InputError
from slabdes.paths.slub.kernel import Point, SlubCpu

ANY = -1
NEVER_SKIPPED = 1024
"""The logs' remote_node_defrag_ratio unless they set it: no search of other nodes is skipped."""
MAX_RATIO = 1 << 20
POINTS = {point.name.lower(): point for point in Point}


class LogRunner:
    """One cache that executes a log's commands on the machine of its TOPO line, which is `topo` as written."""

    def __init__(self, topology: Topology, topo: str, make_driver: MakeSlubDriver = SlubGeneratorDriver) -> None:
        state = SlubState(topology.node_of_cpu, len(topology.has_memory), has_memory=topology.has_memory)
        self.kernel = LogKernel(state, topology.zonelists, LINUX_7_3)
        self.driver = make_driver(self.kernel)
        self.objects: list[int] = []
        self.sheaves: list[int] = []
        self.held = False
        self._topology = topology
        self._topo = topo
        self._geometry: SlubGeometry | None = None
        self._cache: KmemCache | None = None
        self._allowance = Allowance()
        self._where = ""

    @property
    def cache(self) -> KmemCache:
        """The log's cache, once it has been created."""
        assert self._cache is not None
        return self._cache

    @property
    def version(self) -> str:
        """The kernel whose log it is: what its cache has says so."""
        return self.kernel.version.name

    def live(self) -> list[int]:
        """The objects that the log holds; kfree_rcu's are its no longer."""
        return [obj for obj in self.objects if obj != NO_OBJECT]

    def prefilled(self) -> dict[int, int]:
        """The prefilled sheaves that it holds, by their handles."""
        return {handle: sheaf for handle, sheaf in enumerate(self.sheaves) if sheaf != NO_SHEAF}

    def execute(self, command: LogLine, recorded: Sequence[str]) -> Iterator[str]:
        """The lines that `command` leaves behind; `recorded` supplies what is an input. InputError for an unknown command."""
        self._where = command.where
        with words_of(command, "a SLUB log", begun=self._cache is not None) as words:
            fates = (token == "anyskip" for line in recorded for token in line.split() if token in ("any", "anyskip"))
            self.kernel.skips.extend(fates)
            yield from self._execute(words, recorded)
        self.kernel.skips.clear()

    def _execute(self, words: list[str], recorded: Sequence[str]) -> Iterator[str]:
        match words:
            case ["new", name, _size, _align, _flags, *_capacity]:
                yield from self._new(name, words[2:], any(" cpu_partial=" in line for line in recorded))
            case ["ratio", ratio]:
                self.cache.ratio = whole(ratio, 0, MAX_RATIO)
            case ["minpartial", slabs]:
                self.cache.min_partial = whole(slabs, 0)
            case ["a" | "at" as kind, cpu, count, node]:
                context, wanted = self._cpu(cpu), self._node(node)
                for _object in range(self._count(count)):
                    yield self._allocate(context, wanted, THISNODE if kind == "at" else 0)
            case ["f", cpu, first, last]:
                numbers = self._range(self._object(first), self._object(last))
                yield from (self._free(self._cpu(cpu), number) for number in numbers)
            case ["fl", cpu, listed]:
                yield from (self._free(self._cpu(cpu), number) for number in self._ids(listed))
            case ["ab", cpu, count]:
                yield self._allocate_bulk(self._cpu(cpu), self._count(count))
            case ["fb", cpu, listed]:
                yield from self._free_bulk(self._cpu(cpu), self._ids(listed))
            case ["pf" | "pa" | "px" | "pr", cpu, *rest]:
                yield from self._prefilled(words[0], self._cpu(cpu), rest)
            case ["r", cpu, listed]:
                yield from self._kfree_rcu(self._cpu(cpu), self._ids(listed), recorded)
            case _:
                yield from self._upkeep(words, recorded)

    def _upkeep(self, words: list[str], recorded: Sequence[str]) -> Iterator[str]:
        kernel = self.kernel
        match words:
            case ["hold"]:
                self.held = True
            case ["release"]:
                self.held = False
                yield from self._grace_period(recorded, batched=True)
            case ["rcuflush" | "shrink" as kind]:
                yield self._flush(kind, recorded)
                yield from self._grace_period(recorded, batched=False)
            case ["fail", first, second]:
                kernel.failing_pages = [whole(first, 0), whole(second, 0)]
            case ["failsheaf", count]:
                kernel.failing_sheaves = whole(count, 0)
            case ["inj", point, cpu, kind, what]:
                kernel.injected = POINTS[point], self._injection(self._cpu(cpu), kind, what)
            case ["info" | "snap" as kind]:
                self._look(kind)
                self.driver.settle()
                yield from counters(kernel.state, self.cache, kernel.locks)
                if kind == "snap":
                    yield from snapshot(kernel.state, self.cache, self.prefilled())
            case ["end"]:
                return
            case _:
                raise ValueError

    def _cpu(self, text: str) -> SlubCpu:
        return self.kernel.cpus[whole(text, 0)]

    def _node(self, text: str) -> int:
        node = whole(text, ANY, self.kernel.state.n_nodes - 1)
        return NO_NODE if node == ANY else node

    def _object(self, text: str) -> int:
        return whole(text, 0, len(self.objects) - 1)

    def _ids(self, listed: str) -> list[int]:
        return [self._object(number) for number in listed.split(",")]

    def _count(self, text: str) -> int:
        count = whole(text, 0)
        self._allowance.operations(count, self._where)
        return count

    def _range(self, first: int, last: int) -> range:
        step = 1 if first <= last else -1
        self._allowance.spend(abs(last - first) + 1, self._where, "a range of objects to free")
        return range(first, last + step, step)

    def _look(self, what: str) -> None:
        state = self.kernel.state
        self._allowance.spend(len(state.slabs) + len(self.objects) + len(state.sheaves), self._where, what)

    def _new(self, name: str, asked: list[str], cpu_slabs: bool) -> Iterator[str]:
        if self._cache is not None:
            raise ValueError
        try:
            self._geometry = asked_geometry(asked, self._topology.cpus)
        except InputError as error:
            raise InputError(self._where, error.problem, error.allowed) from None
        if cpu_slabs:
            self.kernel.version = LINUX_6_12
            self._geometry = replace(self._geometry, sheaf_capacity=0)
        self._cache = self.driver.create(name, self._geometry, cpu_slabs=cpu_slabs)
        self._cache.ratio = NEVER_SKIPPED
        self.kernel.name_locks(self._cache)
        yield self._topo
        yield f"GEOM {geometry_text(name, self._geometry, NEVER_SKIPPED, cpu_slabs=cpu_slabs)}"

    def _placed(self, obj: int) -> str:
        if obj == NO_OBJECT:
            return "obj=NULL node=-1"
        return f"{self._named(obj)} node={self.kernel.state.slabs[virt_to_slab(obj)].nodeid}"

    def _named(self, obj: int) -> str:
        return "obj=NULL" if obj == NO_OBJECT else f"obj={object_name(self.kernel.state, obj)}"

    def _names(self, objects: Sequence[int]) -> str:
        return f"[{' '.join(object_name(self.kernel.state, obj) for obj in objects)}]"

    def _events(self) -> str:
        return f"ev: {self.kernel.take_tokens()}".rstrip()

    def _allocate(self, cpu: SlubCpu, node: int, flags: int) -> str:
        obj = self.driver.alloc(cpu, self.cache, flags, node)
        self.objects.append(obj)
        asked = ANY if node == NO_NODE else node
        return f"A cpu={cpu.number} reqnode={asked} id={len(self.objects) - 1} {self._placed(obj)} {self._events()}"

    def _take(self, number: int) -> int:
        """An object that the log gives back: it is its no longer."""
        obj = self.objects[number]
        self.objects[number] = NO_OBJECT
        return obj

    def _free(self, cpu: SlubCpu, number: int) -> str:
        obj = self._take(number)
        if obj == NO_OBJECT:
            return f"SKIP id={number}"
        placed = self._placed(obj)
        self.driver.free(cpu, self.cache, obj)
        return f"F cpu={cpu.number} id={number} {placed} {self._events()}"

    def _allocate_bulk(self, cpu: SlubCpu, count: int) -> str:
        got = self.driver.alloc_bulk(cpu, self.cache, count)
        first = len(self.objects)
        self.objects += [NO_OBJECT] * count if got is None else got
        objects = "" if got is None else self._names(got)
        return f"AB cpu={cpu.number} n={count} first={first} ok={int(got is not None)} objs={objects} {self._events()}"

    def _free_bulk(self, cpu: SlubCpu, numbers: list[int]) -> Iterator[str]:
        objects = []
        for number in numbers:
            obj = self._take(number)
            if obj == NO_OBJECT:
                yield f"SKIP id={number}"
            else:
                objects.append(obj)
        names = self._names(objects)
        self.driver.free_bulk(cpu, self.cache, objects)
        yield f"FB cpu={cpu.number} n={len(objects)} objs={names} {self._events()}"

    def _prefilled(self, kind: str, cpu: SlubCpu, rest: list[str]) -> Iterator[str]:
        if kind == "pf":
            yield self._prefill(cpu, whole(rest[0], 0))
            return
        handle = whole(rest[0], 0, len(self.sheaves) - 1)
        if self.sheaves[handle] == NO_SHEAF:
            yield f"SKIP sheaf={handle}"
        elif kind == "pr":
            yield self._return_sheaf(cpu, handle)
        elif kind == "px":
            yield self._refill_sheaf(cpu, handle, self._count(rest[1]))
        else:
            for _object in range(self._count(rest[1])):
                obj = self.driver.alloc_from_sheaf(cpu, self.sheaves[handle])
                self.objects.append(obj)
                yield f"PA cpu={cpu.number} sheaf={handle} id={len(self.objects) - 1} {self._placed(obj)} {self._events()}"

    def _held_by(self, sheaf: int) -> int:
        return -1 if sheaf == NO_SHEAF else self.kernel.state.sheaves[sheaf].size

    def _prefill(self, cpu: SlubCpu, want: int) -> str:
        self._allowance.operations(want, self._where)
        sheaf = self.driver.prefill(cpu, self.cache, want)
        self.sheaves.append(sheaf)
        return f"PF cpu={cpu.number} sheaf={len(self.sheaves) - 1} want={want} got={self._held_by(sheaf)} {self._events()}"

    def _refill_sheaf(self, cpu: SlubCpu, handle: int, want: int) -> str:
        old = self.sheaves[handle]
        sheaf = self.driver.refill_sheaf(cpu, self.cache, old, want)
        self.sheaves[handle] = old if sheaf == NO_SHEAF else sheaf
        failed = -12 if sheaf == NO_SHEAF else 0
        got = self._held_by(self.sheaves[handle])
        return f"PX cpu={cpu.number} sheaf={handle} want={want} ret={failed} got={got} {self._events()}"

    def _return_sheaf(self, cpu: SlubCpu, handle: int) -> str:
        sheaf = self.sheaves[handle]
        self.sheaves[handle] = NO_SHEAF
        size = self._held_by(sheaf)
        self.driver.return_sheaf(cpu, self.cache, sheaf)
        return f"PR cpu={cpu.number} sheaf={handle} size={size} {self._events()}"

    def _kfree_rcu(self, cpu: SlubCpu, numbers: list[int], recorded: Sequence[str]) -> Iterator[str]:
        for number in numbers:
            obj = self._take(number)
            if obj == NO_OBJECT:
                yield f"SKIP id={number}"
                continue
            placed = self._placed(obj)
            self.driver.kfree_rcu(cpu, self.cache, obj)
            yield f"R cpu={cpu.number} id={number} {placed} {self._events()}"
        if not self.held:
            yield from self._grace_period(recorded, batched=any(self.kernel.batched))

    def _grace_period(self, recorded: Sequence[str], *, batched: bool) -> Iterator[str]:
        """All callbacks run, those of different CPUs in the order recorded; then the general batching's objects are freed."""
        kernel = self.kernel
        if self.held or self.cache.cpu_slab:
            return
        said = next((line for line in recorded if line.startswith("RCU ")), "")
        waiting = [(f"{'cbflush' if one.flushing else 'cb'}(cpu{one.cpu},") for one in kernel.callbacks]
        order: list[int] = []
        for token in re.findall(r"cb(?:flush)?\(cpu\d+,", said):
            order += [place for place, one in enumerate(waiting) if one == token and place not in order][:1]
        self.driver.end_grace_period(order)
        yield f"RCU {self._events()}"
        if batched:
            self.driver.free_batched()
            yield f"KRC {self._events()}"

    def _flush(self, kind: str, recorded: Sequence[str]) -> str:
        kernel = self.kernel
        self._look(kind)
        kernel.recorded_turns = [int(number) for number in re.findall(r" cpu(\d{1,9})(?= |$)", recorded[0] if recorded else "")]
        if kind == "shrink":
            left = self.driver.shrink(kernel.cpus[0], self.cache)
            return f"SHRINK ret={left} {self._events()}"
        self.driver.flush_rcu(kernel.cpus[0], self.cache)
        return f"RCUFLUSH {self._events()}"

    def _injection(self, cpu: SlubCpu, kind: str, what: str) -> Injected:
        if kind not in ("a", "f"):
            raise ValueError
        count, numbers = (self._count(what), []) if kind == "a" else (0, self._ids(what))

        def injected() -> None:
            for _object in range(count):
                self.kernel.tokens.append(f"{{A cpu={cpu.number}")
                obj = self.driver.alloc(cpu, self.cache, 0, NO_NODE)
                self.objects.append(obj)
                self.kernel.tokens.append(f"id={len(self.objects) - 1} {self._named(obj)} }}")
            for number in numbers:
                obj = self._take(number)
                if obj != NO_OBJECT:
                    self.kernel.tokens.append(f"{{F cpu={cpu.number} id={number} {self._named(obj)}")
                    self.driver.free(cpu, self.cache, obj)
                    self.kernel.tokens.append("}")

        return injected
