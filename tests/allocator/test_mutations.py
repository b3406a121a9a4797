"""The recordings and the invariants can fail: one rule of the allocator is changed at a time, and each change is caught.

A mutation replaces one string in one module's source; the whole package is then loaded afresh around the changed module,
and put away again. `caught_by` names the recorded script whose first differing record gives the mutation away, or OFF_SLAB:
a script's caches get their descriptors from outside, so what can go wrong there is left to the invariants.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import zip_longest
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
OFF_SLAB = "off-slab invariants"
"""The catcher that is not a recording: `off_slab_run`, below."""

STATE = "slabdes.allocator.state"
TRANSITIONS = "slabdes.allocator.transitions"
TUNABLES = "slabdes.allocator.tunables"
GEOMETRY = "slabdes.allocator.geometry"
TIMERS = "slabdes.allocator.timers"
MEMPOLICY = "slabdes.allocator.mempolicy"
ALLOC = "slabdes.engine.alloc_paths"
FREE = "slabdes.engine.free_paths"
UPKEEP = "slabdes.engine.upkeep_paths"


@dataclass(frozen=True)
class Mutation:
    """A rule that is broken, where, how, and which script (or OFF_SLAB) sees it."""

    rule: str
    module: str
    old: str
    new: str
    caught_by: str = "?"


MUTATIONS = (
    # Refill
    Mutation("an untouched array is refilled without a cap", TRANSITIONS, "if not ac.touched and batchcount > B", "if 0 > B"),
    Mutation("touched arrays are capped too", TRANSITIONS, "if not ac.touched and batchcount > B", "if batchcount > B"),
    Mutation("the cap is 15", TUNABLES, "BATCHREFILL_LIMIT: Final = 16", "BATCHREFILL_LIMIT: Final = 15"),
    Mutation("the shared top arrives reversed", TRANSITIONS, "words[frm.entry + frm.avail - nr + i]", "words[frm.entry + frm.avail - 1 - i]"),
    Mutation("the shared bottom is taken", TRANSITIONS, "words[frm.entry + frm.avail - nr + i]", "words[frm.entry + i]"),
    Mutation("a transfer ignores the room there is", TRANSITIONS, "min(frm.avail, most, to.limit - to.avail)", "min(frm.avail, most)"),
    Mutation("a hit does not touch its array", TRANSITIONS, "    ac.touched = 1\n    return ac_get", "    return ac_get"),
    Mutation("a refill does not touch its array", ALLOC, "    ac.touched = 1\n    return ac_get", "    return ac_get"),
    Mutation("a refill does not touch the shared array", ALLOC, "l3.shared.touched = 1", "l3.shared.touched += 0"),
    Mutation("free_touched is not set", TRANSITIONS, "l3.free_touched = 1", "l3.free_touched += 0"),
    Mutation("a refill does not count free_objects down", ALLOC, "l3.free_objects -= ac.avail", "l3.free_objects -= 0"),
    Mutation("a refill stops after one slab", ALLOC, "batchcount -= nr\n", "batchcount = 0\n"),
    Mutation("a partial slab goes back to the tail", TRANSITIONS, "list_add(slabs, number, l3.slabs_partial)", "list_add_tail(slabs, number, l3.slabs_partial)"),
    Mutation("a full slab goes to the tail", TRANSITIONS, "list_add(slabs, number, l3.slabs_full)", "list_add_tail(slabs, number, l3.slabs_full)"),
    Mutation("the lists are not tried again after a failed refill", ALLOC, "    if obj == NO_OBJECT:\n        obj = yield", "    if cpu.number < 0:\n        obj = yield"),
    # Grow
    Mutation("a new slab goes to the head of free", TRANSITIONS, "list_add_tail(slabs, number, l3.slabs_free)", "list_add(slabs, number, l3.slabs_free)"),
    Mutation("a free chain starts at the last object", TRANSITIONS, "slab.free = 0\n    for i in range(slab.num):\n        words[slab.bufctl + i] = i + 1\n    words[slab.bufctl + slab.num - 1] = BUFCTL_END", "slab.free = slab.num - 1\n    for i in range(slab.num):\n        words[slab.bufctl + i] = i - 1"),
    Mutation("colours wrap one too early", TRANSITIONS, "l3.colour_next >= cache.colour:", "l3.colour_next >= cache.colour - 1:"),
    Mutation("colours wrap one too late", TRANSITIONS, "l3.colour_next >= cache.colour:", "l3.colour_next > cache.colour:"),
    Mutation("failed pages take no colour", ALLOC, "    if not made:\n", "    if not made:\n        l3.colour_next = (l3.colour_next - 1) % max(cache.colour, 1)\n"),
    Mutation("constructors run once a slab", ALLOC, "cache.ctor_calls += cache.num if", "cache.ctor_calls += 1 if"),
    # Nodes, policies and fallback
    Mutation("an object from the lists is not counted off", TRANSITIONS, "    l3.free_objects -= 1\n    relist", "    relist"),
    Mutation("THISNODE does not stop a policy", ALLOC, "if not flags & THISNODE:", "if flags >= 0:"),
    Mutation("THISNODE does not stop a fallback", ALLOC, "    if flags & THISNODE:\n        return NO_OBJECT\n", ""),
    Mutation("a fallback starts at the local node", ALLOC, "start = cpu.policy.slab_node(cpu.node)", "start = cpu.node"),
    Mutation("a fallback asks the policy's node for pages", ALLOC, "slab_pages(k, cpu, cache, cpu.node, thisnode=False)", "slab_pages(k, cpu, cache, start, thisnode=False)"),
    Mutation("a fallback takes pages of one node only", ALLOC, "cpu.node, thisnode=False)", "cpu.node, thisnode=True)"),
    Mutation("a fallback grows the local node", ALLOC, "cache_grow(k, cpu, cache, flags, node, slab)", "cache_grow(k, cpu, cache, flags, cpu.node, slab)"),
    Mutation("interleave does not advance", MEMPOLICY, "self.node = (node + 1) % self.n_nodes", "self.node = node"),
    Mutation("interleave advances before use", MEMPOLICY, "self.node = (node + 1) % self.n_nodes\n            return node", "self.node = (node + 1) % self.n_nodes\n            return self.node"),
    Mutation("the spread rotor acts on every cache", MEMPOLICY, "if not mem_spread:", "if mem_spread is None:"),
    Mutation("a policy's node is used even if it is local", MEMPOLICY, "return node if node != local else NO_NODE", "return node"),
    # Free
    Mutation("a free touches its array", TRANSITIONS, "stats.freehit += 1", "stats.freehit += 1; ac.touched = 1"),
    Mutation("a flush takes the newest", TRANSITIONS, "words[shared.entry + shared.avail + i] = words[ac.entry + i]", "words[shared.entry + shared.avail + i] = words[ac.entry + ac.avail - nr + i]"),
    Mutation("a flush does not shift the rest down", TRANSITIONS, "for i in range(ac.avail):", "for i in range(0):"),
    Mutation("a flush needs room for the whole batch", TRANSITIONS, "nr = min(shared.limit - shared.avail, batchcount)", "nr = batchcount if shared.limit - shared.avail >= batchcount else 0"),
    Mutation("a freed object goes to the chain's end", TRANSITIONS, "words[slab.bufctl + objnr] = slab.free\n    slab.free = objnr", "words[slab.bufctl + objnr] = BUFCTL_END\n    last = slab.free\n    while last >= 0 and words[slab.bufctl + last] >= 0:\n        last = words[slab.bufctl + last]\n    if last < 0:\n        slab.free = objnr\n    else:\n        words[slab.bufctl + last] = objnr"),
    Mutation("a slab freed into goes to the head of partial", TRANSITIONS, "list_add_tail(slabs, number, l3.slabs_partial)", "list_add(slabs, number, l3.slabs_partial)"),
    Mutation("a partial slab freed into stays where it is", TRANSITIONS, "    if slab.inuse:\n        list_add_tail(slabs, number, l3.slabs_partial)", "    if slab.inuse and slab.which == ListName.PARTIAL:\n        slabs[slab.prev].next = slabs[slab.next].prev = number\n        return ListName.PARTIAL\n    if slab.inuse:\n        list_add_tail(slabs, number, l3.slabs_partial)"),
    Mutation("an emptied slab goes to the tail of free", TRANSITIONS, "list_add(slabs, number, l3.slabs_free)", "list_add_tail(slabs, number, l3.slabs_free)"),
    Mutation("slabs go when free_limit is reached", TRANSITIONS, "l3.free_objects > l3.free_limit", "l3.free_objects >= l3.free_limit"),
    Mutation("free_limit is compared before the object is counted", TRANSITIONS, "l3.free_objects > l3.free_limit", "l3.free_objects - 1 > l3.free_limit"),
    Mutation("a destroyed slab's objects stay counted", TRANSITIONS, "        l3.free_objects -= slab.num\n        return SLAB", "        return SLAB"),
    Mutation("destroyed slabs are not counted", STATE, "cache.slabs_destroyed += 1", "cache.slabs_destroyed += 0"),
    # Alien caches
    Mutation("an alien cache is drained one object early", FREE, "if alien.avail == alien.limit:", "if alien.avail >= alien.limit - 1:"),
    Mutation("an alien drain bypasses the remote shared array", FREE, "    if remote.shared:\n", "    if remote.node < 0:\n"),
    Mutation("an alien drain touches the remote shared array", FREE, "            k.note_moved(cpu, cache, alien, remote.shared, nr)", "            remote.shared.touched = 1\n            k.note_moved(cpu, cache, alien, remote.shared, nr)"),
    Mutation("alien caches hold 13", TUNABLES, "ALIEN_LIMIT: Final = 12", "ALIEN_LIMIT: Final = 13"),
    Mutation("the alien limit follows tuning", UPKEEP, "    l3.shared = new_shared\n", "    l3.shared = new_shared\n    for alien in l3.alien or ():\n        if alien:\n            alien.limit = min(alien.limit, cache.limit)\n"),
    # Reap
    Mutation("caches are reaped oldest first", UPKEEP, "reversed(k.state.caches)", "iter(k.state.caches)"),
    Mutation("a reap waits one jiffy longer for next_reap", UPKEEP, "l3.next_reap > now", "l3.next_reap >= now"),
    Mutation("nodes are trimmed every two seconds", TIMERS, "REAPTIMEOUT_LIST3_SECONDS: Final = 4", "REAPTIMEOUT_LIST3_SECONDS: Final = 2"),
    Mutation("the reap node does not move", UPKEEP, "cpu.reap_node = (cpu.reap_node + 1) % k.state.n_nodes", "cpu.reap_node += 0"),
    Mutation("a reap drains all alien caches' turns from node 0", UPKEEP, "l3.alien[cpu.reap_node] if", "l3.alien[0] if"),
    Mutation("a reap does not clear touched", UPKEEP, "        ac.touched = 0\n", ""),
    Mutation("a reap ignores touched", UPKEEP, "if ac.touched and not force:", "if ac.touched < 0:"),
    Mutation("a reap does not clear free_touched", UPKEEP, "l3.free_touched = 0", "l3.free_touched += 0"),
    Mutation("a reap drains shared arrays whole", UPKEEP, "l3.shared, force=False)", "l3.shared, force=True)"),
    Mutation("drains round a fifth down", TRANSITIONS, "(ac.limit + DRAIN_SHARE - 1) // DRAIN_SHARE", "ac.limit // DRAIN_SHARE"),
    Mutation("drains round a half down", TRANSITIONS, "tofree = (ac.avail + 1) // 2", "tofree = ac.avail // 2"),
    Mutation("drains ignore force", TRANSITIONS, "ac.avail if force else (", "("),
    Mutation("drains take the newest", UPKEEP, "k.state.words[ac.entry : ac.entry + tofree], l3.node", "k.state.words[ac.entry + ac.avail - tofree : ac.entry + ac.avail], l3.node"),
    Mutation("reaped slabs round down", TRANSITIONS, "(l3.free_limit + DRAIN_SHARE * num - 1)", "(l3.free_limit)"),
    Mutation("a reap destroys the first free slab", TRANSITIONS, "number = slabs[l3.slabs_free].prev", "number = slabs[l3.slabs_free].next"),
    Mutation("reap timers round down below half a second", TIMERS, "remainder < hz // 4", "remainder < hz // 2"),
    Mutation("reap timers are two jiffies apart", TIMERS, "SKEW_PER_CPU: Final = 3", "SKEW_PER_CPU: Final = 2"),
    # Shrink, tunables, geometry
    Mutation("shrink leaves alien caches alone", UPKEEP, "        yield from drain_alien_cache(k, cpu, cache, l3)\n", "        yield from ()\n"),
    Mutation("shrink drains the calling CPU first", UPKEEP, "for other in (yield from k.on_each_cpu(cpu)):\n", "for other in reversed((yield from k.on_each_cpu(cpu))):\n"),
    Mutation("tuning keeps free_limit", UPKEEP, "    l3.free_limit = free_limit(", "    _ = free_limit("),
    Mutation("free_limit forgets its spare batch", TUNABLES, "(1 + cpus_on_node) * batchcount", "cpus_on_node * batchcount"),
    Mutation("the default batch rounds down", TUNABLES, "(limit + 1) // 2", "limit // 3"),
    Mutation("one colour more", GEOMETRY, "colour=left_over // colour_off", "colour=left_over // colour_off + 1"),
    # Statistics
    Mutation("num_active is not counted down", TRANSITIONS, "stats.num_active -= 1", "stats.num_active -= 0"),
    Mutation("node_frees are not counted", FREE, "cache.stats.node_frees += 1", "cache.stats.node_frees += 0"),
    Mutation("node_overflow is not counted", FREE, "cache.stats.node_overflow += 1", "cache.stats.node_overflow += 0"),
    Mutation("objects straight from lists count as refilled", TRANSITIONS, "stats.node_allocs += 1", "stats.num_allocations += 1"),
    Mutation("max_freeable is the last length seen", TRANSITIONS, "max(stats.max_freeable, freeable)", "freeable"),
    Mutation("shrink counts as reaping", UPKEEP, "        yield from drain_freelist(k, cpu, cache, l3, l3.free_objects)", "        cache.stats.reaped += yield from drain_freelist(k, cpu, cache, l3, l3.free_objects)"),
    # Descriptors outside their slab
    Mutation("pages stay out after a descriptor failed", ALLOC, "            yield from k.kmem_freepages(cpu, cache, home)\n", "", OFF_SLAB),
    Mutation("a slab without a descriptor stays counted", ALLOC, "            drop_slab(state, cache, slab)\n", "", OFF_SLAB),
    Mutation("a failed descriptor gives its colour back", ALLOC, "            drop_slab(state, cache, slab)\n", "            drop_slab(state, cache, slab)\n            l3.colour_next = (l3.colour_next - 1) % max(cache.colour, 1)\n", OFF_SLAB),
    Mutation("a destroyed slab keeps its descriptor", FREE, "    if cache.slabp_cache is not None:\n", "    if cache.slabp_cache is cache:\n", OFF_SLAB),
    Mutation("pages of a destroyed slab stay out", FREE, "    yield from k.kmem_freepages(cpu, cache, home)\n", "", OFF_SLAB),
    Mutation("a descriptor must come from the slab's node", ALLOC, "flags & ~THISNODE, node)", "flags | THISNODE, node)", OFF_SLAB),
    Mutation("a descriptor's path is told instead of the object's", ALLOC, "    cpu.path, cpu.altfail = path, altfail\n", "", OFF_SLAB),
)


class MutatingLoader(SourceFileLoader):
    """Loads a module with one string of its source replaced; never from compiled bytecode."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        super().__init__(name, path)
        self.old = old
        self.new = new

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        assert source.count(self.old) == 1, f"{fullname} has {source.count(self.old)} times {self.old!r}; allowed: once"
        return compile(source.replace(self.old, self.new), self.path, "exec")


class MutatingFinder:
    """Finds the mutated module before Python's own finders do."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self.module = module
        self.old = old
        self.new = new

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == self.module else None
        if spec is None or spec.origin is None:
            return None
        return importlib.util.spec_from_loader(name, MutatingLoader(name, spec.origin, self.old, self.new), origin=spec.origin)


@contextmanager
def loaded_afresh(module: str = "", old: str = "", new: str = "") -> Iterator[None]:
    """In the block, importing slabdes gives new modules, the named one mutated; afterwards everything is as before."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "slabdes"}
    finder = MutatingFinder(module, old, new)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "slabdes"]:
            del sys.modules[name]
        sys.modules.update(ours)


def fault_of_recording(name: str) -> str | None:
    """The first record in which the loaded allocator differs from a recording; its own `check` runs at each dump."""
    compare = importlib.import_module("slabdes.engine.conformance.compare")
    script = GOLDEN / f"{name}.ops.gz"
    recorded = compare.read_records(compare.recorded_output(script))
    for ours, theirs in zip_longest(compare.run_script(script, recorded), recorded):
        if ours != theirs:
            return f"{ours} instead of {theirs}"
    return None


class OffSlabSystem:
    """Two nodes with a CPU each; `big` keeps its slabs' descriptors in `general`. Every page given or returned is counted."""

    def __init__(self) -> None:
        state = importlib.import_module("slabdes.allocator.state")
        geometry = importlib.import_module("slabdes.allocator.geometry")
        tunables = importlib.import_module("slabdes.allocator.tunables")
        mempolicy = importlib.import_module("slabdes.allocator.mempolicy")
        kernel = importlib.import_module("slabdes.engine.conformance.kernel")
        self.alloc = importlib.import_module("slabdes.engine.alloc_paths")
        self.free = importlib.import_module("slabdes.engine.free_paths")
        self.check = importlib.import_module("slabdes.allocator.check").check
        self.preferred = mempolicy.PolicyKind.PREFERRED
        self.state = state.SlabState([0, 1], 2)
        self.policy = mempolicy.MemPolicy(2)
        self.kernel = kernel.ConformanceKernel(self.state, self.policy)
        self.returned = 0

        def kmem_freepages(cpu: Any, cache: Any, node: int) -> Iterator[None]:
            self.returned += 1 << cache.gfporder
            yield from ()

        self.kernel.kmem_freepages = kmem_freepages
        # 2048-byte objects: two a slab, order 0, descriptor of 56 bytes elsewhere. Limit 2 makes flushes come soon. No real
        # off-slab layout has two colours, so that the third rule of a failed descriptor needs an invented one.
        layout = replace(geometry.kmem_cache_geometry(2048), colour=4)
        small = geometry.kmem_cache_geometry(64)
        self.general = state.kmem_cache_create(self.state, state.CacheSpec("size-64", small, tunables.Tunables(1, 1, 0)), 0)
        self.big = state.kmem_cache_create(self.state, state.CacheSpec("big", layout, tunables.Tunables(2, 2, 0)), 0)
        self.big.slabp_cache = self.general
        self.kernel.name_locks(self.general)
        self.kernel.name_locks(self.big)
        self.live: list[int] = []

    def a(self, cpu: int, node: int = -1, flags: int = 1) -> int:
        context = self.kernel.cpus[cpu]
        path = (
            self.alloc.kmem_cache_alloc(self.kernel, context, self.big, flags)
            if node < 0
            else self.alloc.kmem_cache_alloc_node(self.kernel, context, self.big, flags, node)
        )
        obj: int = self.kernel.finish(path)
        if obj >= 0:
            self.live.append(obj)
        self.hold()
        return obj

    def f(self, cpu: int, obj: int) -> str:
        self.live.remove(obj)
        self.kernel.finish(self.free.kmem_cache_free(self.kernel, self.kernel.cpus[cpu], self.big, obj))
        self.hold()
        label: str = self.kernel.cpus[cpu].path.label
        return label

    def hold(self) -> None:
        """The invariants of both caches, and every page either lies under a slab or has gone back."""
        self.check(self.state, self.big, self.live)
        descriptors = [slab.descriptor for slab in self.state.slabs if slab.num and slab.nodeid >= 0 and slab.cache == self.big.index]
        self.check(self.state, self.general, descriptors)
        slabs = sum((c.slabs_created - c.slabs_destroyed) << c.gfporder for c in self.state.caches)
        assert sum(self.kernel.pages_given) - self.returned == slabs, f"{self.returned} pages came back"


def fault_of_off_slab_run() -> str | None:
    """What a fixed run over a cache with descriptors outside its slabs finds wrong with the loaded allocator."""
    failure = importlib.import_module("slabdes.errors").CheckFailed
    try:
        off_slab_run(OffSlabSystem())
    except (failure, AssertionError) as fault:
        return str(fault) or "an assertion of the off-slab run"
    return None


def off_slab_run(system: OffSlabSystem) -> None:
    kernel = system.kernel
    # One page: the slab gets it, its descriptor does not, neither does the second try of ____cache_alloc_node. That is two
    # grows, and the fallback's page call fails: two colours taken, nothing allocated. Pages given count in total.
    kernel.page_limit = [1, 0]
    assert system.a(0) < 0, "an object without a slab"
    assert system.big.nodelists[0].colour_next == 2, f"colour_next is {system.big.nodelists[0].colour_next}, not 2"
    # Node 1 has one page for the slab, node 0 one for its descriptor.
    kernel.page_limit = [2, 1]
    far = system.a(1, node=1, flags=3)
    assert far >= 0, "no descriptor from another node"
    kernel.page_limit = [-1, -1]
    # The policy's node fails completely (its own pages, then the fallback's), then the local node grows.
    system.policy.kind, system.policy.node = system.preferred, 1
    kernel.failing_calls = 3
    taken = [system.a(0)]
    system.policy.kind = type(system.preferred).NONE
    taken += [system.a(0) for _ in range(15)]
    assert min(taken) >= 0
    # free_limit is (1 + 1) * 2 + 2 = 6 objects: freeing 16 destroys slabs in the midst of flushes, whose path stays theirs.
    paths = {system.f(0, obj) for obj in taken}
    assert paths == {"hit", "flush-lists"}, f"paths {sorted(paths)}"
    assert system.big.slabs_destroyed > 1, "no slab was destroyed"
    system.f(1, far)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_changed_rule_is_caught(mutation: Mutation) -> None:
    with loaded_afresh(mutation.module, mutation.old, mutation.new):
        fault = fault_of_off_slab_run() if mutation.caught_by == OFF_SLAB else fault_of_recording(mutation.caught_by)
    assert fault is not None, f"{mutation.caught_by} does not notice that {mutation.rule}"


@pytest.mark.parametrize("catcher", sorted({mutation.caught_by for mutation in MUTATIONS}))
def test_the_allocator_as_it_is_passes_every_catcher(catcher: str) -> None:
    with loaded_afresh():
        fault = fault_of_off_slab_run() if catcher == OFF_SLAB else fault_of_recording(catcher)
    assert fault is None


def test_a_mutation_leaves_no_trace() -> None:
    from slabdes.allocator import tunables

    with loaded_afresh(TUNABLES, "ALIEN_LIMIT: Final = 12", "ALIEN_LIMIT: Final = 13"):
        assert importlib.import_module(TUNABLES).ALIEN_LIMIT == 13
    assert importlib.import_module(TUNABLES) is tunables
    assert tunables.ALIEN_LIMIT == 12
