"""Tasks over local processes: results as they come, operations counted while they run, stopped cleanly on Ctrl-C.

Knows nothing of what a task does. Leaves out other machines.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from typing import Protocol, TypeVar

from slabdes.errors import CheckFailed

Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

POLL_SECONDS = 0.2
"""How often the operations that the workers have counted are looked at."""
MAX_JOBS = 256

_counter: Synchronized[int] | None = None
"""In a worker process, the operations that all workers have done: set once, when the process starts."""


class Runnable(Protocol[Result_co]):
    """A task: it can be pickled, says how many operations it has, and reports those done while it runs."""

    @property
    def operations(self) -> int:
        """How many operations it will do."""
        ...

    def run(self, progress: Callable[[int], None]) -> Result_co:
        """Do it."""
        ...


def run_tasks(tasks: Sequence[Runnable[Result]], jobs: int, report: Callable[[int], None]) -> Iterator[tuple[int, Result]]:
    """Run tasks in up to `jobs` processes (one: in this one) and yield (number, result) as each ends.

    `report` hears how many operations are done in all. An exception of a task is raised here and ends the others.
    """
    if jobs <= 1 or len(tasks) <= 1:
        before = 0
        for number, task in enumerate(tasks):
            yield number, task.run(lambda done, before=before: report(before + done))  # type: ignore[misc]  # lambda's default
            before += task.operations
            report(before)
        return
    yield from _run_in_processes(tasks, min(jobs, len(tasks), MAX_JOBS), report)


def _run_in_processes(
    tasks: Sequence[Runnable[Result]], jobs: int, report: Callable[[int], None]
) -> Iterator[tuple[int, Result]]:
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker, initargs=(counter,))
    try:
        # The longest first, so that none is left alone at the end.
        order = sorted(range(len(tasks)), key=lambda number: -tasks[number].operations)
        with _ctrl_c_held_back():
            running: dict[Future[Result], int] = {executor.submit(_run_in_worker, tasks[number]): number for number in order}
        while running:
            finished, _others = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            report(counter.value)
            for future in finished:
                yield running.pop(future), future.result()
    except BrokenProcessPool:
        _stop(executor)
        raise CheckFailed(f"a worker process was ended from outside (no memory left?); {jobs} jobs: fewer may do") from None
    except BaseException:
        _stop(executor)
        raise
    executor.shutdown()


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Start processes that never see Ctrl-C, not even before `_begin_worker`; one pressed meanwhile arrives at the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(executor: ProcessPoolExecutor) -> None:
    """End the workers, which are this pool's own, without waiting for their tasks."""
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _begin_worker(counter: Synchronized[int]) -> None:
    """Leave Ctrl-C to the parent, and remember where to count."""
    global _counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _counter = counter


def _run_in_worker(task: Runnable[Result]) -> Result:
    counted = 0

    def progress(done: int) -> None:
        nonlocal counted
        if _counter is not None:
            with _counter.get_lock():
                _counter.value += done - counted
        counted = done

    result = task.run(progress)
    progress(task.operations)
    return result
