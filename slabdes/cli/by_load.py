# SPDX-License-Identifier: GPL-2.0-only
"""A replay's answer by load on the command line: run, kept in the run's folder, and told again from there.

Leaves out the words and the table (`answers.loads`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slabdes.cli.output import print_sheet, progress_bar, say, say_paragraph
from slabdes.errors import InputError
from slabdes.files import read_text
from slabdes.folders import input_errors
from slabdes.signals import grace, hint

if TYPE_CHECKING:
    from slabdes.measures.loads import ByLoad, KeptLoads
    from slabdes.runs import Run
    from slabdes.study.load import Loads
    from slabdes.study.spools import Spools

LOADS = "by-load"
"""Where in a replay's folder the runs at other loads lie, a sweep's folder."""
TOLD = "by-load.json"
"""The answer by load, for programs, and as `text/by_load` for people."""
MAX_TOLD = 1 << 20
SHOWING_S = 8.0
"""What an interrupted command gets to tell what is finished (a choice: a second, or some where the machine is busy)."""


class ByLoadRun:
    """The loads of a replay, whose run at the recorded one lies in `folder`."""

    def __init__(self, result: Run, experiment: Any, folder: Path) -> None:
        self._result, self._experiment, self._folder = result, experiment, folder
        self._ended: Loads | None = None

    @property
    def loads(self) -> ByLoad | None:
        """What comes of those that have ended; None before the recorded load has, with which others are compared."""
        from slabdes.measures.loads import ByLoad, load_point

        ended = self._ended
        if ended is None or ended.frames[0][0] != 1:
            return None
        points = tuple(load_point(load, frames) for load, frames in ended.frames)
        plan = ended.plan
        return ByLoad(points, plan.replications, plan.first or plan.operations, plan.operations, ended.left)

    def run(self, spools: Spools, whole: bool, *, cells: str, **options: Any) -> None:
        """Run them all, if the replay is of the kind, and keep what comes of it. `options` are those of `run_loads`."""
        from slabdes.study.cells import kept_in
        from slabdes.study.load import answers_with_load, run_loads

        if not answers_with_load(self._experiment):
            return
        hint(lambda: "; what is finished is kept, go on with --resume")
        grace(SHOWING_S)
        shown_by = f"slabdes show {self._folder}: the recorded one"
        with progress_bar() as progress:
            loads = run_loads(
                self._result,
                self._experiment,
                spools,
                whole,
                **options,
                cells=kept_in(cells),
                out=self._folder / LOADS,
                each=self._take,
                phase=lambda what, done, total: progress(f"{what} at other loads ({shown_by})", done, total),
            )
        self._take(loads)
        if found := self.loads:
            keep(found, self._folder)
            self._draw(found)

    def _draw(self, found: ByLoad) -> None:
        """Beside the run's other figures, if it has any."""
        from slabdes.api import FIGURES

        if not (self._folder / FIGURES).is_dir():
            return
        from slabdes.plots.by_load import by_load_figure
        from slabdes.plots.tuning import save_figure

        figure = by_load_figure(found.points, self._result.frames, self._result.manifest)
        save_figure(figure, self._folder / FIGURES / "by_load.png")

    def _take(self, loads: Loads) -> None:
        self._ended = loads


def keep(loads: ByLoad, folder: Path) -> None:
    """Write what comes of all loads into the replay's folder."""
    from slabdes.answers.loads import load_answer, load_text_page
    from slabdes.results.folder import TEXT

    with input_errors(folder):
        (folder / TEXT / "by_load").write_text(load_text_page(loads), encoding="utf-8")
        plain = {"answer": load_answer(loads), **loads.plain()}
        (folder / TOLD).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def tell(loads: ByLoad) -> None:
    """The answer by load and its table."""
    from slabdes.answers.loads import load_answer, load_remark, load_sheet

    say_paragraph(" ".join(load_answer(loads)))
    print_sheet(load_sheet(loads.points))
    say_paragraph(load_remark(loads.replications))
    say("")


def tell_kept(folder: Path) -> None:
    """The same of a run's folder, if it has one."""
    from slabdes.results.folder import TEXT

    page = folder / TEXT / "by_load"
    if page.is_file():
        say(read_text(page, MAX_TOLD, "what slabdes wrote, unchanged"))


def kept_plain(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """What a run tells programs, with the answer by load if its folder has one."""
    kept = _kept(folder)
    return told if kept is None else {**told, **kept, "answer": [*kept["answer"], *told["answer"]]}


def kept_loads(folder: Path) -> KeptLoads | None:
    """What a run's folder has of its loads; None if it has nothing."""
    from slabdes.measures.loads import KeptLoads, LoadFigures

    kept = _kept(folder)
    if kept is None:
        return None
    try:
        points = tuple(map(LoadFigures.of_plain, kept["by_load"]))
        return KeptLoads(tuple(kept["answer"]), points, int(kept["by_load_of"]["replications"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(folder) from None


def _kept(folder: Path) -> dict[str, Any] | None:
    """The answer by load as plain values, with at least sentences and figures."""
    path = folder / TOLD
    if not path.is_file():
        return None
    try:
        kept = json.loads(read_text(path, MAX_TOLD, "what slabdes wrote, unchanged"))
        texts = all(isinstance(sentence, str) for sentence in kept["answer"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(folder) from None
    if not isinstance(kept, dict) or not isinstance(kept["answer"], list) or not texts:
        raise _damaged(folder)
    return kept


def _damaged(folder: Path) -> InputError:
    return InputError(str(folder / TOLD), "damaged: not the answer of a replay by load", "what slabdes wrote, unchanged")
