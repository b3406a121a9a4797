# SPDX-License-Identifier: GPL-2.0-only
"""Which knobs matter: a knob that does is told from one that does not, and both from chance; known answers, and bad input."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.answers.sensitivity import sensitivity_answer, sensitivity_sheet
from slabdes.config.knobs import knobs_of
from slabdes.errors import InputError
from slabdes.study import sensitivity as sensitive
from slabdes.study.sensitivity import CHANCE
from slabdes.tuning import Sensitivity

BASE: dict[str, Any] = {
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "a", "size": 256, "limit": 8, "batchcount": 4}],
    "workload": {"kind": "mix", "operations": 30, "live": 10},
}
OVER = {"workload.think_ns": (0.0, 1000.0), "cache.0.limit": (100, 120)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sensitivity") / "told"


@pytest.fixture(scope="module")
def told(folder: Path) -> Sensitivity:
    return slabdes.sensitivity(BASE, OVER, "operations/s", samples=6, out=folder)


def test_a_knob_that_matters_is_told_from_one_that_does_not_and_both_from_chance(told: Sensitivity) -> None:
    think, limit = told.effects
    assert (think.key, think.matters) == ("workload.think_ns", True)
    assert (limit.key, limit.matters, limit.total.value) == ("cache.0.limit", False, 0.0)  # 10 objects never fill either
    assert think.own < 0 < think.total.value
    assert told.chance.key == CHANCE
    assert 0 < told.chance.total.value < think.total.value
    which, others, how, *settled, not_told = sensitivity_answer(told)
    assert which.startswith("think_ns matters most to operations/s: over its range it moves it by ")
    assert others == "Not told from chance: limit."
    assert "Morris' elementary effects, 6 trajectories" in how and "95.0 % intervals" in how
    assert settled[0].startswith("Warm-up, by MSER, is in no figure: ") and " of a run at the settings" in settled[0]
    assert not_told.startswith("Not to be concluded: anything beyond these ranges")


def test_the_figures_are_in_the_folder_and_every_setting_is_a_point_of_a_run(told: Sensitivity, folder: Path) -> None:
    frame = pl.read_parquet(folder / "sensitivity.parquet")
    assert frame.equals(told.frame())
    assert frame["knob"].to_list() == ["workload.think_ns", "cache.0.limit", CHANCE]
    assert (folder / "figures" / "sensitivity.png").read_bytes()[1:4] == b"PNG"
    assert slabdes.Run.load(folder).frames.points["seed"].n_unique() == 4
    assert len(sensitivity_sheet(told).rows) == 3


def _linear(knobs: int) -> Callable[[Any], float]:
    return lambda place: sum(number * share for number, share in enumerate(place[:knobs], start=1)) + 0.01 * place[-1]


@pytest.mark.parametrize(("method", "samples"), [("morris", 8), ("sobol", 256)])
def test_effects_of_a_sum_are_its_factors(method: str, samples: int) -> None:
    problem = sensitive._problem(knobs_of({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}))
    places = sensitive._sampled(problem, method, samples, 1)
    effects = sensitive._effects(problem, method, places, list(map(_linear(3), places)), 1)
    assert [one.key for one in effects] == ["a", "b", "c", CHANCE]
    # Of a sum of uniform shares, each one's part of the variance goes with its factor's square.
    known = [1, 2, 3] if method == "morris" else [1 / 14, 4 / 14, 9 / 14]
    for one, value in zip(effects, known, strict=False):
        assert one.total.value == pytest.approx(value, rel=0.05)
        assert one.total.low is not None and one.total.high is not None
        assert one.total.low <= value * 1.001 and one.total.high >= value * 0.999
    assert all(one.matters for one in sensitive._judged(effects[:3], effects[3]))
    again = sensitive._effects(problem, method, places, list(map(_linear(3), places)), 1)
    assert again == effects


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7])
def test_every_value_of_a_list_is_in_as_many_trajectories_and_its_effect_is_that_along_the_whole_list(n: int) -> None:
    knobs = knobs_of({"a": list(range(0, 10 * n, 10)), "b": (0.0, 1.0), "c": [f"word{number}" for number in range(n)]})
    problem = sensitive._problem(knobs)
    places = sensitive._sampled(problem, "morris", 16, 1)
    listed = sensitive._listed(knobs, places, 1)
    steps = {key: moved for key, (_chosen, moved) in listed.items()}
    for key in ("a", "c"):
        chosen, _moved = listed[key]
        pairs = [{*chosen[at : at + 5]} for at in range(0, len(chosen), 5)]
        assert {len(pair) for pair in pairs} == {2}
        visits = Counter(value for pair in pairs for value in pair)
        assert len(visits) == n and max(visits.values()) - min(visits.values()) <= 2
    shares = [value / (10 * (n - 1)) for value in listed["a"][0]]
    values = [3 * share + float(place[1]) for share, place in zip(shares, places, strict=True)]
    first, second, third, chance = sensitive._effects(problem, "morris", places, values, 1, steps)
    assert [one.total.value for one in (first, second, third, chance)] == pytest.approx([3, 1, 0, 0], abs=1e-9)
    assert (first.own, first.varies) == pytest.approx((3, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("over", "options", "line"),
    [
        ({}, {}, "sensitivity: no knob is free; allowed: --over KEY=LOW..HIGH"),
        (OVER, {"method": "saltelli"}, "--method saltelli: no method; allowed: morris, sobol"),
        (OVER, {"method": "moris"}, "no method (did you mean morris?)"),
        (OVER, {"samples": 1}, "--samples: 1; allowed: 2 to 4,096"),
        (OVER, {"method": "sobol", "samples": 100}, "--samples: 100; allowed: 2 to 4,096, a power of two"),
        (OVER, {"measure": "alloc.p98"}, "--measure alloc.p98: no measure (did you mean alloc.p99?)"),
        (
            OVER,
            {"measure": "alloc.p99", "samples": 2},
            "sensitivity: alloc.p99: not enough samples (needs 368); allowed: more",
        ),
        (OVER, {"measure": "section.mean"}, "not every setting has section.mean"),
        (
            {"cache.0.limit": (8, 100), "cache.0.batchcount": (1, 60)},
            {},
            "cannot be run (batchcount 60 is greater than limit 8",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_line(over: dict[str, Any], options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        slabdes.sensitivity(BASE, over, **({"samples": 4} | options))
    assert line in str(refused.value)


def test_without_salib_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "SALib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "SALib", None)
    with pytest.raises(InputError) as refused:
        slabdes.sensitivity(BASE, OVER)
    assert str(refused.value) == 'sensitivity: SALib is not installed; allowed: pip install "slabdes[sensitivity]"'
