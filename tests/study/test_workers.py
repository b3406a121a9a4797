"""Tasks over processes: results, progress, failures. Runs tasks that know nothing of allocators."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from slabdes.errors import CheckFailed, InputError
from slabdes.study.workers import run_tasks


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


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_gives_its_result_once_and_all_operations_are_reported(jobs: int) -> None:
    heard: list[int] = []
    results = dict(run_tasks([Square(number) for number in (3, 1, 2)], jobs, heard.append))
    assert results == {0: 9, 1: 1, 2: 4}
    assert heard == sorted(heard)
    assert heard[-1] == 6


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_task_is_raised_as_it_is(jobs: int) -> None:
    with pytest.raises(InputError, match=r"^task: 7 is not allowed$"):
        list(run_tasks([Square(1), Refuse(7)], jobs, lambda done: None))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_process_that_is_killed_ends_the_run_in_one_line() -> None:
    with pytest.raises(CheckFailed, match="ended from outside"):
        list(run_tasks([Square(1), Die(7)], 2, lambda done: None))


def test_workers_leave_ctrl_c_to_their_parent_which_still_takes_it() -> None:
    assert dict(run_tasks([AskSignal(1), AskSignal(1)], 2, lambda done: None)) == {0: 1, 1: 1}
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_no_tasks_are_no_results() -> None:
    assert list(run_tasks([], 4, lambda done: None)) == []
