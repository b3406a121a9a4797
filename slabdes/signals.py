# SPDX-License-Identifier: GPL-2.0-only
"""Signals that end a command: an exception in its main thread, and soon the end of the process, wherever that thread is then.

Native code (a compiler, a file being written) lets no exception through; nothing is lost if it is cut off, since what lies on
disk is whole or found again. Leaves out workers: they end with their parent.
"""

from __future__ import annotations

# Few and small modules: until `Ending.begin` has run, Ctrl-C shows where Python was.
import _thread
import os
import signal
import sys
import time
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

GRACE_S = 1.0
"""What the main thread gets to end by itself (a choice: workers are to be gone within 2 s)."""
EXIT_BASE = 128
"""What shells add to a signal's number."""
_ENDING = {
    getattr(signal, name): words
    for name, words in (("SIGINT", "interrupted"), ("SIGTERM", "ended by SIGTERM"), ("SIGHUP", "ended by SIGHUP"))
    if hasattr(signal, name)
}
_STDERR = 2
_CLEAR_LINE = b"\r\x1b[K\x1b[?25h"
"""Removes a progress bar and shows the cursor again."""

_hint: list[Callable[[], str]] = []
_grace = [GRACE_S]


class Ended(BaseException):
    """A signal that ends the command. Not a KeyboardInterrupt, which libraries turn into exceptions and lines of their own."""


def hint(text: Callable[[], str]) -> None:
    """Have `text` added to the line that tells of a signal, or of Ctrl-C, from now on."""
    _hint[:] = [text]


def grace(seconds: float) -> None:
    """Give the main thread so long to end by itself, from now on: where it tells first what was done."""
    _grace[:] = [seconds]


def line(number: int = signal.SIGINT) -> str:
    """What to tell of a signal."""
    return _ENDING[number] + "".join(text() for text in _hint)


class Ending:
    """Signals caught, from `begin` on: those that were not ignored before, as by nohup."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The first one that came; others change nothing."""
        self.past = False
        """Whether it is too late to raise anything."""
        self._ending = _thread.allocate_lock()
        self._caught: list[int] = []
        self._unraisable = sys.unraisablehook

    def begin(self) -> None:
        """Catch them."""
        self._caught = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        sys.unraisablehook = self._not_raised
        for number in self._caught:
            signal.signal(number, self._arrived)
        if sys.platform != "win32":  # there it takes a socket, and nothing else than Ctrl-C comes
            self._reader, writer = os.pipe()
            os.set_blocking(writer, False)
            signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            _thread.start_new_thread(self._insist, ())

    def end(self) -> NoReturn:
        """End the process, once a signal has come, with one line: at once, since tidying up takes long where it was compiling."""
        number = self.number or signal.SIGINT
        with self._ending:
            text = f"slabdes: {line(number)}\n".encode("ascii", "backslashreplace")
            try:
                os.write(_STDERR, _CLEAR_LINE + text if os.isatty(_STDERR) else text)
            finally:  # also where nobody listens
                os._exit(EXIT_BASE + number)

    def over(self) -> None:
        """What comes from now on comes too late: all is done."""
        for number in self._caught:
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, number: int, _frame: object) -> None:
        if self.number is None:
            self.number = number
            if not self.past:
                raise Ended

    def _insist(self) -> None:
        """End the process if the main thread does not."""
        came = None
        while came is None:
            came = next((number for number in os.read(self._reader, 64) if number in self._caught), None)
        time.sleep(_grace[0])
        self.number = self.number or came
        self.end()

    def _not_raised(self, what: sys.UnraisableHookArgs) -> None:
        """Where Python cannot raise an exception (in a finalizer) it prints it; of a signal `_insist` takes care."""
        if what.exc_type is not Ended:
            self._unraisable(what)
