# SPDX-License-Identifier: GPL-2.0-only
"""The machine as a networkx graph, and where to draw its nodes: near nodes near each other.

The only module that imports networkx. Leaves out drawing itself: `layout` is plain data for the plots room.
"""

from __future__ import annotations

from typing import Any, Final

import networkx as nx

from slabdes.machine.topology import Machine

ITERATIONS: Final = 400
"""Steps of the spring layout: enough for 64 nodes to come to rest (tried)."""
ATTRACTION: Final = 6
"""A spring's strength is (nearest distance / distance) to this power, so that hops of a SLIT stand apart (tried)."""
POSITION_DIGITS: Final = 4
"""Decimals of a drawn position: further ones depend on the arithmetic of the machine that drew it."""


def to_graph(machine: Machine) -> nx.Graph[str]:
    """Vertices `node N`, `core N` and `cpu N` (dense indexes) with a `kind`; edges with a `level`.

    Level `node` joins every two NUMA nodes and carries their SLIT `distance` (the larger one if directions differ);
    level `core` joins a node to its cores, level `cpu` a core to its CPUs. Attributes: a node's OS `id` and
    `memory_pages`, a core's `node` and `cluster` (None if unknown), a CPU's `node` and `core`.
    """
    graph: nx.Graph[str] = nx.Graph(name=machine.name)
    for node, node_id in enumerate(machine.node_ids):
        graph.add_node(f"node {node}", kind="node", index=node, id=node_id, memory_pages=machine.memory_pages[node])
    for a, row in enumerate(machine.distances):
        for b in range(a + 1, machine.n_nodes):
            graph.add_edge(f"node {a}", f"node {b}", level="node", distance=max(row[b], machine.distances[b][a]))
    for cpu, core in enumerate(machine.core_of_cpu):
        node = machine.node_of_cpu[cpu]
        if f"core {core}" not in graph:
            cluster = None if machine.cluster_of_core is None else machine.cluster_of_core[core]
            graph.add_node(f"core {core}", kind="core", index=core, node=node, cluster=cluster)
            graph.add_edge(f"node {node}", f"core {core}", level="core")
        graph.add_node(f"cpu {cpu}", kind="cpu", index=cpu, node=node, core=core)
        graph.add_edge(f"core {core}", f"cpu {cpu}", level="cpu")
    return graph


def layout(machine: Machine) -> dict[str, Any]:
    """What a figure of the machine needs, JSON-able.

    `nodes`: node, id, x, y (within -1..1), memory_mib, and `cores`, each with core, cluster (or None) and cpus.
    `links`: a, b, distance, and `nearest`, true where no node is nearer to a or to b. `distances`: the SLIT.
    `transfers`: line transfers by class, as `Machine.transfer_summary`. Also name, source, cpus and clock_ghz.
    """
    graph = to_graph(machine)
    places = _positions(graph.subgraph(f"node {node}" for node in range(machine.n_nodes)))
    memory_mib = machine.memory_mib()
    nodes: list[dict[str, Any]] = []
    for node, node_id in enumerate(machine.node_ids):
        x, y = places[node]
        cores = _cores(machine, node)
        nodes.append({"node": node, "id": node_id, "x": x, "y": y, "memory_mib": memory_mib[node], "cores": cores})
    return {
        "name": machine.name,
        "source": machine.source,
        "clock_ghz": machine.clock_ghz,
        "cpus": machine.n_cpus,
        "nodes": nodes,
        "links": _links(graph, machine.n_nodes),
        "distances": [list(row) for row in machine.distances],
        "transfers": machine.transfer_summary(),
    }


def _cores(machine: Machine, node: int) -> list[dict[str, Any]]:
    clusters = machine.cluster_of_core
    cores: dict[int, list[int]] = {}
    for cpu in machine.cpus_of_node(node):
        cores.setdefault(machine.core_of_cpu[cpu], []).append(cpu)
    return [{"core": core, "cluster": clusters and clusters[core], "cpus": cores[core]} for core in sorted(cores)]


def _links(graph: nx.Graph[str], nodes: int) -> list[dict[str, Any]]:
    joined = [(a, b, graph.edges[f"node {a}", f"node {b}"]["distance"]) for a in range(nodes) for b in range(a + 1, nodes)]
    nearest: dict[int, int] = {}
    for a, b, distance in joined:
        nearest[a] = min(distance, nearest.get(a, distance))
        nearest[b] = min(distance, nearest.get(b, distance))
    return [{"a": a, "b": b, "distance": distance, "nearest": distance in (nearest[a], nearest[b])} for a, b, distance in joined]


def _positions(nodes: nx.Graph[str]) -> list[tuple[float, float]]:
    """A place for each NUMA node, in index order: a circle if all are equally far apart, otherwise springs by distance."""
    order = sorted(nodes, key=lambda name: int(nodes.nodes[name]["index"]))
    # A subgraph lists vertices in no promised order; the circle must go by index.
    ordered: nx.Graph[str] = nx.Graph()
    ordered.add_nodes_from(order)
    places = nx.circular_layout(ordered)
    distances = {distance for _a, _b, distance in nodes.edges(data="distance")}
    if len(order) == 1:
        return [(0.0, 0.0)]
    if len(distances) > 1:
        nearest = min(distances)
        for a, b, distance in nodes.edges(data="distance"):
            ordered.add_edge(a, b, weight=(nearest / distance) ** ATTRACTION)
        places = nx.spring_layout(ordered, pos=places, iterations=ITERATIONS, weight="weight")
    return [(round(float(places[name][0]), POSITION_DIGITS), round(float(places[name][1]), POSITION_DIGITS)) for name in order]
