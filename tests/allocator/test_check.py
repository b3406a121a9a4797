# SPDX-License-Identifier: GPL-2.0-only
"""Each invariant, broken by hand: `check` names the cache and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from slabdes.allocator.check import check
from slabdes.allocator.state import BUFCTL_END, KmemCache, KmemList3, Slab, SlabState
from slabdes.errors import CheckFailed
from slabdes.paths.slab.shrink import do_drain

Breaker = Callable[[SlabState, KmemCache, KmemList3, KmemList3], None]
"""Something that breaks one invariant, given the state, the cache and the lists of nodes 0 and 1."""


@dataclass(frozen=True)
class Busy:
    """A system with something everywhere, and the objects that are handed out."""

    state: SlabState
    cache: KmemCache
    live: Sequence[int]


@pytest.fixture
def busy(build_system: Callable[..., Any]) -> Busy:
    """Two nodes with a CPU each, four objects a slab, arrays of 4 with batches of 2 and shared arrays of 2.

    Node 0 has full and partial slabs, objects in its CPU's array and in its shared array; one of its objects waits in node 1's
    alien cache. Node 1 has a free slab and nothing else.
    """
    system = build_system(0, 1)
    taken = [system.alloc(0) for _ in range(11)]
    remote = system.alloc(1)
    for obj in taken[4:10]:
        system.free(0, obj)
    system.free(1, taken[10])
    system.free(1, remote)
    system.kernel.finish(do_drain(system.kernel, system.kernel.cpus[1], system.cache))
    return Busy(system.state, system.cache, taken[:4])


def test_the_busy_system_has_something_everywhere_and_holds(busy: Busy) -> None:
    home, away = busy.cache.nodelists
    assert busy.cache.array[0].avail > 0
    assert home.shared and home.shared.avail > 0
    assert away.alien and away.alien[0] and away.alien[0].avail > 0
    assert [bool(busy.state.slabs[head].next != head) for head in (home.slabs_partial, home.slabs_full, away.slabs_free)] == [
        True
    ] * 3
    check(busy.state, busy.cache, busy.live)
    check(busy.state, busy.cache)


def first(state: SlabState, head: int) -> Slab:
    """A list's first slab."""
    return state.slabs[state.slabs[head].next]


def _free_objects(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    home.free_objects += 1


def _free_slabs(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    away.free_slabs += 1


def _free_limit(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    away.free_limit = 1


def _colour(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    home.colour_next = 1


def _wrong_list(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, home.slabs_full).which = first(s, home.slabs_partial).which


def _wrong_node(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, away.slabs_free).nodeid = 0


def _full_in_use(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, home.slabs_full).inuse = 3


def _free_in_use(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, away.slabs_free).inuse = 1


def _partial_in_use(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, home.slabs_partial).inuse = 4


def _loop(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    slab = first(s, away.slabs_free)
    s.words[slab.bufctl + 3] = 0


def _leaves(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, away.slabs_free).free = 4


def _short_chain(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    slab = first(s, away.slabs_free)
    s.words[slab.bufctl + slab.free] = BUFCTL_END


def _list_loop(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    slab = first(s, home.slabs_full)
    slab.next = s.slabs[home.slabs_full].next


def _back_link(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    first(s, away.slabs_free).prev = away.slabs_full


def _head_back_link(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    s.slabs[away.slabs_free].prev = away.slabs_free


def _lost_slab(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    head = s.slabs[away.slabs_free]
    head.next = head.prev = away.slabs_free
    away.free_objects = away.free_slabs = 0


def _avail(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    c.array[0].avail = 5


def _negative_avail(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    c.array[0].avail = -1


def _twice(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    assert home.shared
    s.words[home.shared.entry] = s.words[c.array[0].entry]


def _no_slab(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    s.words[c.array[0].entry] = 1 << 40


def _no_object(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    s.words[c.array[0].entry] = -1


def _other_node(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    c.array[0].entry, c.array[1].entry = c.array[1].entry, c.array[0].entry
    c.array[0].avail, c.array[1].avail = c.array[1].avail, c.array[0].avail


def _alien_node(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    assert home.alien and away.alien
    home.alien[1], away.alien[0] = away.alien[0], home.alien[1]


def _no_such_index(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    s.words[c.array[0].entry] |= 4


def _free_and_cached(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    slab = first(s, home.slabs_partial)
    s.words[c.array[0].entry] = s.slabs.index(slab) << 12 | slab.free


def _lost_object(s: SlabState, c: KmemCache, home: KmemList3, away: KmemList3) -> None:
    c.array[0].avail -= 1


BROKEN: dict[Breaker, str] = {
    _free_objects: r"node 0: free_objects is \d+, slabs have \d+",
    _free_slabs: r"node 1: free_slabs is \d+, \d+ are on slabs_free",
    _free_limit: r"node 1: free_limit is 1, not 8",
    _colour: r"node 0: colour_next is 1 of 0",
    _wrong_list: r"node 0: slab \d+ of node 0 on the FULL list",
    _wrong_node: r"node 1: slab \d+ of node 0 on the FREE list",
    _full_in_use: r"node 0: slab \d+ with 3 of 4 in use on the FULL list",
    _free_in_use: r"node 1: slab \d+ with 1 of 4 in use on the FREE list",
    _partial_in_use: r"node 0: slab \d+ with 4 of 4 in use on the PARTIAL list",
    _loop: r"slab \d+: free chain leaves the slab or has a loop",
    _leaves: r"slab \d+: free chain leaves the slab or has a loop at 4",
    _short_chain: r"slab \d+: free chain \[\d\] with 0 of 4 in use",
    _list_loop: r"node 0: slab \d+ is linked twice or wrongly",
    _back_link: r"node 1: slab \d+ is linked twice or wrongly",
    _head_back_link: r"node 1: the FREE list's head links back wrongly",
    _lost_slab: r"\d+ slabs on lists, \d+ created, \d+ destroyed",
    _avail: r"array c0: avail 5 of 4",
    _negative_avail: r"array c0: avail -1 of 4",
    _twice: r"array sh0: object \d+ lies in an array twice",
    _no_slab: r"object \d+ in array c0 belongs to no slab",
    _no_such_index: r"object \d+ in array c0 belongs to no slab",
    _no_object: r"object -1 in array c0 belongs to no slab",
    _other_node: r"array c1: an object of node 0, not 1",
    _alien_node: r"array a1\.0: an object of node 0, not 1",
    _free_and_cached: r"object \d of slab \d+ is free and in array c0",
    _lost_object: r"\d+ objects outside slabs, \d+ in arrays, 4 handed out",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__.strip("_"))
def test_a_broken_invariant_is_named(busy: Busy, broken: Breaker) -> None:
    broken(busy.state, busy.cache, *busy.cache.nodelists)
    with pytest.raises(CheckFailed, match=f"^cache small: {BROKEN[broken]}"):
        check(busy.state, busy.cache, busy.live)


def test_what_is_handed_out_belongs_to_nobody_else(busy: Busy) -> None:
    cached = busy.state.words[busy.cache.array[0].entry]
    with pytest.raises(CheckFailed, match=f"object {cached} is handed out and in an array"):
        check(busy.state, busy.cache, [*busy.live, cached])
    with pytest.raises(CheckFailed, match=f"object {busy.live[0]} is handed out and handed out again"):
        check(busy.state, busy.cache, [*busy.live, busy.live[0]])
    with pytest.raises(CheckFailed, match="object 0 handed out belongs to no slab"):
        check(busy.state, busy.cache, [0])
    with pytest.raises(CheckFailed, match="3 handed out"):
        check(busy.state, busy.cache, busy.live[1:])


def test_an_empty_cache_holds(build_system: Callable[..., Any]) -> None:
    system = build_system(0, 0, 1)
    check(system.state, system.cache, [])
