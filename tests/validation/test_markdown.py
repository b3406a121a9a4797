# SPDX-License-Identifier: GPL-2.0-only
"""The table of errors that `slabdes validate --markdown` prints, and that it is the one in TRUST."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import readme
from commands import Slabdes, runner

from slabdes.config import TimingRule
from slabdes.validation.markdown import table_text
from slabdes.validation.report import Report, TargetReport
from slabdes.validation.target import Check, Outcome, Row
from slabdes.validation.targets import TARGETS

TRUST = readme.ROOT / "slabdes/TRUST.md"
HOLDS = Check("small", "within 20 %", "10 %", True)
MISSED = Check("large", "within 30 %", "40 %", False)
HEAD = ["| measured | calibrated on | found |", "| --- | --- | --- |"]


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slabdes:
    return runner(monkeypatch, capsys)


def made_up(outcome: Outcome, title: str = "A title") -> TargetReport:
    return TargetReport(replace(TARGETS[0], title=title, fitted_on="one | number"), outcome)


def row_of(outcome: Outcome) -> str:
    """The only row of a report of one target: its last cell."""
    lines = table_text(Report((made_up(outcome),))).splitlines()
    assert lines[:2] == HEAD and lines[3] == ""
    prefix, suffix = "| A title | one \\| number | ", " |"
    assert lines[2].startswith(prefix) and lines[2].endswith(suffix)
    return lines[2].removeprefix(prefix).removesuffix(suffix)


@pytest.mark.parametrize(
    ("checks", "cell"),
    [
        ((HOLDS,), "small: 10 % (allowed: within 20 %)"),
        ((HOLDS, HOLDS), "small: 10 % (allowed: within 20 %); 1 further check holds"),
        ((HOLDS, HOLDS, HOLDS), "small: 10 % (allowed: within 20 %); 2 further checks hold"),
        ((MISSED,), "large: 40 % (allowed: within 30 %) **misses**"),
        ((MISSED, HOLDS), "large: 40 % (allowed: within 30 %) **misses**; 1 further check holds"),
        (
            (HOLDS, HOLDS, MISSED),
            "small: 10 % (allowed: within 20 %); large: 40 % (allowed: within 30 %) **misses**; 1 further check holds",
        ),
    ],
)
def test_a_row_has_its_first_check_each_that_is_missed_and_how_many_others_hold(checks: tuple[Check, ...], cell: str) -> None:
    assert row_of(Outcome((), checks)) == cell


def test_where_no_tolerance_is_stated_errors_are_told_by_what_figures_are_worth() -> None:
    # Errors of 10 %, 20 % and 60 % that were predicted, one of 5 % that was calibrated on, and one that nobody has measured.
    predicted = tuple(Row("line", x, simulated, 10.0) for x, simulated in enumerate((11.0, 8.0, 16.0)))
    fitted, blind = Row("line", 4, 21.0, 20.0, fitted=True), Row("line", 5, 1.0)
    assert row_of(Outcome(predicted, ())) == "predicted: median 20.0 %, worst 60.0 % of 3; no tolerance stated"
    assert row_of(Outcome((*predicted, fitted, blind), ())) == (
        "predicted: median 20.0 %, worst 60.0 % of 3; calibrated on: median 5.0 %, worst 5.0 % of 1; no tolerance stated"
    )


def test_nothing_in_a_cell_ends_it_or_begins_anything() -> None:
    odd = Check("a|b", "*c* <d>", "[e] `f`\ng", False)
    assert row_of(Outcome((), (odd,))) == r"a\|b: \[e\] \`f\` g (allowed: \*c\* \<d>) **misses**"


def test_a_sentence_beneath_says_what_holds_for_all_targets_together() -> None:
    rows = (Row("line", 1, 2.0, 2.0, fitted=True), Row("line", 2, 2.0, 2.1), Row("line", 3, 2.0))
    held, missed = made_up(Outcome(rows, (HOLDS,), told="ratios: 3 % off")), made_up(Outcome(rows, (MISSED,)))
    none = made_up(Outcome(rows, ()))
    whole = table_text(Report((held, missed, none))).splitlines()
    figures = "figures: 3 predicted, 3 that costs were calibrated on, 3 blind"
    assert whole[-2:] == ["", f"1 of 2 targets with tolerances hold; ratios: 3 % off; {figures}."]
    part = table_text(Report((held, missed, none), (TimingRule("jitter"),))).splitlines()
    assert part[-1] == whole[-1].replace("blind.", "blind; without: jitter.")


@pytest.mark.parametrize("other", ["--json", "--brief"])
def test_the_table_beside_another_form_is_refused_before_anything_is_simulated(
    other: str, slabdes: Slabdes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slabdes.validation.simulate.run_tasks", lambda *_given: pytest.fail("simulated"))
    told = slabdes("validate", "--markdown", other)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert f"--markdown: beside {other}; allowed: one of --markdown, --json and --brief" in told.err


def table_in_trust() -> list[str]:
    (found,) = readme.PRINTED.finditer(TRUST.read_text(encoding="utf-8"))
    assert found["command"] == "slabdes validate --markdown"
    return found["body"].strip().splitlines()


def test_the_table_in_trust_has_a_row_a_target_in_order() -> None:
    head, line, *rows, empty, sentence = table_in_trust()
    assert [head, line, empty] == [*HEAD, ""]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert [(title.strip(), fitted.strip()) for title, fitted, _found in cells] == [
        (target.title, target.fitted_on) for target in TARGETS
    ]
    missed, stated = (sum(text in row for row in rows) for text in ("**misses**", "(allowed: "))
    assert sentence.startswith(f"{stated - missed} of {stated} targets with tolerances hold; ratios: ")


def test_rows_in_trust_are_what_the_command_prints(slabdes: Slabdes) -> None:
    told = slabdes("validate", "sheaves", "fast_paths", "--markdown", "--jobs", "1")
    assert told.code == 0, told.err
    rows = told.out.splitlines()[2:-2]
    assert len(rows) == 2
    assert [row for row in rows if row not in table_in_trust()] == [], "python tests/readme.py --printed"
