# SPDX-License-Identifier: GPL-2.0-only
"""Machine files in forms that public ones have, each read as what it says: see `cases/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.load import import_machine
from slabdes.machine.topology import Machine

CASES = Path(__file__).parent / "cases"


def machine(name: str) -> Machine:
    return load_machine(next(CASES.glob(f"{name}-*")))


@pytest.mark.parametrize(("case", "least", "most"), [("01", 42, 46), ("10", 41, 45), ("12", 42, 46), ("14", 42, 46)])
def test_four_cpus_are_as_far_apart_as_the_table_says(case: str, least: int, most: int) -> None:
    found = machine(case)
    latencies = [found.transfer_ps[a][b] for a in range(4) for b in range(a)]
    assert (found.n_cpus, min(latencies), max(latencies)) == (4, 1000 * least, 1000 * most)


def test_dies_of_a_package_are_clusters_and_nodes_only_where_they_are_asked_for() -> None:
    assert (machine("04").n_nodes, machine("04").cluster_of_core) == (1, (0, 0, 0, 0, 1, 1, 1, 1))
    assert import_machine(next(CASES.glob("04-*")), nodes=2).node_of_cpu == (0, 0, 0, 0, 1, 1, 1, 1)


def test_unequal_sockets_are_nodes_and_pairs_cores() -> None:
    found = machine("06")
    assert [len(found.cpus_of_node(node)) for node in range(2)] == [6, 4]
    assert found.core_of_cpu == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)


def test_cores_without_siblings_stay_alone_among_cores_that_have_some() -> None:
    assert machine("34").core_of_cpu == (0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7)


def test_ranges_of_cpus_are_read() -> None:
    assert machine("15").node_of_cpu == (0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1)


def test_a_node_out_of_reach_is_as_far_as_can_be_and_that_is_said() -> None:
    found = machine("16")
    assert found.distances == ((10, 40, 80), (40, 10, 254), (80, 254, 10))
    assert "254" in dict(found.sources)["distances"]


def test_a_prompt_is_left_out_and_that_is_said() -> None:
    found = machine("18")
    assert (found.n_nodes, found.n_cpus, found.memory_mib()) == (1, 4, (7900,))
    assert dict(found.sources)["left out"] == "line 1: what a terminal printed beside"


def test_a_computer_without_numa_is_told_what_to_use_instead() -> None:
    with pytest.raises(InputError, match=r"line 1: that computer has no NUMA.*; allowed: `host`"):
        machine("19")


def test_the_number_of_nodes_is_asked_of_tables_alone() -> None:
    with pytest.raises(InputError, match=r"--nodes 2: .* is the output of numactl --hardware, which tells its nodes"):
        import_machine(next(CASES.glob("15-*")), nodes=2)


@pytest.mark.parametrize(
    "text",
    [
        "node 0 cpus: 0 1 2 3\n4 5 6 7\nnode 0 size: 100 MB\n",
        "> node 0 cpus: 0-3,\n> 4-7 (8)\n> node 0 size: 100 MB\n",
        "$ numactl --hardware\nnode 0 cpus: 0 1 2 3 4 5 6 7\nnode 0 size: 100 MB\nuser@box:~$\n",
    ],
    ids=["wrapped", "quoted and wrapped", "between prompts"],
)
def test_numactls_lines_are_read_as_they_are_mailed(text: str, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text(text)
    found = load_machine(tmp_path / "n.txt")
    assert (found.n_cpus, found.memory_mib()) == (8, (100,))
