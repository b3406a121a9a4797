# SPDX-License-Identifier: GPL-2.0-only
"""Where compiled code for a run on SLAB and for one on SLUB part, chosen by the type of the run's record.

An allocator's paths are loaded, and lowered, when code for a run on it is compiled: a study on one never compiles the other's.
Leaves out what a CPU has of its own for hits (`stocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, Final, cast

from slabdes.allocator.state import SLAB_LINES
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Frame
from slabdes.engine.compiled.numba_tools import by_fields, by_run, field_of
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slub.layout import SlubRun

Follow = Callable[[Run, Cpu, Frame], int]
"""Goes on with a path; a Status."""
Begin = Callable[..., Frame]
"""Puts a path on top of the CPU's stack, its arguments into the frame."""


def paths_of(fields: Collection[str]) -> Any:
    """The module of the paths of the allocator whose run has these fields."""
    if field_of(SlubRun) in fields:
        return import_module("slabdes.engine.compiled.slub.paths")
    return import_module("slabdes.engine.compiled.slab.paths")


def path(name: str) -> tuple[Follow, Begin]:
    """How a path that both have goes on, and how it begins."""

    def choose(fields: Collection[str]) -> Any:
        go_on = getattr(paths_of(fields).paths, name)

        def follow(run, cpu, frame):  # type: ignore[no-untyped-def]  # numba gives its own types
            return go_on(run, cpu, frame)

        return follow

    return by_fields(choose), helper(f"begin_{name}")


def helper(name: str) -> Callable[..., Any]:
    """A small function of the lowered text that both have."""
    return by_fields(lambda fields: getattr(paths_of(fields).paths, name))


follow: Final[Follow] = helper("follow")
"""Do what comes next on the path that a frame is of."""


def _frame_of(fields: Collection[str]) -> Any:
    frames_at = paths_of(fields).frames_at

    def frame_at(run, place):  # type: ignore[no-untyped-def]  # numba gives its own types
        return frames_at(run.frames)[place]

    return frame_at


frame_at: Final = cast(Callable[[Run, int], Frame], by_fields(_frame_of))
"""A frame of the run's stacks."""


def _irq_save(run: SlubRun, lock: int) -> int:
    return run.irq_save if lock < run.first_zone_lock else 0


def _nothing(run: Run, lock: int) -> int:
    return 0


lock_work: Final = by_run(SlubRun, _irq_save, _nothing)
"""What asking for a lock costs beside the lock: SLUB's own are taken with interrupts off; the page allocator's cost has that."""


MOST_NEW: Final = 2
"""More than a path makes between two looks whether there is room: a slab, and one for its descriptor, or a sheaf."""


def _room_for_slabs(run: Run) -> bool:
    return (
        run.n_slabs + MOST_NEW <= run.slab_room
        and run.n_words + MOST_NEW * run.most_objects <= run.word_room
        and run.n_lines + MOST_NEW * SLAB_LINES <= run.line_room
    )


def _room_for_sheaves(run: SlubRun) -> bool:
    return (
        run.n_slabs + MOST_NEW <= run.slab_room
        and run.n_sheaves + MOST_NEW <= run.sheaf_room
        and run.n_words + MOST_NEW * max(run.most_objects, run.most_capacity) <= run.word_room
        and run.n_lines + MOST_NEW * run.most_sheaf_lines <= run.line_room
    )


def _always(run: Run) -> bool:
    return True


room_for_new: Final = by_run(SlubRun, _room_for_sheaves, _room_for_slabs)
"""Whether a path can go on without Python's making room for what it may make."""
room_between_steps: Final = by_run(SlubRun, _room_for_sheaves, _always)
"""Whether a step that is more than a hit can begin without: one on SLUB may make a sheaf before the driver looks."""
