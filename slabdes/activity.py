# SPDX-License-Identifier: GPL-2.0-only
"""Something to see of whatever takes long: a mark that turns on a terminal, a line where none watches, none of what is quick.

Drawn by a thread of its own, for native code may keep the main thread for long. Leaves out bars: the command line has those.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from slabdes.printable import printable

AFTER_S: Final = 1.0
"""What is done before has nothing said of it (a choice: within 2 s of a command, with its start)."""
TURN_S: Final = 0.2
AGAIN_S: Final = 30.0
"""Where no terminal watches, what is done by then is said again, if it is something else."""
SWITCH: Final = "SLABDES_PROGRESS"
"""Environment variable: `off` has nothing drawn."""
_MARKS: Final = "|/-\\"
_MOST: Final = 100
"""Characters on a terminal, which would break a longer line in two (assumed)."""
_MOST_LINE: Final = 160
"""Where none watches."""
_PER_CENT: Final = 100
_CLEAR: Final = "\r\x1b[K"


Report = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


@contextmanager
def seen(report: Report | None, name: str = "slabdes") -> Iterator[Report]:
    """`report` itself, or, where nobody is to be told, what shows on the error stream that Python is at work."""
    if report is not None or sys.stderr is None:
        yield report or (lambda _what, _done, _total: None)
        return
    with Activity(sys.stderr, name) as activity:
        yield activity.report


class Activity:
    """A context in which `stream` shows what is done, as `report` was told last, until `hush`."""

    def __init__(self, stream: TextIO, name: str, after_s: float | None = None, again_s: float = AGAIN_S) -> None:
        self._again = again_s
        self._stream, self._name, self._after = stream, name, AFTER_S if after_s is None else after_s
        self._doing = "at work"
        self._quiet = threading.Event()
        self._lock = threading.Lock()
        self._drawn = False
        self._due = True

    def __enter__(self) -> Activity:
        if os.environ.get(SWITCH) == "off":
            self._quiet.set()
        else:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.hush()

    def report(self, what: str, done: int, total: int) -> None:
        """So much of something is done. What is one piece, as compiling, is said when it begins: it may take long."""
        part = f", {_PER_CENT * done // total} %" if 0 < done < total else ""
        self._doing = f"{what}{part}"
        if (done, total) == (0, 1):
            self._due = True

    def hush(self) -> None:
        """Draw nothing from now on, and leave nothing behind on a terminal: something else is seen."""
        with self._lock:
            self._quiet.set()
            if self._drawn:
                self._draw(_CLEAR)
                self._drawn = False

    def _watch(self) -> None:
        if self._quiet.wait(self._after):
            return
        terminal = self._stream.isatty()
        turn, said, last = 0, "", time.monotonic()
        while True:
            with self._lock:
                if self._quiet.is_set():
                    return
                if terminal:
                    self._drawn = True
                    self._draw(f"{_CLEAR}{_MARKS[turn % len(_MARKS)]} {self._text()}")
                elif self._due or (time.monotonic() - last >= self._again and self._text() != said):
                    self._due = False
                    last, said = time.monotonic(), self._text()
                    self._draw(f"{said}\n")
            turn += 1
            self._quiet.wait(TURN_S)

    def _text(self) -> str:
        return printable(f"{self._name}: {self._doing}".replace("\n", " "))[: _MOST if self._stream.isatty() else _MOST_LINE]

    def _draw(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a stream that was closed, or that nobody reads any more
            self._stream.write(text)
            self._stream.flush()
