# SPDX-License-Identifier: GPL-2.0-only
"""Runs a 6.1 log's commands and says, line by line, what the log should have recorded. Leaves out the comparison's counting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from slabdes.allocator.geometry import Geometry
from slabdes.allocator.geometry_indexes import indexes_geometry
from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.lists import list_entries
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import (
    NO_NODE,
    NO_OBJECT,
    ArrayCache,
    CacheSpec,
    KmemCache,
    KmemList3,
    SlabState,
    obj_to_index,
    virt_to_slab,
)
from slabdes.allocator.tunables import Tunables, alien_limit, default_tunables
from slabdes.allocator.versions import LINUX_6_1
from slabdes.conformance.driver import GeneratorDriver, MakeDriver
from slabdes.conformance.kernel_log.geometry import geometry_row
from slabdes.conformance.kernel_log.kernel import SITES, LogKernel
from slabdes.dumps.bounds import Allowance
from slabdes.errors import InputError
from slabdes.files import MAX_DIGITS
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.kernel import SlabCpu

ANY = -1
NEVER = 1 << 62
"""A next_reap that is not reached: the logs' caches have no reap timer."""
FLAGS = "hrt"
"""HWCACHE_ALIGN, RECLAIM_ACCOUNT, TYPESAFE_BY_RCU."""
HZ = 250
MOST = 1 << 40
_WHOLE = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


@dataclass(frozen=True)
class LogLine:
    """A line of a log: `where` is `file:number`."""

    where: str
    text: str


class LogRunner:
    """One cache that executes a log's commands. `node_of_cpu` is the machine's, `n_nodes` counts its nodes."""

    def __init__(self, node_of_cpu: Sequence[int], n_nodes: int, make_driver: MakeDriver = GeneratorDriver) -> None:
        state = SlabState(node_of_cpu, n_nodes, use_alien_caches=n_nodes > 1)
        self.kernel = LogKernel(state, MemPolicy(n_nodes), LINUX_6_1)
        self._driver = make_driver(self.kernel)
        self.objects: list[int] = []
        self._geometry: Geometry | None = None
        self._asked_size = 0
        self._cache: KmemCache | None = None
        self._allowance = Allowance()
        self._where = ""

    @property
    def cache(self) -> KmemCache:
        """The log's cache, once it has been created."""
        assert self._cache is not None
        return self._cache

    def execute(self, command: LogLine, recorded: Sequence[str]) -> Iterator[str]:
        """The lines that `command` leaves behind; `recorded` supplies what is an input. InputError for an unknown command."""
        self._where = command.where
        with words_of(command, "a prescribed log", begun=self._cache is not None) as words:
            yield from self._execute(words, recorded)

    def _execute(self, words: list[str], recorded: Sequence[str]) -> Iterator[str]:
        match words:
            case ["new", name, size, align, flags]:
                yield self._new(name, whole(size, 0), whole(align, 0), flags)
            case ["a", cpu, count, node]:
                self._allowance.operations(whole(count, 0), self._where)
                for _allocation in range(int(count)):
                    yield self._allocate(whole(cpu, 0), self._node(node))
            case ["f", cpu, first, last]:
                yield from self._range_of_frees(whole(cpu, 0), self._object(first), self._object(last))
            case ["fl", cpu, numbers]:
                yield from self._frees(whole(cpu, 0), [self._object(listed) for listed in numbers.split(",")])
            case ["(long", "line)"]:
                yield from self._long_line(recorded)
            case ["tune", limit, batchcount, shared]:
                yield from self._tune(Tunables(whole(limit, 1), whole(batchcount, 1), whole(shared, 0)))
            case ["reap", cpu, force]:
                yield self._reap(whole(cpu, 0), bool(whole(force, 0)), recorded)
            case ["nextreap", cpu]:
                yield self._next_reap_node(whole(cpu, 0), recorded)
            case ["shrink"]:
                yield self._shrink(recorded)
            case ["snap"]:
                self._look("a snap")
                yield from self._info()
                yield from self._snap()
            case ["info"]:
                self._look("an info")
                yield from self._info()
            case ["end"]:
                return
            case _:
                raise ValueError

    def _cpu(self, number: int) -> SlabCpu:
        return self.kernel.cpus[number]

    def _node(self, text: str) -> int:
        """A node's number, or ANY where none is asked for, and where a machine of one node has no node to reap."""
        return whole(text, ANY, self.kernel.state.n_nodes - 1)

    def _object(self, text: str) -> int:
        return whole(text, 0, len(self.objects) - 1)

    def _look(self, what: str) -> None:
        state = self.kernel.state
        self._allowance.look(state, 1, self._where, what, more=len(state.slabs) + len(self.objects))

    def _new(self, name: str, size: int, align: int, flags: str) -> str:
        if self._cache is not None:
            raise ValueError
        letters = "" if flags == "-" else flags
        if set(letters) - set(FLAGS):
            raise ValueError
        try:
            geometry = indexes_geometry(
                size, align, hwcache_align="h" in letters, reclaim_account="r" in letters, typesafe_by_rcu="t" in letters
            )
        except InputError as error:
            raise InputError(self._where, error.problem, error.allowed) from None
        state = self.kernel.state
        self._geometry = geometry
        self._asked_size = size
        tunables = default_tunables(geometry.size, len(state.node_of_cpu))
        self._allowance.cache(state, tunables, self._where, anew=self._driver.anew)
        spec = CacheSpec(name, geometry, tunables)
        self._cache = self._driver.create(spec, NEVER)
        self.kernel.name_locks(self._cache)
        self.kernel.locks[LockSite.TUNE] += state.n_nodes
        return self._geom()

    def _geom(self) -> str:
        cache, geometry = self.cache, self._geometry
        assert geometry is not None
        created = default_tunables(geometry.size, len(self.kernel.state.node_of_cpu))
        alien = alien_limit(created.limit) if self.kernel.state.use_alien_caches else 0
        row = {
            "name": cache.name,
            **geometry_row(geometry, self._asked_size),
            **{"limit": cache.limit, "batchcount": cache.batchcount, "shared": cache.shared},
            "sharedlimit": cache.shared * cache.batchcount,
            "alienlimit": alien,
            "node0_free_limit": cache.nodelists[0].free_limit,
        }
        return "GEOM " + " ".join(f"{key}={value}" for key, value in row.items())

    def _allocate(self, cpu: int, node: int) -> str:
        context = self._cpu(cpu)
        obj = self._driver.alloc(context, self.cache, MAY_WAIT, NO_NODE if node == ANY else node)
        self.objects.append(obj)
        return f"A cpu={cpu} reqnode={node} id={len(self.objects) - 1} {self._placed(obj)} {self._events()}"

    def _range_of_frees(self, cpu: int, first: int, last: int) -> Iterator[str]:
        step = 1 if first <= last else -1
        numbers = range(first, last + step, step)
        self._allowance.spend(len(numbers), self._where, f"{len(numbers)} objects to free")
        yield from self._frees(cpu, numbers)

    def _frees(self, cpu: int, numbers: Sequence[int]) -> Iterator[str]:
        """Objects that are there are given back; the others leave no record."""
        for number in numbers:
            if self.objects[number] != NO_OBJECT:
                yield self._free(cpu, number)

    def _free(self, cpu: int, number: int) -> str:
        obj = self.objects[number]
        if obj == NO_OBJECT:
            raise IndexError
        self.objects[number] = NO_OBJECT
        placed = self._placed(obj)
        self._driver.free(self._cpu(cpu), self.cache, obj)
        return f"F cpu={cpu} id={number} {placed} {self._events()}"

    def _placed(self, obj: int) -> str:
        return f"obj={self._name(obj)} node={self.kernel.state.slabs[virt_to_slab(obj)].nodeid}"

    def _name(self, obj: int) -> str:
        return f"S{self.kernel.state.slabs[virt_to_slab(obj)].serial}.{obj_to_index(obj)}"

    def _events(self) -> str:
        return f"ev: {self.kernel.take_tokens()}".rstrip()

    def _long_line(self, recorded: Sequence[str]) -> Iterator[str]:
        """A command that was too long to log: who did what to which object stands in the records."""
        for line in recorded:
            kind = line[:2]
            if kind not in ("A ", "F "):
                return
            given = dict(re.findall(r"\b(cpu|reqnode|id)=(\S+)", line))
            if kind == "A ":
                yield self._allocate(whole(given["cpu"], 0), self._node(given["reqnode"]))
            else:
                yield self._free(whole(given["cpu"], 0), self._object(given["id"]))

    def _tune(self, tunables: Tunables) -> Iterator[str]:
        if tunables.refused():
            raise ValueError
        self._allowance.tune(self.kernel.state, tunables, self._where, anew=self._driver.anew)
        self._driver.tune(self._cpu(0), self.cache, tunables)
        yield f"TUNE limit={tunables.limit} batch={tunables.batchcount} shared={tunables.shared} {self._events()}"
        yield self._geom()

    def _reap(self, cpu: int, force: bool, recorded: Sequence[str]) -> str:
        context = self._cpu(cpu)
        given = re.search(r" reap_node=(-?\d+)", recorded[0]) if recorded else None
        reap_node = self._node(given[1]) if given else context.reap_node
        self._look("a reap")
        # On a machine with one node there is no reap node: -1, and no alien cache to drain.
        context.reap_node = max(reap_node, 0)
        l3 = self.cache.nodelists[context.node]
        l3.next_reap = 0 if force else NEVER
        before = self.cache.stats.reaped
        self._driver.reap_cache(context, self.cache, HZ)
        freed = self.cache.stats.reaped - before
        return f"REAP cpu={cpu} node={context.node} reap_node={reap_node} force={int(force)} freed={freed} {self._events()}"

    def _next_reap_node(self, cpu: int, recorded: Sequence[str]) -> str:
        """next_reap_node: an input, as for a reap, since the kernel's own timers advance it too; -1 on one node."""
        context = self._cpu(cpu)
        given = re.search(r" now=(-?\d+)", recorded[0]) if recorded else None
        now = self._node(given[1]) if given else (context.reap_node + 1) % self.kernel.state.n_nodes
        context.reap_node = max(now, 0)
        return f"NEXTREAPNODE cpu={cpu} now={now}"

    def _shrink(self, recorded: Sequence[str]) -> str:
        order = re.findall(r" cpu(\d+)(?= |$)", recorded[0]) if recorded else []
        self.kernel.interrupt_order = tuple(int(number) for number in order)
        if sorted(self.kernel.interrupt_order) != list(range(len(self.kernel.cpus))):
            self.kernel.interrupt_order = ()
        self._look("a shrink")
        left = self._driver.shrink(self._cpu(0), self.cache)
        return f"SHRINK ret={left} {self._events()}"

    def _info(self) -> Iterator[str]:
        self._driver.settle()
        yield self._slabinfo()
        yield "LOCKS " + " ".join(f"{name}={self.kernel.locks[site]}" for site, name in SITES.items())
        yield f"EVENTS {self.kernel.events.text()}"

    def _slabinfo(self) -> str:
        cache, stats = self.cache, self.cache.stats
        total = sum(self._count(l3, every=True) for l3 in cache.nodelists)
        free_slabs = sum(self._count(l3, every=False) for l3 in cache.nodelists)
        objects = total * cache.num
        active = objects - sum(l3.free_objects for l3 in cache.nodelists)
        shared = sum(l3.shared.avail for l3 in cache.nodelists if l3.shared)
        pages = 1 << cache.gfporder
        return (
            f"SLABINFO {cache.name:<17} {active:6d} {objects:6d} {cache.size:6d} {cache.num:4d} {pages:4d} : tunables "
            f"{cache.limit:4d} {cache.batchcount:4d} {cache.shared:4d} : slabdata {total - free_slabs:6d} {total:6d} {shared:6d} "
            f": globalstat {stats.num_allocations:7d} {stats.high_mark:6d} {stats.grown:5d} {stats.reaped:4d} {stats.errors:4d} "
            f"{stats.max_freeable:4d} {stats.node_allocs:4d} {stats.node_frees:4d} {stats.node_overflow:4d} "
            f": cpustat {stats.allochit:6d} {stats.allocmiss:6d} {stats.freehit:6d} {stats.freemiss:6d}"
        )

    def _count(self, l3: KmemList3, *, every: bool) -> int:
        heads = (l3.slabs_partial, l3.slabs_full, l3.slabs_free) if every else (l3.slabs_free,)
        return sum(1 for head in heads for _slab in list_entries(self.kernel.state.slabs, head))

    def _snap(self) -> Iterator[str]:
        cache = self.cache
        for cpu, (ac, node) in enumerate(zip(cache.array, self.kernel.state.node_of_cpu, strict=True)):
            yield f"  cpu{cpu}(node{node}): {self._array(ac, ac.batchcount)}"
        for l3 in cache.nodelists:
            slabs_text = f"total_slabs={self._count(l3, every=True)} free_slabs={self._count(l3, every=False)}"
            objects_text = f"free_objects={l3.free_objects} free_limit={l3.free_limit}"
            yield f"  node{l3.node}: {slabs_text} {objects_text} colour_next={l3.colour_next} free_touched={l3.free_touched}"
            if l3.shared:
                yield f"  node{l3.node} shared: {self._array(l3.shared, ANY)}"
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    yield f"  node{l3.node} alien->node{other}: {self._array(alien, ANY)}"
            for name, head in (("partial", l3.slabs_partial), ("full", l3.slabs_full), ("free", l3.slabs_free)):
                slabs = [self.kernel.state.slabs[slab] for slab in list_entries(self.kernel.state.slabs, head)]
                yield f"  node{l3.node} {name}:" + "".join(f" S{slab.serial}({slab.inuse})" for slab in slabs)

    def _array(self, ac: ArrayCache, batchcount: int) -> str:
        objects = self.kernel.state.words[ac.entry : ac.entry + ac.avail]
        names = " ".join(self._name(obj) for obj in objects)
        return f"avail={ac.avail} limit={ac.limit} batch={batchcount} touched={ac.touched} [{names}]"


@contextmanager
def words_of(command: LogLine, log: str, *, begun: bool) -> Iterator[list[str]]:
    """A command's words, to be carried out. Raises InputError if they are none of `log`'s, or before what it begins with."""
    words = command.text.split()
    if not begun and words[:1] != ["new"]:
        raise InputError(command.where, f"{command.text[:60]!r} before any new")
    try:
        yield words
    except (ValueError, IndexError, KeyError):
        raise InputError(command.where, f"{command.text[:60]!r} is no command of {log}") from None


def whole(text: str, least: int, most: int = MOST) -> int:
    """The whole number that `text` is. ValueError for anything else, and beyond what is allowed."""
    if not _WHOLE.fullmatch(text) or not least <= (value := int(text)) <= most:
        raise ValueError
    return value
