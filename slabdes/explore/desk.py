# SPDX-License-Identifier: GPL-2.0-only
"""The studies of all pages, which take turns on one crew of worker processes whose compiled engine stays warm.

What was run is kept, so that a setting that one comes back to, or pins, is not run again. Leaves out what a study does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from slabdes.config import EngineName
from slabdes.errors import SlabdesError, tell
from slabdes.explore.limits import MOST_KEPT
from slabdes.explore.serve import wait_for
from slabdes.explore.setting import Setting
from slabdes.explore.study import Rows, Study
from slabdes.explore.telling import Event, Ready
from slabdes.results.rows import Replicated
from slabdes.study.bounds import check_bounds
from slabdes.study.engines import prepare_engines, that_can_run
from slabdes.study.plan import PlannedPoint
from slabdes.study.spools import Phase
from slabdes.study.workers import Hands, at_hand

ENDING_S: Final = 3.0
"""What the thread that runs studies gets to end."""
Lend = Callable[[int], AbstractContextManager[Hands]]


class _Closing(BaseException):
    """The desk is being closed: what runs is ended, with its workers."""


class Desk:
    """Runs studies in a thread of its own, from `open` to `close`, on up to `jobs` processes that `lend` gives."""

    def __init__(self, jobs: int, engine: EngineName = EngineName.COMPILED, lend: Lend = at_hand) -> None:
        self.jobs = jobs
        self._engine, self._lend = engine, lend
        self._kept: OrderedDict[str, Ready] = OrderedDict()
        self._turns: deque[tuple[Study, Iterator[None]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._hands: Hands | None = None
        self._phase: Phase | None = None
        self.preparing = ""
        """What is being got ready, for which all studies wait; empty where nothing is."""
        self._thread = threading.Thread(target=self._work, name="explore", daemon=True)

    def open(self, phase: Phase | None = None) -> None:
        """Begin; `phase` hears of what is compiled meanwhile, where nothing is kept."""
        self._phase = phase
        self._thread.start()

    def close(self) -> None:
        """End what runs, and the workers."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self.is_open:
            self._thread.join(ENDING_S)

    @property
    def is_open(self) -> bool:
        """Whether studies are run."""
        return self._thread.is_alive()

    def ask(self, study: Study) -> None:
        """Have a study run, in its turn."""
        with self._changed:
            self._turns.append((study, study.steps(self)))
            self._changed.notify()

    def ready(self, point: PlannedPoint) -> Ready:
        """See `study.Crew`."""
        key = point.experiment.model_dump_json(exclude={"name", "replications", "measures"})
        if key not in self._kept:
            engine = self.engine_for(point)
            try:
                prepare_engines([point], {point.index: engine}, self._prepares)
            finally:
                self.preparing = ""
            self._kept[key] = Ready(point, engine)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def engine_for(self, point: PlannedPoint) -> EngineName:
        """Which engine runs it. Raises InputError where this computer cannot."""
        engine = that_can_run([point], {point.index: self._engine})[point.index]
        check_bounds([point], {point.index: engine}, self.jobs)
        return engine

    def _prepares(self, what: str, done: int, of: int) -> None:
        self.preparing = what
        if self._phase is not None:
            self._phase(what, done, of)

    def run(self, tasks: Sequence[Rows], wanted: Callable[[], bool]) -> Iterator[tuple[int, Replicated]]:
        """See `study.Crew`."""
        assert self._hands is not None
        yield from self._hands.run(tasks, self._still_open, lambda _number: wanted())

    def _still_open(self, _done: int) -> None:
        if self._closing:
            raise _Closing

    def _work(self) -> None:
        try:
            with self._lend(self.jobs) as self._hands:
                while True:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing or self._turns)
                        self._still_open(0)
                        study, steps = self._turns.popleft()
                    if self._goes_on(study, steps):
                        with self._changed:
                            self._turns.append((study, steps))
        except BaseException:
            if not self._closing:  # what fails while all is being ended tells nobody anything
                raise

    def _goes_on(self, study: Study, steps: Iterator[None]) -> bool:
        """Whether there is more of a study after its next step."""
        if study.stale:
            return False
        try:
            next(steps)
        except StopIteration:
            return False
        except SlabdesError as error:
            study.refused(str(error))
            return False
        except BaseException as error:  # of one study, a library's panic too: the others go on
            self._still_open(0)
            tell(f"a study of a page has failed: {type(error).__name__}: {error}")
            study.refused(f"slabdes has failed at this setting ({type(error).__name__}): please report it with the command")
            return False
        return True


def warm(desk: Desk, setting: Setting) -> None:
    """Have workers, compiled code and all that draws at hand, by a look at a setting. Raises SlabdesError if it is refused."""
    ended = threading.Event()
    refused: list[str] = []

    def hear(name: str, event: Event) -> None:
        if name == "refused":
            refused.append(event["line"])
        if name in ("answer", "refused"):
            ended.set()

    study = Study([setting], hear)
    desk.ask(study)
    wait_for(ended)
    study.stale = True
    if refused:
        raise SlabdesError(refused[0])
