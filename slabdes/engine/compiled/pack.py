"""Moves a run's state from records into arrays before it is compiled code's turn, and back when it has ended.

What an engine starts from (`setup`, `timed`) and what it hands over (`collect`) are the reference's. Leaves out steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from slabdes.allocator.state import NOBODY, ArrayCache, KmemCache, Slab, SlabState
from slabdes.engine.compiled import layout
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.lines import CacheLines
from slabdes.engine.pages import PagePool
from slabdes.engine.records import Histogram, Path
from slabdes.engine.timed import TimedLock, TimedSettings
from slabdes.locks.disciplines import cna, tas, ticket
from slabdes.locks.spinlock import FREE
from slabdes.machine.topology import Machine
from slabdes.streams import exponential_table
from slabdes.units import MAX_RUN_PS

Array = np.ndarray[Any, Any]
SPARE_SLABS = 1024
"""Slabs that there is room for at the start; room doubles as it is needed."""
_FRAMES = 10
_FRAMES_OF_A_DESCRIPTOR = 8
"""Paths that can be under way at once on a CPU, and as many again for each cache that descriptors' descriptors come from."""


class Memory:
    """All arrays of a run by the names of their pointers, and the record that compiled code finds them through."""

    def __init__(self) -> None:
        self.run = np.zeros(1, layout.RUN)
        self._arrays: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def put(self, name: str, values: Any, dtype: Any = "i8") -> Array:
        """Make an array known under `name`. Empty ones get one entry, so that every address is valid."""
        array: Array = np.ascontiguousarray(values, dtype)
        if not array.size:
            array = np.zeros(1, dtype)
        self._arrays[name] = array
        self.run[0][name] = array.ctypes.data
        return array

    def grow(self, name: str, room: int, fill: int) -> None:
        """Make an array longer; new entries of plain integers are `fill`."""
        old = self._arrays[name]
        array = np.zeros(room, old.dtype) if old.dtype.names else np.full(room, fill, old.dtype)
        array[: len(old)] = old
        self.put(name, array, old.dtype)

    def set(self, **values: int) -> None:
        """Set fields of the run's record."""
        for name, value in values.items():
            self.run[0][name] = value

    def get(self, name: str) -> int:
        """A field of the run's record."""
        return int(self.run[0][name])


def pack(
    state: SlabState,
    machine: Machine,
    settings: TimedSettings,
    lines: CacheLines,
    locks: Sequence[TimedLock],
    cpus: Sequence[TimedCpu],
    jitter_keys: Sequence[int],
) -> Memory:
    """Everything but the workload."""
    memory = Memory()
    _pack_rules(memory, machine, settings)
    _pack_caches(memory, state)
    memory.set(
        n_slabs=len(state.slabs),
        scratch=len(state.words),
        n_words=len(state.words) + machine.n_cpus,
        n_lines=state.n_lines,
        most_objects=max((cache.num for cache in state.caches), default=1),
        section_lock=len(locks) - 1,
        first_zone_lock=len(locks) - 1 - machine.n_nodes,
    )
    memory.put("words", [*state.words, *([0] * machine.n_cpus)])
    memory.put("touched", np.full(memory.get("n_words"), NOBODY))
    memory.put("slabs", _table(layout.SLAB, state.slabs), layout.SLAB)
    memory.put("owner", lines.owner)
    memory.put("home", lines.home)
    make_room(memory, SPARE_SLABS)
    packed = memory.put("locks", np.zeros(len(locks), layout.LOCK), layout.LOCK)
    packed["line"] = [lock.line for lock in locks]
    packed["holder"] = packed["passed"] = FREE
    memory.put("lock_buckets", np.zeros((2 * len(locks), layout.BUCKETS), "i8"))
    memory.put("lock_counts", _no_counts(2 * len(locks)), layout.COUNTS)
    histograms = (len(state.caches) + 1) * layout.N_PATHS
    memory.put("buckets", np.zeros((histograms, layout.BUCKETS), "i8"))
    memory.put("counts", _no_counts(histograms), layout.COUNTS)
    memory.put("spent", np.zeros(layout.N_PATHS, layout.SPENT), layout.SPENT)
    _pack_cpus(memory, state, cpus, jitter_keys)
    return memory


def _no_counts(histograms: int) -> Array:
    counts = np.zeros(histograms, layout.COUNTS)
    counts["least"] = np.iinfo("i8").max
    return counts


def make_room(memory: Memory, slabs: int) -> None:
    """Room for `slabs` more slabs."""
    run = memory.run[0]
    slab_room = int(run["n_slabs"]) + slabs
    word_room = int(run["n_words"]) + slabs * int(run["most_objects"])
    line_room = int(run["n_lines"]) + 2 * slabs
    memory.grow("slabs", slab_room, 0)
    memory.grow("words", word_room, 0)
    memory.grow("touched", word_room, NOBODY)
    memory.grow("owner", line_room, NOBODY)
    memory.grow("home", line_room, 0)
    memory.set(slab_room=slab_room, word_room=word_room, line_room=line_room)


def _pack_rules(memory: Memory, machine: Machine, settings: TimedSettings) -> None:
    version = settings.version
    handoff = settings.locks.discipline.handoff
    n_cpus = machine.n_cpus
    bits = (n_cpus - 1).bit_length()
    leaves = 1 << bits
    memory.set(**{name: getattr(settings.costs, name) for name in layout.COSTS})
    memory.set(
        unlocked_look=version.unlocked_look,
        private_slab=version.private_slab,
        unlocked_colour=version.unlocked_colour,
        trim_after_batch=version.trim_after_batch,
        pages_after_unlock=version.pages_after_unlock,
        line_of_list_lock=version.layout.list_lock,
        line_of_free_objects=version.layout.free_objects,
        line_of_colour_next=version.layout.colour_next,
        tas=handoff is tas,
        ticket=handoff is ticket,
        cna=handoff is cna,
        handoff_milli=settings.locks.handoff_milli,
        cna_threshold=settings.locks.cna_threshold,
        hz=settings.hz,
        spinners_slow_holder=settings.spinners_slow_holder,
        posted_neighbour_writes=settings.posted_neighbour_writes,
        n_cpus=n_cpus,
        n_nodes=machine.n_nodes,
        bits=bits,
        leaves=leaves,
        time_limit=MAX_RUN_PS,
        current=-1,
        reaper=-1,
    )
    memory.put("tree", np.full(2 * leaves, np.iinfo(np.int64).max))
    memory.put("transfer", machine.transfer_ps)
    memory.put("dram", machine.dram_ps)
    memory.put("zonelists", [machine.zonelist(node) for node in range(machine.n_nodes)])
    memory.put("exponential", exponential_table())
    pool = PagePool(machine.memory_pages, n_cpus)
    memory.put("free_pages", pool.free)
    memory.put("pcp", pool.pcp)
    memory.put("page_batch", pool.batch)
    memory.put("page_high", pool.high)


def _pack_caches(memory: Memory, state: SlabState) -> None:
    arrays: list[ArrayCache] = []
    nothing = ArrayCache("", 0, 0, 0)

    def place(some: Iterable[ArrayCache | None]) -> int:
        first = len(arrays)
        arrays.extend(nothing if array is None else array for array in some)
        return first

    caches = np.zeros(len(state.caches), layout.CACHE)
    l3s = np.zeros(len(state.caches) * state.n_nodes, layout.L3)
    for cache, record in zip(state.caches, caches, strict=True):
        for name in ("num", "gfporder", "colour", "colour_off"):
            record[name] = getattr(cache, name)
        record["slabp_cache"] = -1 if cache.slabp_cache is None else cache.slabp_cache.index
        record["spare"] = -1
        record["array"] = place(cache.array)
        for l3 in cache.nodelists:
            packed = l3s[cache.index * state.n_nodes + l3.node]
            for name in layout.L3.names or ():
                if name not in ("shared", "alien"):
                    packed[name] = getattr(l3, name)
            packed["shared"] = -1 if l3.shared is None else place([l3.shared])
            packed["alien"] = -1 if l3.alien is None else place(l3.alien)
    memory.put("caches", caches, layout.CACHE)
    memory.put("l3s", l3s, layout.L3)
    memory.put("arrays", _table(layout.ARRAY, arrays), layout.ARRAY)
    memory.put("stats", np.zeros(len(state.caches), layout.STATS), layout.STATS)
    memory.set(all_caches=len(state.caches))


def _table(dtype: np.dtype[np.void], objects: Sequence[Any]) -> Array:
    """Objects with attributes as records of the same names."""
    table = np.zeros(len(objects), dtype)
    for name in dtype.names or ():
        if name != "link":
            table[name] = [getattr(one, name) for one in objects]
    return table


def chain_length(cache: KmemCache, longest: int) -> int:
    """How many caches in a row descriptors come from; more than `longest` if they come from each other."""
    length = 0
    below = cache.slabp_cache
    while below is not None and length <= longest:
        length += 1
        below = below.slabp_cache
    return length


def _pack_cpus(memory: Memory, state: SlabState, cpus: Sequence[TimedCpu], jitter_keys: Sequence[int]) -> None:
    depth = _FRAMES + _FRAMES_OF_A_DESCRIPTOR * max(
        (1 + chain_length(cache, len(state.caches)) for cache in state.caches), default=1
    )
    packed = memory.put("cpus", np.zeros(len(cpus), layout.CPU), layout.CPU)
    memory.put("frames", np.zeros(len(cpus) * depth, layout.FRAME), layout.FRAME)
    for name in ("number", "node", "slowdown", "jitter", "reap_node"):
        packed[name] = [getattr(cpu, name) for cpu in cpus]
    packed["jitter_key"] = np.array(jitter_keys, "u8")
    packed["frame0"] = np.arange(len(cpus)) * depth


def unpack(memory: Memory, state: SlabState, locks: Sequence[TimedLock], cpus: Sequence[TimedCpu]) -> None:
    """Bring what records are made from back into the objects that the run began with."""
    _unpack_caches(memory, state)
    buckets, counts = memory["lock_buckets"], memory["lock_counts"]
    for number, (lock, packed) in enumerate(zip(locks, memory["locks"], strict=True)):
        for name in ("acquisitions", "contended", "bounces", "queue_area", "changed_at", "digest"):
            setattr(lock, name, int(packed[name]))
        lock.joined = _still_waiting(memory, packed)
        lock.wait = _histogram(buckets[2 * number], counts[2 * number])
        lock.hold = _histogram(buckets[2 * number + 1], counts[2 * number + 1])
    for cpu, packed in zip(cpus, memory["cpus"], strict=True):
        for name in (
            "clock", "digest", "allocs", "frees", "failed", "skipped", "sections", "think_time", "lock_wait", "handoff_time",
"slot_wait",
                        "line_time", "local_memory_time", "remote_memory_time", "page_time", "first_touch_time",
            "descriptor_read_time",
             "work_time", "idle_time",
        ):  # fmt: skip
            setattr(cpu, name, int(packed[name]))
    # Compiled code counts all CPUs together: records add them up anyway.
    for number, packed in enumerate(memory["spent"]):
        cpus[0].spent[Path(number)] = [int(part) for part in packed]
    for number, sums in enumerate(memory["counts"]):
        if sums["count"]:
            key = (number // layout.N_PATHS - 1, Path(number % layout.N_PATHS))
            cpus[0].latency[key] = _histogram(memory["buckets"][number], sums)


def _still_waiting(memory: Memory, lock: Any) -> dict[int, int]:
    """The CPUs that wait for a lock when the run ends, and since when."""
    joined: dict[int, int] = {}
    waiter = int(lock["first"])
    for _place in range(int(lock["waiters"])):
        cpu = memory["cpus"][waiter]
        joined[waiter] = int(cpu["asked"])
        waiter = int(cpu["next_waiter"])
    return joined


def _histogram(buckets: Array, sums: Any) -> Histogram:
    if not sums["count"]:
        return Histogram()
    filled = np.flatnonzero(buckets)
    return Histogram(
        dict(zip(filled.tolist(), buckets[filled].tolist(), strict=True)),
        int(sums["count"]),
        int(sums["total"]),
        int(sums["least"]),
        int(sums["greatest"]),
    )


def _unpack_caches(memory: Memory, state: SlabState) -> None:
    state.words[:] = memory["words"][: len(state.words)].tolist()
    columns = {name: memory["slabs"][name][: memory.get("n_slabs")].tolist() for name in layout.SLAB.names or ()}
    for number in range(len(state.slabs), memory.get("n_slabs")):
        state.slabs.append(Slab(number, columns["cache"][number], columns["num"][number], columns["bufctl"][number]))
    for number, slab in enumerate(state.slabs):
        slab.next, slab.prev = columns["next"][number], columns["prev"][number]
        slab.inuse, slab.nodeid = columns["inuse"][number], columns["nodeid"][number]
    avail = memory["arrays"]["avail"].tolist()
    # Without a cache there is still one entry (see `put`).
    for cache, packed, stats in zip(state.caches, memory["caches"], memory["stats"], strict=False):
        cache.slabs_created, cache.slabs_destroyed = int(packed["slabs_created"]), int(packed["slabs_destroyed"])
        for name in layout.STATS.names or ():
            setattr(cache.stats, name, int(stats[name]))
        for array, number in zip(cache.array, range(int(packed["array"]), len(avail)), strict=False):
            array.avail = avail[number]
        for l3 in cache.nodelists:
            record = memory["l3s"][cache.index * state.n_nodes + l3.node]
            l3.free_objects, l3.free_limit = int(record["free_objects"]), int(record["free_limit"])
            if l3.shared is not None:
                l3.shared.avail = avail[int(record["shared"])]
            for other, alien in enumerate(l3.alien or ()):
                if alien is not None:
                    alien.avail = avail[int(record["alien"]) + other]
