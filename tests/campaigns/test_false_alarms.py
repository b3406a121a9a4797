# SPDX-License-Identifier: GPL-2.0-only
"""A repetition of `false_alarms.py`, the same each time; the campaign is run by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import false_alarms

from slabdes.stats.deciding import Looks


def test_a_repetition_is_decided_at_a_look_and_is_the_same_whenever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(false_alarms.QUICK, "engine", "reference")
    first, again = (list(false_alarms.repetitions([3], ["alloc_mean_ns", "alloc_p50_ns"], Looks(5))) for _time in range(2))
    assert first == again
    ((number, outcomes, replications, differing),) = first
    assert (number, replications) == (3, 5) and {*outcomes} == {"alloc_mean_ns", "alloc_p50_ns"} and len(differing) < 12


def test_as_many_repetitions_may_err_as_chance_has_where_five_per_cent_do() -> None:
    # Binomial(400, 0.05): 20, give or take 4.4; 2.3 deviations more in one campaign of a hundred.
    assert false_alarms.most_expected(400) == pytest.approx(20 + 2.33 * 4.36, abs=1)
