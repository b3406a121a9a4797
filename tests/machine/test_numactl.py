# SPDX-License-Identifier: GPL-2.0-only
"""The text of `numactl --hardware`."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import NUMACTL

from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.numactl import ThreadNumbering, parse_numactl
from slabdes.machine.toml_file import parse_toml, to_toml

REAL = Path(__file__).parents[3] / "shared" / "machines" / "numactl"

COUNTS = {  # cpus, nodes, MiB of the first node, distance from the first node to the last
    "broadwell_2socket_CoD_56cpu.txt": (56, 4, 15932, 31),
    "hwloc_128arm-2pa2n8cluster4co.txt": (128, 4, 128645, 33),
    "hwloc_128ia64-17n4s2c.txt": (128, 17, 97712, 14),
    "hwloc_16amd64-8n2c.txt": (16, 8, 8190, 20),
    "hwloc_16ia64-8n2s.txt": (16, 8, 5903, 29),
    "hwloc_256ia64-64n2s2c.txt": (256, 64, 7875, 34),
    "hwloc_32amd64-4s2n4c-cgroup2.txt": (32, 8, 16381, 22),
    "hwloc_32em64t-2n8c_dax_nvme_mic_dimms.txt": (16, 2, 16354, 21),
    "hwloc_40intel64-4n10c_pci-conflicts.txt": (40, 4, 131058, 20),
    "hwloc_48amd64-4pa2n6c-sparse.txt": (48, 8, 8189, 22),
    "hwloc_64amd64-4s2n4ca2co.txt": (64, 8, 16376, 22),
    "hwloc_96em64t-4no4pa3ca2co.txt": (96, 4, 129005, 26),
}


def test_every_real_file_is_in_the_table_of_expected_counts() -> None:
    if not REAL.is_dir():
        pytest.skip("the real numactl files are not here")
    assert {file.name for file in REAL.iterdir()} == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_a_real_machine_is_read_with_the_right_counts(name: str, tmp_path: Path) -> None:
    if not REAL.is_dir():
        pytest.skip("the real numactl files are not here")
    machine = load_machine(REAL / name)
    cpus, nodes, memory_mib, distance = COUNTS[name]
    assert (machine.n_cpus, machine.n_nodes) == (cpus, nodes)
    assert machine.memory_pages[0] == memory_mib * 256
    assert machine.distances[0][-1] == distance
    assert machine.transfer_ps == tuple(zip(*machine.transfer_ps, strict=True))
    copy = tmp_path / "copy.toml"
    copy.write_text(to_toml(machine), encoding="utf-8")
    assert load_machine(copy) == machine


def test_sparse_node_ids_become_dense_indexes() -> None:
    if not REAL.is_dir():
        pytest.skip("the real numactl files are not here")
    machine = load_machine(REAL / "hwloc_48amd64-4pa2n6c-sparse.txt")
    assert machine.node_ids == (0, 1, 2, 33, 34, 45, 72, 73)
    assert machine.cpus_of_node(3) == tuple(range(18, 24))
    assert machine.distances == load_machine("opteron-8n").distances


def test_a_memory_only_node_has_no_cpus() -> None:
    if not REAL.is_dir():
        pytest.skip("the real numactl files are not here")
    machine = load_machine(REAL / "hwloc_128ia64-17n4s2c.txt")
    assert machine.cpus_of_node(16) == ()
    assert machine.memory_pages[16] == 996 * 256
    assert machine.zonelist(0)[:3] == (0, 16, 1)  # 14 away, then 17


def test_interleaved_cpus_keep_their_nodes() -> None:
    machine = parse_numactl(NUMACTL, "two", "two.txt").build()
    assert machine.node_of_cpu == (0, 1, 0, 1)
    assert machine.name == "two"
    assert machine.memory_pages == (25600, 51200)


def test_the_source_says_that_threads_are_not_told() -> None:
    assert "every CPU counted as a core" in parse_numactl(NUMACTL, "two", "two.txt").source


def test_threads_of_a_core_can_be_told_apart_or_adjacent() -> None:
    apart = parse_numactl(NUMACTL, "two", "two", threads_per_core=2)
    assert apart.core_of_cpu == (0, 1, 0, 1)
    four = NUMACTL.replace("cpus: 0 2", "cpus: 0 2 4 6").replace("cpus: 1 3", "cpus: 1 3 5 7")
    assert parse_numactl(four, "x", "x", threads_per_core=2).core_of_cpu == (0, 2, 1, 3, 0, 2, 1, 3)
    adjacent = parse_numactl(four, "x", "x", threads_per_core=2, numbering=ThreadNumbering.ADJACENT)
    assert adjacent.core_of_cpu == (0, 2, 0, 2, 1, 3, 1, 3)
    assert "2 to a core" in adjacent.source


@pytest.mark.parametrize("threads", [0, -1, 3])
def test_threads_that_do_not_divide_a_node_are_one_line(threads: int) -> None:
    with pytest.raises(InputError, match=r"threads_per_core: .*allowed: a divisor"):
        parse_numactl(NUMACTL, "two", "two", threads_per_core=threads)


def test_a_node_without_a_size_line_gets_an_assumed_size_and_says_so() -> None:
    machine = parse_numactl(NUMACTL.replace("node 1 size: 200 MB\n", ""), "two", "two").build()
    assert machine.memory_pages == (25600, 4096 * 256)
    assert "node 1: size not told" in dict(machine.sources)["memory_mib"]


def test_a_size_that_is_not_available_is_unknown_and_assumed_and_one_of_0_is_no_memory() -> None:
    machine = parse_numactl(NUMACTL.replace("size: 200 MB", "size: <not available>"), "two", "two").build()
    assert machine.memory_pages == (25600, 4096 * 256)
    assert "node 1: size not told" in dict(machine.sources)["memory_mib"]
    assert parse_numactl(NUMACTL.replace("size: 200 MB", "size: 0 MB"), "two", "two").build().memory_pages == (25600, 0)
    twice = NUMACTL.replace("size: 200 MB", "size: <not available>\nnode 1 size: 200 MB")
    with pytest.raises(InputError, match="the size of node 1 again"):
        parse_numactl(twice, "two", "two")


def test_a_kernel_without_distances_gets_the_kernels_own_default() -> None:
    text = NUMACTL.split("node distances")[0] + "No distance information available.\n"
    machine = parse_numactl(text, "two", "two").build()
    assert machine.distances == ((10, 20), (20, 10))
    assert "assumed" in dict(machine.sources)["distances"]


def test_comments_warnings_and_windows_line_ends_do_not_matter() -> None:
    text = "# a comment\nlibnuma: Warning: something\n\n" + NUMACTL
    assert parse_numactl(text.replace("\n", "\r\n"), "two", "two").build() == parse_numactl(NUMACTL, "two", "two").build()


BAD = {
    "not numactl": (
        "available: 1 nodes (0)\n<?xml version='1.0'?>",
        "line 2: \"<?xml version='1.0'?>\" is not a line of numactl",
    ),
    "cut within a line": (NUMACTL[: NUMACTL.index("2\nnode 0 size")] + "2\nnode 0 si", "line 3: 'node 0 si' is not a line"),
    "cut after cpus": (
        NUMACTL[: NUMACTL.index("node 1 cpus")],
        "line 4: the text ends with the CPUs of 1 nodes, but announces 2 (cut off?)",
    ),
    "cut before distances": (
        NUMACTL[: NUMACTL.index("node distances")],
        "line 7: the text ends without node distances for 2 nodes (cut off?)",
    ),
    "cut in the table": (NUMACTL[: NUMACTL.index("  1:  21")], "line 10: distances for nodes 0, but there are nodes 0, 1"),
    "no nodes": ("available: 0 nodes\n", "line 1: the text ends without a `node N cpus:` line"),
    "cut after the only node": (
        "available: 1 nodes (0)\nnode 0 cpus: 0 1\n",
        "line 2: the text ends without node distances for 1 node (cut off?)",
    ),
    "comments only": ("# nothing\n", "nothing in it but comments"),
    "no cpus at all": ("node 0 cpus:\nnode 0 size: 1 MB\n", "0 CPUs; allowed: 1 to 1024"),
    "cpu twice": (NUMACTL.replace("cpus: 1 3", "cpus: 1 2"), "line 5: CPU 2 is on node 1 and on node 0"),
    "cpu twice on a node": (NUMACTL.replace("cpus: 1 3", "cpus: 1 1"), "line 5: CPU 1 is on node 1 twice"),
    "node twice": (NUMACTL.replace("node 1 cpus", "node 0 cpus"), "line 5: node 0 again; its CPUs were on line 2"),
    "size twice": (NUMACTL.replace("node 1 size", "node 0 size"), "line 6: the size of node 0 again"),
    "size of none": (NUMACTL.replace("node 1 size", "node 7 size"), "line 6: a size for node 7, which has no"),
    "not square": (NUMACTL.replace("1:  21  10", "1:  21"), "line 11: 1 distances for 2 nodes: the matrix is not square"),
    "row twice": (NUMACTL.replace("  1:  21", "  0:  21"), "line 11: the distances of node 0 again"),
    "rows of others": (NUMACTL.replace("  1:  21", "  5:  21"), "distances for nodes 0, 5, but there are nodes 0, 1"),
    "columns of others": (NUMACTL.replace("node   0   1", "node   0   5"), "distances for nodes 0, 5, but there are nodes 0, 1"),
    "columns twice": (NUMACTL.replace("node   0   1", "node   0   0"), "distances for nodes 0, 0, but there are nodes 0, 1"),
    "no heading": (NUMACTL.replace("node   0   1\n", ""), "line 9: distances before their"),
    "row before the table": ("  0:  10\n", "line 1: '0: 10' is not a line"),
    "negative": (NUMACTL.replace("0:  10  21", "0:  10  -1"), "line 10: -1 from node 0 to node 1; allowed: 10 to 254"),
    "nearer than itself": (NUMACTL.replace("0:  10  21", "0:  30  21"), "node 0 is nearer to node 1 (21) than to itself (30)"),
    "no number": (NUMACTL.replace("size: 100 MB", "size: lots"), "line 3: 'node 0 size: lots' is not a line"),
    "too many cpus": ("node 0 cpus: " + " ".join(map(str, range(1025))) + "\n", "1025 CPUs; allowed: 1 to 1024"),
    "far too long": ("x" * 100_000, "line 1: 'xxxxx"),
    "empty": ("", "empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_numactl_text_is_one_line(case: str, tmp_path: Path) -> None:
    text, said = BAD[case]
    file = tmp_path / "numactl.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_machine(file)
    line = str(caught.value)
    assert said in line
    assert line.startswith(str(file))
    assert "\n" not in line
    assert len(line) < 1000 + len(str(file))


def test_what_is_assumed_of_very_many_nodes_still_reads_back() -> None:
    text = (
        "node 0 cpus: 0\n"
        + "".join(f"node {node} cpus:\n" for node in range(1000, 1255))
        + "No distance information available.\n"
    )
    machine = parse_numactl(text, "many", "many").build()
    assert parse_toml(to_toml(machine), "again", "again").build() == machine


def test_a_single_node_needs_no_table() -> None:
    assert parse_numactl("node 0 cpus: 0 1\nnode 0 size: 5 MB\n", "one", "one").build().distances == ((10,),)
