# SPDX-License-Identifier: GPL-2.0-only
"""The bench's C version and its plain model do what the engines do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest

pytest.importorskip("numba")

from slabdes.config import Experiment, parse_experiment
from slabdes.engine.records import Path, Records
from slabdes.engine.reference.plain import PlainModel, run_timeouts
from slabdes.engine.reference.run import run_reference
from slabdes.errors import CheckFailed, InputError
from slabdes.machine import load_machine
from slabdes.machine.topology import Machine
from slabdes.study.bench import checks
from slabdes.study.bench.limit import Limit, compiled_limit, compiler, source
from slabdes.study.bench.scenarios import NOT_IN_C, Case, Scenario, bench_machine
from slabdes.workload.synthetic import build_synthetic

CASE = Case(Scenario.REFILLS, 4, 4000)
needs_a_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler is at hand")


@pytest.fixture(scope="module")
def limit() -> Iterator[Limit]:
    with compiled_limit(compiler()) as made:
        if made is None:
            pytest.skip("no C compiler is at hand")
        yield made


def burst(cpus: int, *, limit: int, batchcount: int, objects: int = 50, rounds: int = 5, **more: Any) -> Experiment:
    raw = {
        "machine": {"preset": "numa-2x4", "cpus": cpus, "placement": "spread"},
        "cache": [{"name": "bench", "size": 256, "limit": limit, "batchcount": batchcount, **more.pop("cache", {})}],
        "workload": {"kind": "burst", "objects": objects, "rounds": rounds, **more.pop("workload", {})},
        "timing": {**dict.fromkeys(NOT_IN_C, False), **more.pop("timing", {})},
        **more,
    }
    return parse_experiment(raw, "bench")


def compare(limit: Limit, experiment: Experiment, machine: Machine) -> Records:
    """The reference's records, if the C version leaves the same."""
    workload = build_synthetic(experiment, machine, 0)
    records = run_reference(experiment, machine, workload)
    checks.check_limit(CASE, records, limit.run(experiment, machine, workload))
    return records


@pytest.mark.parametrize("scenario", Scenario)
@pytest.mark.parametrize("cpus", [1, 3, 64, 256])
def test_c_leaves_the_same_on_the_scenarios_that_are_timed(limit: Limit, scenario: Scenario, cpus: int) -> None:
    checks.check_engines(Case(scenario, cpus, 200 * cpus), bench_machine(), limit)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("tunables", "objects"), [((12, 6), 50), ((12, 6), 700), ((1, 1), 7), ((5, 5), 30), ((120, 60), 50), ((120, 60), 1000)]
)
def test_c_leaves_the_same_with_other_tunables_bursts_and_seeds(
    limit: Limit, tunables: tuple[int, int], objects: int, seed: int
) -> None:
    experiment = burst(5, limit=tunables[0], batchcount=tunables[1], objects=objects, seed=seed)
    compare(limit, experiment, load_machine("numa-2x4"))


@pytest.mark.parametrize("shared", [0, 1, 8])
def test_c_leaves_the_same_with_and_without_a_shared_array(limit: Limit, shared: int) -> None:
    records = compare(limit, burst(4, limit=12, batchcount=6, cache={"shared": shared}), load_machine("numa-2x4"))
    assert ((0, Path.FLUSH_SHARED) in records.latency) == (shared > 0)


@pytest.mark.parametrize("objects", [50, 200])
def test_c_reaps_as_the_engines_do(limit: Limit, objects: int) -> None:
    # Frees of a tenth of a second: timers fire while slabs lie on the free list and no refill looks there.
    machine = load_machine("numa-2x4")
    slow = replace(machine, costs=replace(machine.costs, alloc_hit=10**9, free_hit=10**11))
    records = compare(limit, burst(3, limit=12, batchcount=6, objects=objects, rounds=3), slow)
    assert records.elapsed > 3 * objects * 8 * 10**10
    assert (records.caches[0].reaped > 0) == (objects == 200)


def test_c_gives_pages_back_as_the_engines_do(limit: Limit) -> None:
    # Zones under 32 MiB keep no page lists: every page of a destroyed slab goes back under the zone lock at once.
    machine = replace(load_machine("numa-2x4"), memory_pages=(4096, 4096))
    records = compare(limit, burst(4, limit=4, batchcount=2, objects=900, cache={"shared": 0}), machine)
    assert records.caches[0].slabs_destroyed > 0


def test_c_says_that_it_has_no_more_pages(limit: Limit) -> None:
    machine = replace(load_machine("numa-2x4"), memory_pages=(4, 4))
    experiment = burst(2, limit=4, batchcount=2, objects=100)
    with pytest.raises(CheckFailed, match="NO_PAGES"):
        limit.run(experiment, machine, build_synthetic(experiment, machine, 0))


@pytest.mark.parametrize(
    "more",
    [
        {"workload": {"think_ns": 1.0}},
        {"workload": {"barrier": True}},
        {"workload": {"bulk": 16}},
        {"allocator": "4.6"},
        {"lock": {"discipline": "ticket"}},
        {"cache": {"size": 8192}},
    ],
)
def test_c_refuses_what_it_does_not_model(limit: Limit, more: dict[str, Any]) -> None:
    machine = load_machine("numa-2x4")
    experiment = burst(2, limit=12, batchcount=6, **more)
    with pytest.raises(InputError, match="the C version has no such scenario"):
        limit.run(experiment, machine, build_synthetic(experiment, machine, 0))


@needs_a_compiler
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (b"c->moved * g->move_object", b"c->moved * g->slab_object", "digest"),
        (b"add(lock->hold, ", b"add(lock->wait, ", "list_lock of node 0"),
        (b"h->buckets[bucket_of(took)]++", b"h->buckets[bucket_of(took) + 1]++", "latencies"),
    ],
)
def test_a_difference_in_c_is_noticed(right: bytes, wrong: bytes, told: str) -> None:
    text = source()
    assert right in text
    with compiled_limit(compiler(), text.replace(right, wrong)) as changed, pytest.raises(CheckFailed, match=f"differs.*{told}"):
        checks.check_engines(CASE, bench_machine(), changed)


@needs_a_compiler
def test_a_compiler_that_fails_is_told_in_one_line() -> None:
    with pytest.raises(CheckFailed, match=r"does not compile limit\.c: "), compiled_limit(compiler(), b"nonsense"):
        pass


def test_a_compiler_that_cannot_be_run_is_told_in_one_line(tmp_path: File) -> None:
    broken = tmp_path / "cc"
    broken.write_bytes(b"\0")
    broken.chmod(0o755)
    with pytest.raises(CheckFailed, match="cannot be run"), compiled_limit(str(broken)):
        pass


@pytest.mark.parametrize("scenario", Scenario)
def test_the_plain_model_does_the_same_where_only_hits_take_time(scenario: Scenario) -> None:
    checks.check_plain(scenario, bench_machine(), 4000)


def test_a_difference_in_the_plain_model_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back = PlainModel.give_back

    def last_to_first(self: PlainModel, cpu: Any, obj: Any) -> None:
        give_back(self, cpu, obj)
        obj.slab.free.reverse()

    monkeypatch.setattr(PlainModel, "give_back", last_to_first)
    with pytest.raises(CheckFailed, match="plain model and the reference differ on refills with 8 CPUs"):
        checks.check_plain(Scenario.REFILLS, bench_machine(), 4000)


def test_the_plain_model_counts_every_operation() -> None:
    machine, case = bench_machine(), Case(Scenario.REFILLS, 3, 600)
    assert PlainModel(case.experiment(), machine, case.workload(machine)).run() == 600
    assert run_timeouts(10) == 10
    assert run_timeouts(12, 3) == 12
