# SPDX-License-Identifier: GPL-2.0-only
"""Costs: names, sources, rounding and scaling."""

from __future__ import annotations

import pytest

from slabdes.errors import InputError
from slabdes.machine.costs import COST_NAMES, CostKind, Costs, build_costs, costs_table, kind_of


def test_every_cost_has_a_source_and_a_docstring_worth_of_name() -> None:
    table = costs_table(Costs())
    assert [name for name, _value, _source in table] == list(COST_NAMES)
    for name, value, source in table:
        assert value > 0, name
        assert "assumed" in source or ".csv" in source, name


def test_the_fast_path_pair_costs_what_was_published() -> None:
    costs = Costs()
    assert costs.alloc_hit + costs.free_hit == 23_852  # slab_brouer2015_bulk.csv: 23.852 ns
    assert costs.lock_op == 8_334  # primitives_brouer2017.csv
    assert costs.irq_pair == 1_864


def test_the_page_costs_add_up_to_the_published_cycles() -> None:
    costs = Costs()
    ps_per_cycle = 250  # at 4 GHz
    assert costs.page_alloc_order0 + costs.page_free_order0 == 349 * ps_per_cycle  # page_allocator_8cpu.csv, order 0 pair
    # 33 batches of 31 pages are taken for 1000, and 28 given back: a page's share of them, and of a lock pair for each.
    taken, given = 33 / 1000, 28 / 1000
    alloc = costs.page_alloc_order0 + taken * (31 * costs.pcp_refill_page + costs.lock_op)
    free = costs.page_free_order0 + given * (31 * costs.pcp_trim_page + costs.lock_op)
    assert alloc == pytest.approx(616 * ps_per_cycle, rel=0.005) and free == pytest.approx(295 * ps_per_cycle, rel=0.005)


@pytest.mark.parametrize(("order", "alloc", "free", "pair"), [(1, 576, 341, 531), (2, 712, 380, 571), (3, 966, 467, 663)])
def test_blocks_cost_what_was_published_for_one_cpu(order: int, alloc: int, free: int, pair: int) -> None:
    costs = Costs()
    ps_per_cycle = 250  # at 4 GHz
    taken = costs.page_alloc_order0 + costs.lock_op + costs.page_take
    given = costs.page_free_order0 + costs.lock_op + (costs.page_check << order)
    cold = costs.page_split + (costs.page_cold << order)
    assert taken + cold == pytest.approx(alloc * ps_per_cycle, rel=0.025)
    assert given + costs.page_split == pytest.approx(free * ps_per_cycle, rel=0.04)
    assert taken + given == pytest.approx(pair * ps_per_cycle, rel=0.04)


def test_a_slower_clock_stretches_local_work_and_nothing_else() -> None:
    default, slow = Costs(), build_costs({}, {}, clock_ghz=2.0, where="test")
    for name in COST_NAMES:
        factor = 2 if kind_of(name) is CostKind.WORK else 1
        assert getattr(slow, name) == factor * getattr(default, name), name
    assert "2 GHz" in dict(slow.sources)["alloc_hit"]


def test_a_given_cost_is_not_scaled_by_the_clock() -> None:
    costs = build_costs({"alloc_hit": 1.2346}, {"alloc_hit": "me"}, clock_ghz=2.0, where="test")
    assert costs.alloc_hit == 1235
    assert dict(costs.sources)["alloc_hit"] == "me"


def test_a_bulk_calls_hit_is_a_single_one_that_does_not_turn_interrupts_off_itself() -> None:
    costs = Costs()
    # primitives_brouer2017.csv: local_irq_save_restore, 9.665 ns
    assert costs.alloc_hit - costs.alloc_bulk == costs.free_hit - costs.free_bulk == 9665


def test_a_bulk_calls_hit_keeps_its_share_of_a_single_one_that_is_given_alone() -> None:
    default = Costs()
    costs = build_costs({"alloc_hit": 2.655, "free_hit": 10, "free_bulk": 7}, {}, clock_ghz=2.0, where="test")
    assert costs.alloc_bulk == round(2655 * default.alloc_bulk / default.alloc_hit)
    assert dict(costs.sources)["alloc_bulk"].endswith("the same share of alloc_hit, which is given")
    assert costs.free_bulk == 7000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alloc_hitt": 1}, "did you mean alloc_hit?"),
        ({"alloc_hit": -1}, "-1 is not a cost"),
        ({"alloc_hit": float("nan")}, "nan is not a cost"),
        ({"alloc_hit": float("inf")}, "inf is not a cost"),
        ({"alloc_hit": 10**400}, "is not a cost"),
        ({"alloc_hit": True}, "True is not a cost"),
        ({"smt_slowdown": 0.5}, "allowed: 1 to 10"),
    ],
)
def test_a_bad_cost_is_one_line_that_says_what_is_allowed(given: dict[str, float], said: str) -> None:
    with pytest.raises(InputError) as caught:
        build_costs(given, {}, where="test")
    assert said in str(caught.value)
    assert "allowed:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["alloc_hit", "dram_local", "handoff_transfers"])
def test_what_would_be_counted_as_nothing_is_refused_unless_it_is_nothing(name: str) -> None:
    """Time is an integer count of picoseconds, and a ratio one of thousandths of transfers."""
    with pytest.raises(InputError, match=rf"test.{name}: 0.0004 is less than 0.001, .*; allowed: 0, or 0.001 and more"):
        build_costs({name: 0.0004}, {}, where="test")
    assert build_costs({name: 0}, {}, where="test") != build_costs({name: 0.001}, {}, where="test")


def test_a_share_of_a_picosecond_is_a_picosecond_and_of_nothing_nothing() -> None:
    assert [build_costs({"alloc_hit": given}, {}, where="test").alloc_bulk for given in (0.001, 0)] == [1, 0]
