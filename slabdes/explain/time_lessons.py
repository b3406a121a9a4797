# SPDX-License-Identifier: GPL-2.0-only
"""Lessons on waiting and on time: a lock convoy, the reap timer, what an interval means.

Leaves out where objects come from (`object_lessons`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from slabdes.engine.story import ArrayPicture, Picture, Told
from slabdes.explain.counting import Draw, held_by, longest_wait, numbers, of_path
from slabdes.explain.lesson import Experiment, Lesson, Question, Seen, burst_words, drawn
from slabdes.paths.outcome import Path
from slabdes.stats.intervals import Interval, mean_interval

# A lock convoy.


def _convoy(draw: Draw) -> list[Experiment]:
    cpus = draw.between(3, 4)
    cache = {"limit": 8, "batchcount": draw.among(2, 4), "shared": draw.among(2, 4)}
    workload = {"kind": "burst", "objects": draw.between(4, 8)}
    kinds = ("qspinlock", "ticket")
    return [drawn(cpus, cache, workload, draw.seed, lock={"discipline": kind}) for kind in kinds]


def _ask_convoy(seen: Seen) -> Iterator[Question]:
    told = seen.told[0]
    firsts = [one for one in told if one.number == 0]
    yield Question(
        "All CPUs begin at once. How many of their first allocations grow the cache?",
        f"{len(of_path(firsts, Path.GROW))} of {len(firsts)}: each of those saw empty lists when it looked.",
    )
    one, step = longest_wait(told)
    yield Question(
        "Which step waits longest for a lock, and behind whom?",
        f"CPU {one.cpu}, operation {one.number}, in {step.function}: {step.words}; {held_by(step)}.",
    )
    waited, whole = (sum(value) for value in zip(*((_waited(first), first.end - first.start) for first in firsts), strict=True))
    yield Question(
        "What share of the time of the first allocations is waiting for locks and their hand-off?",
        f"{100 * waited / whole:.0f} %: the CPUs do one after the other what each could have done alone.",
    )
    ends = [max(one.end for one in told) / 1_000_000 for told in seen.told]
    yield Question(
        "With a ticket lock all waiters spin on one line. Does the run end earlier or later than with qspinlock?",
        f"{'Later' if ends[1] > ends[0] else 'No later'}: after {ends[1]:.2f} µs instead of {ends[0]:.2f} µs. A ticket lock's "
        "hand-off costs half a transfer of the line for each that waits, at least one; qspinlock's the same, however many wait.",
    )


def _waited(one: Told) -> int:
    return sum(step.took.get("lock_wait", 0) + step.took.get("handoff", 0) for step in one.steps)


# Reaping.


def _reap(draw: Draw) -> list[Experiment]:
    workload = {"kind": "burst", "objects": draw.between(24, 34), "think_ns": draw.among(1.5e8, 2e8, 2.5e8)}
    return [drawn(1, {"limit": draw.among(20, 30, 40), "batchcount": 10, "shared": 0}, workload, draw.seed)]


def _reap_words(experiment: Experiment) -> str:
    cache, workload = experiment["cache"][0], experiment["workload"]
    return (
        f"One CPU allocates {workload['objects']} objects, then frees them in the same order, with "
        f"{workload['think_ns'] / 1e6:.0f} ms before each operation; the cache has limit {cache['limit']}, batchcount 10 and no "
        "shared array. Every 2 s, about, the CPU's reap timer has it go over all caches (cache_reap)."
    )


def _ask_reap(seen: Seen) -> Iterator[Question]:
    told = seen.told[0]
    limit = seen.experiments[0]["cache"][0]["limit"]
    pairs = [(one, two) for one, two in pairwise(told) if one.after != two.before]
    yield Question(
        "Between which operations does the array, or the node, change though no operation is under way?",
        f"After operations {numbers([one for one, _two in pairs])}: a reap turn came.",
    )
    cleared = [one for one, two in pairs if _array(one.after).touched and not _array(two.before).touched]
    yield Question(
        "A refill sets ac->touched, a free does not. Which of these turns only clear it, and leave the array as it is?",
        f"Those after operations {numbers(cleared)}." if cleared else "None.",
    )
    drained = [(_array(one.after).avail, _array(two.before).avail) for one, two in pairs]
    yield Question(
        "How many objects has the array before and after each of the others?",
        "; ".join(f"{before}, then {after}" for before, after in drained if before != after) or "None of them finds any.",
    )
    yield Question(
        "How many may a turn take from an array at most, and from one that has fewer?",
        f"{-(-limit // 5)}, a fifth of limit {limit} rounded up; if fewer are there, half of them, rounded up.",
    )
    yield Question(
        "Why are objects sent home that may be wanted again soon?",
        "So that memory which lies idle in arrays can leave them: only a slab all of whose objects are back can be given up.",
    )


def _array(picture: Picture | None) -> ArrayPicture:
    assert picture is not None  # an allocation's or a free's
    return picture.array


# What an interval means.

SAMPLE: Final = 5
REPLICATIONS: Final = 40


def _interval(draw: Draw) -> list[Experiment]:
    workload = {"kind": "mix", "operations": draw.between(150, 250), "live": 30, "think_ns": 50.0}
    one = drawn(draw.between(2, 4), {"limit": 12, "batchcount": 6}, workload, draw.seed)
    return [one | {"replications": REPLICATIONS}]


def _interval_words(experiment: Experiment) -> str:
    cpus, operations = experiment["machine"]["cpus"], experiment["workload"]["operations"]
    return (
        f"{cpus} CPUs allocate and free at random, {operations} times each. The experiment is replicated {REPLICATIONS} times, "
        f"each with random streams of its own. You see the first {SAMPLE}."
    )


def _ask_interval(seen: Seen) -> Iterator[Question]:
    few, many = seen.figures[:SAMPLE], seen.figures
    interval, whole = mean_interval(few), mean_interval(many)
    listed = ", ".join(f"{value:.2f}" for value in few)
    yield Question(
        f"An allocation takes {listed} ns on average in the first {SAMPLE}. What is the mean, and half of its 95 % interval? "
        f"(t of {SAMPLE - 1} degrees of freedom at 97.5 % is 2.776.)",
        f"{_interval_text(interval)}: 2.776 times the standard deviation, divided by the root of {SAMPLE}.",
    )
    inside = sum(interval.contains(value) for value in many)
    yield Question(
        f"How many of all {len(many)} replications lie within it? Must it be 95 %?",
        f"{inside}. No: it is an interval for the mean, not for a replication.",
    )
    yield Question(
        f"All {len(many)} together have the mean {_interval_text(whole)}. Is that within the interval of the first {SAMPLE}?",
        "Yes. An interval of 95 % holds the true mean in 95 % of cases; this mean has the first 5 in it, and so more often."
        if interval.contains(whole.mean)
        else "No: of the true mean that is so in one case of twenty, and of this one, which has the first 5 in it, more rarely.",
    )
    wider = [mean_interval(many[place : place + SAMPLE]) for place in range(0, len(many), SAMPLE)]
    hold = sum(one.contains(whole.mean) for one in wider)
    yield Question(
        f"Cut the replications into {len(wider)} samples of {SAMPLE}. How many of their intervals hold the mean of all?",
        f"{hold} of {len(wider)}. Try other seeds: over many lessons it is about 95 %.",
    )


def _interval_text(interval: Interval) -> str:
    return f"{interval.mean:.2f} ±{interval.half_width or 0:.2f} ns"


CONVOY = Lesson("how CPUs queue at one lock", _convoy, burst_words, _ask_convoy)
REAP = Lesson("what the reap timer does to an idle array", _reap, _reap_words, _ask_reap)
INTERVAL = Lesson("what an interval means", _interval, _interval_words, _ask_interval, figure="alloc_mean_ns")
