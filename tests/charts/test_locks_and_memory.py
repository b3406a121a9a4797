# SPDX-License-Identifier: GPL-2.0-only
"""Charts of locks, waits and memory: parts add up to wholes, names are those of the records, and nothing gives no rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from example import example_frames

from slabdes.charts.memory import memory
from slabdes.charts.places import LISTS, OBJECTS, PLACES, SLABS, SLUB_PLACES, SLUB_SLABS
from slabdes.charts.queues import HOLDS, MOST_CPUS, MOST_HOLDS, WAITS, Log, all_of, convoy, log_of, queues, transfers
from slabdes.charts.scaling import IDEAL, LAW, MEASURED, PEAK, scaling
from slabdes.charts.traffic import LINK, NODE, traffic
from slabdes.charts.waits import LOOP, waits
from slabdes.results.contention import waits_for
from slabdes.results.frames import schema
from slabdes.results.text import share_text

FRAMES = example_frames((4,))
SWEEP = example_frames((1, 2, 4, 6, 8), ("xeon-2s", "opteron-8n"), replications=2, operations=60)
NODES = 2


def log_with(rows: list[tuple[int, int, int, int, int]]) -> Log:
    schema = ["lock", "cpu", "asked_ps", "granted_ps", "released_ps"]
    return Log(FRAMES, pl.DataFrame(rows, schema=schema, orient="row"), 0)


LOG = log_with([(0, 0, 0, 0, 1_000), (0, 3, 200, 1_000, 1_500), (0, 1, 400, 1_500, 2_000)])
"""Handed from CPU 0 on node 0 to CPU 3 on node 1, and back to CPU 1 on node 0."""


def test_arrows_and_rings_of_who_waits_have_all_of_the_time_lost_and_functions_a_place_each() -> None:
    rows = waits(FRAMES).frame
    pairs = rows.filter(pl.col("what") != "function")
    assert pairs["share"].sum() == pytest.approx(1.0)
    assert pairs["lost_ns"].sum() == pytest.approx(waits_for(FRAMES)["lost_ns"].sum())
    names = rows.filter(pl.col("what") == "function")
    assert names.select("x", "y").n_unique() == names.height == len({*pairs["waiter"], *pairs["holder"]})
    assert waits(example_frames(contention=False)).frame.height == 0


def test_the_places_of_objects_and_the_lists_of_slabs_are_each_a_whole() -> None:
    rows = memory(SWEEP).frame
    assert set(rows["unit"].to_list()) == {OBJECTS, LISTS}
    for share in rows.group_by("setting", "cache", "node", "unit").agg(pl.col("share").sum())["share"].to_list():
        assert share == pytest.approx(1.0)


def test_of_slub_memory_at_the_end_is_called_as_slub_has_it_and_only_what_is_there_has_rows() -> None:
    cache = FRAMES.caches["name"][0]
    row = dict.fromkeys(schema("slub"), 0) | {"cache": cache}
    slabs = FRAMES.slabs.with_columns(pl.lit(0).alias("in_alien"), pl.lit(3).alias("slabs_cpu"))
    rows = memory(replace(FRAMES, slub=pl.DataFrame([row], schema("slub")), slabs=slabs)).frame
    places = set(rows["place"].to_list())
    assert {SLUB_PLACES["in_arrays"], SLUB_PLACES["in_shared"], SLUB_SLABS["slabs_cpu"]} < places
    assert not places & {*PLACES.values()} - {*SLUB_PLACES.values()}
    assert "in_alien" not in rows["part"].to_list()
    of_slab = memory(FRAMES).frame
    assert set(of_slab.filter(pl.col("unit") == LISTS)["place"].to_list()) <= {*SLABS.values()}
    assert set(of_slab.filter(pl.col("unit") == OBJECTS)["place"].to_list()) <= {*PLACES.values()}


def test_a_convoy_of_many_holds_says_how_many_are_drawn_and_of_which_time() -> None:
    every = [(0, turn, 0, 1_000 * turn, 1_000 * turn + 900) for turn in range(MOST_HOLDS + 5)]
    chart = convoy(log_with(every))
    assert chart.frame["place"].n_unique() == MOST_HOLDS
    assert chart.title.endswith(
        f"; the first {MOST_HOLDS} of {MOST_HOLDS + 5} holds, 39.9 ns of 44.9 ns from 0 ns on, 990 ns of CPU time lost"
    )
    assert "; its 3 holds, 2.00 ns from 0 ns on" in convoy(LOG).title
    assert "holds" not in convoy(Log(FRAMES, LOG.holds.clear(), 0)).title


def test_beside_a_function_stands_what_is_lost_behind_it_and_how_much_of_that_is_its_own() -> None:
    frame = waits(FRAMES).frame
    for row in frame.filter(pl.col("what") == "function").iter_rows(named=True):
        own = frame.filter((pl.col("what") == LOOP) & (pl.col("waiter") == row["waiter"]))["share"].sum()
        behind = "nobody waits behind it" if not row["share"] else f"{share_text(row['share'])} is lost behind it"
        assert row["words"].startswith(f"{row['waiter']}\n{behind}")
        assert ("its own" in row["words"] or "of itself" in row["words"]) == bool(own)


def test_a_convoy_marks_hand_offs_from_another_node() -> None:
    rows = convoy(LOG).frame
    held = rows.filter(pl.col("what") == HOLDS)
    assert held.select("cpu", "node", "crossed").rows() == [(0, 0, False), (3, 1, True), (1, 0, True)]
    assert rows.filter(pl.col("what") == WAITS)["start"].to_list() == [0.2, 0.4]


def test_the_charts_of_a_log_name_locks_as_records_do_and_have_no_rows_of_nothing() -> None:
    assert set(queues(LOG).frame["lock"].to_list()) == {FRAMES.locks["lock"][0]}
    assert [chart.frame.height for chart in all_of(Log(FRAMES, LOG.holds.clear(), 0))] == [0, 0, 0, 0]
    assert log_of(FRAMES, Path("no/such/folder"), 0) is None


def test_of_more_cpus_than_have_a_row_each_nodes_have_one() -> None:
    chain = [(0, cpu, 10 * cpu, 10 * cpu, 10 * cpu + 5) for cpu in range(MOST_CPUS + 2)]
    log = log_with(chain)
    log.nodes = {cpu: cpu % NODES for cpu in range(MOST_CPUS + 2)}
    chart = transfers(log)
    assert chart.along == "node"
    assert set(chart.frame.select("giver", "taker").rows()) == {(0, 1), (1, 0)}
    assert chart.frame["share"].sum() == pytest.approx(1.0)
    assert transfers(LOG).along == "CPU"


def test_the_machine_has_a_line_where_locks_crossed_and_a_circle_a_node() -> None:
    layout = {"name": "two", "nodes": [{"node": node, "x": float(node), "y": 0.0} for node in range(NODES)]}
    rows = traffic(LOG, layout).frame
    assert rows.filter(pl.col("what") == LINK).select("name", "count").rows() == [("node 0 and node 1", 2)]
    assert rows.filter(pl.col("what") == NODE)["share"].to_list() == [0.0, 0.0]
    assert rows.filter(pl.col("what") == LINK)["told"].to_list() == [True]
    assert "2 hand-overs between CPUs" in traffic(LOG, layout).title


def test_nodes_of_which_one_hides_a_line_go_round_a_circle_and_the_first_is_at_the_left() -> None:
    def spots(*places: tuple[float, float]) -> list[tuple[float, float]]:
        nodes = [{"node": node, "x": x, "y": y} for node, (x, y) in enumerate(places)]
        rows = traffic(LOG, {"name": "some", "nodes": nodes}).frame.filter(pl.col("what") == NODE)
        return list(rows.select("x", "y").iter_rows())

    assert spots((1.0, 0.0), (-1.0, 0.0)) == [(-1.0, 0.0), (1.0, 0.0)]
    clear = ((-1.0, -1.0), (0.0, 1.0), (1.0, -1.0))
    assert spots(*clear) == list(clear)
    for x, y in spots((-1.0, 0.0), (0.0, 0.1), (1.0, 0.0)):
        assert x**2 + y**2 == pytest.approx(1.0)


def test_locks_are_in_the_order_of_how_long_they_were_waited_for() -> None:
    log = log_with([(0, 0, 0, 0, 10), (0, 1, 5, 10, 20), (1, 2, 0, 0, 50), (1, 3, 5, 50, 60)])
    rows = queues(log).frame
    assert rows["lock"].unique(maintain_order=True).to_list() == [FRAMES.locks["lock"][1], FRAMES.locks["lock"][0]]


def test_a_line_by_cpus_has_its_points_the_ideal_and_a_law_with_a_peak_within_it_if_any() -> None:
    rows = scaling(SWEEP).frame
    for line in rows.partition_by("line"):
        kinds = line["kind"].to_list()
        assert kinds.count(MEASURED) == 2 * 5
        assert kinds.count(IDEAL) == kinds.count(LAW) > 10
        assert kinds.count(PEAK) <= 1
        ideal = line.filter(pl.col("kind") == IDEAL)
        assert ideal["value"][-1] / ideal["value"][0] == pytest.approx(8.0)


def test_few_numbers_of_cpus_have_no_law_and_it_is_said_why() -> None:
    few = scaling(SWEEP.of_points([0, 1, 2, 3]))
    assert {LAW, PEAK}.isdisjoint(few.frame["kind"].to_list()) and IDEAL in few.frame["kind"].to_list()
    assert "No law is fitted to fewer than 5 numbers of CPUs." in few.reading
    assert "No law" not in scaling(SWEEP).reading
