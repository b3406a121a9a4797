# SPDX-License-Identifier: GPL-2.0-only
"""Tasks over local processes: results as they come, operations counted while they run; workers that are killed are replaced.

Of short tasks a worker has some ahead, so that it need not wait for its parent. Workers end with their parent, however it ends,
and leave signals to it. Knows nothing of what a task does. Leaves out other machines.
"""

from __future__ import annotations

import contextlib
import gc
import math
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Final, Protocol, TypeVar

from slabdes.errors import CheckFailed, SlabdesError, tell

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

POLL_SECONDS: Final = 0.2
"""How often a worker tells how many operations it has done, and how long its parent waits at most to hear a signal."""
ENDING_SECONDS: Final = 5
"""What a worker that has closed its pipe gets to end (a choice)."""
AHEAD_SECONDS: Final = 0.1
"""Work in short tasks that a worker is given at a time (a choice: some ten of the shortest, and no long wait at the end)."""
UNTAKEN: Final = 2
"""Tasks of a worker that have begun and whose results nobody has taken, at most: what is lost with the parent."""
_LEARNT: Final = 0.3
"""Part that the latest task has in what an operation is thought to take (a choice)."""
MAX_JOBS: Final = 256
MAX_ATTEMPTS: Final = 3
"""How often a task is begun whose worker is killed (a choice: memory that it runs out of is not there the next time either)."""
_LEFT_TO_PARENT: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that a terminal or a shell sends to the whole group: the parent ends its workers."""


class Runnable(Protocol[Result_co]):
    """A task: it can be pickled, says how many operations it has, and reports those done while it runs."""

    @property
    def operations(self) -> int:
        """How many operations it will do."""
        ...

    def run(self, progress: Callable[[int], None]) -> Result_co:
        """Do it."""
        ...


Begin = Callable[[int], bool]
"""Asked of a task, by its number, just before it is begun: False leaves it out."""


class Hands(Protocol):
    """Whoever runs tasks, round after round."""

    def run(
        self, tasks: Sequence[Runnable[Result]], report: Callable[[int], None], begin: Begin, /
    ) -> Iterator[tuple[int, Result]]:
        """Every task's number and result, as each ends; `report` hears how many operations are done in all.

        An exception of a task is raised here and ends the others.
        """
        ...


def run_tasks(tasks: Sequence[Runnable[Result]], jobs: int, report: Callable[[int], None]) -> Iterator[tuple[int, Result]]:
    """Run tasks in up to `jobs` processes, as `at_hand` has them."""
    with at_hand(jobs) as hands:
        yield from hands.run(tasks, report, lambda _number: True)


@contextlib.contextmanager
def at_hand(jobs: int) -> Iterator[Hands]:
    """Up to `jobs` processes of this computer, begun when they are needed and kept until the end; for one job, this process.

    A task whose worker was killed is begun again, and logged; CheckFailed if that happens to it MAX_ATTEMPTS times.
    """
    if jobs <= 1:
        yield _Alone()
        return
    crew = _Crew(min(jobs, MAX_JOBS))
    try:
        yield crew
    finally:
        crew.end()


class _Alone:
    """This process itself."""

    def run(self, tasks: Sequence[Runnable[Result]], report: Callable[[int], None], begin: Begin) -> Iterator[tuple[int, Result]]:
        """See `Hands`."""
        before = 0
        for number, task in enumerate(tasks):
            if not begin(number):
                continue
            yield number, task.run(lambda done, before=before: report(before + done))  # type: ignore[misc]  # lambda's default
            before += task.operations
            report(before)


class _Said(Enum):
    """What a worker tells: how many of a task's operations are done, its result with the seconds it took, or what ended it."""

    COUNTED = "counted"
    ENDED = "ended"
    FAILED = "failed"


class _Worker:
    """A process, the pipe to it, and the tasks that it has: it does the first."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(other,), daemon=True)
        with _signals_held_back():
            self.process.start()
        other.close()
        self.tasks: deque[int] = deque()
        self.done = 0


class _Crew:
    """Worker processes, and what is left for them of the tasks that are run."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def run(self, tasks: Sequence[Runnable[Result]], report: Callable[[int], None], begin: Begin) -> Iterator[tuple[int, Result]]:
        """See `Hands`."""
        if len(tasks) <= 1 and not self._workers:
            yield from _Alone().run(tasks, report, begin)
            return
        self._tasks: Sequence[Runnable[Any]] = tasks
        self._begin = begin
        # The longest first, so that none is left alone at the end.
        self._left = deque(sorted(range(len(tasks)), key=lambda number: -tasks[number].operations))
        self._attempts: Counter[int] = Counter()
        self._pace = math.inf  # seconds an operation, which is not known before the first has ended
        try:
            yield from self._results(report)
        except BaseException:
            self.end()  # what they still have would be taken for what they are given next
            raise

    def _results(self, report: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
        finished, told = 0, 0
        while True:
            self._hand_out()
            busy: dict[Any, _Worker] = {worker.pipe: worker for worker in self._workers if worker.tasks}
            if not busy:
                return
            for pipe in wait(list(busy), POLL_SECONDS):
                for number, result in self._heard(busy[pipe]):
                    finished += self._tasks[number].operations
                    yield number, result
                    self._taken(busy[pipe])
                    self._give(busy[pipe])
            told = max(told, finished + sum(worker.done for worker in self._workers))
            report(told)

    def end(self) -> None:
        """End the workers, without waiting for their tasks: they leave nothing behind that would need it."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _hand_out(self) -> None:
        """Give what is left to workers that have little to do; there are no more workers than there is work for."""
        for worker in list(self._workers):
            self._give(worker)
        while self._left and len(self._workers) < self._jobs:
            if tasks := self._next(0.0):
                self._workers.append(_Worker())
                self._send(self._workers[-1], tasks)

    def _give(self, worker: _Worker) -> None:
        seconds = sum(map(self._seconds, worker.tasks))
        if seconds < AHEAD_SECONDS / 2 and (tasks := self._next(seconds)):
            self._send(worker, tasks)

    def _seconds(self, number: int) -> float:
        """How long a task will take, as far as those before it tell."""
        return self._pace * max(self._tasks[number].operations, 1)

    def _next(self, seconds: float) -> list[int]:
        """What to give to a worker that has so much to do: short ones ahead, but none that others would wait for at the end."""
        tasks: list[int] = []
        most = max(1, len(self._left) // (2 * self._jobs))
        while self._left and len(tasks) < most and seconds < AHEAD_SECONDS:
            number = self._left.popleft()
            if self._begin(number):
                tasks.append(number)
                seconds += self._seconds(number)
        return tasks

    def _send(self, worker: _Worker, tasks: list[int]) -> None:
        worker.tasks += tasks
        try:
            worker.pipe.send([self._tasks[number] for number in tasks])
        except OSError:
            self._lost(worker)

    def _taken(self, worker: _Worker) -> None:
        """Whoever takes results has kept one of this worker's."""
        with contextlib.suppress(OSError):  # it is found when it is listened to
            worker.pipe.send(None)

    def _heard(self, worker: _Worker) -> Iterator[tuple[int, Any]]:
        """Take what a worker has sent; gives its task's number and result, if that is it."""
        try:
            said, value = worker.pipe.recv()
        except (EOFError, OSError):
            self._lost(worker)
            return
        match said:
            case _Said.COUNTED:
                worker.done = value
            case _Said.FAILED:
                raise value
            case _Said.ENDED:
                number, worker.done = worker.tasks.popleft(), 0
                result, seconds = value
                self._learn(seconds / max(self._tasks[number].operations, 1))
                yield number, result

    def _learn(self, pace: float) -> None:
        self._pace = pace if self._pace == math.inf else self._pace + _LEARNT * (pace - self._pace)

    def _lost(self, worker: _Worker) -> None:
        """A worker has ended before its tasks. Raises CheckFailed if it ended by itself, or too often at this task."""
        self._workers.remove(worker)
        worker.process.join(ENDING_SECONDS)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        code = worker.process.exitcode or 0
        if code >= 0 and os.name == "posix":
            where = 'a script is to begin its work under if __name__ == "__main__":'
            raise CheckFailed(f"a worker process ended by itself, with exit code {code} ({where})")
        number = worker.tasks[0]
        self._attempts[number] += 1
        if self._attempts[number] == MAX_ATTEMPTS:
            what = f"{MAX_ATTEMPTS} worker processes were ended from outside at the same task (no memory left?)"
            raise CheckFailed(f"{what}; {self._jobs} jobs: fewer may do")
        tell(f"a worker process was ended from outside (signal {-code}); its task is begun again")
        self._left.extendleft(reversed(worker.tasks))


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start processes that never see signals to the group, not even before `_work`; one sent meanwhile arrives at the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It would be started with the first process, and unblock them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_PARENT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """What a worker process does: tasks, until its parent has none."""
    for number in _LEFT_TO_PARENT:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    given: SimpleQueue[Runnable[Any] | None] = SimpleQueue()
    room = threading.Semaphore(UNTAKEN)
    threading.Thread(target=_listen, args=(pipe, given, room), daemon=True).start()
    # A parent that was killed has left what was said to it unread: then the pipe is reset, or broken.
    with contextlib.suppress(ConnectionError):
        for number, task in enumerate(iter(given.get, None)):
            if number == 1:
                gc.freeze()  # what the first has loaded stays, and is no garbage
            room.acquire()
            pipe.send(_ended(task, _Counted(pipe)))


def _ended(task: Runnable[Any], count: Callable[[int], None]) -> tuple[_Said, Any]:
    """Do a task, and what to say of it."""
    began = time.perf_counter()
    try:
        result = task.run(count)
    except BaseException as error:
        return _Said.FAILED, portable(error)
    return _Said.ENDED, (result, time.perf_counter() - began)


def _listen(pipe: Connection, given: SimpleQueue[Runnable[Any] | None], room: threading.Semaphore) -> None:
    """Hear what the parent says: tasks, that it has taken a result, and at its end nothing any more."""
    try:
        with contextlib.suppress(EOFError, OSError):
            while True:
                said: list[Runnable[Any]] | None = pipe.recv()
                if said is None:
                    room.release()
                for task in said or ():
                    given.put(task)
    finally:
        given.put(None)
        room.release()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


class _Counted:
    """Tells the parent how many operations are done, now and then."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._next = time.monotonic() + POLL_SECONDS

    def __call__(self, done: int) -> None:
        """So many of this task are."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + POLL_SECONDS
            self._pipe.send((_Said.COUNTED, done))


_NOTE: Final = "in a worker process:\n"


def is_of_task(error: BaseException) -> bool:
    """Whether an exception came from a task, as `portable` made it."""
    return any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ()))


def portable(error: BaseException) -> BaseException:
    """The exception as the parent can raise it; a bug's says where it happened."""
    where = "".join(traceback.format_exception(error))
    if not isinstance(error, SlabdesError):
        error.add_note(f"{_NOTE}{where}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(where)
    return error
