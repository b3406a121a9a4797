# SPDX-License-Identifier: GPL-2.0-only
"""A short campaign of `command_line.py`, the same each time; and that it sees what it is there to see."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import command_line
from command_line import Outcome, attempt, found, line_of, results, seeds_from_a_process, warm_up
from lines import Line, Seeds

SEED = 3
SHORT = 20

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are watched by Linux's /proc")


@pytest.fixture(scope="module")
def seeds() -> Seeds:
    return seeds_from_a_process()


@pytest.mark.slow
def test_no_command_line_broken_at_random_crashes_or_babbles(seeds: Seeds, tmp_path: Path) -> None:
    warm_up()
    codes = []
    for number in range(SHORT):
        line = line_of(SEED, number, seeds)
        # Forking is for a process without threads, which a test's is not.
        outcome = attempt(line, True, tmp_path / "try")
        # How long it may take is for the campaign to say, on a machine that does nothing else.
        assert [fault for fault in found(line, outcome) if not fault.startswith("over time")] == [], line.shown()
        codes.append(outcome.code)
    assert codes.count(2) > SHORT / 2  # else they would hardly have been broken
    assert 0 in codes


def test_a_try_is_the_same_whenever_it_is_drawn(seeds: Seeds) -> None:
    assert [line_of(SEED, number, seeds) for number in range(20)] == [line_of(SEED, number, seeds) for number in range(20)]
    assert line_of(SEED, 4, seeds) != line_of(SEED + 1, 4, seeds)


FINE = Outcome(2, b"", b"slabdes: no\n", 0.1, 1 << 20, at_work=False, over_time=False)
ASCII = {"PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    ("outcome", "environment", "kind"),
    [
        (replace(FINE, seconds=11.0), {}, "over time"),
        (replace(FINE, over_time=True), {}, "over time"),
        (replace(FINE, most_bytes=3 << 30), {}, "memory"),
        (replace(FINE, code=3), {}, "exit code"),
        (replace(FINE, code=-11), {}, "exit code"),
        (replace(FINE, err=b"Traceback (most recent call last):\nKeyError: 'x'\n"), {}, "traceback"),
        (replace(FINE, err=b"slabdes: \x1b[31m\n"), {}, "control character in errors"),
        (replace(FINE, out="\u202ename\n".encode()), {}, "control character in output"),
        (replace(FINE, out=b"\xff\n"), {}, "encoding of output"),
        (replace(FINE, out="µs\n".encode()), ASCII, "encoding of output"),
        (replace(FINE, err=b"slabdes: " + b"x" * 392 + b"\n"), {}, "message of 401 characters"),
        (replace(FINE, err=b"numba: no\n"), {}, "a line that is none of ours"),
        (replace(FINE, err=b"slabdes: no\nslabdes: no\n"), {}, "2 lines"),
        (replace(FINE, err=b""), {}, "nothing said"),
        (replace(FINE, changed=("e.toml",)), {}, "changed or left"),
        (replace(FINE, code=0, out=b"{]\n", err=b""), {}, "not JSON"),
    ],
)
def test_what_a_command_must_not_do_is_found(outcome: Outcome, environment: dict[str, str], kind: str) -> None:
    line = Line((b"run", b"e.toml", b"--json"), {}, environment=environment)
    assert list(found(line, FINE)) == []
    assert [fault.startswith(kind) for fault in found(line, outcome)] == [True]


def test_a_campaign_whose_worker_fails_does_not_end_well(seeds: Seeds, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise OSError

    monkeypatch.setattr(command_line, "tried", fails)
    with pytest.raises(RuntimeError, match="not all tries were made"):
        list(results(1, 4, 2, seeds))
