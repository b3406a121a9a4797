# SPDX-License-Identifier: GPL-2.0-only
"""What an iterator gives, made by a thread of its own while the one before it is worked on: order and errors are the same.

Leaves out what is made; it gains time where that is native code which lets other threads run.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Final, TypeVar

T = TypeVar("T")

_LOOK_S: Final = 0.1
"""How long nothing is told at most (a choice)."""


def ahead(made: Iterator[T], most: int, meanwhile: Callable[[], None] = lambda: None) -> Generator[T]:
    """The same as `made`, with `most` of them waiting; close it to end the thread.

    `meanwhile` is called before each of them and now and then, by the thread that takes them.
    """
    ready: queue.Queue[T | _Ended] = queue.Queue(most)
    unwanted = threading.Event()

    def make() -> None:
        ended = _Ended(None)
        try:
            for entry in made:
                ready.put(entry)
                if unwanted.is_set():
                    return
        except BaseException as error:  # whatever it is, it is raised where it would have been
            ended = _Ended(error)
        ready.put(ended)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        yield from _taken(ready, meanwhile)
    finally:
        unwanted.set()
        while thread.is_alive():
            _emptied(ready)
            thread.join(_LOOK_S)


class _Ended:
    """What the thread ends with."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _taken(ready: queue.Queue[T | _Ended], meanwhile: Callable[[], None]) -> Iterator[T]:
    while True:
        try:
            entry = ready.get(timeout=_LOOK_S)
        except queue.Empty:
            meanwhile()
            continue
        meanwhile()
        if isinstance(entry, _Ended):
            if entry.error is not None:
                raise entry.error
            return
        yield entry


def _emptied(ready: queue.Queue[T | _Ended]) -> None:
    while True:
        try:
            ready.get_nowait()
        except queue.Empty:
            return


class Latest:
    """Progress that one thread makes and another tells, if it is to be told at all."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress
        self._latest: tuple[int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """So much is done."""
        self._latest = done, total

    def tell(self) -> None:
        """Tell what is new."""
        latest, self._latest = self._latest, None
        if latest is not None and self._progress is not None:
            self._progress(*latest)
