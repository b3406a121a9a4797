# SPDX-License-Identifier: GPL-2.0-only
"""How a replay closes the loop between CPUs that exchange objects: signals and waits put between a traced CPU's steps.

Engines know no loops, only `Op.SIGNAL` and `Op.AWAIT`. Leaves out arrivals at recorded times, which need no signals (`spool`).

Why. In the real system who consumes holds back who produces: a socket's buffer is full, a queue has its depth. A trace shows
that only in its times. A replay on another machine, or with other times, that lets each CPU run at its own pace has producers
run ahead of consumers, as far as the trace is long; objects in flight, which were a few in the trace, become thousands, and the
allocator is measured at something that the system never does. There are three ways out, each right for a question of its own:

- *bounded*: of the objects of one cache that one CPU allocates and another frees, a flow, no more are in flight than there were
  in the trace at the same time, at most. Preserved is how much the system lets lie between two CPUs, whatever their pace. Right
  for "what if": another machine, other tunables, more load.
- *traced*: CPUs that exchange objects, directly or over others, begin their operations in the trace's order. Preserved is that
  order, so the state of arrays and lists is as close to the recorded one as a machine with other times lets it be. Right for
  "what happened", and where nothing but the order is known (a clock that counts). One CPU that is late holds up all.
- *recorded arrivals*, no loop: each operation at its recorded time, or as soon after it as its CPU is free. Preserved are the
  arrivals. Right if what drives the system does not wait for it (packets from outside); then a backlog tells how much it is too
  much. They are the arrivals of any open workload (`workload.arrivals`), whose times a trace has and nothing draws.

How bounded waits. Number a flow's allocations and its frees, each in the order of their CPU's program, from 1. With at most M
in flight, allocation n waits until free n - M has ended. That free's CPU then signals, and the allocation's awaits; each signal
has one that gives it and one that takes it, as a slot has.

Who has to wait waits a little longer: until the frees that were made in one go with number n - M have ended, too; in one go are
those between which the trace has no allocation of the flow. A sleeper is not woken for each object, and goes on when others
have worked for a while; without that, a fast producer has M in flight all the time, where in the trace they went up and down.

Why it never waits for ever. Put all operations into the trace's order. A CPU's operations are in it one after the other; a free
is behind its allocation; and free n - M is before allocation n, since with n allocated and fewer than n - M freed more than M
would have been in flight in the trace; nor is there, between it and what is freed in one go with it, any allocation. So every
wait is for something earlier in one and the same order: the earliest operation that is not done yet never waits. If M is given
instead, and less than the trace had, that may not be so (with M = 1, a CPU that allocates two objects before another frees the
second and then the first); so allocation n waits for free n - M only if that came before it in the trace, and else for the last
one that did: where the trace had more than M in flight, the replay may have as many. The same order shows it for `traced`,
where each operation waits for the begin of the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from slabdes.workload.programs import ANY_NODE, NO_CACHE, Op
from slabdes.workload.trace.exchange import NOBODY, Flow, FlowKey, by_key

if TYPE_CHECKING:
    import numpy.typing as npt


class Loop(Enum):
    """How CPUs that exchange objects are kept together."""

    BOUNDED = "bounded"
    TRACED = "traced"


class Bounded:
    """Signals of one CPU's flows. Steps are seen once each, in order, a chunk at a time."""

    def __init__(self, cpu: int, flows: Mapping[FlowKey, Flow], in_flight: int | None) -> None:
        self._cpu, self._flows, self._in_flight = cpu, flows, in_flight
        self._done: dict[FlowKey, int] = {}
        """Of each flow: allocations or frees of this CPU so far."""
        self._awaited: dict[FlowKey, int] = {}
        self._passed: dict[FlowKey, npt.NDArray[Any]] = {}
        """Of each flow: how many frees came before each of its last allocations, as far as later ones may look for them."""

    def links(self, columns: list[npt.NDArray[Any]], links: npt.NDArray[Any], first_signal: int) -> list[npt.NDArray[Any]]:
        """The steps with waits before allocations and signals, numbered from `first_signal` on, behind frees."""
        import numpy as np

        _think, op, cache, *_rest = columns
        count = len(op)
        awaits, awaited, behind = np.zeros(count, "i8"), np.zeros(count, "i8"), np.full(count, NOBODY, "i8")
        passed = np.flatnonzero(links["partner"] != NOBODY)
        for (partner, of_cache, of_op), some in by_key(links["partner"][passed], cache[passed], op[passed]):
            mine = passed[some]
            allocates = of_op == Op.ALLOC
            key = (self._cpu, partner, of_cache) if allocates else (partner, self._cpu, of_cache)
            flow = self._flows[key]
            done = self._done.get(key, 0)
            numbers = np.arange(done + 1, done + 1 + len(mine))
            self._done[key] = done + len(mine)
            if allocates:
                wanted = self._wanted(key, numbers - self._bound(flow), links["before"][mine])
                before = np.concatenate(([self._awaited.get(key, 0)], wanted[:-1]))
                awaits[mine], awaited[mine] = wanted - before, first_signal + flow.first + before
                self._awaited[key] = int(wanted[-1])
            else:
                told = numbers <= (flow.before_last if flow.objects > self._bound(flow) else 0)
                behind[mine[told]] = first_signal + flow.first + numbers[told] - 1
        return _linked(columns, awaits, awaited, np.full(count, NOBODY, "i8"), behind)

    def _wanted(self, key: FlowKey, least: npt.NDArray[Any], before: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """How many frees allocations wait for: the `least` that keeps the bound, and those made in one go with its last.

        `before` is how many came before each in the trace: that many at most.
        """
        import numpy as np

        passed = self._passed.get(key, before[:0])
        goes = np.concatenate((passed, before))
        reached = np.minimum(np.searchsorted(goes, least), np.arange(len(passed), len(goes)))
        self._passed[key] = goes[np.searchsorted(goes, least[-1]) :]
        return np.where(least > 0, goes[reached], 0)

    def _bound(self, flow: Flow) -> int:
        return flow.most if self._in_flight is None else self._in_flight


def in_turn(columns: list[npt.NDArray[Any]], links: npt.NDArray[Any], first_signal: int) -> list[npt.NDArray[Any]]:
    """The steps with waits for their turns, and signals to whose turn is next: they begin in turn, and may overlap."""
    import numpy as np

    turn, following = links["turn"], links["next"]
    told = np.where(following == NOBODY, NOBODY, first_signal + following)
    return _linked(columns, (turn != NOBODY).astype("i8"), first_signal + turn, told, np.full(len(turn), NOBODY, "i8"))


def _linked(
    columns: list[npt.NDArray[Any]],
    awaits: npt.NDArray[Any],
    awaited: npt.NDArray[Any],
    before: npt.NDArray[Any],
    behind: npt.NDArray[Any],
) -> list[npt.NDArray[Any]]:
    """Steps with `awaits` waits before each, for signals from `awaited` on, then the signal `before`, and one `behind` it.

    The thought before a step comes before its waits.
    """
    import numpy as np

    tells, told = before != NOBODY, behind != NOBODY
    ends = np.cumsum(awaits + tells + 1 + told)
    starts = ends - (awaits + tells + 1 + told)
    made = [np.zeros(int(ends[-1]), "i8") for _column in columns]
    think, op, cache, slot, node, _flags = made
    op[:], cache[:], node[:] = Op.AWAIT, NO_CACHE, ANY_NODE
    inner = np.arange(int(awaits.sum())) - np.repeat(np.cumsum(awaits) - awaits, awaits)
    slot[np.repeat(starts, awaits) + inner] = np.repeat(awaited, awaits) + inner
    for signals, at in ((before, starts + awaits), (behind, ends - 1)):
        chosen = signals != NOBODY
        op[at[chosen]], slot[at[chosen]] = Op.SIGNAL, signals[chosen]
    place = starts + awaits + tells
    for column, values in zip(made[1:], columns[1:], strict=True):
        column[place] = values
    think[starts] = columns[0]
    return made
