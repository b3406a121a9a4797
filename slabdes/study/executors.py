# SPDX-License-Identifier: GPL-2.0-only
"""Tasks over any executor of `concurrent.futures`: other computers' processes, too. Results do not depend on which runs what.

Workers with another slabdes are refused. Leaves out where executors come from (`cluster`) and processes here (`workers`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from functools import cache
from types import TracebackType
from typing import Any, Final

from slabdes.errors import InputError, SlabdesError, one_line
from slabdes.results.manifest import counting_versions, version_of
from slabdes.study.inputs import sources
from slabdes.study.workers import POLL_SECONDS, Begin, Hands, Result, Runnable, is_of_task, portable

UNKNOWN_WORKERS: Final = 32
"""Workers of an executor that does not say how many it has (a choice)."""
AHEAD: Final = 2
"""Tasks a worker that are handed over at a time: one that it works on, one that waits; the others may be another process's."""
COUNT_SECONDS: Final = 2.0
"""How often workers are counted."""


class Lost(SlabdesError):
    """An executor has no workers any more, for good. What is kept of what they had finished, others know."""


class Hired:
    """Whoever `lend` gives, from the first task on until the context ends, as `workers.Hands`: no task, nobody is asked."""

    def __init__(self, lend: Callable[[], contextlib.AbstractContextManager[Hands]]) -> None:
        self._lend = lend
        self._stack = contextlib.ExitStack()
        self._hands: Hands | None = None

    def __enter__(self) -> Hired:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, tasks: Sequence[Runnable[Result]], report: Callable[[int], None], begin: Begin) -> Iterator[tuple[int, Result]]:
        """See `workers.Hands`."""
        if not tasks:
            return
        if self._hands is None:
            self._hands = self._stack.enter_context(self._lend())
        yield from self._hands.run(tasks, report, begin)


class Borrowed:
    """An executor, which is not ended, as `workers.Hands`. `workers` says how many it has; they may come and go."""

    def __init__(self, executor: Executor, workers: Callable[[], int] | None = None) -> None:
        self._executor, self._workers = executor, workers or (lambda: workers_of(executor))
        self._code = code_here()
        self._room, self._counted = 0, -math.inf

    def run(self, tasks: Sequence[Runnable[Result]], report: Callable[[int], None], begin: Begin) -> Iterator[tuple[int, Result]]:
        """See `workers.Hands`. Raises Lost where workers are lost for good."""
        left = deque(sorted(range(len(tasks)), key=lambda number: -tasks[number].operations))
        flying: dict[Future[Result], int] = {}
        finished = 0
        try:
            while True:
                while left and len(flying) < self._most():
                    number = left.popleft()
                    if begin(number):
                        with _asked():
                            flying[self._executor.submit(work, tasks[number], self._code)] = number
                if not flying:
                    return
                # Those that have failed last: what has ended beside them is not lost.
                for future in sorted(wait(flying, POLL_SECONDS, FIRST_COMPLETED).done, key=_has_failed):
                    number = flying.pop(future)
                    with _asked():
                        result = future.result()
                    finished += tasks[number].operations
                    yield number, result
                report(finished)
        finally:
            with contextlib.suppress(OSError):
                for future in flying:
                    future.cancel()

    def _most(self) -> int:
        """How many tasks may be handed over."""
        now = time.monotonic()
        if now - self._counted > COUNT_SECONDS:
            with _asked():
                self._room, self._counted = AHEAD * max(self._workers(), 1), now
        return self._room


def _has_failed(future: Future[Any]) -> bool:
    return future.cancelled() or future.exception() is not None


@contextlib.contextmanager
def _asked() -> Iterator[None]:
    """Raises Lost for what an executor itself raises once its workers are gone; a task's error is raised as it is."""
    try:
        yield
    except SlabdesError:
        raise
    except Exception as error:
        # Dask's own need not be there to be named; it cannot be asked, too, once its scheduler is gone.
        own = isinstance(error, (BrokenExecutor, CancelledError)) or type(error).__module__.split(".")[0] in (
            "distributed",
            "dask",
        )
        if not own and (not isinstance(error, OSError) or is_of_task(error)):
            raise
        why = "".join(one_line([str(error)], 120))
        raise Lost(f"the executor has lost its workers ({type(error).__name__}{f': {why}' if why else ''})") from None


def workers_of(executor: Executor) -> int:
    """How many workers an executor says that it has: mpi4py's has a public name for it, Python's own do not."""
    for name in ("num_workers", "_max_workers"):
        number = getattr(executor, name, None)
        if isinstance(number, int) and number > 0:
            return number
    return UNKNOWN_WORKERS


@cache
def code_here() -> dict[str, Any]:
    """What counts here, and has to be the same wherever a study's replications are run."""
    told = hashlib.sha256(json.dumps(sources()).encode()).hexdigest()
    return {"slabdes": version_of("slabdes"), **counting_versions(), "sources": told}


def work(task: Runnable[Result], code: Mapping[str, Any]) -> Result:
    """What a worker does. Raises InputError on one that would count with something else, or lacks what the task reads."""
    try:
        _check_same(code, code_here())
        return task.run(lambda _done: None)
    except Exception as error:
        raise portable(error) from None


def _check_same(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    other = next((name for name in wanted if wanted[name] != found.get(name)), None)
    if other is None:
        return
    has = "other sources of slabdes" if other == "sources" else f"{other} {found.get(other)}, here it is {wanted[other]}"
    raise InputError(f"worker on {platform.node()}", f"has {has}", allowed="the same slabdes, Python and libraries everywhere")
