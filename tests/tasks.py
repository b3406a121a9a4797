"""Tasks for the tests of worker processes, in a module that those processes can import: they are given this one's sys.path."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

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
class AskSignal(Square):
    """A task that tells how its process takes Ctrl-C."""

    def run(self, progress: Callable[[int], None]) -> int:
        return int(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
