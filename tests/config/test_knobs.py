# SPDX-License-Identifier: GPL-2.0-only
"""Knobs as they are typed, and which an experiment may have turned."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from slabdes.config import parse_experiment
from slabdes.config.knobs import Knob, bytes_of, check_knobs, knob_of, knob_of_plain, knobs_of
from slabdes.errors import InputError

BASE: dict[str, Any] = {
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "a", "size": 256, "limit": 120, "batchcount": 60}],
    "workload": {"kind": "mix", "operations": 60, "live": 20},
}


@pytest.mark.parametrize(
    ("said", "knob"),
    [
        ("cache.0.limit=8..480", Knob("cache.0.limit", low=8, high=480)),
        ("cache.0.limit = 8 .. 480 : log", Knob("cache.0.limit", low=8, high=480, log=True)),
        ("workload.think_ns=0.5..2e3", Knob("workload.think_ns", low=0.5, high=2000.0)),
        ("workload.think_ns=1..2.5", Knob("workload.think_ns", low=1.0, high=2.5)),
        ("cache.0.limit=120,60,240,60", Knob("cache.0.limit", (60, 120, 240))),
        ("lock.discipline=tas,cna", Knob("lock.discipline", ("tas", "cna"))),
        ("machine.file=../a.toml,b.toml", Knob("machine.file", ("../a.toml", "b.toml"))),
        ("noaliencache=false,true", Knob("noaliencache", (False, True))),
    ],
)
def test_a_knob_is_a_range_or_a_list(said: str, knob: Knob) -> None:
    assert knob_of(said) == knob


@pytest.mark.parametrize(
    "knob",
    [
        Knob("cache.0.limit", low=8, high=480, log=True),
        Knob("workload.think_ns", low=1.5e-7, high=1e20),
        Knob("workload.think_ns", (1e-7, 0.5, 20.0)),
        Knob("machine.preset", ("numa-2x4", 'a "b", c', "../a.toml")),
        Knob("noaliencache", (False, True)),
        Knob("cache.0.sizes", ((1, 2), (3,))),
    ],
)
def test_a_knob_that_is_written_down_is_read_as_the_same(knob: Knob) -> None:
    assert knob_of_plain(knob.key, json.loads(json.dumps(knob.plain()))) == knob_of(knob.typed()) == knob


def test_what_is_no_knob_in_a_file_is_refused() -> None:
    for told in (None, {"from": 2, "to": "8", "log": False}, {"values": 3}, {"from": 8, "to": 2, "log": True}):
        with pytest.raises(InputError, match="--over a"):
            knob_of_plain("a", told)


def test_from_python_a_pair_is_a_range_and_a_list_or_an_array_are_values() -> None:
    over = {"a": (8, 480), "b": "1..240:log", "c": [2, 1], "d": np.array([1, 2, 4]), "e": range(3, 5)}
    assert knobs_of(over) == [
        Knob("a", low=8, high=480),
        Knob("b", low=1, high=240, log=True),
        Knob("c", (1, 2)),
        Knob("d", (1, 2, 4)),
        Knob("e", (3, 4)),
    ]


def test_a_share_of_the_way_is_a_value_and_both_ends_are_reached() -> None:
    whole, log, listed = knob_of("a=8..480"), knob_of("a=1..256:log"), knob_of("a=x,y,z")
    assert [whole.at(share) for share in (0.0, 0.5, 1.0)] == [8, 244, 480]
    assert [log.at(share) for share in (0.0, 0.5, 1.0)] == [1, 16, 256]
    assert [listed.at(share) for share in (0.0, 0.5, 1.0)] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("cache.0.limit", "not of the form key=values; allowed: KEY=8..480"),
        ("cache.0.limit=480..8", "the wrong way round; allowed: cache.0.limit=8..480"),
        ("cache.0.limit=8..8", "one value"),
        ("cache.0.limit=8..many", "is no range; allowed: LOW..HIGH"),
        ("cache.0.limit=8..inf", "is no range"),
        ("cache.0.limit=0..8:log", "has no logarithm"),
        ("cache.0.limit=8", "one value is not free"),
        ("cache.0.limit=", "not of the form"),
    ],
)
def test_what_is_no_knob_is_refused_in_a_line_that_says_what_is(said: str, line: str) -> None:
    with pytest.raises(InputError) as refused:
        knob_of(said)
    assert line in str(refused.value)
    assert str(refused.value).startswith("--over cache.0.limit")


@pytest.mark.parametrize(
    ("over", "more", "line"),
    [
        ([], {}, "tune: no knob is free; allowed: --over KEY=LOW..HIGH"),
        (["cache.0.limt=8..480"], {}, "unknown key (did you mean limit?)"),
        (["cache.b.limit=8..480"], {}, "'b' is not in the list"),
        (["cache.0.limit=0..480"], {}, "limit: 0 is out of range; allowed: 1 to 1048576"),
        (["cache.0.limit=8..480"], {}, "batchcount 60 is greater than limit 8"),
        (["lock.discipline=tas,mutex"], {}, "'mutex' is not one of them"),
        (["machine.cpus=1.5..4"], {}, "1.5 is not allowed; allowed: a whole number"),
        (["seed=1..9"], {}, "is no knob: it changes no result"),
        (["cache.0.limit=60..480", "cache.0.limit=60..90"], {}, "is given twice"),
        (["cache.0.limit=60..480"], {"sweep": {"cache.0.limit": [60, 120]}}, "the experiment sweeps this key; allowed: --set"),
        (["cache.0.limit=60..480"], {"sweep": {"machine.cpus": [1, 2]}}, "the experiment sweeps machine.cpus; allowed: one"),
    ],
)
def test_a_knob_that_cannot_be_turned_is_refused_in_a_line(over: list[str], more: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        check_knobs(parse_experiment(BASE | more, "x"), knobs_of(over), "tune")
    assert line in str(refused.value)


def test_a_value_that_only_some_values_of_another_knob_go_with_may_be() -> None:
    check_knobs(parse_experiment(BASE, "x"), knobs_of(["cache.0.limit=8..480", "cache.0.batchcount=1..240"]), "tune")


@pytest.mark.parametrize(("said", "count"), [("64MiB", 64 << 20), ("1.5 kib", 1536), ("512", 512), (4096, 4096)])
def test_memory_is_said_with_its_unit(said: str | int, count: int) -> None:
    assert bytes_of(said, "--max-held") == count


@pytest.mark.parametrize("said", ["0", "64MB", "-1MiB", "much", "", "1e400", "nan"])
def test_what_is_no_amount_of_memory_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="is no amount of memory"):
        bytes_of(said, "--max-held")
