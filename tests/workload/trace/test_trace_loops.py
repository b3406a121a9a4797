# SPDX-License-Identifier: GPL-2.0-only
"""What each loop keeps of a trace, whatever pace its CPUs go at, and that none of them ever waits for ever."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import drawn_traces
from test_trace_replay import TwoNodes, config

from slabdes.workload.programs import Op, Step
from slabdes.workload.trace.replay import trace_workload
from slabdes.workload.trace.spool import Spool, load_trace
from slabdes.workload.trace.think import Think

UNHURRIED = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
Taken = list[tuple[int, Step]]


def spooled(lines: list[str], folder: Path) -> Spool:
    path = folder / "drawn.trace"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_trace(path, (), folder / "spool")


def at_any_pace(spool: Spool, rng: random.Random, **settings: object) -> Taken:
    """The steps of a replay on as many CPUs as the trace has, in one of the orders in which CPUs of any pace may take them.

    Ends when nobody can go on: what is left then waits for ever.
    """
    n_cpus = len(spool.cpus) * int(str(settings.get("copies", 1)))
    workload = trace_workload(config(**settings), TwoNodes(n_cpus), spool, seed=1, replication=0)
    left = {cpu: list(program())[::-1] for cpu, program in workload.programs.items()}
    pace = {cpu: rng.choice((1, 1, 30)) for cpu in left}
    full: set[int] = set()
    taken: Taken = []
    while ready := [cpu for cpu, steps in left.items() if steps and _can_go_on(steps[-1], full)]:
        (cpu,) = rng.choices(ready, [pace[cpu] for cpu in ready])
        step = left[cpu].pop()
        if step[1] in (Op.ALLOC, Op.SIGNAL):
            assert step[3] not in full, "a slot is filled once"
            full.add(step[3])
        else:
            full.remove(step[3])
        taken.append((cpu, step))
    assert not any(left.values()), "nobody waits for ever"
    return taken


def _can_go_on(step: Step, full: set[int]) -> bool:
    return step[1] in (Op.ALLOC, Op.SIGNAL) or step[3] in full


def traced(spool: Spool) -> Taken:
    """The trace's own operations in its order, on the CPUs that at_any_pace puts them on."""
    homes = {cpu: home for home, cpu in enumerate(spool.cpus)}
    order = (spool.folder / "order").read_bytes()
    whose = [int.from_bytes(order[place : place + 2], "little") for place in range(0, len(order), 2)]
    steps = {cpu: spool.steps(cpu, think=Think.parse("none")) for cpu in spool.cpus}
    return [(homes[cpu], next(steps[cpu])) for cpu in whose]


def in_flight(taken: Taken) -> Iterator[tuple[tuple[int, int, int], int]]:
    """After each allocation of an object that another CPU frees: its flow, and how many of the flow are in flight."""
    freed_by = {step[3]: cpu for cpu, step in taken if step[1] == Op.FREE}
    made_by = {step[3]: cpu for cpu, step in taken if step[1] == Op.ALLOC}
    flying: Counter[tuple[int, int, int]] = Counter()
    for cpu, step in taken:
        if step[1] == Op.ALLOC and freed_by.get(step[3], cpu) != cpu:
            flow = (cpu, freed_by[step[3]], step[2])
            flying[flow] += 1
            yield flow, flying[flow]
        elif step[1] == Op.FREE and made_by[step[3]] != cpu:
            flying[made_by[step[3]], cpu, step[2]] -= 1


def most(taken: Taken) -> dict[tuple[int, int, int], int]:
    found: dict[tuple[int, int, int], int] = {}
    for flow, flying in in_flight(taken):
        found[flow] = max(found.get(flow, 0), flying)
    return found


def operations(taken: Taken) -> Taken:
    return [(cpu, step) for cpu, step in taken if step[1] in (Op.ALLOC, Op.FREE)]


@UNHURRIED
@given(drawn_traces.traces(), st.randoms(use_true_random=False))
def test_bounded_keeps_each_flow_within_what_the_trace_had_at_its_highest(
    tmp_path: Path, lines: list[str], rng: random.Random
) -> None:
    spool = spooled(lines, tmp_path)
    had = most(traced(spool))
    assert {(a, b, cache): flow.most for (a, b, cache), flow in _at_home(spool).items()} == had
    for flow, flying in most(operations(at_any_pace(spool, rng, loop="bounded"))).items():
        assert flying <= had[flow]


def _at_home(spool: Spool) -> dict[tuple[int, int, int], object]:
    homes = {cpu: home for home, cpu in enumerate(spool.cpus)}
    return {(homes[a], homes[b], cache): flow for (a, b, cache), flow in spool.exchange.flows.items()}


@UNHURRIED
@given(drawn_traces.traces(), st.integers(1, 8), st.randoms(use_true_random=False))
def test_a_given_bound_is_exceeded_only_where_the_trace_exceeded_it(
    tmp_path: Path, lines: list[str], bound: int, rng: random.Random
) -> None:
    spool = spooled(lines, tmp_path)
    had: dict[tuple[int, int, int], list[int]] = {}
    for flow, flying in in_flight(traced(spool)):
        had.setdefault(flow, []).append(flying)
    seen: Counter[tuple[int, int, int]] = Counter()
    for flow, flying in in_flight(operations(at_any_pace(spool, rng, loop="bounded", in_flight=bound))):
        assert flying <= max(bound, had[flow][seen[flow]])
        seen[flow] += 1


@UNHURRIED
@given(drawn_traces.traces(), st.randoms(use_true_random=False))
def test_traced_has_all_that_exchange_objects_begin_in_the_traces_order(
    tmp_path: Path, lines: list[str], rng: random.Random
) -> None:
    spool = spooled(lines, tmp_path)
    recorded = traced(spool)
    begun = begins(at_any_pace(spool, rng, loop="traced"))
    for group in _groups(spool):
        assert [which for which in begun if which[0] in group] == [_which(taken) for taken in recorded if taken[0] in group]
    assert Counter(begun) == Counter(map(_which, recorded))


def begins(taken: Taken) -> list[tuple[int, int, int]]:
    """Operations in the order in which they begin: with their wait, or with the signal before them."""
    begun: dict[int, int] = {}
    found = []
    for place, (cpu, step) in enumerate(taken):
        begun.setdefault(cpu, place)
        if step[1] in (Op.ALLOC, Op.FREE):
            found.append((begun.pop(cpu), _which((cpu, step))))
    return [which for _place, which in sorted(found)]


def _which(taken: tuple[int, Step]) -> tuple[int, int, int]:
    cpu, step = taken
    return cpu, step[1], step[3]


def _groups(spool: Spool) -> list[set[int]]:
    """CPUs that exchange objects, directly or over others; each of the others alone."""
    groups = {cpu: {cpu} for cpu in range(len(spool.cpus))}
    for one, other, _cache in _at_home(spool):
        joined = groups[one] | groups[other]
        groups.update(dict.fromkeys(joined, joined))
    return list(groups.values())


@pytest.mark.parametrize("loop", ["bounded", "traced"])
@UNHURRIED
@given(drawn_traces.traces(), st.randoms(use_true_random=False))
def test_copies_have_signals_of_their_own(tmp_path: Path, loop: str, lines: list[str], rng: random.Random) -> None:
    spool = spooled(lines, tmp_path)
    taken = at_any_pace(spool, rng, loop=loop, copies=2)
    size = len(spool.cpus)
    slots = [{step[3] for cpu, step in taken if cpu // size == copy} for copy in (0, 1)]
    assert not slots[0] & slots[1]
