# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic of errors and tolerances, by hand."""

from __future__ import annotations

import math

import pytest

from slabdes.engine.records import Path, Records
from slabdes.validation.measures import MEASURES, mean_ns, measure
from slabdes.validation.target import Row, agree, ratios_within, row, within
from slabdes.validation.targets.ticket import collapse_checks
from tests.verification.bench import alloc, free, run, section


def rows(*pairs: tuple[float, float]) -> list[Row]:
    """(measured, simulated) pairs."""
    return [Row("s", number, simulated, measured) for number, (measured, simulated) in enumerate(pairs)]


def test_an_error_is_simulated_over_measured_less_one_and_a_blind_row_has_none() -> None:
    assert Row("s", 0, 110.0, 100.0).error == pytest.approx(0.1)
    assert Row("s", 0, 110.0).error is None
    assert Row("s", 0, 110.0).blind


def test_a_tolerance_has_a_median_and_a_worst_case() -> None:
    # Errors 0.05, 0.10 and 0.30: median 0.10, worst 0.30.
    three = rows((100, 105), (100, 90), (10, 13))
    assert within("x", three, 0.11, 0.31).holds
    assert not within("x", three, 0.09, 0.31).holds
    assert not within("x", three, 0.11, 0.29).holds
    assert within("x", three, 0.11, 0.31).found == "median 10.0 %, worst 30.0 % of 3"


def test_a_figure_that_could_not_be_simulated_holds_no_tolerance() -> None:
    assert not within("x", rows((100, 100), (100, math.nan)), 1.0, 1.0).holds
    assert not within("x", [Row("s", 0, 1.0)], 1.0, 1.0).holds, "nothing was measured"


def test_a_factor_counts_both_ways() -> None:
    # 2.1 times too much and 2.1 times too little: both are outside a factor of 2.
    assert ratios_within("x", rows((1, 1.9), (1, 1.0), (1, 1.0)), 0.1, 2.0).holds
    assert not ratios_within("x", rows((1, 2.1), (1, 1.0), (1, 1.0)), 0.1, 2.0).holds
    assert not ratios_within("x", rows((2.1, 1), (1, 1.0), (1, 1.0)), 0.1, 2.0).holds


def test_replications_agree_if_none_is_far_from_their_mean() -> None:
    replications = [run({0: [section(hold)]}) for hold in (100_000, 100_000, 400_000)]
    together = row(replications, MEASURES["section"], series="s", x=1)
    each = [one.elapsed / 1000 for one in replications]
    mean = sum(each) / 3
    assert together.simulated == pytest.approx(mean)
    assert together.spread == pytest.approx(max(abs(value / mean - 1) for value in each))
    assert not agree([together], 0.03).holds
    assert agree([Row("s", 1, 1.0, None, 0.02), Row("s", 2, 1.0, None, 0.03)], 0.03).holds


def test_the_knee_is_the_number_of_cpus_of_the_highest_speedup_and_the_collapse_is_judged_beyond_it() -> None:
    measured = {1: 1.0, 2: 2.0, 3: 3.0, 4: 2.0, 5: 1.0}
    knee, collapse = collapse_checks("0.4", {1: 1.0, 2: 2.5, 3: 2.0, 4: 1.6, 5: 1.29}, measured)
    assert knee.holds, "2 is within 1 of 3"
    assert collapse.holds, "2.0 may be off by 20 %, 1.0 by 0.3"
    knee, collapse = collapse_checks("0.4", {1: 4.0, 2: 2.5, 3: 2.0, 4: 1.59, 5: 1.31}, measured)
    assert not knee.holds
    assert not collapse.holds
    assert "2 of 2 outside" in collapse.found


def small() -> Records:
    return run({0: [alloc(0), alloc(1), free(0), free(1)]})


def test_measures_are_means_over_the_operations_that_took_a_path() -> None:
    records = small()
    hit, grow = records.latency[0, Path.HIT].total, records.latency[0, Path.GROW].total
    assert MEASURES["alloc"](records) == pytest.approx((hit + grow) / 2 / 1000)
    assert MEASURES["grow"](records) == pytest.approx(grow / 1000)
    assert MEASURES["pair"](records) == pytest.approx(MEASURES["alloc"](records) + MEASURES["free"](records))
    assert MEASURES["elapsed"](records) == pytest.approx(records.elapsed / 2 / 1000)
    assert math.isnan(mean_ns(records, [Path.ALIEN_PUT]))


def test_a_measure_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(Exception, match="did you mean alloc"):
        measure("aloc", "table")
