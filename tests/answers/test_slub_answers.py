# SPDX-License-Identifier: GPL-2.0-only
"""What a run says of SLUB's settings: what is in force, limits that bound nothing, whose objects pass between which nodes."""

from __future__ import annotations

from typing import Any

import slabdes
from slabdes.answers.answer import answer
from slabdes.answers.slub import layout_sheet, limits_told
from slabdes.answers.tables import view_of
from slabdes.api import Run

BASE: dict[str, Any] = {
    "allocator": "7.3",
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "a", "size": 256}],
    "workload": {"kind": "burst", "objects": 200, "rounds": 2},
}


def run(**more: Any) -> Run:
    return slabdes.simulate(BASE | more, progress=False)


def test_capacities_and_limits_in_force_are_a_table() -> None:
    sheet = layout_sheet(view_of(run()))
    assert sheet.heads == ("cache", "bytes", "a slab", "pages", "sheaf", "full sheaves", "min_partial", "defrag ratio")
    assert sheet.rows == (("a", "256", "32", "2", "28", "10", "5", "100"),)
    sheet = layout_sheet(view_of(run(allocator="6.12")))
    assert sheet.rows == (("a", "256", "32", "2", "4", "5", "100"),)
    assert layout_sheet(view_of(run(allocator="6.1"))).rows == ()
    sheet = layout_sheet(view_of(run(sweep={"cache.0.sheaf_capacity": [4, 8]})))
    assert [row[:6] for row in sheet.rows] == [("4", "a", "256", "32", "2", "4"), ("8", "a", "256", "32", "2", "8")]


def test_a_limit_that_no_barn_comes_to_is_told_with_the_reason() -> None:
    # 200 objects are 8 sheaves of 28, some of which a CPU keeps: no barn is offered an eleventh, and often a second.
    swept = run(sweep={"cache.0.max_full_sheaves": [1, 1000]})
    (told,) = limits_told(view_of(swept))
    assert told.startswith(
        "With max_full_sheaves 1000 the barns' limit bounds nothing, and a greater one changes nothing: no free"
    )
    assert "barn_put_fail 0)" in told
    assert list(limits_told(view_of(run()))) == [], "nobody asked"
    few = {"cache": [{"name": "a", "size": 256, "max_full_sheaves": 3}], "workload": {"kind": "burst", "objects": 5}}
    (told,) = limits_told(view_of(run(**few)))
    assert (
        told == "max_full_sheaves bounds nothing, and a greater one changes nothing: no full sheaf goes to a barn (barn_put 0)."
    )
    workload = {"kind": "producer_consumer", "objects": 300, "window": 20}
    (told,) = limits_told(view_of(run(**few | {"workload": workload, "machine": {"preset": "numa-2x4"}})))
    assert "frees go past sheaves, as their objects are of another node" in told


def test_an_answer_says_on_which_nodes_producers_are() -> None:
    workload = {"kind": "producer_consumer", "objects": 50}
    told = answer(view_of(run(workload=workload, machine={"preset": "numa-2x4"})))
    assert "Producers are on node 0, consumers on node 1." in told
    opposite = workload | {"opposite": True}
    told = answer(view_of(run(workload=opposite, machine={"preset": "numa-2x4"}, cache=[{"name": n, "size": 64} for n in "ab"])))
    assert "Producers are on nodes 0 and 1, consumers on nodes 0 and 1." in told


def test_only_costs_that_the_allocator_has_are_counted_as_assumed() -> None:
    # Of 40 costs 4 are SLUB's alone, and one is SLAB's.
    for versions, count in ((["6.1"], 36), (["7.3"], 39), (["6.1", "7.3"], 40)):
        told = answer(view_of(run(sweep={"allocator": versions})))[-1]
        assert f" of {count} on numa-2x4)" in told
