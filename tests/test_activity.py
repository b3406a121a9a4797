# SPDX-License-Identifier: GPL-2.0-only
"""Something is seen of what takes long: a turning mark on a terminal, one line elsewhere, nothing of what is quick."""

from __future__ import annotations

import io
import threading

import pytest

from slabdes.activity import SWITCH, Activity, seen

LONG_S = 60.0
"""What no test waits for, but where something is broken."""


class Stream(io.StringIO):
    """Takes text, and says when it has come so many times."""

    def __init__(self, terminal: bool, times: int = 1) -> None:
        super().__init__()
        self._terminal, self._left = terminal, times
        self.began, self.came = threading.Event(), threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def flush(self) -> None:
        self._left -= 1
        self.began.set()
        if self._left <= 0:
            self.came.set()


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH)


def test_where_no_terminal_watches_one_line_says_what_is_done() -> None:
    stream = Stream(terminal=False)
    activity = Activity(stream, "slabdes run", after_s=0.0)
    activity.report("simulating", 1, 4)
    with activity:
        assert stream.came.wait(LONG_S)
        activity.report("drawing", 1, 2)
    assert stream.getvalue() == "slabdes run: simulating, 25 %\n"


def test_where_no_terminal_watches_it_is_said_again_how_far_it_is() -> None:
    stream = Stream(terminal=False, times=2)
    activity = Activity(stream, "slabdes run", after_s=0.0, again_s=0.0)
    activity.report("simulating", 1, 4)
    with activity:
        assert stream.began.wait(LONG_S)
        activity.report("simulating", 2, 4)
        assert stream.came.wait(LONG_S)
    assert stream.getvalue() == "slabdes run: simulating, 25 %\nslabdes run: simulating, 50 %\n"


def test_on_a_terminal_a_mark_turns_and_leaves_nothing_behind() -> None:
    stream = Stream(terminal=True, times=3)
    with Activity(stream, "slabdes plot", after_s=0.0) as activity:
        assert stream.came.wait(LONG_S)
        activity.hush()
        seen = stream.getvalue()
    marks = [text[0] for text in seen.split("\r\x1b[K")[1:-1]]
    assert len(set(marks[:3])) == 3
    assert "slabdes plot: at work" in seen and seen.endswith("\r\x1b[K")
    assert stream.getvalue() == seen


def test_what_is_done_in_one_piece_is_said_when_it_begins() -> None:
    stream = Stream(terminal=False, times=2)
    with Activity(stream, "slabdes run", after_s=0.0) as activity:
        activity.report("reading t.txt", 1, 2)
        assert stream.began.wait(LONG_S)
        activity.report("compiling", 0, 1)
        assert stream.came.wait(LONG_S)
    first, second = stream.getvalue().splitlines()
    assert first.startswith("slabdes run: ") and second == "slabdes run: compiling"


@pytest.mark.parametrize("terminal", [True, False])
def test_of_what_is_quick_or_switched_off_nothing_is_said(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal)
    with Activity(stream, "slabdes keys", after_s=LONG_S):
        pass
    monkeypatch.setenv(SWITCH, "off")
    with Activity(stream, "slabdes keys", after_s=0.0):
        assert not stream.came.is_set()
    assert stream.getvalue() == ""


def test_names_that_a_terminal_would_act_on_are_escaped_and_a_stream_that_is_closed_is_no_error() -> None:
    stream = Stream(terminal=False)
    activity = Activity(stream, "slabdes replay", after_s=0.0)
    activity.report("reading a\x1b[31m\n", 0, 1)
    with activity:
        assert stream.came.wait(LONG_S)
    assert stream.getvalue() == "slabdes replay: reading a\\x1b[31m \n"
    stream.close()
    with Activity(stream, "slabdes replay", after_s=LONG_S):
        pass


def test_whoever_is_told_hears_it_and_the_error_stream_shows_it_else(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    with seen(lambda what, _done, _total: heard.append(what)) as report:
        report("simulating", 0, 2)
    stream = Stream(terminal=False)
    monkeypatch.setattr("slabdes.activity.AFTER_S", 0.0)
    monkeypatch.setattr("sys.stderr", stream)
    with seen(None) as report:
        report("drawing", 0, 2)
        assert stream.came.wait(LONG_S)
    assert heard == ["simulating"]
    assert stream.getvalue().startswith("slabdes: ")
    monkeypatch.setattr("sys.stderr", None)
    with seen(None) as report:
        report("drawing", 1, 2)
