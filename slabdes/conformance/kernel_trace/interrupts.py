# SPDX-License-Identifier: GPL-2.0-only
"""What interrupts do to a trace's order: an operation and its own line stand on either side of an interrupt's lines.

An allocation is logged after the fact, so an interrupt in between is logged first though it came later; which pointer was
recorded shows it. A free is logged before the fact; nothing shows at once which came first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from slabdes.conformance.kernel_trace.events import Trace
from slabdes.workload.trace.events import KmemKind


@dataclass(frozen=True)
class Delay:
    """An allocation at position `delayed`, logged right after the events `interrupt` of an interrupt of the same task."""

    delayed: int
    interrupt: tuple[int, ...]


@dataclass(frozen=True)
class Delays:
    """What interrupts may have put in the wrong order: the trace cannot tell whether the interrupt or the operation came first.

    `before`: by position of an interrupt's first event, the allocations logged right after it. `unsure`: pointers freed right
    before an interrupt, which is logged first and done last, or in one.
    """

    before: dict[int, list[Delay]] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)


def delays(trace: Trace) -> Delays:
    """Every interrupt between two lines of one task on one CPU."""
    found = Delays()
    last: dict[int, list[int]] = {}
    for position in range(trace.begin, trace.end):
        traced = trace.events[position]
        stack = last.setdefault(traced.kmem.cpu, [])
        run: list[int] = []
        while stack and trace.events[stack[-1]].level > traced.level and trace.events[stack[-1]].task == traced.task:
            run.append(stack.pop())
        if run:
            run.reverse()
            found.unsure.update(trace.events[other].kmem.pointer for other in run)
            if traced.kmem.kind is KmemKind.ALLOC:
                found.before.setdefault(run[0], []).insert(0, Delay(position, tuple(run)))
            if stack and trace.events[stack[-1]].kmem.kind is KmemKind.FREE:
                found.unsure.add(trace.events[stack[-1]].kmem.pointer)
        if traced.level == 0:
            stack.clear()
        stack.append(position)
    return found
