# SPDX-License-Identifier: GPL-2.0-only
"""Quantiles, rates and shares, against values that follow by hand."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
from math import ceil

import polars as pl
import pytest
from example import concat_frames, example_frames, example_records, histogram_frame, section_records
from hypothesis import given
from hypothesis import strategies as st

from slabdes.answers.figures import point_name
from slabdes.answers.tuning import settings_text
from slabdes.charts.choice import point_label, told_apart
from slabdes.charts.scaling import scaling
from slabdes.charts.time_shares import time_shares
from slabdes.engine.records import Histogram, LockKind, Path
from slabdes.errors import InputError
from slabdes.results import breakdown, contention, metrics
from slabdes.results.frames import SPENT_PARTS, Frames, Point, frames_of
from slabdes.stats.samples import samples_needed

TIMES = st.lists(st.integers(0, 10**13), min_size=1, max_size=60)


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(TIMES, st.sampled_from(["0", "0.001", "0.25", "0.5", "0.9", "0.99", "0.999", "1"]))
def test_a_quantile_is_within_one_per_cent_of_the_counted_time_of_its_rank(values: list[int], q: str) -> None:
    found = metrics.quantile(histogram_frame(histogram_of(values)), float(q))
    exact = sorted(values)[max(1, ceil(len(values) * int(float(q) * 1000) / 1000)) - 1] / 1000
    assert found == pytest.approx(exact, rel=0.004, abs=0.0006)


@given(TIMES, TIMES)
def test_quantiles_of_two_histograms_together_are_those_of_all_values(first: list[int], second: list[int]) -> None:
    apart = pl.concat([histogram_frame(histogram_of(first)), histogram_frame(histogram_of(second))])
    together = histogram_frame(histogram_of(first + second))
    for q in (0.0, 0.1, 0.5, 0.99, 1.0):
        assert metrics.quantile(apart, q) == metrics.quantile(together, q)


@given(TIMES)
def test_a_greater_share_never_has_a_lesser_quantile(values: list[int]) -> None:
    frame = histogram_frame(histogram_of(values))
    found = [metrics.quantile(frame, q) for q in (0.0, 0.2, 0.5, 0.8, 0.99, 1.0)]
    assert found == sorted(found)


def test_the_rank_of_a_decimal_share_is_exact() -> None:
    # 0.07 * 100 is 7.000000000000001 in floats, whose ceiling would be rank 8.
    frame = histogram_frame(histogram_of(list(range(1, 101))))
    assert metrics.quantile(frame, 0.07) == pytest.approx(0.007)


def test_a_share_beyond_one_and_an_empty_histogram_are_refused_in_one_line() -> None:
    frame = histogram_frame(histogram_of([1]))
    with pytest.raises(InputError, match=r"1.5 is no share; allowed: 0 to 1"):
        metrics.quantile(frame, 1.5)
    with pytest.raises(InputError, match="no times were counted"):
        metrics.quantile(frame.clear(), 0.5)


def two_cpus() -> Frames:
    """The section example with round numbers: 400 operations in 1 ms; the CPUs waited a quarter of their time."""
    records = section_records(cpus=2)
    cpus = tuple(
        dataclasses.replace(cpu, start=0, end=10**9, think=0, lock_wait=250 * 10**6, work=750 * 10**6) for cpu in records.cpus
    )
    return frames_of(Point(0, "m", 2), [dataclasses.replace(records, cpus=cpus, elapsed=10**9)])


def test_throughput_is_operations_over_simulated_time_and_waiting_a_share_of_the_cpus_time() -> None:
    row = metrics.rates(two_cpus()).row(0, named=True)
    assert row["operations"] == 400
    assert row["operations_per_s"] == pytest.approx(400 / 1e-3)
    assert row["share_waiting"] == pytest.approx(0.25)


def test_a_cpu_that_did_nothing_does_not_dilute_the_waiting() -> None:
    frames = two_cpus()
    spare = frames.cpus.head(1).with_columns(pl.col("sections", "think_ns", "lock_wait_ns", "work_ns") * 0)
    reaping = spare.with_columns(pl.col("end_ns").alias("idle_ns") - 50, pl.lit(50.0).alias("work_ns"))
    diluted = dataclasses.replace(frames, cpus=pl.concat([frames.cpus, reaping]))
    assert metrics.rates(diluted)["share_waiting"].to_list() == metrics.rates(frames)["share_waiting"].to_list()
    assert metrics.where_time_went(diluted).equals(metrics.where_time_went(frames))


def test_what_a_cpu_is_idle_after_its_program_is_no_time_at_work() -> None:
    frames = two_cpus()
    later = frames.cpus.with_columns(pl.col("end_ns") + 500_000, (pl.col("idle_ns") + 500_000))
    assert metrics.rates(dataclasses.replace(frames, cpus=later))["share_waiting"].to_list() == [0.25]


def test_the_summary_has_a_row_a_point_and_operation_with_exact_means() -> None:
    records = example_records()
    table = metrics.summary(frames_of(Point(0, "m", 4), [records]))
    assert table["op"].to_list() == ["alloc", "free"]
    allocs = [one for (_cache, path), one in records.latency.items() if path <= Path.FAIL]
    mean = sum(one.total for one in allocs) / sum(one.count for one in allocs) / 1000
    row = table.row(0, named=True)
    assert row["mean_ns"] == pytest.approx(mean)
    assert row["max_ns"] == max(one.greatest for one in allocs) / 1000
    assert row["refills"] == records.caches[0].refills
    assert row["failed"] == sum(cpu.failed for cpu in records.cpus)
    assert row["p50_ns"] <= row["p99_ns"] <= row["max_ns"]


def test_percentiles_that_too_few_samples_tell_are_null_and_say_how_many_they_need() -> None:
    # 1,600 operations: 368 tell p99, 3,688 tell p99.9 (each end of 95 % is missed in 2.5 %: 0.999 ** 3688 < 0.025).
    frames = frames_of(Point(0, "m", 4), [example_records()])
    for table in (metrics.summary(frames), breakdown.paths(frames), metrics.lock_quantiles(frames)):
        assert table.filter(pl.col("p999_ns").is_not_null()).height == 0
        assert table["not_told"].str.ends_with("p999_ns: not enough samples (needs 3,688)").all()
    assert metrics.summary(frames)["p99_ns"].null_count() == 0
    rare = breakdown.paths(frames).filter(path="fail").row(0, named=True)
    assert rare["not_told"].startswith("p50_ns: not enough samples (needs 6); p99_ns") and rare["max_ns"] > 0
    every = metrics.summary(frames, every=True)
    assert every["p999_ns"].null_count() == 0 and every["not_told"].null_count() == every.height


def test_a_tail_is_told_as_far_as_a_quantile_at_its_share_is() -> None:
    curves = metrics.ccdf(frames_of(Point(0, "m", 4), [example_records()]))
    of_op = metrics.summary(frames_of(Point(0, "m", 4), [example_records()])).filter(op="alloc")["operations"].item()
    for share, told in curves.filter(op="alloc", path="all").select("at_least", "told").iter_rows():
        assert told == (share == 1 or samples_needed(1 - share) <= of_op)


def test_counts_belong_to_their_operation_and_are_null_elsewhere() -> None:
    alloc, free = metrics.summary(example_frames()).iter_rows(named=True)
    assert alloc["remote_frees"] is None and alloc["refills"] > 0
    assert free["refills"] is None and free["remote_frees"] > 0
    (section,) = metrics.summary(frames_of(Point(0, "m", 4), [section_records()])).iter_rows(named=True)
    assert section["op"] == "section" and section["refills"] is None


def test_counts_are_means_over_replications() -> None:
    runs = [example_records(seed=seed) for seed in (1, 2)]
    table = metrics.summary(frames_of(Point(0, "m", 4), runs))
    assert table["refills"][0] == sum(run.caches[0].refills for run in runs) / 2


def test_points_of_a_sweep_do_not_mix() -> None:
    sweep = example_frames((1, 4), replications=2)
    alone = example_frames((4,), replications=2)
    dropped = ["point", "machine.cpus"]
    assert metrics.summary(sweep).filter(pl.col("point") == 1).drop(dropped).equals(metrics.summary(alone).drop("point"))


def test_lock_figures_of_a_node_are_its_locks_figures() -> None:
    records = example_records()
    lock = records.locks[0]
    row = metrics.per_node(frames_of(Point(0, "m", 4), [records])).filter(kind="list_lock", node=0).row(0, named=True)
    assert row["acquisitions"] == lock.acquisitions
    assert row["contended_share"] == lock.contended / lock.acquisitions
    assert row["mean_wait_ns"] == pytest.approx(lock.wait.total / lock.wait.count / 1000)
    assert row["max_hold_ns"] == lock.hold.greatest / 1000


def test_a_lock_is_busy_while_it_is_held_and_handed_over() -> None:
    records = example_records()
    table = contention.locks(frames_of(Point(0, "m", 4), [records])).filter(kind="list_lock", node=0)
    lock = records.locks[0]
    handed = sum(cpu.handoff for cpu in records.cpus) * lock.contended / sum(other.contended for other in records.locks)
    assert table["busy_share"].item() == pytest.approx((lock.hold.total + handed) / records.elapsed)


def test_who_waits_for_whom_is_counted_over_all_locks_of_a_kind_and_shared_out_among_its_waits() -> None:
    records = [example_records(seed=1), example_records(seed=2)]
    frames = frames_of(Point(0, "m", 4), records)
    table = contention.waits_for(frames).filter(kind="list_lock")
    assert table["share"].sum() == pytest.approx(1)
    assert table["waits"].to_list() == sorted(table["waits"].to_list(), reverse=True)
    row = table.filter(waiter="cache_flusharray", holder="cache_alloc_refill").row(0, named=True)
    of_that_pair = [
        point.count
        for one in records
        for lock in one.locks
        for point in lock.points
        if (point.waiter, point.holder) == ("cache_flusharray", "cache_alloc_refill")
    ]
    waits = sum(lock.contended for one in records for lock in one.locks if lock.kind is LockKind.LIST)
    assert len(of_that_pair) == 4, "two nodes, two replications"
    assert (row["waits"], row["share"]) == (sum(of_that_pair) / 2, pytest.approx(sum(of_that_pair) / waits))


def test_locks_that_were_never_taken_have_no_row_and_without_waits_there_is_no_mean() -> None:
    table = metrics.per_node(example_frames(contention=False))
    assert "zone lock" not in table["kind"].to_list()
    assert table["mean_wait_ns"].null_count() == table["max_wait_ns"].null_count() == table.height


def test_a_tail_curve_falls_from_its_paths_share_to_nothing() -> None:
    curves = metrics.ccdf(example_frames())
    for (_point, op, path), curve in curves.group_by("point", "op", "path"):
        shares = curve.sort("latency_ns")
        assert shares["at_least"].to_list() == sorted(shares["at_least"].to_list(), reverse=True)
        assert shares["fraction"][-1] == 0
        if path == metrics.ALL_PATHS:
            begins = curves.filter((pl.col("op") == op) & (pl.col("path") != path)).group_by("path").agg(pl.col("at_least").max())
            assert shares["at_least"][0] == 1 == pytest.approx(begins["at_least"].sum())


def test_shares_of_time_add_up_to_all_of_it() -> None:
    table = metrics.where_time_went(example_frames((1, 4), replications=2))
    for row in table.iter_rows(named=True):
        assert sum(row[part] for part in metrics.TIME_PARTS) == pytest.approx(1)


def test_the_time_of_each_operation_is_shared_out_among_its_parts() -> None:
    table = metrics.where_operations_went(example_frames((1, 4), replications=2))
    assert table.select("point", "op").rows() == [(0, "alloc"), (0, "free"), (1, "alloc"), (1, "free")]
    for row in table.iter_rows(named=True):
        assert sum(row[part] for part in SPENT_PARTS) == pytest.approx(1)
        assert (row["lock_wait"] > 0) == (row["point"] == 1), "one CPU has nobody to wait for"


def test_scaling_tells_the_spread_over_replications_only_if_there_are_several() -> None:
    assert metrics.scaling(example_frames((1, 2)))["operations_per_s_sd"].null_count() == 2
    frames = example_frames((4,), replications=3)
    rates = metrics.rates(frames)["operations_per_s"]
    row = metrics.scaling(frames).row(0, named=True)
    assert row["operations_per_s"] == pytest.approx(rates.mean())
    assert row["operations_per_s_sd"] == pytest.approx(rates.std())


def test_a_sweep_is_stood_for_by_each_machines_point_with_the_most_cpus() -> None:
    assert metrics.focus_points(example_frames((1, 4, 2), ("a", "b"))) == [1, 4]


def test_figures_run_along_cpus_or_else_along_what_varies() -> None:
    assert metrics.x_key(example_frames((1, 2), ("a", "b"))) == "cpus"
    assert metrics.series_keys(example_frames((1, 2), ("a", "b"))) == ["machine"]
    parts = [
        frames_of(Point(index, "m", 2, {"cache.0.limit": limit, "noaliencache": off}), [example_records(2)])
        for index, (limit, off) in enumerate([(12, True), (12, False), (120, True), (120, False)])
    ]
    frames = concat_frames(parts)
    assert metrics.x_key(frames) == "cache.0.limit"
    assert metrics.series_keys(frames) == ["noaliencache"]


def test_a_setting_of_two_keys_that_go_together_has_one_name_of_both_wherever_it_is_named() -> None:
    """As where `tune` measures three settings anew, the first as written."""
    pairs = [(None, None), (74, 60), (10, 4)]
    parts = [
        frames_of(Point(index, "m", 2, {"cache.0.limit": limit, "cache.0.batchcount": batch}), [example_records(2)])
        for index, (limit, batch) in enumerate(pairs)
    ]
    frames = concat_frames(parts)
    names = ["limit by default, batchcount by default", "limit 74, batchcount 60", "limit 10, batchcount 4"]
    assert metrics.companions(frames) == ["cache.0.batchcount"]
    assert metrics.series_keys(frames) == []
    keys = told_apart(frames)
    assert [point_label(frames, point, keys) for point in range(3)] == names
    assert [point_name(frames, point) for point in range(3)] == names
    assert [settings_text({"cache.0.limit": limit, "cache.0.batchcount": batch}) for limit, batch in pairs] == names
    for chart in (scaling(frames), time_shares(frames)):
        assert chart.along == "setting"
        assert chart.frame["word"].unique(maintain_order=True).to_list() == [names[0], names[2], names[1]]


def test_machines_are_told_apart_even_if_each_has_its_own_cpu_count() -> None:
    parts = [frames_of(Point(i, name, cpus), [example_records(cpus)]) for i, (name, cpus) in enumerate([("a", 2), ("b", 4)])]
    assert metrics.series_keys(concat_frames(parts)) == ["machine"]


def test_machines_of_so_many_cpus_each_are_one_line_a_setting() -> None:
    swept = [(name, cpus, {"slub.capacity_base": base}) for base in (30, 60) for name, cpus in (("a", 2), ("b", 4))]
    parts = [frames_of(Point(i, name, cpus, one), [example_records(cpus)]) for i, (name, cpus, one) in enumerate(swept)]
    assert metrics.x_key(concat_frames(parts)) == "cpus"
    assert metrics.series_keys(concat_frames(parts)) == ["slub.capacity_base"]


def test_rows_are_summed_in_their_order_so_that_the_same_frames_give_the_same_digits() -> None:
    # Threads of Polars add parts of a group in whatever order they end in, unless the order is to be kept.
    package = pathlib.Path(metrics.__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "group_by":
                assert "maintain_order" in [keyword.arg for keyword in node.keywords], f"{path.name}:{node.lineno}"


def test_keys_of_several_kinds_of_workload_are_told_as_far_as_the_kind_does_not_tell_them() -> None:
    kinds = [{"workload.kind": "burst", "workload.rounds": 2, "workload.pairs": None}]
    kinds += [{"workload.kind": "pair", "workload.rounds": None, "workload.pairs": pairs} for pairs in ("within", "across")]
    settings = [kind | {"slub.leftovers": rule} for kind in kinds for rule in ("tail", "head")]
    parts = [frames_of(Point(n, "m", 2, one), [example_records(2)]) for n, one in enumerate(settings)]
    assert metrics.x_key(concat_frames(parts)) == "slub.leftovers"
    assert metrics.series_keys(concat_frames(parts)) == ["workload.kind", "workload.pairs"]
    assert metrics.x_key(concat_frames([parts[0], parts[2]])) == "workload.kind"
