# SPDX-License-Identifier: GPL-2.0-only
"""Recorded trace folders, those committed and those of the shared folder, and a small made-up kernel that records itself."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.geometry import Placement
from slabdes.allocator.geometry_indexes import indexes_geometry
from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.lists import list_entries
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import CacheSpec, KmemCache, KmemList3, SlabState, obj_to_index, virt_to_slab
from slabdes.allocator.tunables import Tunables, default_tunables
from slabdes.allocator.versions import LINUX_6_1
from slabdes.conformance.kernel_log.kernel import SITES, EventCounters, LogKernel
from slabdes.dumps.restore import free_objects_of
from slabdes.paths.slab.alloc import kmem_cache_alloc
from slabdes.paths.slab.free import kmem_cache_free
from slabdes.units import PAGE_SIZE

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "tests/kernel61/traces"
SHARED = ROOT.parent / "shared/kernel61/traces"
PLACES = {Placement.IN_OBJECT: "obj", Placement.OFF_SLAB: "off", Placement.ON_SLAB: "on"}

Edit = Callable[[str], str]


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Path]:
    """A function that finds a recorded folder by name, or skips the test."""

    def find(name: str) -> Path:
        for folder in (COMMITTED / name, SHARED / name):
            if folder.is_dir():
                return folder
        pytest.skip(f"../shared/kernel61/traces/{name} is not here")

    return find


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A function that copies a folder, its texts changed by `dumps` and `trace`."""

    def change(folder: Path, dumps: Edit = str, trace: Edit = str) -> Path:
        for name, edit in (("dumps.txt", dumps), ("trace.txt", trace)):
            source = next(path for path in (folder / name, folder / f"{name}.gz") if path.exists())
            raw = source.read_bytes()
            text = (gzip.decompress(raw) if source.suffix == ".gz" else raw).decode()
            (tmp_path / name).write_text(edit(text))
        return tmp_path

    return change


class MadeUpKernel(LogKernel):
    """A kernel with a few caches on four CPUs and two nodes, which writes its trace and dumps as the recorded one did.

    Its off-slab caches get and return their free lists as 6.1 does, within growing and destroying, and log that.
    """

    def __init__(self, *, aliens: bool = True, tunables: Tunables | None = None) -> None:
        super().__init__(SlabState((0, 0, 1, 1), 2, use_alien_caches=aliens), MemPolicy(2), LINUX_6_1)
        self.trace: list[str] = ["# tracer: nop"]
        self.dumps: list[str] = []
        self.counts: dict[int, tuple[EventCounters, dict]] = {}
        self.locks_of: dict[int, int] = {}
        self.addresses: dict[int, int] = {}
        self.blocks: dict[int, list[int]] = {}
        self.next_block = 0xFF11000000100000
        self.specs: dict[str, int] = {}
        self.caches: dict[str, KmemCache] = {}
        for name, size, options in (
            ("kmalloc-32", 32, {"hwcache_align": True}),
            ("kmalloc-64", 64, {"hwcache_align": True}),
            ("off_slab_cache", 136, {"typesafe_by_rcu": True}),
            ("plain_cache", 200, {}),
        ):
            geometry = indexes_geometry(size, **options)
            cache = kmem_cache_create(self.state, CacheSpec(name, geometry, tunables or default_tunables(size, 4)), 0)
            cache.slabp_cache = self.caches.get(geometry.slabp_cache or "")
            self.caches[name] = cache
            self.specs[name] = size
            self.counts[cache.index] = (EventCounters(), dict.fromkeys(SITES, 0))
            self.name_locks(cache)
        assert self.caches["off_slab_cache"].slabp_cache is self.caches["kmalloc-32"]

    def name_locks(self, cache: KmemCache) -> None:
        super().name_locks(cache)
        for l3 in cache.nodelists:
            for lock in (l3.list_lock, *(alien.lock for alien in l3.alien or () if alien)):
                self.locks_of[lock] = cache.index

    def spin_lock(self, cpu, lock, site):
        # A growing refill passes from one cache to another: counters follow the lock.
        self.events, self.locks = self.counts[self.locks_of[lock]]
        yield from super().spin_lock(cpu, lock, site)

    def note_moved(self, cpu, cache, frm, to, nr):
        self.events, self.locks = self.counts[cache.index]
        super().note_moved(cpu, cache, frm, to, nr)

    def note_direct_grow(self, cpu, cache):
        self.events, self.locks = self.counts[cache.index]
        super().note_direct_grow(cpu, cache)

    def note_slab_made(self, cpu, cache, slab):
        record = self.state.slabs[slab]
        free = self.blocks.setdefault(cache.gfporder, [])
        bytes_ = PAGE_SIZE << cache.gfporder
        if not free:
            self.next_block = (self.next_block + bytes_ - 1) // bytes_ * bytes_
            free.append(self.next_block)
            self.next_block += bytes_
        self.addresses[slab] = free.pop() + record.colouroff
        if cache.slabp_cache is not None:
            self._log(cpu.number, "kmem_cache_alloc", cache.slabp_cache, record.descriptor, "cache_grow_begin+0x1/0x2")
        super().note_slab_made(cpu, cache, slab)

    def note_given_up(self, cpu, cache, l3, slab):
        self.blocks[cache.gfporder].append(self.addresses[slab] & -(PAGE_SIZE << cache.gfporder))
        if cache.slabp_cache is not None:
            self._log(cpu.number, "kmem_cache_free", cache.slabp_cache, self.state.slabs[slab].descriptor, "slab_destroy+0x1/0x2")
        super().note_given_up(cpu, cache, l3, slab)

    def allocate(self, cpu: int, name: str) -> int:
        cache = self.caches[name]
        obj = self.finish(kmem_cache_alloc(self, self.cpus[cpu], cache, MAY_WAIT))
        self._log(cpu, "kmalloc" if name.startswith("kmalloc") else "kmem_cache_alloc", cache, obj, "someone+0x1/0x2")
        return obj

    def free(self, cpu: int, name: str, obj: int) -> None:
        self._log(cpu, "kfree" if name.startswith("kmalloc") else "kmem_cache_free", self.caches[name], obj, "other+0x1/0x2")
        self.finish(kmem_cache_free(self, self.cpus[cpu], self.caches[name], obj))

    def _log(self, cpu: int, what: str, cache: KmemCache, obj: int, site: str) -> None:
        asked = self.specs[cache.name]
        tail = {
            "kmalloc": f"bytes_req={asked - 3} bytes_alloc={cache.size} gfp_flags=GFP_KERNEL node=-1 accounted=false",
            "kmem_cache_alloc": f"bytes_req={asked} bytes_alloc={cache.size} gfp_flags=GFP_KERNEL node=-1 accounted=false",
            "kmem_cache_free": f"name={cache.name}",
            "kfree": "",
        }[what]
        self._line(cpu, f"{what}: call_site={site} ptr={self.pointer(obj):x} {tail}")

    def _line(self, cpu: int, text: str) -> None:
        self.trace.append(f"   task-{100 + cpu}   [{cpu:03d}] ..... {len(self.trace):10d}: {text}")

    def pointer(self, obj: int) -> int:
        slab = virt_to_slab(obj)
        return self.addresses[slab] + obj_to_index(obj) * self.state.caches[self.state.slabs[slab].cache].size

    def dump(self, label: str) -> None:
        self._line(0, f"slt_dumpall: SLT_SNAPSHOT {label}")
        self.dumps.append(f"DUMP {label} jiffies=1000")
        for cache in reversed(self.state.caches):
            self.dumps += self._cache_lines(cache)
        self.dumps.append(f"ENDDUMP {label}")

    def _cache_lines(self, cache: KmemCache) -> Iterator[str]:
        asked = self.specs[cache.name]
        geometry = indexes_geometry(asked, hwcache_align=asked <= 64, typesafe_by_rcu=asked == 136)
        events, locks = self.counts[cache.index]
        aliens = [alien for l3 in cache.nodelists for alien in l3.alien or () if alien]
        yield (
            f"CACHE name={cache.name} object_size={asked} size={cache.size} align={geometry.align} num={cache.num} "
            f"order={cache.gfporder} colour={cache.colour} colour_off={cache.colour_off} freelist={PLACES[geometry.placement]} "
            f"freelist_size={geometry.slab_size} limit={cache.limit} batchcount={cache.batchcount} shared={cache.shared} "
            f"sharedlimit={cache.shared * cache.batchcount} alienlimit={aliens[0].limit if aliens else 0} node0_free_limit=0"
        )
        stats = cache.stats
        yield (
            f"INFO {cache.name} 0 0 {cache.size} {cache.num} {1 << cache.gfporder} : tunables {cache.limit} {cache.batchcount} "
            f"{cache.shared} : slabdata 0 0 0 : globalstat {stats.num_allocations} 0 {stats.grown} 0 0 {stats.max_freeable} "
            f"{stats.node_allocs} {stats.node_frees} {stats.node_overflow} : cpustat {stats.allochit} {stats.allocmiss} "
            f"{stats.freehit} {stats.freemiss}"
        )
        yield "LK " + " ".join(f"{name}={locks[site]}/0" for site, name in SITES.items()) + " slabinfo=7/0"
        yield f"EV {events.text()}"
        for cpu, (ac, node) in enumerate(zip(cache.array, self.state.node_of_cpu, strict=True)):
            yield f"AC {cpu} {node} {ac.avail} {ac.touched} : {self._pointers(ac)}"
        for l3 in cache.nodelists:
            yield from self._node_lines(cache, l3)

    def _node_lines(self, cache: KmemCache, l3: KmemList3) -> Iterator[str]:
        slabs = self.state.slabs
        heads = {"P": l3.slabs_partial, "F": l3.slabs_full, "E": l3.slabs_free}
        lists = {letter: list(list_entries(slabs, head)) for letter, head in heads.items()}
        yield (
            f"ND {l3.node} total_slabs={sum(map(len, lists.values()))} free_slabs={len(lists['E'])} "
            f"free_objects={l3.free_objects} free_limit={l3.free_limit} free_touched={l3.free_touched} "
            f"colour_next={l3.colour_next} next_reap=-1000"
        )
        if l3.shared:
            yield f"SH {l3.node} {l3.shared.avail} {l3.shared.limit} {l3.shared.touched} : {self._pointers(l3.shared)}"
        for other, alien in enumerate(l3.alien or ()):
            if alien:
                yield f"AL {l3.node} {other} {alien.avail} {alien.limit} : {self._pointers(alien)}"
        for letter, numbers in lists.items():
            for number in numbers:
                free = " ".join(str(obj_to_index(obj)) for obj in free_objects_of(self.state, number))
                yield f"SL {l3.node} {letter} {self.addresses[number]:x} {slabs[number].inuse} : {free}"

    def _pointers(self, ac) -> str:
        return " ".join(f"{self.pointer(obj):x}" for obj in self.state.words[ac.entry : ac.entry + ac.avail])

    def write(self, folder: Path) -> Path:
        (folder / "dumps.txt").write_text("\n".join(self.dumps) + "\n")
        (folder / "trace.txt").write_text("\n".join(self.trace) + "\n")
        return folder


def run_at_random(kernel: MadeUpKernel, seed: int, operations: int, held: list[tuple[str, int]]) -> None:
    """Bursts of allocations and frees, some of them on another CPU than the allocation; what is not freed is left in `held`."""
    random = Random(seed)
    names = list(kernel.caches)
    for _burst in range(operations // 50):
        cpu, name = random.randrange(4), random.choice(names)
        if random.random() < 0.5:
            held += [(name, kernel.allocate(cpu, name)) for _ in range(random.randrange(100))]
        else:
            random.shuffle(held)
            for _ in range(min(len(held), random.randrange(100))):
                kernel.free(cpu, *held.pop())


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the made-up kernel recorded: off-slab caches grow and shrink, pages change hands between caches."""
    return _record(4000, tmp_path_factory.mktemp("made_up"))


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a tenth of the operations, for tests that read it hundreds of times."""
    return _record(400, tmp_path_factory.mktemp("little"))


def _record(operations: int, folder: Path) -> Path:
    kernel = MadeUpKernel(tunables=Tunables(12, 6, 2))
    held: list[tuple[str, int]] = []
    run_at_random(kernel, 1, operations, held)
    kernel.dump("before-random")
    run_at_random(kernel, 2, 3 * operations, held)
    for number, (name, obj) in enumerate(held[100:]):
        kernel.free(number % 4, name, obj)
    del held[100:]
    run_at_random(kernel, 3, operations, held)
    kernel.dump("after-random")
    return kernel.write(folder)


@pytest.fixture
def made_up_kernel() -> type[MadeUpKernel]:
    """The made-up kernel itself."""
    return MadeUpKernel
