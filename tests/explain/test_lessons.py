# SPDX-License-Identifier: GPL-2.0-only
"""Lessons ask what the engine answers: the same for a seed, other settings for another, and right where one can count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slabdes.config import load_experiment
from slabdes.explain.counting import Draw
from slabdes.explain.lessons import LESSONS
from tests.commands import Slabdes, runner, said_in_one_line


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_asks_first_and_answers_when_asked(slabdes: Slabdes, name: str) -> None:
    answered = slabdes("lesson", name, "--seed", "3", "-c", "--json")
    assert answered.code == 0 and answered.err == ""
    told = json.loads(answered.out)
    assert len(told["questions"]) >= 4 and all(one["question"].endswith(("?", ".)")) for one in told["questions"])
    assert all(one["answer"].strip(". ") and "none" not in one["answer"][:12] for one in told["questions"])


def test_the_refill_lesson_counts_as_one_does_by_hand(slabdes: Slabdes) -> None:
    # Seed 1: 16 objects, limit 10, batchcount 3, 15 objects a slab. Refills after 0, 3, 6, 9, 12 objects and, with the slab used
    # up, after 15. The first and the last grow: list_lock to look, for the colour, to insert, to look again; the others once.
    done = slabdes("lesson", "refill", "-c")
    assert "One CPU allocates 16 objects" in done.out and "limit 10, batchcount 3, shared 0" in done.out
    assert "Operations 0, 3, 6, 9, 12, 15:" in done.out
    assert f"{4 + 4 * 1 + 4} times: once by each refill that finds objects" in done.out
    # 2 of the last batch stay in the array; frees fill it up to 10, and then each third one sends 3 away.
    first_full = 16 + 10 - 2
    assert f"Operations {first_full}, {first_full + 3}, {first_full + 6}; 3 objects each" in done.out
    asked = slabdes("lesson", "refill").out
    assert "Operations" not in asked and asked.endswith("Another exercise: --seed 2.\n")


def test_a_seed_is_one_exercise_for_good_and_seeds_differ() -> None:
    for lesson in LESSONS.values():
        assert lesson.experiments(Draw(5)) == lesson.experiments(Draw(5))
        assert len({str(lesson.experiments(Draw(seed))) for seed in range(8)}) == 8


def test_a_lessons_experiment_is_written_to_be_explained(slabdes: Slabdes) -> None:
    assert slabdes("lesson", "grow", "--out", "grow.toml").code == 0
    assert load_experiment("grow.toml").machine.cpus in (3, 4)
    assert slabdes("explain", "grow.toml", "--first", "1").out.startswith("CPU ")


def test_lessons_are_listed_and_a_name_that_is_none_is_refused(slabdes: Slabdes) -> None:
    listed = slabdes("lesson").out
    assert all(name in listed for name in LESSONS)
    assert "did you mean convoy" in said_in_one_line(slabdes("lesson", "convoi"))
