# SPDX-License-Identifier: GPL-2.0-only
"""What a live page is told of the replications so far: charts, sentences, and how many there are.

Leaves out when it is told (`study`), and how charts look (`pages`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from slabdes.answers.answer import answer
from slabdes.answers.comparison import comparison_about, comparison_answer
from slabdes.answers.screen import warnings
from slabdes.answers.tables import view_of
from slabdes.config import EngineName
from slabdes.engine.laid_out import tunables_of
from slabdes.errors import InputError, shown
from slabdes.explore.setting import Setting
from slabdes.measures.compare import compare
from slabdes.pages.charts import charts_of, ratios_of, tails_of, tails_of_both
from slabdes.pages.html import drawn, figure
from slabdes.results.frames import Frames, Point, frames_of
from slabdes.results.manifest import make_manifest
from slabdes.results.rows import Replicated
from slabdes.results.run import Run, run_of
from slabdes.study.machines import described
from slabdes.study.plan import PlannedPoint
from slabdes.study.told import about_traces

SIDES: Final = ("pinned", "now")
Event = dict[str, Any]


@dataclass
class Ready:
    """A point that can be run, and its replications as far as they have been, by number."""

    point: PlannedPoint
    engine: EngineName
    rows: dict[int, Replicated] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Replications 0, 1, ... without a gap."""
        return next(number for number in range(len(self.rows) + 1) if number not in self.rows)

    def frames(self, count: int) -> Frames:
        """Those of the first so many replications."""
        point = self.point
        return frames_of(Point(0, point.machine.name, point.cpus, {}), [self.rows[number] for number in range(count)])

    @cached_property
    def _told(self) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        return described([self.point.machine]), about_traces([self.point])

    def run(self, count: int) -> Run:
        """The same as a run."""
        frames = self.frames(count)
        machines, times = self._told
        experiment = self.point.experiment.model_dump(mode="json")
        return run_of(make_manifest(frames, experiment, self.engine.value, machines, times=times), frames)


def first_chart(each: Sequence[Frames]) -> list[Event]:
    """The chart that an answer begins with: how long operations take, by path; of two settings, how long all of them take."""
    return [_chart(*pair, leads=True) for pair in (tails_of(*each) if len(each) == 1 else tails_of_both(SIDES, *each))]


def other_charts(runs: Sequence[Run]) -> Iterator[Event]:
    """All others, of the present setting, and of both what can be compared."""
    made = charts_of(runs[-1], None, 0)
    if len(runs) == 1:
        first = {event["name"] for event in first_chart([runs[0].frames])}
        made = (pair for pair in made if pair[0].name not in first)
    elif _are_alike(runs):
        yield from (_chart(*pair, leads=True) for pair in ratios_of(compare(runs[0], runs[1], "", SIDES)))
    yield from (_chart(*pair, leads=False) for pair in made)


def followed(first: PlannedPoint, second: PlannedPoint) -> list[str]:
    """What the kernel chooses otherwise of two settings' caches since something else was changed: a line or none."""
    told = []
    before = {cache.name: cache for cache in first.caches}
    if first.experiment.allocator is not second.experiment.allocator:
        return []
    for now in second.caches:
        was = before.get(now.name)
        if was is None:
            continue
        old, new = (tunables_of(one.experiment, one.machine, cache) for one, cache in ((first, was), (second, now)))
        free = [key for key in new if getattr(was, key) is None and getattr(now, key) is None and old[key] != new[key]]
        told += [f"{shown(now.name)}'s {'; '.join(f'{key} {old[key]}, then {new[key]}' for key in free)}"] if free else []
    more = f"; and so of {len(told) - MOST_CACHES} caches more" if len(told) > MOST_CACHES else ""
    return [f"with it the kernel chooses otherwise: {'; '.join(told[:MOST_CACHES])}{more}"] if told else []


MOST_CACHES: Final = 3


def sentences(runs: Sequence[Run], changed: Sequence[str] = ()) -> Event:
    """The answer: of two runs what changed and why, or why they cannot be compared; and what the present one warns of.

    `changed` lines follow what the settings differ in.
    """
    told: list[str] = []
    about: list[str] = []
    if len(runs) > 1:
        try:
            compared = compare(runs[0], runs[1], "", SIDES)
            about = [*comparison_about(compared)[1:], *changed]
            told = comparison_answer(compared)
        except InputError as error:
            about = [f"not compared: {error}"]
    return {"about": about, "answer": told or answer(view_of(runs[-1])), "warnings": warnings(runs[-1])}


def setting_told(setting: Setting, resolved: tuple[Mapping[str, str], Mapping[str, str]]) -> Event:
    """What the controls have come to: the texts and notes that `sizes.resolved` has of them."""
    texts, notes = resolved
    return {"resolved": dict(texts), "notes": dict(notes), "command": setting.command, "toml": setting.toml}


def _are_alike(runs: Sequence[Run]) -> bool:
    return len({run.manifest.workload for run in runs}) == 1


def _chart(chart: Any, drawing: Any, *, leads: bool) -> Event:
    controls = [[choice.param, *choice.options] for choice in drawing.choices]
    shape = {"name": chart.name, "reading": chart.reading, "controls": [controls, drawing.toggles], "leads": leads}
    return shape | {"html": figure(chart, drawing)} | drawn(chart, drawing)
