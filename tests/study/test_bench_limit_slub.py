# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's version in C and its plain model do what the engines do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("numba")

from slabdes.allocator.page_lists import trim_list
from slabdes.config import AllocatorVersion, Experiment, parse_experiment
from slabdes.engine.records import Path, Records
from slabdes.engine.reference.plain_slub import PlainSlubModel
from slabdes.engine.reference.run import run_reference
from slabdes.errors import CheckFailed, InputError
from slabdes.machine import load_machine
from slabdes.paths import pages
from slabdes.study.bench import checks
from slabdes.study.bench.limit import Limit, compiler, source
from slabdes.study.bench.limit_slub import SLUB_SOURCE, compiled_slub_limit
from slabdes.study.bench.scenarios import NOT_IN_C, Case, Scenario, bench_machine
from slabdes.workload.synthetic import build_synthetic

VERSION = AllocatorVersion.V7_3
CASE = Case(Scenario.REFILLS, 8, 4000, VERSION)


@pytest.fixture(scope="module")
def limit() -> Iterator[Limit]:
    with compiled_slub_limit(compiler()) as made:
        if made is None:
            pytest.skip("no C compiler is at hand")
        yield made


def burst(*, objects: int = 50, cpus: int = 6, cache: dict[str, Any] | None = None, **more: Any) -> Experiment:
    raw = {
        "allocator": "7.3",
        "machine": {"preset": "numa-2x4", "cpus": cpus, "placement": "spread"},
        "cache": [{"name": "bench", "size": 256, "sheaf_capacity": 12} | (cache or {})],
        "workload": {"kind": "burst", "objects": objects, "rounds": 4, **more.pop("workload", {})},
        "timing": {**dict.fromkeys(NOT_IN_C, False), **more.pop("timing", {})},
        **more,
    }
    return parse_experiment(raw, "bench")


def compare(limit: Limit, experiment: Experiment) -> Records:
    """The reference's records, if the C version leaves the same."""
    machine = load_machine("numa-2x4")
    workload = build_synthetic(experiment, machine, 0)
    records = run_reference(experiment, machine, workload)
    checks.check_limit(CASE, records, limit.run(experiment, machine, workload))
    return records


def test_c_leaves_the_same_where_lists_of_pages_are_trimmed(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = []
    monkeypatch.setattr(pages, "trim_list", lambda *of_list: trimmed.append(trim_list(*of_list)) or trimmed[-1])
    experiment = burst(objects=700, cache={"sheaf_capacity": 4, "min_partial": 0, "order": 2})
    machine = replace(load_machine("numa-2x4"), memory_pages=(1 << 16, 1 << 16))
    workload = build_synthetic(experiment, machine, 0)
    checks.check_limit(CASE, run_reference(experiment, machine, workload), limit.run(experiment, machine, workload))
    assert sum(trimmed) > 0


@pytest.mark.parametrize("scenario", Scenario)
@pytest.mark.parametrize("cpus", [1, 3, 64, 256])
def test_c_leaves_the_same_on_the_scenarios_that_are_timed(limit: Limit, scenario: Scenario, cpus: int) -> None:
    case = Case(scenario, cpus, 200 * cpus, VERSION)
    machine = bench_machine()
    experiment, workload = case.experiment(), case.workload(machine)
    checks.check_limit(case, run_reference(experiment, machine, workload), limit.run(experiment, machine, workload))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("cache", "objects"),
    [
        ({}, 700),
        ({"sheaf_capacity": 28, "max_full_sheaves": 1, "min_partial": 0}, 500),
        ({"sheaf_capacity": 4, "max_full_sheaves": 0, "min_partial": 0}, 300),
        ({"sheaf_capacity": 60, "order": 3}, 600),
        ({"sheaf_capacity": 1, "max_full_sheaves": 0, "remote_node_defrag_ratio": 0}, 40),
    ],
)
def test_c_leaves_the_same_with_other_caches_bursts_and_seeds(
    limit: Limit, cache: dict[str, Any], objects: int, seed: int
) -> None:
    compare(limit, burst(objects=objects, cache=cache, seed=seed))


def test_every_way_that_a_burst_goes_is_compared(limit: Limit) -> None:
    cache = {"sheaf_capacity": 28, "max_full_sheaves": 1, "min_partial": 0}
    ways = {path for _cache, path in compare(limit, burst(objects=700, cache=cache)).latency}
    ways |= {path for _cache, path in compare(limit, burst()).latency}
    assert ways == {
        Path.HIT, Path.SPARE, Path.BARN, Path.REFILL, Path.REFILL_REMOTE, Path.REFILL_GROW, Path.FREE_HIT, Path.FREE_SPARE,
        Path.FREE_BARN, Path.FREE_NEW_SHEAF, Path.FREE_FLUSH, Path.FREE_SLAB, Path.FREE_LIST,
    }  # fmt: skip


def test_c_gives_slabs_back_as_the_engines_do(limit: Limit) -> None:
    records = compare(limit, burst(objects=700, cache={"min_partial": 0, "max_full_sheaves": 0}))
    assert records.caches[0].slabs_destroyed > 0


def test_c_says_that_it_has_no_more_pages(limit: Limit) -> None:
    machine = replace(load_machine("numa-2x4"), memory_pages=(4, 4))
    experiment = burst(objects=100)
    with pytest.raises(CheckFailed, match="NO_PAGES"):
        limit.run(experiment, machine, build_synthetic(experiment, machine, 0))


@pytest.mark.parametrize(
    "more",
    [
        {"workload": {"think_ns": 1.0}},
        {"workload": {"barrier": True}},
        {"allocator": "7.1"},
        {"allocator": "6.12", "cache": {"sheaf_capacity": None}},
        {"allocator": "2.6.34", "cache": {"sheaf_capacity": None}},
        {"slub": {"leftovers": "head"}},
        {"lock": {"discipline": "ticket"}},
        {"rcu": {"frees": True}},
        {"cache": {"order": 0}},
        {"timing": {"spinners_slow_holder": False}},
    ],
)
def test_c_refuses_what_it_does_not_model(limit: Limit, more: dict[str, Any]) -> None:
    machine = load_machine("numa-2x4")
    experiment = burst(**more)
    with pytest.raises(InputError, match="the C version has no such scenario"):
        limit.run(experiment, machine, build_synthetic(experiment, machine, 0))


@pytest.mark.skipif(compiler() is None, reason="no C compiler is at hand")
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (b"add_partial(r, n, c->slab, 0)", b"add_partial(r, n, c->slab, 1)", "digest"),
        (b"c->nr * g->slab_object", b"c->nr * g->move_object", "digest"),
        (b"n->blocks[lower]++", b"(void)n", "digest"),
        (b"lock->waiters ? c->line[lock->first] : 0", b"0", "digest"),
        (b"add(lock->hold, ", b"add(lock->wait, ", "list_lock of node 0"),
    ],
)
def test_a_difference_in_c_is_noticed(right: bytes, wrong: bytes, told: str) -> None:
    text = source(SLUB_SOURCE)
    assert text.count(right) == 1
    with compiled_slub_limit(compiler(), text.replace(right, wrong)) as changed, pytest.raises(CheckFailed, match=told):
        assert changed is not None
        compare(changed, burst(objects=200, cache={"sheaf_capacity": 28, "max_full_sheaves": 1, "min_partial": 0}))


@pytest.mark.skipif(compiler() is None, reason="no C compiler is at hand")
def test_a_compiler_that_fails_says_which_file_it_was() -> None:
    told = r"does not compile limit_slub\.c: "
    with pytest.raises(CheckFailed, match=told), compiled_slub_limit(compiler(), b"nonsense"):
        pass


@pytest.mark.parametrize("scenario", Scenario)
def test_the_plain_model_does_the_same_where_only_hits_take_time(scenario: Scenario) -> None:
    checks.check_plain(scenario, bench_machine(), 4000, VERSION)


def test_a_difference_in_the_plain_model_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back = PlainSlubModel.give_back

    def turned_round(self: PlainSlubModel, node: Any, slab: Any, group: Any) -> bool:
        return give_back(self, node, slab, group[::-1])

    monkeypatch.setattr(PlainSlubModel, "give_back", turned_round)
    with pytest.raises(CheckFailed, match=r"plain model and the reference differ on refills with 8 CPUs, allocator 7\.3"):
        checks.check_plain(Scenario.REFILLS, bench_machine(), 4000, VERSION)


def test_the_plain_model_goes_on_where_objects_are_of_other_nodes_and_slabs_are_given_up() -> None:
    machine = load_machine("numa-2x4")
    experiment = burst(objects=700, cache={"sheaf_capacity": 28, "max_full_sheaves": 1, "min_partial": 0})
    plain = PlainSlubModel(experiment, machine, build_synthetic(experiment, machine, 0))
    assert plain.run() == 2 * 700 * 6 * 4
    assert {Path.REFILL_REMOTE, Path.FREE_LIST, Path.FREE_SLAB} <= plain.latency.keys()
    assert plain.spare
