# SPDX-License-Identifier: GPL-2.0-only
"""The experiments that come with slabdes hold what their comments say is expected, at the small size that each file has."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import slabdes
from slabdes.charts.progress import progress
from slabdes.config import expand, load_experiment
from slabdes.results.frames import IRQ_WAIT
from slabdes.results.slub import counters

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.glob("*.toml"))


def quick(name: str) -> slabdes.Study:
    return slabdes.simulate(load_experiment(FOLDER / f"{name}.toml", quick=True))


def of(study: slabdes.Study, op: str, column: str) -> list[float]:
    """A figure of allocs or frees, by point."""
    return study.summary().filter(pl.col("op") == op).sort("point")[column].to_list()


def rates(study: slabdes.Study) -> list[float]:
    return study.scaling().sort("point")["operations_per_s"].to_list()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_has_a_question_replications_a_small_size_and_points_that_can_all_be_run(
    file: Path, tmp_path: Path
) -> None:
    from slabdes.study.plan import plan

    experiment = load_experiment(file)
    assert re.search(r"^# Question: .*\?$(.|\n)*^# Expected: (.|\n)*^# How to read it: ", file.read_text(encoding="utf-8"), re.M)
    assert experiment.replications >= 3
    assert len(plan(experiment, tmp_path)) == len(list(expand(experiment)))
    assert len(list(expand(load_experiment(file, quick=True)))) > 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_of_the_experiments_shows_each_with_its_figure_and_its_answer(file: Path) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = page.partition(f"`{file.name}`")[2].partition("\n## ")[0]
    (figure,) = re.findall(r"!\[.+\]\((figures/[a-z_]+\.png)\)", section)
    assert (FOLDER / figure).is_file()
    assert re.search(r"±\d", section)  # a figure with its interval


def test_list_lock_scaling_covers_1_to_48_cpus_on_two_machines() -> None:
    experiment = load_experiment(FOLDER / "list_lock_scaling.toml")
    assert len(experiment.sweep["machine.preset"]) == 2
    assert {1, 48} <= set(experiment.sweep["machine.cpus"])


def test_waiting_for_list_lock_grows_with_cpus_and_eight_nodes_carry_more_than_two() -> None:
    study = quick("list_lock_scaling")
    waiting = study.scaling().sort("point")["share_waiting"].to_list()
    assert waiting[0] == waiting[3] == 0
    assert waiting[2] > waiting[1] > 0.2
    of_its_one_cpu = [
        rate / alone for rate, alone in zip(rates(study), [rates(study)[0]] * 3 + [rates(study)[3]] * 3, strict=True)
    ]
    assert of_its_one_cpu[5] > of_its_one_cpu[2]


def test_frees_on_another_node_are_dear_and_shared_arrays_help() -> None:
    study = quick("remote_free")
    # An operation counts where it ends: one of each CPU had begun before the warm-up ended.
    assert of(study, "free", "remote_frees") == pytest.approx(of(study, "free", "operations"), rel=0.02)
    assert all(free > alloc for free, alloc in zip(of(study, "free", "mean_ns"), of(study, "alloc", "mean_ns"), strict=True))
    without, _, with_shared, _ = of(study, "free", "mean_ns")
    assert with_shared < without


def test_a_larger_limit_saves_refills() -> None:
    small, small_too, large, large_too = of(quick("mix_tunables"), "alloc", "refills")
    assert min(small, small_too) > 1.1 * max(large, large_too)


def test_ticket_locks_collapse_and_queued_ones_hold_their_rate() -> None:
    _, ticket_12, ticket_48, _, queued_12, queued_48 = rates(quick("ticket_collapse"))
    assert ticket_48 < ticket_12 / 2
    assert queued_48 > queued_12 / 2


def test_with_little_memory_allocations_fall_back_then_fail_and_with_plenty_do_neither() -> None:
    study = quick("memory_pressure")
    short, uneven, plenty = of(study, "alloc", "failed")
    remote = of(study, "free", "remote_frees")
    assert short > 0
    assert uneven == plenty == 0
    assert remote[1] > 0 == remote[2]
    # What failed at the top of a burst succeeds again: every CPU of every round gets most of what it wants.
    assert short < of(study, "alloc", "operations")[0] / 2


def test_larger_batches_make_operations_faster_and_the_slowest_interrupts_wait_longer() -> None:
    study = quick("interrupts_off")
    small, large = rates(study)
    assert large > small
    waits = study.interrupt_summary().filter(pl.col("what") == IRQ_WAIT).sort("point")
    assert waits["p99_ns"][1] > waits["p99_ns"][0]


def test_the_series_of_2016_changes_little_on_one_cpu_and_saves_waiting_and_retries_on_many() -> None:
    study = quick("patch_review")
    before_1, before_16, after_1, after_16 = rates(study)
    assert after_16 / before_16 > after_1 / before_1 > 1
    assert of(study, "alloc", "retries")[3] < of(study, "alloc", "retries")[1]


def test_larger_shared_arrays_make_operations_faster_and_hold_list_lock_for_less() -> None:
    study = quick("shared_array")
    none, _, large = rates(study)
    assert large > none
    assert of(study, "free", "mean_ns")[2] < of(study, "free", "mean_ns")[0]


def test_slabs_of_few_objects_make_allocations_dear_and_retries_frequent() -> None:
    study = quick("grow_storms")
    assert of(study, "alloc", "mean_ns") == sorted(of(study, "alloc", "mean_ns"))
    assert of(study, "alloc", "retries") == sorted(of(study, "alloc", "retries"))
    many, _, one = of(study, "alloc", "grows")
    assert one > 10 * many


def test_qspinlock_is_fair_cna_carries_more_and_lets_the_last_wait_longer() -> None:
    study = quick("lock_disciplines")
    at_32 = dict(zip(("tas", "ticket", "qspinlock", "cna"), rates(study)[1::2], strict=True))
    last = dict(zip(at_32, of(study, "free", "p999_ns")[1::2], strict=True))
    assert at_32["cna"] > 1.5 * at_32["qspinlock"]
    assert last["cna"] > last["qspinlock"]
    assert at_32["ticket"] < at_32["cna"]


def test_distance_makes_frees_dear_and_leaves_hits_as_they_are() -> None:
    study = quick("numa_distance")
    near, far = of(study, "free", "mean_ns")
    assert far - near > 240.0  # at least one crossing a free
    assert of(study, "alloc", "p50_ns")[0] == pytest.approx(of(study, "alloc", "p50_ns")[1], rel=0.02)


def test_a_turn_that_drains_all_alien_caches_takes_longer_and_no_operation_notices() -> None:
    study = quick("reaping")
    turns = study.upkeep_summary().filter(pl.col("upkeep") == "reap").sort("point")
    one_node, all_nodes = turns["mean_ns"].to_list()
    assert all_nodes > 1.05 * one_node
    one, every = of(study, "free", "p99_ns")
    assert one == pytest.approx(every, rel=0.05)


def test_callers_wait_long_before_service_times_show_it() -> None:
    study = quick("open_arrivals")
    little, middle, much = study.response_times().filter(pl.col("op") == "alloc").sort("point")["p99_ns"].to_list()
    service = of(study, "alloc", "p99_ns")
    assert little < 1.5 * service[0]
    assert middle > 2 * service[1]
    assert much > middle
    assert rates(study)[2] < 0.9 * 120e6


def counted(study: slabdes.Study, counter: str) -> list[float]:
    """A counter of SLUB_STATS for an allocation or a free, by point."""
    rows = {row["point"]: row["each"] for row in counters(study.frames).iter_rows(named=True) if row["counter"] == counter}
    return [rows.get(point, 0.0) for point in range(len(study.points))]


def taken(study: slabdes.Study, kind: str) -> list[int]:
    """How often locks of a kind were taken, by point, all replications together."""
    locks = study.frames.locks.filter(pl.col("kind") == kind)
    return [int(locks.filter(pl.col("point") == point)["acquisitions"].sum()) for point in range(len(study.points))]


def test_7_0_is_slowest_on_nodes_without_memory_and_as_7_1_on_nodes_with() -> None:
    bare_6_12, full_6_12, bare_7_0, full_7_0, bare_7_1, full_7_1 = rates(quick("slub_memoryless"))
    assert bare_7_0 < bare_7_1 / 5 < bare_7_1
    assert bare_7_0 < bare_6_12 / 5
    assert full_7_0 == full_7_1
    assert full_6_12 > full_7_0


def test_sheaves_carry_more_than_arrays_on_few_cpus_and_per_cpu_slabs_most_on_many() -> None:
    study = quick("slab_slub_sheaves")
    few, many = rates(study)[::2], rates(study)[1::2]
    assert few[-1] > max(few[:3])
    assert many[3] > many[0]


def test_what_kfree_rcu_frees_comes_back_in_turns_and_herds_wait_behind_them_less_with_a_stagger() -> None:
    study = quick("slub_maple_rcu")
    assert study.points.select("rcu.stagger_ms", "allocator").rows() == [
        (stagger, allocator) for stagger in (0.0, 0.5) for allocator in ("6.12", "6.18", "7.0")
    ]
    turns = study.upkeep_summary().filter(pl.col("upkeep") == "rcu").sort("point")
    assert turns["point"].to_list() == [*range(6)]
    assert min(turns["turns"].to_list()) > 0
    # 6.12 has no sheaves: all goes through the general batching.
    assert [each > 0 for each in counted(study, "free_rcu_sheaf")] == 2 * [False, True, True]
    together, staggered = (study.scaling().sort("point")["share_waiting"].to_list()[first : first + 3] for first in (0, 3))
    assert all(few < many / 2 for few, many in zip(staggered, together, strict=True))
    # Nodes come out of sheaves that were prefilled.
    assert [each > 0 for each in counted(study, "sheaf_prefill_fast")] == 2 * [False, True, True]


def test_spilled_leftovers_save_list_locks_where_refills_ask_slabs_and_nothing_within_a_node() -> None:
    study = quick("slub_leftovers")
    (tail, head, spill), within, across = (taken(study, "list_lock")[first : first + 3] for first in (0, 3, 6))
    assert spill < 0.9 * min(tail, head)
    assert len(set(within)) == 1 and max(within) < spill / 100
    assert across[2] < 0.9 * min(across[:2])


def test_a_larger_barn_keeps_sheaves_from_being_flushed() -> None:
    one, ten, hundred = counted(quick("slub_barn_limit"), "sheaf_flush")
    assert one > ten > hundred


def test_a_larger_sheaf_goes_to_slabs_less_often_also_one_that_a_rule_made_larger() -> None:
    study = quick("slub_capacity")
    capacities = study.frames.slub.group_by("point").agg(pl.col("sheaf_capacity").first()).sort("point")
    assert capacities["sheaf_capacity"].to_list() == [30, 30, 60, 60, 20 + 2 * 8, 20 + 2 * 24]
    failed = counted(study, "barn_get_fail")
    for on_one_machine in (failed[::2], failed[1::2]):
        small, kernels, _rule = on_one_machine
        assert small > kernels
    assert failed[5] < failed[1]


def test_remote_refill_takes_from_other_nodes_only_where_it_may_and_most_where_nodes_have_no_memory() -> None:
    study = quick("slub_remote_refill")
    paths = study.frames.operations.filter(pl.col("path") == "refill-remote").group_by("point").agg(pl.col("count").sum())
    remote = dict(paths.iter_rows())
    off, trylock, wait = ((remote.get(point, 0), remote.get(point + 3, 0)) for point in range(3))
    assert off == (0, 0)
    assert min(*trylock, *wait) > 0
    assert wait[1] > wait[0]


def test_who_changes_a_capacity_is_taken_longest_and_afterwards_throughput_is_that_of_the_new_one() -> None:
    study = quick("slub_change")
    taken_for = study.upkeep_summary().group_by("upkeep").agg(pl.col("mean_ns").mean())
    turns = dict(taken_for.iter_rows())
    assert turns["change"] > 3 * turns["flush"]
    small, same, large = rates(study)[:3]
    assert small < same < large
    looks = progress(study.frames, [0, 1, 2]).frame.filter(pl.col("measure") == "operations_per_s")
    changed = 0.2e6
    before, after = (
        looks.filter(when).group_by("number").agg(pl.col("value").mean()).sort("number")["value"].to_list()
        for when in (pl.col("end") <= changed, pl.col("begin").is_between(changed, 2 * changed))
    )
    assert before[0] == pytest.approx(before[2], rel=0.2)
    assert after[0] < 0.8 * after[2]


def test_slab_keeps_most_after_a_burst_and_per_cpu_slabs_least() -> None:
    study = quick("memory_held")
    slabs = pl.sum_horizontal("slabs_partial", "slabs_full", "slabs_free", "slabs_cpu").sum().alias("slabs")
    pages = {row["point"]: 1 << row["gfporder"] for row in study.frames.caches.iter_rows(named=True)}
    left = study.frames.slabs.group_by("point").agg(slabs)
    slab, per_cpu, sheaves = (pages[point] * number for point, number in left.sort("point").iter_rows())
    assert slab > sheaves > per_cpu
