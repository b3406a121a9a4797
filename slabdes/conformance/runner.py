# SPDX-License-Identifier: GPL-2.0-only
"""Runs an op script and yields its records, in the golden data's format. Leaves out the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slabdes.allocator.geometry import Geometry
from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.mempolicy import MemPolicy, PolicyKind
from slabdes.allocator.state import (
    NO_NODE,
    NO_OBJECT,
    CacheSpec,
    KmemCache,
    SlabState,
    obj_to_index,
    virt_to_slab,
)
from slabdes.allocator.timers import REAPTIMEOUT_LIST3_SECONDS, first_next_reap, first_reap
from slabdes.allocator.tunables import Tunables, default_tunables, free_limit
from slabdes.conformance.asked import asked_geometry, asked_record
from slabdes.conformance.driver import Driver, GeneratorDriver, MakeDriver
from slabdes.conformance.kernel import ConformanceKernel
from slabdes.conformance.render import Record, dump_cache, geometry_record, tunables_record
from slabdes.conformance.script import Line
from slabdes.dumps.bounds import MAX_CPUS, MAX_NODES, Allowance, check_room
from slabdes.engine.clockless import UNLIMITED
from slabdes.errors import InputError, nearest
from slabdes.paths.outcome import Path
from slabdes.paths.slab.kernel import SlabCpu

POLICIES = {
    "none": PolicyKind.NONE,
    "interleave": PolicyKind.INTERLEAVE,
    "preferred": PolicyKind.PREFERRED,
    "spread": PolicyKind.SPREAD,
}
STRAIGHT = frozenset(path for path in Path if Path.NODE_PARTIAL <= path <= Path.FALLBACK_GROW)
"""Paths of an object that came from the lists of nodes, not through the CPU's array."""
DEFAULT_HZ = 1000
ROOM_EVERY = 4096
"""Allocations after which it is looked how much room slabs take."""

AddressOf = Callable[[int], int]
"""The descriptor's address modulo 4 * HZ of each cache by its index: an input that a recording supplies."""


@dataclass
class _Issued:
    """An object that the script has asked for: its cache, its number (NO_OBJECT if that failed), and whether it is still held."""

    cache: int
    obj: int
    held: bool


class ScriptRunner:
    """One system that executes op script lines one by one."""

    def __init__(self, addr_mod_4hz: AddressOf = lambda _cache: 0, make_driver: MakeDriver = GeneratorDriver) -> None:
        self._addr_mod_4hz = addr_mod_4hz
        self._make_driver = make_driver
        self._kernel: ConformanceKernel | None = None
        self._driver: Driver | None = None
        self._hz = DEFAULT_HZ
        self._bigmem = True
        self._geometries: list[Geometry] = []
        self._selected = 0
        self._issued: list[_Issued] = []
        self._allowance = Allowance()

    def run(self, lines: Iterator[Line]) -> Iterator[Record]:
        """Execute lines and yield their records; an InputError names the line that cannot be executed."""
        handlers: dict[str, Callable[[Line], Iterator[Record]]] = {
            "machine": self._machine,
            "cache": self._cache,
            "geom": self._geom,
            "use": self._use,
            "tune": self._tune,
            "a": self._alloc,
            "f": self._free,
            "reap": self._reap,
            "advance": self._advance,
            "shrink": self._shrink,
            "failpages": self._failpages,
            "pagelimit": self._pagelimit,
            "policy": self._policy,
            "dump": self._dump,
            "slabinfo": self._slabinfo,
        }
        for line in lines:
            if self._kernel is None and line.op != "machine":
                raise InputError(line.where, f"{line.op} before any machine line")
            yield from handlers[line.op](line)

    @property
    def kernel(self) -> ConformanceKernel:
        """The engine, once a machine line has been executed."""
        assert self._kernel is not None
        return self._kernel

    @property
    def driver(self) -> Driver:
        """What runs operations, once a machine line has been executed."""
        assert self._driver is not None
        return self._driver

    @property
    def state(self) -> SlabState:
        """The allocator's memory."""
        return self.kernel.state

    def live(self, cache: int) -> list[int]:
        """The objects of a cache that the script holds."""
        return [issued.obj for issued in self._issued if issued.held and issued.cache == cache]

    def _machine(self, line: Line) -> Iterator[Record]:
        if self._kernel is not None:
            raise InputError(line.where, "a second machine line", allowed="one, first")
        nodes = line.key("nodes", 1, 1, MAX_NODES)
        cpus = line.key("cpus", 1, 1, MAX_CPUS)
        node_of_cpu = [cpu * nodes // cpus for cpu in range(cpus)]
        if "map" in line.keys:
            node_of_cpu = [line.integer(node, 0, nodes - 1) for node in line.keys["map"].split(",")]
            if len(node_of_cpu) != cpus:
                raise InputError(line.where, f"map has {len(node_of_cpu)} CPUs", allowed=f"{cpus}, as cpus= says")
        self._hz = line.key("hz", DEFAULT_HZ, 1, 10_000)
        self._bigmem = bool(line.key("bigmem", 1, 0, 1))
        noalien = bool(line.key("noalien", 0, 0, 1))
        state = SlabState(node_of_cpu, nodes, use_alien_caches=not noalien and nodes > 1)
        self._kernel = ConformanceKernel(state, MemPolicy(nodes))
        self._driver = self._make_driver(self._kernel)
        for cpu in self._kernel.cpus:
            cpu.reap_due = first_reap(cpu.number, 0, self._hz)
        yield {
            "op": "machine",
            "nodes": nodes,
            "cpus": cpus,
            "map": node_of_cpu,
            "hz": self._hz,
            "j": 0,
            "alien": int(state.use_alien_caches),
            "due": self._due(),
        }

    def _due(self) -> list[int]:
        return [cpu.reap_due for cpu in self.kernel.cpus]

    def _geom(self, line: Line) -> Iterator[Record]:
        geometry, flags = asked_geometry(line, self._bigmem)
        tunables = default_tunables(geometry.size, len(self.state.node_of_cpu))
        yield {
            "op": "geom",
            **asked_record(line, flags),
            **geometry_record(geometry),
            "limit": tunables.limit,
            "batchcount": tunables.batchcount,
            "shared": tunables.shared,
            "free_limit0": free_limit(self.state.nr_cpus_node(0), tunables.batchcount, geometry.num),
        }

    def _cache(self, line: Line) -> Iterator[Record]:
        geometry, flags = asked_geometry(line, self._bigmem)
        state = self.state
        index = len(state.caches)
        tunables = default_tunables(geometry.size, len(state.node_of_cpu))
        self._allowance.cache(state, tunables, line.where, anew=self.driver.anew)
        spec = CacheSpec(
            line.keys.get("name", f"cache{index}"),
            geometry,
            tunables,
            mem_spread="MEM_SPREAD" in flags.split("|"),
            ctor=bool(line.key("ctor", 0, 0, 1)),
        )
        addr_mod_4hz = self._addr_mod_4hz(index) % (REAPTIMEOUT_LIST3_SECONDS * self._hz)
        cache = self.driver.create(spec, first_next_reap(self.kernel.now, addr_mod_4hz, self._hz))
        self.kernel.name_locks(cache)
        self._geometries.append(geometry)
        self._selected = index
        aliens = [alien.limit for l3 in cache.nodelists for alien in l3.alien or () if alien]
        yield {
            "op": "cache",
            "c": index,
            "name": cache.name,
            **asked_record(line, flags),
            **geometry_record(geometry),
            **tunables_record(cache),
            "free_limit": [l3.free_limit for l3 in cache.nodelists],
            "alien_limit": aliens[0] if aliens else None,
            "addr_mod_4hz": addr_mod_4hz,
            "j": self.kernel.now,
            "next_reap": [l3.next_reap for l3 in cache.nodelists],
        }

    def _use(self, line: Line) -> Iterator[Record]:
        self._cache_in_use(line)
        self._selected = self._argument(line, 0, len(self.state.caches) - 1)
        yield from ()

    def _argument(self, line: Line, position: int, most: int) -> int:
        if len(line.words) <= position:
            raise InputError(line.where, f"{line.op} needs {position + 1} arguments or more")
        return line.integer(line.words[position], 0, most)

    def _cpu(self, line: Line, position: int = 0) -> SlabCpu:
        return self.kernel.cpus[self._argument(line, position, len(self.kernel.cpus) - 1)]

    def _cache_in_use(self, line: Line) -> KmemCache:
        if not self.state.caches:
            raise InputError(line.where, f"{line.op} before any cache line")
        return self.state.caches[self._selected]

    def _tune(self, line: Line) -> Iterator[Record]:
        cache = self._cache_in_use(line)
        cpu = self.kernel.cpus[line.key("cpu", 0, 0, len(self.kernel.cpus) - 1)]
        least, most = -(1 << 31), (1 << 20)
        tunables = Tunables(
            line.key("limit", cache.limit, least, most),
            line.key("batchcount", cache.batchcount, least, most),
            line.key("shared", cache.shared, least, 1 << 10),
        )
        if not tunables.refused():
            self._allowance.tune(self.state, tunables, line.where, anew=self.driver.anew)
            self.driver.tune(cpu, cache, tunables)
        yield {
            "i": line.index,
            "op": "tune",
            "c": cache.index,
            **tunables_record(cache),
            "free_limit": [l3.free_limit for l3 in cache.nodelists],
            **self._counts(cache),
            "ev": self.kernel.take_tokens(),
        }

    def _counts(self, cache: KmemCache) -> Record:
        return {
            "fo": [l3.free_objects for l3 in cache.nodelists],
            "sh": [l3.shared.avail if l3.shared else None for l3 in cache.nodelists],
        }

    def _placed(self, obj: int) -> Record:
        if obj == NO_OBJECT:
            return {"slab": None}
        slab = self.state.slabs[virt_to_slab(obj)]
        return {"slab": slab.serial, "idx": obj_to_index(obj), "node": slab.nodeid}

    def _served(self, cpu: SlabCpu, cache: KmemCache, path: str) -> Record:
        record: Record = {"path": path, "av": cache.array[cpu.number].avail}
        tokens = self.kernel.take_tokens()
        return {**record, **self._counts(cache), "ev": tokens} if tokens else record

    def _alloc(self, line: Line) -> Iterator[Record]:
        cache = self._cache_in_use(line)
        cpu = self._cpu(line)
        node, flags = NO_NODE, MAY_WAIT
        for word in line.words[1:]:
            if word == "thisnode":
                flags |= THISNODE
            elif word == "atomic":
                flags &= ~MAY_WAIT
            elif node != NO_NODE:
                raise InputError(line.where, f"{word!r} after a node", allowed="thisnode or atomic")
            else:
                node = line.integer(word, 0, self.state.n_nodes - 1)
        if not len(self._issued) % ROOM_EVERY:
            self.driver.settle()
            check_room(self.state, 1, 1, 0, line.where)
        obj = self.driver.alloc(cpu, cache, flags, node)
        self._issued.append(_Issued(cache.index, obj, obj != NO_OBJECT))
        label = cpu.path.label if obj != NO_OBJECT else Path.FAIL.label
        if cpu.altfail and obj != NO_OBJECT and cpu.path not in STRAIGHT:
            label = f"altfail-{label}"
        record: Record = {"i": line.index, "op": "a", "cpu": cpu.number}
        if cache.index:
            record["c"] = cache.index
        if node != NO_NODE:
            record["req"] = node
        yield {**record, "obj": len(self._issued) - 1, **self._placed(obj), **self._served(cpu, cache, label)}

    def _free(self, line: Line) -> Iterator[Record]:
        cpu = self._cpu(line)
        if not self._issued:
            raise InputError(line.where, "f before any a line")
        number = self._argument(line, 1, len(self._issued) - 1)
        issued = self._issued[number]
        record: Record = {"i": line.index, "op": "f", "cpu": cpu.number, "obj": number}
        if issued.cache:
            record["c"] = issued.cache
        if issued.obj == NO_OBJECT:
            yield {**record, "path": "skip"}
            return
        if not issued.held:
            raise InputError(line.where, f"object {number} has been freed already", allowed="each object once")
        issued.held = False
        cache = self.state.caches[issued.cache]
        placed = self._placed(issued.obj)
        self.driver.free(cpu, cache, issued.obj)
        yield {**record, **placed, **self._served(cpu, cache, cpu.path.label)}

    def _reap(self, line: Line) -> Iterator[Record]:
        cpu = self._cpu(line)
        self._allowance.turn(self.state, line.where)
        yield self._reap_now(line, cpu)

    def _reap_now(self, line: Line, cpu: SlabCpu) -> Record:
        kernel = self.kernel
        kernel.now = max(kernel.now, cpu.reap_due)
        reap_node = cpu.reap_node
        self.driver.reap(cpu, self._hz)
        return {
            "i": line.index,
            "op": "reap",
            "cpu": cpu.number,
            "j": kernel.now,
            "rn": reap_node,
            "next": cpu.reap_due,
            "ev": kernel.take_tokens(),
        }

    def _advance(self, line: Line) -> Iterator[Record]:
        kernel = self.kernel
        jiffies = self._argument(line, 0, 1 << 40)
        self._allowance.turns(self.state, jiffies, self._hz, line.where)
        target = kernel.now + jiffies
        while (cpu := min(kernel.cpus, key=lambda cpu: (cpu.reap_due, cpu.number))).reap_due <= target:
            yield self._reap_now(line, cpu)
        kernel.now = max(kernel.now, target)
        yield {"i": line.index, "op": "advance", "j": kernel.now}

    def _shrink(self, line: Line) -> Iterator[Record]:
        cache = self._cache_in_use(line)
        cpu = self._cpu(line) if line.words else self.kernel.cpus[0]
        self._allowance.look(self.state, 1, line.where, "a shrink")
        left = self.driver.shrink(cpu, cache)
        yield {
            "i": line.index,
            "op": "shrink",
            "cpu": cpu.number,
            "ret": left,
            **self._counts(cache),
            "ev": self.kernel.take_tokens(),
        }

    def _failpages(self, line: Line) -> Iterator[Record]:
        self.kernel.failing_calls = self._argument(line, 0, 1 << 31)
        self.kernel.failing_node = self._argument(line, 1, self.state.n_nodes - 1) if len(line.words) > 1 else NO_NODE
        yield from ()

    def _pagelimit(self, line: Line) -> Iterator[Record]:
        node = self._argument(line, 0, self.state.n_nodes - 1)
        unlimited = line.words[1:] == (str(UNLIMITED),)
        self.kernel.page_limit[node] = UNLIMITED if unlimited else self._argument(line, 1, 1 << 40)
        yield from ()

    def _policy(self, line: Line) -> Iterator[Record]:
        name = line.words[0] if line.words else ""
        if name not in POLICIES:
            raise InputError(line.where, f"{name!r} is no policy{nearest(name, POLICIES)}", allowed=", ".join(POLICIES))
        policy = self.kernel.policy
        policy.kind = POLICIES[name]
        if policy.kind is not PolicyKind.NONE:
            policy.node = self._argument(line, 1, self.state.n_nodes - 1)
        yield from ()

    def _slabinfo(self, line: Line) -> Iterator[Record]:
        """The recordings' harness printed /proc/slabinfo here, beside its records."""
        yield from ()

    def _dump(self, line: Line) -> Iterator[Record]:
        if line.words not in ((), ("full",)):
            raise InputError(line.where, f"{line.words[0]!r} after dump", allowed="full, or nothing")
        self.driver.settle()
        caches = self.state.caches
        objects = sum((cache.slabs_created - cache.slabs_destroyed) * cache.num for cache in caches)
        self._allowance.dump(self.state, objects, len(self._issued), line.where)
        kernel = self.kernel
        yield {
            "i": line.index,
            "op": "dump",
            "j": kernel.now,
            "due": self._due(),
            "reap_node": [cpu.reap_node for cpu in kernel.cpus],
            "caches": [
                dump_cache(self.state, cache, geometry, self.live(cache.index), bool(line.words))
                for cache, geometry in zip(self.state.caches, self._geometries, strict=True)
            ],
        }
