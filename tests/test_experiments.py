# SPDX-License-Identifier: GPL-2.0-only
"""The experiments that come with slabdes run, in a reduced form, and show what their comments say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import slabdes
from slabdes.config import expand, load_experiment
from slabdes.results.frames import IRQ_WAIT

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted(FOLDER.glob("*.toml"))


def reduced(name: str, *settings: str) -> Any:
    return slabdes.simulate(load_experiment(FOLDER / f"{name}.toml", ["replications=1", *settings]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_has_a_comment_replications_and_points_that_can_all_be_run(file: Path, tmp_path: Path) -> None:
    from slabdes.study.plan import plan

    experiment = load_experiment(file)
    assert file.read_text(encoding="utf-8").startswith("# ")
    assert experiment.replications >= 3
    assert len(plan(experiment, tmp_path)) == len(list(expand(experiment)))


def test_list_lock_scaling_covers_1_to_48_cpus_on_two_machines() -> None:
    experiment = load_experiment(FOLDER / "list_lock_scaling.toml")
    assert len(experiment.sweep["machine.preset"]) == 2
    assert {1, 48} <= set(experiment.sweep["machine.cpus"])


def test_list_lock_scaling_shows_waiting_grow_with_cpus() -> None:
    study = reduced("list_lock_scaling", "machine.preset=xeon-2s", "workload.rounds=1", "sweep={'machine.cpus'=[1,8]}")
    one, eight = study.scaling()["share_waiting"].to_list()
    assert one == 0
    assert eight > 0.2


def test_remote_free_frees_every_object_remotely_and_shared_arrays_help() -> None:
    study = reduced("remote_free", "workload.objects=300", "workload.window=16")
    summary = study.summary().filter(study.summary()["op"] == "free")
    assert summary["remote_frees"].to_list() == summary["operations"].to_list()
    without, with_shared = summary.sort("point")["mean_ns"].to_list()
    assert with_shared < without


def test_mix_tunables_shows_a_larger_limit_to_save_refills() -> None:
    study = reduced("mix_tunables", "workload.operations=800", "cache.0.batchcount=6")
    refills = study.summary().filter(study.summary()["op"] == "alloc").sort("point")["refills"].to_list()
    # From 12 to 30: beyond that, CPUs that hold 100 objects hardly refill because of the limit.
    assert refills[0] > 1.1 * max(refills[1:])


def test_ticket_locks_collapse_and_queued_ones_hold_their_rate() -> None:
    study = reduced(
        "ticket_collapse", "workload.operations=60", "sweep={'lock.discipline'=['ticket','qspinlock'],'machine.cpus'=[12,48]}"
    )
    ticket_12, ticket_48, queued_12, queued_48 = study.scaling().sort("point")["operations_per_s"].to_list()
    assert ticket_48 < ticket_12 / 2
    assert queued_48 > queued_12 / 2


def test_memory_pressure_makes_allocations_fall_back_then_fail_and_plenty_does_neither() -> None:
    study = reduced("memory_pressure", "workload.rounds=2")
    summary = study.summary().sort("point")
    short, uneven, plenty = summary.filter(summary["op"] == "alloc").iter_rows(named=True)
    remote = summary.filter(summary["op"] == "free")["remote_frees"].to_list()
    assert short["failed"] > 0
    assert uneven["failed"] == 0
    assert remote[1] > 0
    assert plenty["failed"] == remote[2] == 0
    # What failed at the top of a burst succeeds again: every CPU of every round gets most of what it wants.
    assert short["operations"] - short["failed"] > short["operations"] / 2


def test_larger_batches_make_operations_faster_and_the_slowest_interrupts_wait_longer() -> None:
    study = reduced("interrupts_off", "workload.rounds=1", "interrupts.mean_ns=10000", "sweep={'cache.0.batchcount'=[12,240]}")
    small, large = study.scaling().sort("point")["operations_per_s"].to_list()
    assert large > small
    waits = study.interrupt_summary().filter(pl.col("what") == IRQ_WAIT).sort("point")
    assert waits["p99_ns"][1] > waits["p99_ns"][0]
