# SPDX-License-Identifier: GPL-2.0-only
"""`slabdes predictions`: which figures there are, and that the table in the package is of them."""

from __future__ import annotations

import csv
import sys
from importlib.resources import files
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner

from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.validation.predictions import HEADS, SETS, predictions


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def rows_of(text: str) -> list[dict[str, str]]:
    first, _newline, rest = text.partition("\n")
    assert first.startswith("# Predictions by slabdes")
    rows = list(csv.DictReader(rest.splitlines()))
    assert tuple(rows[0]) == HEADS
    return rows


def test_every_set_is_of_experiments_that_can_be_run() -> None:
    for one in SETS.values():
        experiments = one.experiments()
        assert experiments
        for name, raw in experiments.items():
            parse_experiment(raw, name)


def test_a_set_that_is_not_there_is_one_line() -> None:
    with pytest.raises(InputError, match="did you mean pages"):
        predictions(["page"])


def test_the_table_in_the_package_has_every_set_and_what_pages_cost_is_what_comes_out(slabdes: Slabdes) -> None:
    table = rows_of((files("slabdes.validation") / "predictions.csv").read_text(encoding="utf-8"))
    assert {row["set"] for row in table} == set(SETS)
    assert all(float(row["predicted"]) > 0 for row in table)
    made = slabdes("predictions", "pages", "--jobs", "1", "--out", "made.csv")
    assert made.code == 0, made.err
    assert rows_of(Path("made.csv").read_text(encoding="utf-8")) == [row for row in table if row["set"] == "pages"]
    assert slabdes("predictions", "pages", "--jobs", "1", "--out", "made.csv").code == 2, "it is there already"
