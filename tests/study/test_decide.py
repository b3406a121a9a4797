# SPDX-License-Identifier: GPL-2.0-only
"""Two settings of an experiment, replicated until it is decided which is better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import slabdes
from slabdes.answers.best import asked_answer
from slabdes.answers.causes import PART_WORDS
from slabdes.answers.comparison import comparison_answer, comparison_sheets, leads
from slabdes.answers.decision import decision_answer, decision_sheet, looks_text
from slabdes.answers.named import measure_name
from slabdes.answers.tables import view_of
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.measures.causes import causes
from slabdes.measures.compare import compare_by
from slabdes.measures.names import measure_of
from slabdes.results.frames import SPENT_PARTS
from slabdes.stats.deciding import Looks, Outcome
from slabdes.study.decide import decide

BASE: dict[str, Any] = {
    "engine": "reference",
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "a", "size": 256, "limit": 20}],
    "workload": {"kind": "mix", "operations": 60, "live": 20},
}
LIMIT = "cache.0.limit"


@pytest.fixture(scope="module")
def larger() -> slabdes.Decided:
    return slabdes.decide(BASE, {LIMIT: 4}, {LIMIT: 60}, "alloc.mean", most=20)


def sentences(decided: slabdes.Decided) -> list[str]:
    return decision_answer(decided.compared, decided.outcomes, decided.looks)


def test_a_large_difference_is_decided_at_the_first_look_and_told_with_its_interval_and_cause(larger: slabdes.Decided) -> None:
    assert (larger.outcome, larger.run.manifest.replications) == (Outcome.LOWER, 5)
    row = larger.pair.row("alloc_mean_ns")
    assert row is not None
    assert row.difference.confidence == pytest.approx(1 - 0.05 / 3)  # looks at 5, 10 and 20
    which, cost, why, *_lock, _not = sentences(larger)
    assert which.startswith("limit 60 is better than limit 4 in alloc mean: ")
    times = row.ratio
    assert times is not None and times.low is not None and times.high is not None
    low, value, high = (f"{100 * (part - 1):+.1f}" for part in (times.low, times.value, times.high))
    assert f"{value} % (between {low} and {high} %)" in which
    assert "5 replications of each side" in cost
    assert "1 look;" in cost
    assert why.startswith("Why: an allocation takes ")


def test_several_measures_are_each_decided_in_a_sentence_of_all_of_them_together() -> None:
    names = ["alloc.mean", "operations/s", "alloc.mean"]
    decided = slabdes.decide(BASE, {LIMIT: 4}, {LIMIT: 60}, names, most=10)
    assert decided.outcomes == {"alloc_mean_ns": Outcome.LOWER, "operations_per_s": Outcome.HIGHER}
    one, two, cost, *_ = sentences(decided)
    assert one.startswith("limit 60 is better than limit 4 in alloc mean: ")
    assert two.startswith("limit 60 is better than limit 4 in operations/s: ")
    assert "all 2 looks at 2 measures (Holm's correction) together err in at most 5.0 % of cases" in cost


def test_measures_of_the_file_are_decided_and_begin_a_comparison() -> None:
    decided = slabdes.decide(BASE | {"measures": ["free.mean", "waiting"], "most": 5}, {LIMIT: 4}, {LIMIT: 60})
    assert list(decided.outcomes) == ["free_mean_ns", "share_waiting"]
    assert decided.looks.most == 5
    compared = compare_by(decided.run, LIMIT)
    assert leads(compared) == ["free_mean_ns", "share_waiting"]
    first, second, *_ = comparison_answer(compared)
    assert " in free mean against " in first and " in CPU time waiting against " in second
    assert comparison_sheets(compared)[0].rows[0][0] == "free mean"
    ranked, _waiting = asked_answer(view_of(decided.run))
    assert ranked.startswith("Of 2 settings limit 60 is the best in free mean, with ") and "that of the worst, limit 4" in ranked


def test_replications_are_added_until_all_measures_are_decided() -> None:
    # Another seed changes nothing but chance, which half of a figure leaves out and nothing else does.
    sides = {"seed": 1}, {"seed": 2}
    assert slabdes.decide(BASE, *sides, "alloc.p50", by=0.5, most=10).run.manifest.replications == 5
    decided = slabdes.decide(BASE | {"name": "several"}, *sides, ["alloc.p50", "alloc.mean"], by=0.0, most=10)
    assert decided.run.manifest.replications == 10
    assert decided.outcomes["alloc_mean_ns"] is Outcome.OPEN
    assert "that the sides are alike in " in sentences(decided)[-1] and "alloc mean" in sentences(decided)[-1]


def test_parts_and_paths_add_up_to_the_difference_of_the_means(larger: slabdes.Decided) -> None:
    found = causes(*larger.pair.spent, "alloc")
    row = larger.pair.row("alloc_mean_ns")
    assert row is not None
    assert (found.mean.first, found.mean.second) == pytest.approx((row.first.value, row.second.value))
    assert sum(part.change for part in found.parts) == pytest.approx(row.difference.value)
    assert sum(path.change for path in found.paths) == pytest.approx(row.difference.value)


def test_the_sides_are_points_of_one_study_that_can_be_run_again(larger: slabdes.Decided) -> None:
    assert larger.run.manifest.experiment["zip"] == {LIMIT: [4, 60]}
    again = slabdes.simulate(larger.run.manifest.experiment | {"replications": larger.run.manifest.replications})
    assert again.digest == larger.run.digest


def test_every_measure_is_told_the_largest_difference_first(larger: slabdes.Decided) -> None:
    sheet = decision_sheet(larger.compared, larger.outcomes)
    shown = [float(row[3].partition(" ")[0].replace(",", "")) for row in sheet.rows if row[3] != "-"]
    ratios = [max(ratio, 1 / ratio) for ratio in shown]
    assert ratios == pytest.approx(sorted(ratios, reverse=True), rel=0.001), "in order, as far as three decimals tell"
    assert {row[0] for row in sheet.rows} >= {"operations/s", "alloc p99", "free mean", "CPU time waiting"}
    assert {row[-1] for row in sheet.rows} <= {"yes", "no", "-"}
    names = [measure_name(measure) for measure in larger.outcomes]
    assert [row[-1] for row in sheet.rows if row[0] in names] == ["yes"] * len(names)


def test_a_setting_that_changes_nothing_is_alike_at_once() -> None:
    decided = slabdes.decide(BASE, {"name": "one"}, {"name": "other"}, "alloc.p99", most=20)
    assert (decided.outcome, decided.run.manifest.replications) == (Outcome.ALIKE, 5)
    assert sentences(decided)[0].startswith("name other and name one do not differ in alloc p99 by more than 0.4 %: ")


def test_what_is_open_is_replicated_more_and_said_to_be_open() -> None:
    # Another seed changes nothing but chance.
    decided = slabdes.decide(BASE, {"seed": 1}, {"seed": 2}, "alloc.mean", most=20)
    assert (decided.outcome, decided.run.manifest.replications) == (Outcome.OPEN, 20)
    which, cost, *_, last = sentences(decided)
    assert which.startswith("It is not decided whether seed 2 or seed 1 is better")
    assert "20 replications of each side on common random numbers, in 3 looks" in cost
    assert "--most 40" in last


def test_a_difference_that_does_not_matter_ends_the_search() -> None:
    decided = slabdes.decide(BASE, {"seed": 1}, {"seed": 2}, "alloc.p50", by=0.5, most=20)
    assert decided.outcome is Outcome.ALIKE
    assert "do not differ in alloc p50 by more than 50.0 %" in sentences(decided)[0]


def test_it_is_gone_on_with_after_an_interruption(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def interrupt(_what: str, done: int, total: int) -> None:
        seen.append((done, total))
        if total > 9_000 and done > total * 0.8:  # of the second round
            raise KeyboardInterrupt

    def again(**options: Any) -> slabdes.Decided:
        sides: Any = ({"seed": 1}, {"seed": 2})
        return decide(
            parse_experiment(BASE, "base"), *sides, ["alloc_mean_ns", "free_mean_ns"], Looks(10), out=tmp_path / "run", **options
        )

    with pytest.raises(KeyboardInterrupt):
        again(phase=interrupt)
    with pytest.raises(InputError, match="finished replications of this experiment"):
        again()
    seen.clear()
    gone_on = again(resume=True, phase=lambda _what, done, total: seen.append((done, total)))
    assert seen[0][0] == seen[0][1]  # the first round is not run again
    assert gone_on.run.digest == slabdes.decide(BASE, {"seed": 1}, {"seed": 2}, "alloc.mean", most=10).run.digest
    assert json.loads((tmp_path / "run/manifest.json").read_text())["replications"] == 10


def test_what_was_left_open_is_not_the_answer_where_more_replications_are_asked_for(tmp_path: Path) -> None:
    def again(most: int, **options: Any) -> slabdes.Decided:
        return slabdes.decide(BASE, {"seed": 1}, {"seed": 2}, "alloc.mean", most=most, out=tmp_path / "run", **options)

    assert again(5).outcome is Outcome.OPEN
    assert again(5, resume=True).outcome is Outcome.OPEN
    with pytest.raises(InputError, match="finished with 5 replications, fewer than is asked for now"):
        again(20, resume=True)


def test_every_part_of_a_time_has_its_words() -> None:
    often = BASE | {"interrupts": {"mean_ns": 2000.0}}
    decided = slabdes.decide(often, {"interrupts.work_ns": 100.0}, {"interrupts.work_ns": 5000.0}, "operations/s", most=5)
    assert decided.outcome is Outcome.LOWER
    told = decision_answer(decided.compared, decided.outcomes, decided.looks)
    assert "more is interrupts taken meanwhile" in " ".join(told)
    assert set(SPENT_PARTS) <= set(PART_WORDS)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [({LIMIT: 4}, {LIMIT: 4}, "both sides have the same settings"), ({LIMIT: 20}, {}, "both sides have the same settings")],
)
def test_sides_that_cannot_be_told_apart_are_refused(first: dict[str, Any], second: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        slabdes.decide(BASE, first, second)


def test_a_sweep_is_no_side() -> None:
    with pytest.raises(InputError, match="the experiment sweeps seed"):
        slabdes.decide(BASE | {"sweep": {"seed": [1, 2]}}, {LIMIT: 4}, {LIMIT: 8})


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("operations/s", "operations_per_s"),
        ("waiting", "share_waiting"),
        ("alloc.p99.9", "alloc_p999_ns"),
        ("free.p50", "free_p50_ns"),
    ],
)
def test_measures_have_short_names(name: str, measure: str) -> None:
    assert measure_of(name) == measure


def test_an_unknown_measure_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no measure \(did you mean alloc\.p99\?\)"):
        measure_of("alloc.p98")
    with pytest.raises(InputError, match=r"not both sides have section.mean \(did you mean free.mean\?\)"):
        slabdes.decide(BASE, {LIMIT: 4}, {LIMIT: 8}, "section.mean")


def test_looks_use_what_is_left_to_error_up_only_once() -> None:
    assert Looks(20).level == pytest.approx(1 - 0.05 / 3)


def test_one_look_is_told_in_the_singular() -> None:
    assert looks_text(Looks(5)) == "the one look errs"
    assert looks_text(Looks(10)) == "all 2 looks together err"
