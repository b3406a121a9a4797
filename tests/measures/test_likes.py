# SPDX-License-Identifier: GPL-2.0-only
"""Points of several allocators are compared where the settings that both of them have are the same, and frees go back alike."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.answers.answer import answer
from slabdes.answers.comparison import comparison_answer
from slabdes.answers.tables import view_of
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.measures.compare import compare_by
from slabdes.results.run import Run
from slabdes.study.run import run_study

MIX = {"kind": "mix", "operations": 400, "live": 40}


def run_of(sweep: dict[str, Any], **more: Any) -> Run:
    raw: dict[str, Any] = {
        "engine": "reference",
        "machine": {"preset": "uma-4", "cpus": 2},
        "cache": [{"name": "a", "size": 256}],
    }
    raw |= {"workload": {"kind": "burst", "objects": 20}, "replications": 2, "sweep": sweep}
    return run_study(parse_experiment(raw | more, "test"))


def pairs_of(run: Run, by: str, against: str = "") -> list[tuple[int, int]]:
    return [pair.points for pair in compare_by(run, by, against=against).pairs]


def test_values_of_a_key_are_compared_where_the_allocator_has_it() -> None:
    run = run_of({"allocator": ["6.1", "6.12", "7.3"], "cache.a.sheaf_capacity": [32, 60]})
    compared = compare_by(run, "sheaf_capacity")
    assert (compared.sides, [pair.points for pair in compared.pairs]) == (("32", "60"), [(2, 3)])
    assert "anything of 2 points without a like on the other side" in comparison_answer(compared)[-1]
    with pytest.raises(InputError, match=r"no value of cache\.a\.sheaf_capacity.*; allowed: 32, 60$"):
        compare_by(run, "sheaf_capacity", against="by default")


def test_one_point_left_out_is_a_point() -> None:
    run = run_of({"allocator": ["6.12", "7.3"], "cache.a.sheaf_capacity": [32, 60]})
    assert "anything of 1 point without" in comparison_answer(compare_by(run, "sheaf_capacity"))[-1]


def test_a_value_without_a_like_is_said_to_be_by_default() -> None:
    tables = [{"limit": 60, "name": "a", "size": 256}, {"batchcount": 30, "name": "a", "size": 256}]
    run = run_of({"cache.0": tables}, allocator="6.1")
    with pytest.raises(InputError, match=r"no point of cache\.0\.batchcount by default has its like at another value"):
        compare_by(run, "batchcount")


def test_a_setting_that_a_table_leaves_out_is_unlike_one_that_another_says_if_both_allocators_have_it() -> None:
    rules = [{"leftovers": "head"}, {"barns": "memory"}]
    run = run_of({"allocator": ["7.2", "7.3"], "slub": rules})
    assert pairs_of(run, "allocator") == [(0, 2), (1, 3)]
    beneath = run_of({"allocator": ["6.18", "7.3"], "slub": rules})
    assert pairs_of(beneath, "allocator") == [(0, 2), (1, 3)], "leftovers mean nothing to 6.18, but where barns are does"


def test_points_that_differ_in_keys_of_one_allocator_alone_are_counted_as_pairs() -> None:
    run = run_of({"allocator": ["6.1", "6.12"], "cache.a.limit": [8, 16], "cache.a.cpu_partial": [3, 6]})
    compared = compare_by(run, "allocator")
    assert [pair.points for pair in compared.pairs] == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert "of 4 pairs of points" in comparison_answer(compared)[0]
    alone = compare_by(run_of({"allocator": ["6.1", "6.12"], "machine.cpus": [1, 2]}), "allocator")
    assert "of 2 points" in comparison_answer(alone)[0]


def test_frees_at_once_and_by_kfree_rcu_are_no_likes() -> None:
    later = {"frees": True, "grace_ms": 0.001}
    run = run_of({"allocator": ["6.1", "6.12", "7.3"]}, rcu=later, workload=MIX)
    told = answer(view_of(run))
    mixed = "frees are at once with allocator 6.1, and by kfree_rcu with allocator 6.12, so that what they cost is not alike."
    assert f"Of 3 settings none is called the best: {mixed}" in told
    assert not any("is the fastest" in sentence for sentence in told)
    first, last = comparison_answer(compare_by(run, "allocator"))
    assert first.startswith("No verdict: frees of allocator 6.1 are at once, those of allocator ")
    assert first.endswith(" by kfree_rcu, so that what they cost is not alike; --set rcu.frees=false has both at once.")
    assert last.startswith("Not to be concluded")
    assert pairs_of(run, "allocator", "6.12") == [(1, 2)]
    both = run_of({"allocator": ["6.1", "7.3"], "rcu.frees": [False, True]})
    assert pairs_of(both, "allocator") == [(0, 1)]
    assert pairs_of(both, "rcu.frees") == [(1, 2)]
    assert not comparison_answer(compare_by(both, "rcu.frees"))[0].startswith("No verdict: frees of")


def test_no_setting_is_the_fastest_while_frees_wait_for_their_grace_period() -> None:
    run = run_of({"allocator": ["6.12", "7.3"]}, rcu={"frees": True})
    told = answer(view_of(run))
    assert told[1].startswith("Of 2 settings none is called the best: most frees by kfree_rcu still wait for their grace period")
    assert not any("is the fastest" in sentence for sentence in told)
