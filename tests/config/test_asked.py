# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment file says is to be known: a precision, the most replications, and the measures that matter."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.config.files import apply_settings
from slabdes.errors import InputError
from slabdes.results import frames
from slabdes.words import MEASURES, NAMES, OPERATIONS, UPKEEP, measure_of

BASE: dict[str, Any] = {"machine": {"preset": "numa-2x4"}, "workload": {"kind": "pages"}}


@pytest.mark.parametrize(("said", "share"), [("2%", 0.02), (" 0.5 % ", 0.005), ("0.02", 0.02), (0.02, 0.02)])
def test_a_precision_is_a_share_as_people_type_it(said: str | float, share: float) -> None:
    assert parse_experiment(BASE | {"precision": said}, "e.toml").precision == pytest.approx(share)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"precision": 0}, 'e.toml: precision: 0 is no precision; allowed: above 0 and below 1, such as "2%" or 0.02'),
        ({"precision": "0%"}, "e.toml: precision: '0%' is no precision; allowed: above 0"),
        ({"precision": 2}, "e.toml: precision: 2 is no precision"),
        ({"precision": True}, "e.toml: precision: True is no precision"),
        ({"precision": "often"}, "e.toml: precision: 'often' is no precision"),
        (
            {"measures": ["alloc.p98"]},
            "e.toml: measures.0: 'alloc.p98': no measure (did you mean alloc.p99?); allowed: operations/s",
        ),
        ({"measures": ["alloc.p99", "wating"]}, "measures.1: 'wating': no measure (did you mean waiting?)"),
        ({"measures": [3]}, "e.toml: measures.0: 3 is not allowed; allowed: text"),
        ({"measure": ["alloc.p99"]}, "e.toml: measure: unknown key (did you mean measures?)"),
        ({"most": 4}, "e.toml: most: 4 is out of range; allowed: 5 to 10000"),
        ({"sweep": {"precision": [0.1, 0.2]}}, "a sweep of precision, which is of all points together"),
    ],
)
def test_what_cannot_be_known_is_refused_in_a_line_with_the_nearest(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_experiment(BASE | keys, "e.toml")
    assert line in str(refused.value) and "\n" not in str(refused.value)


def test_settings_say_them_as_options_do() -> None:
    raw = dict(BASE)
    apply_settings(raw, ["precision=2%", "measures=alloc.p99,free.mean", "most=50"])
    found = parse_experiment(raw, "e.toml")
    assert (found.precision, found.most, found.measures) == (0.02, 50, ("alloc.p99", "free.mean"))


def test_names_are_those_of_what_frames_have() -> None:
    assert frames.OPERATIONS == OPERATIONS
    assert tuple(one.label for one in frames.Upkeep if one) == UPKEEP
    assert sorted(measure_of(name) for name in NAMES) == sorted(MEASURES)
