# SPDX-License-Identifier: GPL-2.0-only
"""Sweeps: every value with every other, lists side by side, and ranges; and what is no sweep is refused in a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import slabdes
from slabdes.config import apply_settings, expand, load_experiment, parse_experiment
from slabdes.errors import InputError

BASE = {"machine": {"preset": "numa-2x4"}, "workload": {"kind": "critical_section", "operations": 3}}


def points(**tables: Any) -> list[dict[str, Any]]:
    return [settings for settings, _point in expand(parse_experiment(BASE | tables, "experiment"))]


def test_keys_that_are_zipped_vary_together_and_cross_with_those_that_are_swept() -> None:
    found = points(sweep={"seed": [1, 2]}, zip={"machine.cpus": [1, 8], "workload.operations": [80, 10]})
    assert [tuple(point.values()) for point in found] == [(1, 1, 80), (1, 8, 10), (2, 1, 80), (2, 8, 10)]


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ({"from": 2, "to": 8, "step": 3}, [2, 5, 8]),
        ({"from": 2, "to": 9, "step": 3}, [2, 5, 8]),
        ({"from": 1, "to": 8, "points": 4, "log": True}, [1, 2, 4, 8]),
        ({"from": 1, "to": 3, "points": 9}, [1, 2, 3]),  # whole numbers, each once
        ({"from": 1, "to": 8, "points": 8, "log": True}, [1, 2, 3, 4, 6, 8]),
    ],
)
def test_a_range_is_the_list_that_it_stands_for(said: dict[str, Any], values: list[int]) -> None:
    assert [point["machine.cpus"] for point in points(sweep={"machine.cpus": said})] == values


def test_a_range_whose_ends_are_no_whole_numbers_has_such_values() -> None:
    found = points(sweep={"timing.jitter": {"from": 0.1, "to": 0.3, "step": 0.1}})
    assert [point["timing.jitter"] for point in found] == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"zip": {"seed": [1, 2], "machine.cpus": [1, 2, 4]}}, "zip seed has 2 values and machine.cpus 3"),
        ({"zip": {"seed": []}}, "zip seed has no values"),
        ({"zip": {"seed": [1]}, "sweep": {"seed": [1]}}, "seed is in sweep and in zip"),
        ({"sweep": {"seed": list(range(200))}, "zip": {"machine.cpus": [1] * 100}}, "more than 10000 points"),
        ({"sweep": {"seed": {"from": 1, "to": 9}}}, "sweep seed: a range has either a step or a number of points"),
        ({"sweep": {"seed": {"from": 9, "to": 1, "step": 1}}}, "sweep seed: from 9 to 1"),
        ({"sweep": {"seed": {"from": 1, "to": 1e300, "step": 1}}}, "sweep seed: step 1"),
        ({"sweep": {"seed": {"from": 1, "to": 9, "step": -1}}}, "sweep seed: step -1"),
        ({"sweep": {"seed": {"from": 0, "to": 9, "points": 3, "log": True}}}, "from 0, of which there is no logarithm"),
        ({"sweep": {"seed": {"from": 1, "to": 9, "points": 1}}}, "sweep seed: 1 points"),
        ({"sweep": {"seed": {"begin": 1}}}, "a range has no 'begin'"),
    ],
)
def test_what_is_no_sweep_is_refused_with_what_one_looks_like(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        points(**tables)
    assert words in str(refused.value)
    assert "allowed" in str(refused.value)


def test_a_key_that_is_set_is_no_longer_zipped() -> None:
    raw: dict[str, Any] = BASE | {"zip": {"seed": [1, 2], "machine.cpus": [1, 2]}}
    apply_settings(raw, ["seed=7"])
    assert raw["zip"] == {"machine.cpus": [1, 2]}


def test_a_zipped_study_has_a_point_for_each_place_of_its_lists() -> None:
    study = slabdes.simulate(BASE | {"zip": {"machine.cpus": [1, 2], "workload.operations": [4, 2]}})
    assert isinstance(study, slabdes.api.Study)
    assert study.points.select("cpus", "workload.operations").rows() == [(1, 4), (2, 2)]
    assert study.point(1).manifest.experiment["zip"] == {}
    compared = slabdes.compare(study, by="cpus")
    assert [pair.points for pair in compared.pairs] == [(0, 1)]


QUICK = """
[machine]
preset = "numa-2x4"
[[cache]]
name = "a"
size = 64
[workload]
kind = "burst"
[sweep]
"machine.cpus" = [1, 2, 8]
"cache.a.limit" = [30, 60]
"""


def test_the_small_size_of_a_file_holds_when_it_is_asked_for_and_settings_go_before_it(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text(f'{QUICK}[quick]\n"cache.a.limit" = 12\nreplications = 2\n"sweep.machine.cpus" = [1, 4]\n')
    whole, small = load_experiment(file), load_experiment(file, quick=True)
    assert whole.replications == 1
    assert len(list(expand(whole))) == 6
    assert [point.machine.cpus for _, point in expand(small)] == [1, 4]
    assert (small.cache[0].limit, small.replications) == (12, 2)
    assert load_experiment(file, ["replications=7"], quick=True).replications == 7


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "quick: the file has no such table"),
        ("[quick]\n", "quick: the file has no such table"),
        ("[quick]\nreplication = 2\n", "replication: unknown key"),
        ('[quick]\n"machine.cpus" = 0\n', "machine.cpus: 0 is out of range"),
        ('[quick]\n"cache.b.limit" = 8\n', "quick: 'b' is not in the list"),
    ],
)
def test_a_small_size_that_is_not_there_or_wrong_is_told_in_a_line(tmp_path: Path, table: str, told: str) -> None:
    file = tmp_path / "e.toml"
    file.write_text(QUICK + table)
    with pytest.raises(InputError, match=re.escape(told)):
        load_experiment(file, quick=True)
    file.write_text("quick = 3\n" + QUICK)
    with pytest.raises(InputError, match="quick: not a table"):
        load_experiment(file)
