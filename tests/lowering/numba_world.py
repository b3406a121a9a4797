# SPDX-License-Identifier: GPL-2.0-only
"""The tests' small world as numba code: the same services as `world` has for plain Python, over records at addresses."""

from __future__ import annotations

from typing import Any

import numpy as np
import world
from world import CALLED, GO, LIMIT, N_BOXES, N_SHELVES, NONE, WAIT

from slabdes.engine.compiled.numba_tools import function, inline, view_of
from slabdes.lowering.lower import lower

ENTRIES = ("take", "pair_of_most", "spread")
AT_ONCE = ("pair_of_most", "_take_from")
PLAIN = lower(world.target(("sample",), ENTRIES, AT_ONCE))


def record(*names: str) -> np.dtype[np.void]:
    return np.dtype([(name, "i8") for name in names], align=True)


BOX = record("number", "avail", "first", "peer")
SHELF = record("number", "held", "spare")
COUNTS = record("puts", "gets")
CPU = record("number", "way", "work", "ret", "ret2", "sp")
NOTE = record("box", "what")
FRAME = record("pc", *PLAIN.frame)
RUN = record(
    "words", "boxes", "shelves", "counts", "cpus", "frames", "notes", "n_notes", "waits", "n_waits", "n_boxes", "strict", "step"
)
GO, WAIT, CALLED = GO, WAIT, CALLED
MOST_NOTES, MOST_WAITS, MOST_FRAMES = 10_000, 1 << 10, 64

function, inline = function, inline
ints_at = view_of("i8", 1)
boxes_at = view_of(BOX, 1)
shelves_at = view_of(SHELF, 1)
counts_at = view_of(COUNTS, 1)
cpus_at = view_of(CPU, 1)
notes_at = view_of(NOTE, 1)
frames_at = view_of(FRAME, 1)


@inline
def call(run: Any, cpu: Any, pc: int) -> Any:
    cpu.sp += 1
    frame = frames_at(run.frames)[cpu.sp]
    frame.pc = pc
    return frame


@inline
def end_of_path(cpu: Any, result: int) -> None:
    cpu.ret = result
    cpu.sp -= 1


@inline
def may_go(run: Any) -> int:
    run.n_waits += 1
    return ints_at(run.waits)[run.n_waits % MOST_WAITS]


@function
def pause(run: Any, cpu: Any) -> int:
    shelves_at(run.shelves)[0].held += 1
    return may_go(run)


@function
def before_asked(run: Any, cpu: Any, box: int) -> int:
    return may_go(run)


@function
def asked(run: Any, cpu: Any, box: int) -> int:
    return boxes_at(run.boxes)[box].avail + shelves_at(run.shelves)[0].held


@function
def note(run: Any, cpu: Any, box: int, what: int) -> None:
    made = notes_at(run.notes)[run.n_notes]
    run.n_notes += 1
    made.box = box
    made.what = what


@inline
def order_length(run: Any, start: int) -> int:
    return N_BOXES


@inline
def order_item(run: Any, start: int, at: int) -> int:
    return (start + at) % N_BOXES


@inline
def boxes_item(run: Any, shelf: int, at: int) -> int:
    return 3 * shelf + at


@inline
def boxes_length(run: Any, shelf: int) -> int:
    return 3


@inline
def shelves_length(run: Any) -> int:
    return N_SHELVES


class Memory:
    """The records of one run, and the run that finds them by their addresses."""

    def __init__(self, rules: world.Rules, waits: list[int]) -> None:
        store = world.made_store()
        self.words = np.array(store.words, "i8")
        self.boxes = np.array([(b.number, b.avail, b.first, number_of(b.peer)) for b in store.boxes], BOX)
        self.shelves = np.array([(s.number, 0, number_of(s.spare)) for s in store.shelves], SHELF)
        self.counts, self.cpus = np.zeros(N_SHELVES, COUNTS), np.zeros(1, CPU)
        self.frames, self.notes = np.zeros(MOST_FRAMES, FRAME), np.zeros(MOST_NOTES, NOTE)
        self.waits = np.resize(np.array(waits, "i8"), MOST_WAITS)
        self.run = np.zeros(1, RUN)
        for name in ("words", "boxes", "shelves", "counts", "cpus", "frames", "notes", "waits"):
            self.run[0][name] = getattr(self, name).ctypes.data
        self.run[0]["n_boxes"], self.run[0]["strict"], self.run[0]["step"] = N_BOXES, rules.strict, rules.step

    def begin(self, entry: str, arguments: list[int]) -> None:
        frame: Any = self.frames[0]
        frame["pc"] = PLAIN.numbers[entry]
        for field, value in zip(PLAIN.arguments[entry].values(), arguments, strict=True):
            frame[field] = value

    def left(self, pair: bool) -> dict[str, Any]:
        cpu: Any = self.cpus[0]
        return {
            "words": self.words.tolist(),
            "boxes": [(int(b["avail"]), int(b["first"]), int(b["peer"])) for b in self.boxes],
            "shelves": [
                (int(s["held"]), int(s["spare"]), int(c["puts"]), int(c["gets"]))
                for s, c in zip(self.shelves, self.counts, strict=True)
            ],
            "cpu": (int(cpu["way"]), int(cpu["work"])),
            "notes": [tuple(note) for note in self.notes[: int(self.run[0]["n_notes"])].tolist()],
            "result": (int(cpu["ret"]), int(cpu["ret2"]) if pair else 0),
        }


def number_of(box: world.Box | None) -> int:
    return NONE if box is None else box.number


__all__ = ["LIMIT", "Memory"]
