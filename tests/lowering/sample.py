# SPDX-License-Identifier: GPL-2.0-only
"""Paths that use every construct that can be lowered at least once; no test but those of the pass runs them."""

from __future__ import annotations

from typing import Final

from world import LIMIT, NONE, Box, Counts, Cpu, Kernel, Shelf, Waits, Way

_AFTER: Final = {Way.EMPTY: Way.FULL, Way.PEER: Way.EMPTY}
_SOME: Final = 3


def take(k: Kernel, cpu: Cpu, shelf: int, most: int) -> Waits[int]:
    """Conditions that wait, walruses, early returns, a chain of records."""
    mine = k.state.shelves[shelf]
    counts = mine.counts
    got = before = 0
    if k.rules.strict and not (yield from _any_there(k, cpu, mine)):
        cpu.way = Way.EMPTY
        return NONE
    while got < most and (box := _fullest(k, cpu, mine)) is not None:
        got += yield from _take_from(k, cpu, box, most - got, Way.FULL)
        counts.gets += 1
        if mine.held > 40 or (yield from k.asked(cpu, box)) > 45:
            break
        before = got
    else_way = Way.FULL if got > before else Way.PEER
    cpu.way = _AFTER[else_way] if else_way != Way.FULL else else_way
    return got


def _any_there(k: Kernel, cpu: Cpu, shelf: Shelf) -> Waits[bool]:
    yield from k.pause(cpu)
    return bool(shelf.boxes[0].avail or (shelf.spare and shelf.spare.avail))


def _fullest(k: Kernel, cpu: Cpu, shelf: Shelf) -> Box | None:
    best: Box | None = None
    for box in shelf.boxes:
        if not box.avail:
            continue
        if best is None or box.avail > best.avail:
            best = box
    k.note(cpu, best, 1)
    return best


def _take_from(k: Kernel, cpu: Cpu, box: Box, most: int, way: Way) -> Waits[int]:
    nr = min(box.avail, most)
    for i in range(nr):
        k.state.words[box.first + box.avail - 1 - i] += k.rules.step
        if i == _SOME:
            yield from k.pause(cpu)
    yield from k.pause(cpu)
    box.avail -= nr
    cpu.work += nr
    cpu.way = way
    return nr


def pair_of_most(k: Kernel, cpu: Cpu, start: int, thisone: bool) -> Waits[tuple[int, int]]:
    """Pairs, rows of the kernel's, loops that are left in the middle."""
    for at in k.order(start):
        yield from k.pause(cpu)
        if k.state.boxes[at].avail >= LIMIT - 3:
            return at, k.state.boxes[at].avail
        if thisone:
            break
    return NONE, NONE


def spread(k: Kernel, cpu: Cpu, nr: int, depth: int = 0) -> Waits[None]:
    """Recursion, pairs that come back, loops over all shelves forwards and backwards."""
    number, avail = yield from pair_of_most(k, cpu, nr % k.state.n_boxes, thisone=bool(nr & 1))
    cpu.work, cpu.way = cpu.work + avail, cpu.work
    if number == NONE or depth > 3:
        return
    for shelf in reversed(k.state.shelves):
        for place, box in enumerate(shelf.boxes):
            if box.peer is None or place == avail:
                k.note(cpu, box, place)
                continue
            yield from _move(k, cpu, box, box.peer, shelf.counts)
            if box.avail == box.peer.avail:
                yield from spread(k, cpu, nr + 1, depth=depth + 1)
        shelf.spare = shelf.boxes[0] if shelf.spare is None else shelf.spare.peer


def _move(k: Kernel, cpu: Cpu, frm: Box, to: Box, counts: Counts) -> Waits[None]:
    words = k.state.words
    yield from k.pause(cpu)
    while True:
        if not frm.avail or to.avail == LIMIT:
            k.note(cpu, to, 2)
            return
        if (yield from k.asked(cpu, to)) >= 12:
            break
        words[to.first + to.avail] = words[frm.first + frm.avail - 1]
        to.avail += 1
        frm.avail -= 1
        counts.puts += 1
        if counts.puts > 6 or frm is to:
            return (yield from k.pause(cpu))
    k.note(cpu, frm, 3)
