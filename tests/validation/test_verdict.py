# SPDX-License-Identifier: GPL-2.0-only
"""The verdict at the end of `slabdes validate`: ten lines at most, with every target missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slabdes.validation.report import MOST_VERDICT, Report, TargetReport, verdict
from slabdes.validation.target import Check, Outcome, Row
from slabdes.validation.targets import TARGETS


def report(misses: dict[int, int]) -> Report:
    """As many targets as there are, of which some miss so many checks."""
    made = []
    for number, target in enumerate(TARGETS):
        checks = [
            Check(f"what {check}", "median 10%, worst 20%", "median 30%, worst 90%", False)
            for check in range(misses.get(number, 0))
        ]
        rows = (Row("line", 1, 2.0, 2.0, fitted=True), Row("line", 2, 2.0, 2.1), Row("line", 3, 2.0))
        made.append(TargetReport(replace(target, name=f"target_{number}"), Outcome(rows, (*checks, Check("a", "b", "c", True)))))
    return Report(tuple(made))


@pytest.mark.parametrize("misses", [{}, {3: 1}, {1: 2, 4: 1}, dict.fromkeys(range(len(TARGETS)), 4)])
def test_every_target_missed_is_named_in_ten_lines(misses: dict[int, int]) -> None:
    told = verdict(report(misses))
    assert len(told) <= MOST_VERDICT
    assert told[0] == f"verdict: {len(TARGETS) - len(misses)} of {len(TARGETS)} targets with tolerances hold"
    missed = " ".join(told[1:]).partition("holds:")[0]
    assert all((f"target_{number}" in missed) == (number in misses) for number in range(len(TARGETS)))
    assert all(len(line) <= 100 for line in told)


def test_a_few_misses_are_told_with_what_was_found_and_allowed() -> None:
    told = " ".join(verdict(report({3: 1})))
    assert "MISSES: target_3: what 0: median 30%, worst 90%; allowed: median 10%, worst 20%" in told
    assert f"{len(TARGETS)} predicted, {len(TARGETS)} that costs were calibrated on, {len(TARGETS)} blind" in told
