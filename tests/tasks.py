# SPDX-License-Identifier: GPL-2.0-only
"""Tasks for the tests of worker processes, in a module that those processes can import: they are given this one's sys.path."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slabdes.errors import InputError


@dataclass(frozen=True)
class Square:
    """A task with as many operations as its number."""

    number: int

    @property
    def operations(self) -> int:
        return self.number

    def run(self, progress: Callable[[int], None]) -> int:
        progress(self.number // 2)
        return self.number**2


@dataclass(frozen=True)
class Refuse(Square):
    """A task that its input is not good enough for."""

    def run(self, progress: Callable[[int], None]) -> int:
        raise InputError("task", f"{self.number} is not allowed")


@dataclass(frozen=True)
class Die(Square):
    """A task whose process is ended from outside."""

    def run(self, progress: Callable[[int], None]) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("not reached")


@dataclass(frozen=True)
class DieOnce(Square):
    """A task whose process is ended from outside when it is begun for the first time, as the file `begun` remembers."""

    begun: Path

    def run(self, progress: Callable[[int], None]) -> int:
        if not self.begun.exists():
            self.begun.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(progress)


@dataclass(frozen=True)
class Exit(Square):
    """A task whose process ends by itself."""

    def run(self, progress: Callable[[int], None]) -> int:
        os._exit(3)


@dataclass(frozen=True)
class Wait(Square):
    """A task that does not end; it writes its process's number into the folder `place`."""

    place: Path

    def run(self, progress: Callable[[int], None]) -> int:
        (self.place / f"{os.getpid()}").write_text("")
        while True:
            progress(0)
            time.sleep(0.01)


class Unforeseen(Exception):
    """An exception that cannot be made anew from what it holds."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


@dataclass(frozen=True)
class Fail(Square):
    """A task with a fault of its own."""

    def run(self, progress: Callable[[int], None]) -> int:
        raise Unforeseen("of its", "own")


@dataclass(frozen=True)
class Note(Square):
    """A task that writes its name into the file `begun`; the one that has a file `killed` is ended once, as that remembers."""

    begun: Path
    name: int
    killed: Path | None

    def run(self, progress: Callable[[int], None]) -> int:
        with self.begun.open("a") as file:
            file.write(f"{self.name}\n")
        if self.killed is not None and not self.killed.exists():
            self.killed.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return self.name


@dataclass(frozen=True)
class AskSignal(Square):
    """A task that tells how its process takes Ctrl-C."""

    def run(self, progress: Callable[[int], None]) -> int:
        return int(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
