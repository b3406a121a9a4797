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
from dataclasses import dataclass
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
