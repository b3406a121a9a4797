# SPDX-License-Identifier: GPL-2.0-only
"""A small world for paths that tests lower: boxes on shelves, a kernel whose waits let others move, and its compiled memory.

Paths run as generators on the objects, or as printed text on flat records; both must leave the same world and the same notes.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, TypeVar

from slabdes.lowering.target import Table, Target

T = TypeVar("T")
Waits = Generator[Any, Any, T]
N_BOXES, N_SHELVES = 6, 2
LIMIT = 5
NONE = -1
MOST_STEPS = 20_000


class Way(IntEnum):
    """How a path went."""

    EMPTY = 0
    FULL = 1
    PEER = 3


@dataclass
class Counts:
    """A record that each shelf has of its own."""

    puts: int = 0
    gets: int = 0


@dataclass
class Box:
    """A record that refers to another."""

    number: int
    avail: int
    first: int
    peer: Box | None = None
    label: str = ""


@dataclass
class Shelf:
    """A record with a list of records and one of its own."""

    number: int
    boxes: list[Box]
    spare: Box | None
    counts: Counts
    held: int = 0


@dataclass
class Store:
    """What there is."""

    n_boxes: int
    words: list[int]
    boxes: list[Box]
    shelves: list[Shelf]


@dataclass
class Rules:
    """What holds."""

    strict: bool
    step: int


class Cpu:
    """Who runs a path."""

    number: int
    way: int
    work: int

    def __init__(self) -> None:
        self.number, self.way, self.work = 1, 0, 0


def made_store() -> Store:
    """Six boxes, each the peer of the next but the last of a shelf, three on each of two shelves."""
    boxes = [Box(number, number % 3, number * LIMIT) for number in range(N_BOXES)]
    for one, other in pairwise(boxes):
        one.peer = None if one.number % 3 == 2 else other
    shelves = [
        Shelf(number, boxes[3 * number : 3 * number + 3], None if number else boxes[1], Counts()) for number in range(N_SHELVES)
    ]
    return Store(N_BOXES, list(range(N_BOXES * LIMIT)), boxes, shelves)


@dataclass
class Kernel:
    """What paths ask for. At a wait, somebody else counts: what a path has not kept, it would find changed."""

    state: Store
    rules: Rules
    notes: list[tuple[int, ...]] = field(default_factory=list)

    def pause(self, cpu: Cpu) -> Waits[None]:
        yield "pause"
        self.state.shelves[0].held += 1

    def asked(self, cpu: Cpu, box: Box) -> Waits[int]:
        yield "asked"
        return box.avail + self.state.shelves[0].held

    def note(self, cpu: Cpu, box: Box | None, what: int) -> None:
        self.notes.append((NONE if box is None else box.number, what))

    def order(self, start: int) -> tuple[int, ...]:
        return tuple((start + place) % N_BOXES for place in range(N_BOXES))

    def put(self, cpu: Cpu, box: Box, what: int) -> Waits[None]:
        yield from ()


class TooLong(Exception):
    """A drawn program does not end soon enough."""


def run_generator(module: Any, entry: str, arguments: list[int], rules: Rules) -> dict[str, Any]:
    """Run a path as it is written; what is left."""
    kernel, cpu = Kernel(made_store(), rules), Cpu()
    path = getattr(module, entry)(kernel, cpu, *arguments)
    for _step in range(MOST_STEPS):
        try:
            next(path)
        except StopIteration as stop:
            return left(kernel.state, cpu, kernel.notes, stop.value)
    raise TooLong


def left(store: Store, cpu: Any, notes: list[tuple[int, ...]], result: Any) -> dict[str, Any]:
    """What a path has left, in comparable form."""
    first, second = result if isinstance(result, tuple) else (result, 0)
    return {
        "words": list(store.words),
        "boxes": [(box.avail, box.first, NONE if box.peer is None else box.peer.number) for box in store.boxes],
        "shelves": [(s.held, NONE if s.spare is None else s.spare.number, s.counts.puts, s.counts.gets) for s in store.shelves],
        "cpu": (cpu.way, cpu.work),
        "notes": notes,
        "result": (0 if first is None else int(first), int(second)),
    }


# The same world as printed text has it: records hold numbers, and the driver's stack lies in frames.

GO, WAIT, CALLED = 0, 1, 2


def function(python: Any) -> Any:
    return python


inline = function


def boxes_at(at: Any) -> Any:
    return at


shelves_at = counts_at = ints_at = boxes_at


class Frame(SimpleNamespace):
    """A frame whose fields hold nonsense until they are set, as those of a stack do."""

    def __getattr__(self, name: str) -> int:
        return -9999


def call(run: Any, cpu: Any, pc: int) -> Any:
    run.stack.append(Frame(pc=pc))
    return run.stack[-1]


def end_of_path(cpu: Any, result: int) -> None:
    cpu.ret = result
    cpu.stack.pop()


def pause(run: Any, cpu: Any) -> int:
    # Everybody's turn is marked whether this CPU has to wait for it or not.
    run.shelves[0].held += 1
    return run.may_go()


def before_asked(run: Any, cpu: Any, box: int) -> int:
    return run.may_go()


def asked(run: Any, cpu: Any, box: int) -> int:
    return run.boxes[box].avail + run.shelves[0].held


def note(run: Any, cpu: Any, box: int, what: int) -> None:
    run.notes.append((box, int(what)))


def order_length(run: Any, start: int) -> int:
    return N_BOXES


def order_item(run: Any, start: int, at: int) -> int:
    return (start + at) % N_BOXES


def boxes_item(run: Any, shelf: int, at: int) -> int:
    return 3 * shelf + at


def boxes_length(run: Any, shelf: int = NONE) -> int:
    return 3 if shelf != NONE else N_BOXES


def shelves_length(run: Any) -> int:
    return N_SHELVES


def target(modules: tuple[str, ...], entries: tuple[str, ...], at_once: tuple[str, ...] = (), **more: Any) -> Target:
    """The target of these tests."""
    settings: dict[str, Any] = {
        "name": "boxes",
        "modules": modules,
        "kernel": Kernel,
        "cpu": Cpu,
        "tables": (
            Table(Box, "box_of", "boxes_at(run.boxes)", frozenset({"number", "avail", "first", "peer"})),
            Table(Shelf, "shelf_of", "shelves_at(run.shelves)", frozenset({"number", "spare", "held"})),
            Table(Counts, "counts_of", "counts_at(run.counts)", frozenset({"puts", "gets"})),
        ),
        "services": (__name__,),
        "shared": ("slabdes.allocator",),
        "entries": entries,
        "run_fields": frozenset({"n_boxes", "strict", "step"}),
        "cpu_fields": frozenset({"number", "way", "work"}),
        "at_once": frozenset(at_once),
        "parts": frozenset({("Shelf", "counts")}),
        "flat": {"Store.words": "ints_at(run.words)"},
    }
    return Target(**(settings | more))


def run_printed(module: Any, entry: str, arguments: list[int], rules: Rules, may_go: Any) -> dict[str, Any]:
    """Run printed text as plain Python; `may_go` says at each wait whether the CPU has to wait."""
    store = made_store()
    cpu = SimpleNamespace(number=1, way=0, work=0, ret=0, ret2=0, stack=[])
    run = SimpleNamespace(
        n_boxes=N_BOXES, strict=rules.strict, step=rules.step, words=store.words, stack=cpu.stack, notes=[], may_go=may_go,
        boxes=[
            SimpleNamespace(number=b.number, avail=b.avail, first=b.first, peer=NONE if b.peer is None else b.peer.number)
            for b in store.boxes
        ],
        shelves=[
            SimpleNamespace(number=s.number, held=0, spare=NONE if s.spare is None else s.spare.number) for s in store.shelves
        ],
        counts=[SimpleNamespace(puts=0, gets=0) for _shelf in store.shelves],
    )  # fmt: skip
    getattr(module, f"begin_{entry}")(run, cpu, *arguments)
    for _step in range(MOST_STEPS):
        if not run.stack:
            return left_flat(run, cpu, "pair" in entry)
        status = module.follow(run, cpu, run.stack[-1])
        assert status in (GO, WAIT, CALLED)
    raise TooLong


def left_flat(run: Any, cpu: Any, pair: bool) -> dict[str, Any]:
    """What printed text has left, in the same form."""
    return {
        "words": [int(word) for word in run.words],
        "boxes": [(int(box.avail), int(box.first), int(box.peer)) for box in run.boxes],
        "shelves": [(int(s.held), int(s.spare), int(c.puts), int(c.gets)) for s, c in zip(run.shelves, run.counts, strict=True)],
        "cpu": (int(cpu.way), int(cpu.work)),
        "notes": run.notes,
        "result": (int(cpu.ret), int(cpu.ret2) if pair else 0),
    }


def without(table: Table, name: str) -> Table:
    """A table whose memory lacks a field."""
    return Table(table.record, table.name, table.text, table.fields - {name})
