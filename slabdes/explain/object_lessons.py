# SPDX-License-Identifier: GPL-2.0-only
"""Lessons on where objects come from and go to: refills, the shared array, remote frees, growing.

Leaves out waiting and time (`time_lessons`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slabdes.engine.story import Step, Told
from slabdes.explain.counting import Draw, lock_steps, numbers, objects_moved, of_path, times
from slabdes.explain.lesson import Experiment, Lesson, Question, Seen, burst_words, drawn
from slabdes.paths.outcome import Operation, Path

# Refill and batchcount.


def _refill(draw: Draw) -> list[Experiment]:
    limit, objects = draw.among(6, 8, 10), draw.between(14, 22)
    batches = (draw.among(2, 3), draw.among(4, 5, 6))
    workload = {"kind": "burst", "objects": objects}
    return [drawn(1, {"limit": limit, "batchcount": batch, "shared": 0}, workload, draw.seed) for batch in batches]


def _ask_refill(seen: Seen) -> Iterator[Question]:
    first, second = seen.told
    cache, other = (experiment["cache"][0]["batchcount"] for experiment in seen.experiments)
    allocs = [one for one in first if one.path.operation is Operation.ALLOC]
    missing = [one for one in allocs if one.path is not Path.HIT]
    yield Question(
        "Which allocations find the CPU's array empty?",
        f"Operations {numbers(missing)}: each takes a batch, or what is left where there is less.",
    )
    yield Question(
        "How often is list_lock taken for all allocations together?",
        f"{times(sum(map(lock_steps, allocs)))}: once by each refill that finds objects, four times by one that has to grow.",
    )
    full = of_path(first, Path.FLUSH_LISTS)
    yield Question(
        "Which frees find the array full, and how many objects does each send back to slabs?",
        f"Operations {numbers(full)}; {objects_moved(full)} objects each, the batchcount.",
    )
    yield Question("How many objects lie in the array at the end?", f"{first[-1].after.array.avail if first[-1].after else 0}.")
    taken = [sum(map(lock_steps, told)) for told in (first, second)]
    yield Question(
        f"With batchcount {other}, how often is list_lock taken, allocations and frees together, and how often with {cache}?",
        f"{times(taken[1])} instead of {times(taken[0])}; a hold lasts longer for it, as more objects are moved under it.",
    )


# The shared array.


def _shared(draw: Draw) -> list[Experiment]:
    cache = {"limit": draw.among(4, 6), "batchcount": 2}
    workload = {"kind": "burst", "objects": draw.between(9, 13), "rounds": 2}
    shared = draw.among(2, 3, 4)
    return [drawn(2, cache | {"shared": nr}, workload, draw.seed) for nr in (shared, 0)]


def _ask_shared(seen: Seen) -> Iterator[Question]:
    with_it, without = seen.told
    cache = seen.experiments[0]["cache"][0]
    room = cache["shared"] * cache["batchcount"]
    yield Question("How many objects fit into l3->shared?", f"{room}: shared times batchcount.")
    from_it, into_it = (of_path(with_it, path) for path in (Path.SHARED, Path.FLUSH_SHARED))
    yield Question(
        "How many refills come from l3->shared, and how many flushes go there?",
        f"{len(from_it)} refills and {len(into_it)} flushes; {len(of_path(with_it, Path.FLUSH_LISTS))} flushes find it full.",
    )
    slabs = [
        sum(step.kind in ("note_taken", "note_returned") for one in told for step in _each(one)) for told in (with_it, without)
    ]
    yield Question(
        "How often is a slab touched, to take objects from it or to give one back, with the shared array and without (shared 0)?",
        f"{times(slabs[0])} and {times(slabs[1])}: objects pass from CPU to CPU as pointers, their slabs stay as they are.",
    )
    crossed = [one for one in from_it if _came_from_another(one, with_it)]
    yield Question(
        "How many of these refills bring an object that the other CPU has freed?",
        f"{len(crossed)}, counted by the object that each hands out; its first touch is dear.",
    )


def _each(one: Told) -> Iterator[Step]:
    for step in one.steps:
        yield from [step] * (1 + step.like)


def _came_from_another(refill: Told, told: Sequence[Told]) -> bool:
    before = [
        one for one in told if one.object == refill.object and one.path.operation is Operation.FREE and one.end <= refill.start
    ]
    return bool(before) and max(before, key=lambda one: one.end).cpu != refill.cpu


# Remote frees and alien caches.


def _remote(draw: Draw) -> list[Experiment]:
    objects = draw.between(14, 30)
    workload = {"kind": "producer_consumer", "objects": objects, "window": draw.among(8, 16)}
    made = [drawn(2, {"limit": 8, "batchcount": 4, "shared": 2}, workload, draw.seed, noaliencache=no) for no in (False, True)]
    for one in made:
        one["machine"]["placement"] = "spread"
    return made


def _remote_words(experiment: Experiment) -> str:
    workload = experiment["workload"]
    return (
        f"A CPU of node 0 allocates {workload['objects']} objects of a cache (limit 8, batchcount 4, shared 2; Linux 2.6.34); a "
        f"CPU of node 1 frees each of them, at most {workload['window']} later. Nothing was there before."
    )


def _ask_remote(seen: Seen) -> Iterator[Question]:
    told, without = seen.told
    frees = [one for one in told if one.path.operation is Operation.FREE]
    consumer = frees[0].cpu
    yield Question(
        f"Into which array does CPU {consumer} put the objects that it frees?",
        "Into its node's alien cache for node 0: their slabs are another node's, so its own array must not have them.",
    )
    puts, drains = of_path(frees, Path.ALIEN_PUT), of_path(frees, Path.ALIEN_DRAIN)
    room = (
        next((array.limit for node in frees[0].before.nodes for array in node.arrays if "alien" in array.name), 0)
        if frees[0].before
        else 0
    )
    drained = f"Operations {numbers(drains)} find it full and drain it" if drains else "None of these frees finds it full"
    yield Question(
        "How many objects does the alien cache hold, and which frees send them home?",
        f"{room}. {drained}; {len(puts)} only put.",
    )
    locks = [
        sum(step.kind in ("lock ALIENDRAIN", "lock REMOTEFREE") for one in many for step in one.steps)
        for many in (frees, without)
    ]
    yield Question(
        "How often does the consumer take the other node's list_lock, with alien caches and without (noaliencache)?",
        f"{times(locks[0])} and {times(locks[1])}: an alien cache takes it once a batch, without one every free does.",
    )
    means = [_mean([one for one in many if one.path.operation is Operation.FREE]) for many in (told, without)]
    yield Question(
        "Which frees take longer on average, and how much?",
        f"{means[0]:.0f} ns with alien caches, {means[1]:.0f} ns without.",
    )


def _mean(told: Sequence[Told]) -> float:
    return sum(one.end - one.start for one in told) / len(told) / 1_000


# Growing and the retry.


def _grow(draw: Draw) -> list[Experiment]:
    cpus, batch = draw.between(3, 4), draw.among(8, 12, 15)
    cache, workload = {"limit": 2 * batch, "batchcount": batch, "shared": 0}, {"kind": "burst", "objects": draw.between(40, 60)}
    return [drawn(cpus, cache, workload, draw.seed, allocator=version) for version in ("2.6.34", "6.1")]


def _ask_grow(seen: Seen) -> Iterator[Question]:
    old, new = seen.told
    grown = of_path(old, Path.GROW)
    one = grown[0]
    yield Question(
        f"How often does CPU {one.cpu}'s operation {one.number} take list_lock in 2.6.34, which finds all lists empty, and why?",
        f"{times(lock_steps(one))}: once to see that nothing is there, and for each slab that it makes once for its colour, once "
        "to put it on its list, and once to look again (goto retry).",
    )
    again = [two for two in grown if sum(step.kind == "lock COLOUR" for step in two.steps) > 1]
    yield Question(
        "Between putting its slab on the list and looking again, another CPU may empty it. To which operations did that happen?",
        f"Operations {numbers(again, name_cpus=True)}: each grows again." if again else "To nobody: each finds enough.",
    )
    modern = of_path(new, Path.GROW)
    yield Question(
        "How often does an allocation that grows take list_lock in 6.1, and who can empty its slab?",
        f"{times(lock_steps(modern[0]))}: it looks without the lock first, takes objects while the slab is on no list, and then "
        "inserts it. So nobody can, and there is no retry.",
    )
    made = [sum(step.kind == "note_slab_made" for one in told for step in one.steps) for told in (old, new)]
    yield Question("How many slabs are made by all CPUs, in 2.6.34 and in 6.1?", f"{made[0]} and {made[1]}.")


REFILL = Lesson("what a refill takes, and what batchcount is good for", _refill, burst_words, _ask_refill)
SHARED = Lesson("what a node's shared array saves", _shared, burst_words, _ask_shared)
REMOTE = Lesson("where an object goes that another node's CPU frees", _remote, _remote_words, _ask_remote)
GROW = Lesson("how a cache grows, and why a refill looks again", _grow, burst_words, _ask_grow)
