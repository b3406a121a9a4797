# SPDX-License-Identifier: GPL-2.0-only
"""Zonelists, the choice of CPUs, line classes, the graph and the data for drawing."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from slabdes.config import Placement
from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.description import Description
from slabdes.machine.graph import layout, to_graph
from slabdes.machine.summary import describe
from slabdes.machine.topology import LineClass, Machine


def _machine(**changes: object) -> Machine:
    """Three nodes: two with two dual-threaded cores each, a third with memory only."""
    told: dict[str, object] = {
        "where": "test",
        "name": "three",
        "source": "test",
        "node_ids": (0, 4, 9),
        "node_of_cpu": (0, 0, 1, 1, 0, 0, 1, 1),
        "core_of_cpu": (0, 1, 2, 3, 0, 1, 2, 3),
        "cluster_of_core": None,
        "memory_mib": (16.0, 0.0, 64.0),
        "distances": ((10, 21, 17), (21, 10, 17), (17, 17, 10)),
    }
    return Description(**(told | changes)).build()  # type: ignore[arg-type]  # keywords by name, for short tests


def test_a_zonelist_starts_at_home_and_goes_by_distance() -> None:
    machine = _machine()
    assert machine.zonelist(0) == (0, 2, 1)
    assert machine.zonelist(2) == (2, 0, 1)


def test_equally_far_nodes_stand_in_ring_order_from_home() -> None:
    flat = load_machine("opteron-8n")
    assert flat.zonelist(0) == (0, 1, 2, 4, 6, 3, 5, 7)  # distance 16, then 22
    assert flat.zonelist(5) == (5, 7, 2, 3, 4, 6, 0, 1)
    ring = _machine(distances=((10, 20, 20), (20, 10, 20), (20, 20, 10)))
    assert ring.zonelist(1) == (1, 2, 0)


def test_home_comes_first_even_if_another_node_is_as_near() -> None:
    assert _machine(distances=((10, 10, 10), (10, 10, 10), (10, 10, 10))).zonelist(1) == (1, 2, 0)


def test_compact_fills_cores_then_second_threads_then_the_next_node() -> None:
    machine = _machine()
    assert machine.choose_cpus(8, Placement.COMPACT) == (0, 1, 4, 5, 2, 3, 6, 7)
    assert machine.choose_cpus(3, Placement.COMPACT) == (0, 1, 4)


def test_spread_goes_round_the_nodes_and_uses_second_threads_last() -> None:
    assert _machine().choose_cpus(8, Placement.SPREAD) == (0, 2, 1, 3, 4, 6, 5, 7)


def test_spread_on_uneven_nodes_still_takes_every_cpu_once() -> None:
    machine = _machine(node_of_cpu=(0, 1, 1, 1, 0, 1, 1, 1), core_of_cpu=(0, 1, 2, 3, 0, 1, 2, 3))
    assert machine.choose_cpus(8, Placement.SPREAD) == (0, 1, 2, 3, 4, 5, 6, 7)


def test_cores_takes_one_thread_of_each_core_node_by_node_then_the_second_threads() -> None:
    assert _machine().choose_cpus(8, Placement.CORES) == (0, 1, 2, 3, 4, 5, 6, 7)
    numbered = _machine(node_of_cpu=(0, 0, 0, 0, 1, 1, 1, 1), core_of_cpu=(0, 0, 1, 1, 2, 2, 3, 3))
    assert numbered.choose_cpus(6, Placement.CORES) == (0, 2, 4, 6, 1, 3)


@pytest.mark.parametrize("placement", Placement)
@pytest.mark.parametrize("name", ["i7-3770", "xeon-4s", "opteron-8n"])
def test_every_placement_of_all_cpus_uses_each_once(name: str, placement: Placement) -> None:
    machine = load_machine(name)
    assert sorted(machine.choose_cpus(machine.n_cpus, placement)) == list(range(machine.n_cpus))


@pytest.mark.parametrize("count", [0, -1, 9])
def test_more_cpus_than_there_are_is_one_line(count: int) -> None:
    with pytest.raises(InputError, match=f"machine.cpus: {count} CPUs on three; allowed: 1 to 8"):
        _machine().choose_cpus(count, Placement.COMPACT)


def test_lines_are_classed_by_the_nearest_thing_shared() -> None:
    machine = _machine(cluster_of_core=(0, 0, 1, 2))
    assert machine.line_class(0, 4) is LineClass.SAME_CORE
    assert machine.line_class(0, 1) is LineClass.SAME_CLUSTER
    assert machine.line_class(2, 3) is LineClass.SAME_NODE
    assert machine.line_class(0, 2) is LineClass.REMOTE
    costs = machine.costs
    assert machine.transfer_ps[0][1] == costs.same_cluster
    assert machine.transfer_ps[2][3] == costs.same_node
    assert machine.transfer_ps[2][0] == costs.remote_base + 11 * costs.remote_per_distance


def test_a_line_is_priced_by_the_distance_from_the_fetching_node_to_the_owner() -> None:
    machine = _machine(distances=((10, 30, 17), (20, 10, 17), (17, 17, 10)))
    costs = machine.costs
    assert machine.transfer_ps[2][0] == costs.remote_base + 20 * costs.remote_per_distance  # CPU 0, node 0, to node 1: 30
    assert machine.transfer_ps[0][2] == costs.remote_base + 10 * costs.remote_per_distance


def test_nodes_as_near_as_local_share_lines_as_one_node_does() -> None:
    machine = _machine(distances=((10, 10, 17), (10, 10, 17), (17, 17, 10)))
    assert machine.line_class(0, 2) is LineClass.SAME_NODE
    assert machine.transfer_ps[0][2] == machine.costs.same_node
    assert machine.dram_ps[0][1] == machine.costs.dram_local


def test_memory_only_nodes_have_no_cpus_and_memoryless_ones_no_pages() -> None:
    machine = _machine()
    assert [machine.cpus_of_node(node) for node in range(3)] == [(0, 1, 4, 5), (2, 3, 6, 7), ()]
    assert machine.memory_pages == (4096, 0, 16384)


def test_a_machine_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        _machine().name = "other"  # type: ignore[misc]  # the point of the test


def test_the_graph_has_every_node_core_and_cpu_with_its_level() -> None:
    graph = to_graph(_machine())
    kinds = [kind for _name, kind in graph.nodes(data="kind")]
    assert [kinds.count(kind) for kind in ("node", "core", "cpu")] == [3, 4, 8]
    assert graph.edges["node 0", "node 2"]["distance"] == 17
    assert set(graph.neighbors("core 1")) == {"node 0", "cpu 1", "cpu 5"}
    assert graph.nodes["node 1"]["id"] == 4
    levels = [level for _a, _b, level in graph.edges(data="level")]
    assert [levels.count(level) for level in ("node", "core", "cpu")] == [3, 4, 8]


def test_the_layout_is_plain_data_that_places_every_node_apart() -> None:
    for machine in (_machine(), *map(load_machine, ("uma-4", "numa-2x4", "xeon-4s", "opteron-8n", "epyc-2s"))):
        drawn = json.loads(json.dumps(layout(machine)))
        places = {(node["x"], node["y"]) for node in drawn["nodes"]}
        assert len(places) == machine.n_nodes
        assert all(-1 <= part <= 1 for place in places for part in place)
        shown = sorted(cpu for node in drawn["nodes"] for core in node["cores"] for cpu in core["cpus"])
        assert shown == list(range(machine.n_cpus))


def test_the_layout_puts_near_nodes_nearer_than_far_ones() -> None:
    def apart(a: int, b: int) -> float:
        return float((nodes[a]["x"] - nodes[b]["x"]) ** 2 + (nodes[a]["y"] - nodes[b]["y"]) ** 2)

    nodes = layout(load_machine("xeon-4s"))["nodes"]
    assert max(apart(0, 1), apart(0, 3)) < apart(0, 2)  # a ring: 2 is opposite 0


def test_links_tell_which_nodes_are_nearest_neighbours() -> None:
    links = {(link["a"], link["b"]): link["nearest"] for link in layout(_machine())["links"]}
    assert links == {(0, 1): False, (0, 2): True, (1, 2): True}


def test_describe_is_plain_data_whose_digest_follows_every_cost() -> None:
    plain = json.loads(json.dumps(describe(_machine())))
    assert plain["cpus"] == 8
    assert plain["nodes"][1] == {"node": 1, "id": 4, "cpus": [2, 3, 6, 7], "memory_mib": 0.0}
    other = describe(_machine(costs_ns={"ipi": 1001.0}))
    assert plain["digest"] != other["digest"]
    assert plain["digest"] == describe(_machine())["digest"]


def test_the_transfer_summary_counts_ordered_pairs() -> None:
    summary = {entry["class"]: entry["pairs"] for entry in _machine().transfer_summary()}
    assert summary == {"same_core": 8, "same_node": 16, "remote": 32}  # 8 x 7 = 56 ordered pairs
    assert sum(summary.values()) == 56
