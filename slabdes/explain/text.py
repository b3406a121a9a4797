# SPDX-License-Identifier: GPL-2.0-only
"""A told operation as text: what the CPU found, each step with its kernel function and what it took, what it left.

Leaves out who asks for which operations.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from slabdes.engine.records import Operation, Path
from slabdes.engine.story import ArrayPicture, NodePicture, Picture, Step, Told
from slabdes.results.text import time_text
from slabdes.units import ps_to_ns

WIDTH: Final = 100
_BAR: Final = 20
_FUNCTION: Final = 20
_TIED: Final = "\u00a0"
"""A blank at which no line ends."""
_WORDS: Final = {
    "lock_wait": "waiting",
    "handoff": "hand-off",
    "line": "other CPUs' lines",
    "local_memory": "this node's memory",
    "remote_memory": "another node's memory",
    "pages": "pages",
    "first_touch": "first touch",
    "work": "work",
    "interrupts": "interrupts",
}
"""The parts of `records.Spent`, as tables name them."""


def lines(told: Told) -> Iterator[str]:
    """A told operation, a line at a time."""
    yield from _wrapped(headline(told))
    yield from _drawn(before(told), "  before")
    for step in told.steps:
        yield from _step(step)
    yield from _drawn(after(told), "  after ")
    yield from _wrapped(f"= {total(told)}", "  ", "    ")


def headline(told: Told) -> str:
    """Which operation it is, when it began, and what it took."""
    kind = told.path.operation
    what = "section" if kind is Operation.SECTION else f"{kind.label} {told.path.label}"
    of = f" of {told.cache}" if told.cache else ""
    within = ", by an interrupt's handler" if told.within else ""
    when = f"from {_time(told.start)} on, {_time(told.end - told.start)}"
    return f"CPU {told.cpu}, operation {told.number}: {what}{of}, {when}{within}"


def _step(step: Step) -> Iterator[str]:
    name = f"{step.function}:" if step.function else "-"
    took = parts(step)
    first = f"    {name:<{_FUNCTION}} "
    yield from _wrapped(f"{words(step)}{f'  [{took}]' if took else ''}", first, " " * 6)


def words(step: Step) -> str:
    """What is done in a step."""
    return f"{step.words}, and {step.like} more like it" if step.like else step.words


def parts(step: Step) -> str:
    """What a step took, and of what; nothing for one that took no time."""
    return ", ".join(f"{_WORDS[part]} {_time(time)}" for part, time in step.took.items())


def total(told: Told) -> str:
    """What the operation took, and of what."""
    sums: dict[str, int] = {}
    for step in told.steps:
        for part, time in step.took.items():
            sums[part] = sums.get(part, 0) + time
    parts = [f"{_WORDS[part]} {_time(sums[part])}" for part in _WORDS if sums.get(part)]
    if told.drawn:
        sign = "+" if told.drawn > 0 else "-"
        parts.append(f"{sign}{_time(abs(told.drawn))} by jitter and what shares the core")
    return f"{_time(told.end - told.start)}: {', '.join(parts)}"


def before(told: Told) -> list[str]:
    """The cache as the operation found it, a line an array or node, of any length; of a hit nothing."""
    return [] if told.path in (Path.HIT, Path.FREE_HIT) else _cache(told.before, told.after)


def after(told: Told) -> list[str]:
    """The cache as the operation left it, likewise."""
    return _cache(told.after, told.before)


def _cache(picture: Picture | None, other: Picture | None) -> list[str]:
    """A cache; of nodes those where anything differs from the `other` picture."""
    if picture is None:
        return []
    nodes = [one for number, one in enumerate(picture.nodes) if other is None or one != other.nodes[number]]
    stacks = [f"{name}: {_slabs(some, count)}" for name, some, count in picture.slabs]
    return [*map(_array, (picture.array, *picture.more)), *stacks, *(line for node in nodes for line in _node(node))]


def _drawn(cache: list[str], when: str) -> Iterator[str]:
    blank = " " * (len(when) + 2)
    for number, line in enumerate(cache):
        yield from _wrapped(line, blank if number else f"{when}  ", f"{blank}  ")


def _array(array: ArrayPicture) -> str:
    if not array.limit:
        return array.name
    filled = array.avail if array.limit <= _BAR else -(-array.avail * _BAR // array.limit)
    bar = ("#" * filled).ljust(min(array.limit, _BAR), ".")
    batch = f", batchcount {array.batchcount}" if array.batchcount else ""
    return f"{array.name}: {array.avail} of {array.limit} [{bar}]{batch}{', touched' * array.touched}"


def _node(node: NodePicture) -> Iterator[str]:
    for array in node.arrays:
        if array.avail or "alien cache" not in array.name:
            yield _array(array)
    held = "; ".join(f"{name} {_slabs(slabs, count)}" for name, slabs, count in node.lists)
    yield f"node {node.node}: {held}; {', '.join(f'{name} {count}' for name, count in node.counters)}"


def _slabs(slabs: tuple[tuple[int, int, int], ...], count: int) -> str:
    """Slabs of a list by number, with how many of their objects are in use."""
    named = " ".join(f"{number}({inuse}/{num})" for number, inuse, num in slabs)
    more = f" and {count - len(slabs)} more" if count > len(slabs) else ""
    return f"{named or 'empty'}{more}"


def _time(picoseconds: int) -> str:
    return time_text(ps_to_ns(picoseconds)).replace(" ", _TIED)


def _wrapped(text: str, first: str = "", then: str = "") -> Iterator[str]:
    """Lines of a text; a number and its unit stay together."""
    for line in textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=then):
        yield line.replace(_TIED, " ")
