# SPDX-License-Identifier: GPL-2.0-only
"""Studies take turns, a stale one begins nothing further, one that fails leaves the others, and closing ends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from live import SMALL

from slabdes.config import EngineName
from slabdes.explore.controls import controls_of
from slabdes.explore.desk import Desk, warm
from slabdes.explore.limits import FIRST_OPERATIONS
from slabdes.explore.setting import Setting, setting_of
from slabdes.explore.sizes import planned
from slabdes.explore.source import Source, source_of
from slabdes.explore.study import Study
from slabdes.study.spools import Spools
from slabdes.study.workers import at_hand


class Hands:
    """This process, which notes the operations of each replication that is begun, and calls `before` it."""

    def __init__(self, before: Callable[[int], None] = lambda _number: None) -> None:
        self.begun: list[int] = []
        self._before = before

    def run(self, tasks: Sequence[Any], report: Callable[[int], None], begin: Callable[[int], bool]) -> Iterator[tuple[int, Any]]:
        for number, task in enumerate(tasks):
            report(0)
            self._before(len(self.begun))
            if begin(number):
                self.begun.append(task.operations)
                yield number, task.run(lambda _done: None)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    return source_of(tmp_path / "small.toml", [], Spools(tmp_path / "spools"))


@contextmanager
def open_desk(hands: Hands) -> Iterator[Desk]:
    desk = Desk(1, EngineName.REFERENCE, lambda _jobs: nullcontext(hands))
    desk.open()
    try:
        yield desk
    finally:
        desk.close()


def setting(source: Source, **texts: str) -> Setting:
    return setting_of(source, controls_of(source), {key.replace("__", "."): text for key, text in texts.items()})


class Heard:
    """A study, and what it tells."""

    def __init__(self, *settings: Setting) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.ended = threading.Event()
        self.study = Study(settings, self._hear)

    def _hear(self, name: str, event: dict[str, Any]) -> None:
        self.told.append((name, event))
        if name in ("done", "refused"):
            self.ended.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _event in self.told]


def test_a_stale_study_begins_no_further_replication_and_tells_nothing_more(source: Source) -> None:
    stale, next_one = Heard(setting(source, replications="20")), Heard(setting(source, machine__cpus="2"))

    def move_on(begun: int) -> None:
        if begun == 3:
            stale.study.stale = True

    hands = Hands(move_on)
    with open_desk(hands) as desk:
        desk.ask(stale.study)
        desk.ask(next_one.study)
        next_one.ended.wait()
    operations = setting(source).experiment.workload.objects * 2  # type: ignore[union-attr]  # a burst
    # They take turns: one of each, then two of the first, the second of which nobody wants any more.
    assert hands.begun.count(4 * operations) == 2
    assert hands.begun.count(2 * operations) == 3
    assert "done" not in stale.names


def test_a_long_setting_is_shown_in_short_first_and_whole_at_the_end(source: Source) -> None:
    hands = Hands()
    heard = Heard(setting(source, workload__rounds="50", replications="1"))
    with open_desk(hands) as desk:
        desk.ask(heard.study)
        heard.ended.wait()
    short, whole = hands.begun
    assert short <= FIRST_OPERATIONS < whole == 4 * 2 * 150 * 50
    told = [(event["short"], event["operations"]) for name, event in heard.told if name == "progress"]
    assert told == [(True, short), (False, whole)]


def test_intervals_come_and_what_is_told_last_has_all_replications(source: Source) -> None:
    heard = Heard(setting(source, replications="4"))
    with open_desk(Hands()) as desk:
        desk.ask(heard.study)
        heard.ended.wait()
    counts = [event["replications"] for name, event in heard.told if name == "progress"]
    assert counts[0] == 1
    assert counts[-1] == 4
    answers = [event["answer"] for name, event in heard.told if name == "answer"]
    assert any("1 replication: no interval" in line for line in answers[0])
    assert any("From 4 replications" in line for line in answers[-1])


def test_what_fails_is_told_in_a_line_and_the_next_study_runs(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = Heard(setting(source, machine__cpus="9")), Heard(setting(source, machine__cpus="1"))
    with open_desk(Hands()) as desk:
        desk.ask(bad.study)
        desk.ask(good.study)
        good.ended.wait()
        monkeypatch.setattr("slabdes.explore.study.sentences", lambda _runs, _changed: 1 / 0)
        broken = Heard(setting(source, machine__cpus="2"))
        desk.ask(broken.study)
        broken.ended.wait()
    assert bad.names == ["refused"]
    assert "machine.cpus" in bad.told[0][1]["line"]
    assert good.names[-1] == "done"
    assert broken.names[-1] == "refused"
    assert "ZeroDivisionError" in broken.told[-1][1]["line"]


def test_whoever_waits_for_what_is_got_ready_is_told_what_it_is(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, int, int]] = []
    seen: list[str] = []

    def prepare(_points: object, _engines: object, phase: Any) -> None:
        phase("compiling", 0, 1)
        seen.append(desk.preparing)

    monkeypatch.setattr("slabdes.explore.desk.prepare_engines", prepare)
    desk = Desk(1, EngineName.REFERENCE, lambda _jobs: nullcontext(Hands()))
    desk.open(lambda *told: said.append(told))
    try:
        warm(desk, setting(source))
    finally:
        desk.close()
    assert said[0] == ("compiling", 0, 1) and seen[0] == "compiling"
    assert desk.preparing == ""


def test_several_studies_take_turns(source: Source) -> None:
    first, second = (Heard(setting(source, replications="9", machine__cpus=cpus)) for cpus in ("1", "2"))
    hands = Hands()
    with open_desk(hands) as desk:
        for heard in (first, second):
            desk.ask(heard.study)
        for heard in (first, second):
            heard.ended.wait()
    assert hands.begun != sorted(hands.begun)


def test_no_more_settings_are_kept_than_the_latest(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slabdes.explore.desk.MOST_KEPT", 2)
    desk = Desk(1, EngineName.REFERENCE)
    points = [planned(setting(source, workload__objects=str(number))) for number in (1, 2, 3)]
    kept = [desk.ready(point) for point in points]
    assert desk.ready(points[-1]) is kept[-1]
    assert desk.ready(points[0]) is not kept[0]


def test_closing_ends_workers_in_the_midst_of_a_study(source: Source) -> None:
    desk = Desk(2, EngineName.REFERENCE, at_hand)
    desk.open()
    warm(desk, setting(source))
    heard = Heard(setting(source, workload__rounds="200", machine__cpus="8", replications="50"))
    desk.ask(heard.study)
    desk.close()
    assert not desk.is_open
    assert "done" not in heard.names
