# SPDX-License-Identifier: GPL-2.0-only
"""Comparisons in words: which side, by how much, where, what else differs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from example import example_frames, example_manifest

import slabdes
from slabdes.answers.comparison import (
    SINGLE,
    comparison_about,
    comparison_answer,
    comparison_remarks,
    comparison_sheets,
    lead,
    side_names,
    verdict,
)
from slabdes.answers.figures import ratio_text
from slabdes.answers.named import change_text
from slabdes.answers.screen import comparison_plain
from slabdes.errors import InputError
from slabdes.measures.compare import Compared, Comparison, Pair, compare_by, compare_runs
from slabdes.measures.differences import differences, setting_of
from slabdes.measures.names import alone
from slabdes.results.run import Run, run_of
from slabdes.stats.intervals import Interval, mean_interval
from slabdes.stats.pairs import difference, ratio


def run_with(machine: str = "xeon-2s", replications: int = 3, operations: int = 400, **settings: Any) -> Run:
    frames = example_frames((1, 8), (machine,), replications=replications, operations=operations)
    manifest = example_manifest(frames)
    experiment = {"seed": 1, "machine": {"preset": machine}, "cache": [{"name": "filp", "limit": 12}], **settings}
    return run_of(replace(manifest, seed=experiment["seed"], experiment=manifest.experiment | experiment), frames)


def row(value: float, half: float | None, measure: str = "operations_per_s") -> Compared:
    side = Interval(1.0, None, 1, 0.95)
    return Compared({}, measure, side, side, side, Interval(value, half, 3, 0.95))


@pytest.mark.parametrize(
    ("one", "text", "told"),
    [
        (row(2e7, 5.88e6), "+20.0 M ±5.88 M", 1),
        (row(-2e7, 5.88e6), "-20.0 M ±5.88 M", -1),
        (row(2.0, 3.0), "+2 ±3", 0),
        (row(2.0, None), "+2", 0),
        (row(-0.208, 0.0201, "share_waiting"), "-20.8 ±2.1 points", 1),
        (row(0.0, 0.00001, "share_waiting"), "0 ±0.1 points", 0),
        (row(40.7, 30.0, "free_p99_ns"), "+40.7 ns ±30.0 ns", -1),
    ],
)
def test_a_difference_has_its_sign_unit_and_interval_and_shares_are_in_points(one: Compared, text: str, told: int) -> None:
    assert change_text(one) == text
    assert verdict(one) == told


def test_a_comparison_names_its_sides_and_every_percentile_and_prints_no_python() -> None:
    compared = compare_runs(run_with(), run_with(operations=300, cache=[{"name": "filp", "limit": 60}]), ("runs/a", "runs/b"))
    assert comparison_about(compared) == ["first: runs/a; second: runs/b", "they differ in cache.0.limit (12, then 60)"]
    words = " ".join([*comparison_answer(compared), *comparison_about(compared)])
    cells = [cell for sheet in comparison_sheets(compared) for line in sheet.rows for cell in line]
    measures = [cell for cell in cells if cell.split()[0] in ("alloc", "free")]
    assert set(measures) == {f"{op} {what}" for op in ("alloc", "free") for what in ("mean", "p50", "p99", "p99.9")}
    assert not {"{", "[", "None"} & {*words, *cells} and "None" not in words
    assert 2 <= len(comparison_answer(compared)) <= 5


def test_other_seeds_and_several_settings_that_differ_are_warned_of() -> None:
    compared = compare_runs(run_with(), run_with(seed=2, operations=300, cache=[{"name": "filp", "limit": 60, "batchcount": 9}]))
    about = comparison_about(compared)
    assert "seed (1, then 2)" in about[1] and "cache.0.batchcount (by default, then 9)" in about[1]
    assert any("nothing cancels" in line for line in about)
    assert "what each of the settings that differ does" in comparison_answer(compared)[-1]
    assert not compared.paired


def test_machines_are_compared_with_a_warning_where_the_points_match() -> None:
    compared = compare_runs(run_with(), run_with("opteron-8n"))
    assert len(compared.pairs) == 2
    assert "warning: the machines differ" in comparison_about(compared)


def test_points_are_called_different_of_all_of_them_together() -> None:
    frames = example_frames((1, 8), replications=3)
    compared = compare_by(run_of(example_manifest(frames), frames), "cpus")
    random = np.random.default_rng(5)

    def drawn(place: int, shift: float) -> Pair:
        change = mean_interval([shift + value for value in random.standard_normal(8).tolist()])
        side = Interval(1e6, 1.0, 8, 0.95)
        row = Compared({"limit": place}, "operations_per_s", side, side, side, change)
        return replace(compared.pairs[0], label=row.label, rows=(row,))

    alike = replace(compared, pairs=tuple(drawn(place, 0.0) for place in range(60)))
    assert sum(map(abs, map(verdict, alike.rows))) > 0  # alone, one in twenty leaves 0 out
    assert " is not told from CPUs 1 at any of 60 points" in comparison_answer(alike)[0]
    some = replace(compared, pairs=(*alike.pairs, drawn(60, 9.0), drawn(61, -9.0)))
    assert " is faster at 1, slower at 1 and not told apart at 60 of 62 points" in comparison_answer(some)[0]
    assert "which of the 62 points are faster" in comparison_remarks(some)[1].lower()


def test_replications_that_lack_a_measure_on_one_side_are_in_no_pair_and_told() -> None:
    frames = example_frames((1, 8), replications=4)
    lacking = (pl.col("point") == 0) & (pl.col("replication") == 1) & (pl.col("op") == "free")
    run = run_of(example_manifest(frames), replace(frames, latency=frames.latency.filter(~lacking)))
    compared = compare_by(run, "cpus")
    counts = {row.measure: (row.difference.n, row.dropped) for row in compared.rows}
    assert (counts["alloc_mean_ns"], counts["free_mean_ns"]) == ((4, 0), (3, 1))
    each = (alone(run.frames, "free_mean_ns")[point] for point in (0, 1))
    ones, others = ({number: value for number, value in values.items() if number != 1} for values in each)
    (mean,) = (row.difference.value for row in compared.rows if row.measure == "free_mean_ns")
    assert mean == pytest.approx(sum(others[number] - ones[number] for number in ones) / 3)
    told = "1 replication of free mean, free p50 and free p99 that one side lacks: in no pair, left out of the difference."
    assert comparison_remarks(compared)[-1] == told


def test_single_replications_conclude_nothing() -> None:
    compared = compare_runs(run_with(replications=1), run_with("opteron-8n", 1, 300))
    assert comparison_answer(compared)[-1] == SINGLE
    assert all(not verdict(one) for one in compared.rows)


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        (lambda: compare_runs(run_with(), run_with(workload={"kind": "burst"})), "workloads mix and burst; allowed: two runs of"),
        (lambda: compare_by(run_with(), "seed"), "'seed' does not vary in this run"),
        (lambda: compare_by(run_with(), "limit"), "'limit' does not vary in this run"),
    ],
)
def test_what_is_not_comparable_is_refused_in_one_line(compare: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        compare()
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_every_value_of_a_key_is_compared_with_the_first() -> None:
    frames = example_frames((1, 2, 8), replications=3)
    compared = compare_by(run_of(example_manifest(frames), frames), "cpus")
    assert [side_names(compared, pair) for pair in compared.pairs] == [("CPUs 1", "CPUs 2"), ("CPUs 1", "CPUs 8")]
    assert compared.paired


def test_a_setting_of_one_cache_is_found_by_name_and_number() -> None:
    experiment = {"cache": [{"name": "filp", "limit": 12}]}
    assert [setting_of(experiment, key) for key in ("cache.filp.limit", "cache.0.limit", "cache.1.limit", "x.y")] == [
        12,
        12,
        None,
        None,
    ]


def test_an_equal_run_differs_in_nothing() -> None:
    assert differences(run_with().manifest, run_with().manifest) == []
    compared = compare_runs(run_with(), run_with())
    assert "their settings are the same" in comparison_about(compared)
    assert comparison_answer(compared) == ["second and first do not differ in any figure."]


def by_number(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_unpaired_differences_follow_welch_by_hand() -> None:
    # Means 2 and 6, variances 1 and 4, three each: half is t(2.94) * sqrt(5 / 3); freedom (5/3)^2 / ((1/3)^2/2 + (4/3)^2/2).
    change = difference(2.0, by_number(1, 2, 3), 6.0, by_number(4, 6, 8), paired=False)
    assert change.value == 4
    assert change.half_width == pytest.approx(3.217 * (5 / 3) ** 0.5, rel=0.005)
    assert difference(2.0, by_number(2), 6.0, by_number(4, 8), paired=False) == Interval(4.0, None, 1, 0.95)


def test_a_ratios_interval_holds_what_the_difference_does_not_tell_apart_and_may_have_no_end() -> None:
    # The first side is 1 both times: differences of 1 and 7 from 3 and 4 have t(1) * 3 to either side of their mean, and 1 more.
    found = ratio(1.0, by_number(1, 1), 4.0, by_number(2, 8), paired=True)
    assert found is not None and found.half_width is not None
    assert found.value == 4
    assert found.half_width == pytest.approx(12.706 * 3 + 1, rel=1e-3)
    assert (found.low, ratio_text(found)) == (0.0, "4.000 ±978 %")
    assert ratio(0.0, by_number(0, 0), 1.0, by_number(1, 1), paired=True) is None
    assert ratio(1.0, by_number(0, 2), 1.0, by_number(1, 1), paired=True) == Interval(1.0, None, 2, 0.95, least=0.0)


def test_a_comparison_for_programs_has_its_sentences_and_ratios_their_intervals() -> None:
    told = comparison_plain(compare_runs(run_with(), run_with(operations=300)))
    assert told["answer"][0].startswith("second ")
    mean = next(row for row in told["measures"] if row["measure"] == "alloc_mean_ns")
    assert mean["ratio_low"] < mean["ratio"] < mean["ratio_high"]


def test_the_value_that_others_are_set_against_is_chosen_by_how_it_is_written() -> None:
    frames = example_frames((1, 8, 2), ("m",), replications=3)
    run = run_of(example_manifest(frames), frames)
    compared = compare_by(run, "cpus", against="2")
    assert compared.sides == ("2", "others") and {pair.label["cpus"] for pair in compared.pairs} == {1, 8}
    assert compare_by(run, "cpus").sides[0] == "1"
    with pytest.raises(InputError, match=r"--against 3: no value of cpus.*; allowed: 1, 8, 2"):
        compare_by(run, "cpus", against="3")


def test_a_comparison_begins_with_times_where_thinking_tells_the_rate_and_says_why() -> None:
    compared = compare_runs(run_with(), run_with(operations=300))

    def thinking(share: float) -> Comparison:
        return replace(compared, pairs=tuple(replace(pair, thinking=(share, share)) for pair in compared.pairs))

    assert (lead(thinking(0.4)), lead(thinking(0.6))) == ("operations_per_s", "alloc_mean_ns")
    assert " operations/s against " in comparison_answer(thinking(0.4))[0]
    assert " in alloc mean against " in comparison_answer(thinking(0.6))[0]
    (rate,) = (row.difference for row in compared.rows if row.measure == "operations_per_s" and row.label["cpus"] == 1)
    assert any(sentence.startswith("Why: ") for sentence in comparison_answer(thinking(0.4))) or rate.contains(0.0)


def test_memory_held_and_the_part_of_it_in_use_are_measures() -> None:
    # Two CPUs hold 60 objects of 256 bytes each when it ends; sheaves of 200 hold more memory for as many.
    raw = {"allocator": "7.3", "engine": "reference", "replications": 3, "machine": {"preset": "numa-2x4", "cpus": 2}}
    raw |= {"cache": [{"name": "a", "size": 256}], "workload": {"kind": "mix", "operations": 3000, "live": 60}}
    run = slabdes.simulate(raw | {"sweep": {"cache.0.sheaf_capacity": [8, 200]}, "warm_up": "none"}, progress=False)
    compared = slabdes.compare(run, by="cache.0.sheaf_capacity")
    held, used = (next(row for row in compared.rows if row.measure == measure) for measure in ("held_bytes", "share_used"))
    assert held.second.value > held.first.value
    assert 0 < used.second.value < used.first.value < 1
    pages = sum(run.slabs.filter(point=0, replication=0).select("slabs_partial", "slabs_full", "slabs_cpu").row(0))
    assert held.first.value > pages * 8192, "slabs of two pages, and sheaves"
    told = comparison_answer(compared)
    assert any(sentence.startswith("When runs end caches hold ") for sentence in told)


def test_frees_that_wait_for_their_grace_period_decide_nothing() -> None:
    raw = {"allocator": "7.3", "engine": "reference", "replications": 2, "machine": {"preset": "numa-2x4", "cpus": 2}}
    raw |= {"cache": [{"name": "a", "size": 256}], "workload": {"kind": "mix", "operations": 300, "live": 30}}
    raw |= {"rcu": {"frees": True, "grace_ms": 20.0}, "sweep": {"cache.0.sheaf_capacity": [8, 16]}, "warm_up": "none"}
    compared = slabdes.compare(slabdes.simulate(raw, progress=False), by="cache.0.sheaf_capacity")
    (first, last) = comparison_answer(compared)
    assert first.startswith("No verdict: of sheaf_capacity 8 and sheaf_capacity 16 100.0 % of frees by kfree_rcu still wait for")
    assert "their grace period when runs end, so that" in first
    assert "a shorter rcu.grace_ms has it" in first
    assert last.startswith("Not to be concluded")


def test_of_several_values_each_is_told_where_it_is_better_and_why() -> None:
    raw = {"engine": "reference", "replications": 4, "machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", "size": 256}]}
    raw |= {"workload": {"kind": "burst", "objects": 300}, "sweep": {"allocator": ["6.1", "6.12", "7.3"], "machine.cpus": [2, 8]}}
    told = comparison_answer(slabdes.compare(slabdes.simulate(raw, progress=False), by="allocator", against="6.1"))
    each = [sentence for sentence in told if sentence.startswith("allocator ")]
    assert [sentence.split()[1] for sentence in each] == ["6.12", "7.3"]
    for sentence in each:
        assert any(word in sentence for word in (" is faster", " is slower", " is not told apart"))
        assert "CPUs" in sentence or "everywhere" in sentence
        assert ("times): " in sentence) == ("faster" in sentence or "slower" in sentence), "why, if it is told apart"
    assert not any(sentence.startswith("Why:") for sentence in told)
    (fastest,) = (sentence for sentence in told if sentence.startswith("The fastest"))
    assert any(name in fastest for name in ("6.1", "6.12", "7.3"))
