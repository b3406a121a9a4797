# SPDX-License-Identifier: GPL-2.0-only
"""Our own machine files: what they say, what is wrong with them, and that writing and reading agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slabdes.errors import InputError
from slabdes.machine import load_machine, preset_names
from slabdes.machine.description import Description
from slabdes.machine.toml_file import SOURCED_KEYS, parse_toml, to_toml

SMALL = "[topology]\ncores = 2\n"


def _write(folder: Path, text: str, name: str = "m.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", preset_names())
def test_a_machine_written_as_toml_reads_back_equal(name: str, tmp_path: Path) -> None:
    machine = load_machine(name, cost_overrides={"alloc_hit": 1.0005}, memory_mib=3.1)
    assert load_machine(_write(tmp_path, to_toml(machine))) == machine


def test_a_measured_matrix_survives_writing(tmp_path: Path) -> None:
    text = SMALL + "[sources]\ntransfer_ns = 'measured'\n"
    machine = load_machine(_write(tmp_path, "transfer_ns = [[0, 40.5], [41.25, 0.0]]\n" + text))
    assert machine.transfer_ps == ((0, 40_500), (41_250, 0))
    assert load_machine(_write(tmp_path, to_toml(machine), "again.toml")) == machine


@given(
    name=st.text(min_size=1, max_size=20),
    pages=st.lists(st.integers(0, 1 << 30), min_size=2, max_size=2),
    cost_ps=st.integers(0, 10**12),
    slowdown=st.floats(1, 10),
)
@settings(max_examples=50, deadline=None)
def test_any_name_memory_and_cost_read_back_equal(name: str, pages: list[int], cost_ps: int, slowdown: float) -> None:
    machine = Description(
        where="test",
        name=name,
        source='quotes " and \\ and \x7f and newline \n',
        node_ids=(3, 7),
        node_of_cpu=(1, 0),
        core_of_cpu=(0, 1),
        cluster_of_core=(0, 0),
        memory_mib=(pages[0] / 256, pages[1] / 256),
        distances=((10, 33), (12, 11)),
        costs_ns={"ipi": cost_ps / 1000, "smt_slowdown": slowdown},
    ).build()
    assert machine.memory_pages == tuple(pages)
    assert parse_toml(to_toml(machine), "again", "again").build() == machine


def test_the_shorthand_numbers_second_threads_after_all_first_ones() -> None:
    text = "[topology]\nsockets = 2\nnodes = 2\ncores = 2\nthreads = 2\ncores_per_cluster = 2\n"
    machine = parse_toml(text, "m", "m").build()
    assert machine.node_of_cpu == (0, 0, 1, 1, 2, 2, 3, 3) * 2
    assert machine.core_of_cpu == tuple(range(8)) * 2
    assert machine.cluster_of_core == (0, 0, 1, 1, 2, 2, 3, 3)
    assert machine.distances[0] == (10, 20, 20, 20)
    assert "assumed" in dict(machine.sources)["distances"]
    assert machine.name == "m"


def test_last_level_caches_are_by_cluster_else_by_node_unless_they_are_told() -> None:
    shape = "[topology]\nsockets = 2\ncores = 2\n"
    assert parse_toml(shape, "m", "m").build().llc_of_core is None
    nodes = parse_toml("llc_mib = 8.0\n" + shape, "m", "m").build()
    assert (nodes.llc_mib, nodes.llc_of_core) == (8.0, (0, 0, 1, 1))
    clusters = parse_toml("llc_mib = 8.0\n" + shape + "cores_per_cluster = 1\n", "m", "m")
    assert clusters.build().llc_of_core == (0, 1, 2, 3)
    told = parse_toml("llc_mib = 8.0\nllc_of_core = [0, 0, 0, 0]\n" + shape, "m", "m").build()
    assert told.llc_of_core == (0, 0, 0, 0)
    assert parse_toml(to_toml(told), "again", "again").build() == told
    other = clusters.with_llc(2.0).build()
    assert (other.llc_mib, other.llc_of_core, dict(other.sources)["llc_mib"]) == (
        2.0,
        (0, 1, 2, 3),
        "overridden by the experiment",
    )


def test_explicit_cpus_go_by_the_ids_of_their_nodes() -> None:
    text = "node_ids = [5, 2, 8]\nnode_of_cpu = [8, 5, 8]\nmemory_mib = [1, 2, 0]\n"
    machine = parse_toml(text, "m", "m").build()
    assert machine.node_ids == (5, 2, 8)
    assert machine.node_of_cpu == (2, 0, 2)
    assert machine.cpus_of_node(1) == ()
    assert machine.memory_pages == (256, 512, 0)


def test_a_cost_without_a_source_says_which_file_gave_it() -> None:
    machine = parse_toml(SMALL + "[costs]\nipi = 5\n", "dir/m.toml", "m.toml").build()
    assert dict(machine.costs.sources)["ipi"] == "given in m.toml"


def test_a_source_may_be_given_for_what_stays_a_default() -> None:
    machine = parse_toml(SMALL + "[sources]\ntopology = 'seen'\n", "m", "m").build()
    assert dict(machine.sources)["topology"] == "seen"
    assert "topology" in SOURCED_KEYS


BAD = {
    "cache of no size": ("llc_mib = 0\n" + SMALL, "m.toml: llc_mib: 0"),
    "caches without a size": ("llc_of_core = [0]\n" + SMALL, "llc_of_core: given without a size; allowed: with llc_mib"),
    "too few caches": ("llc_mib = 1\nllc_of_core = [0]\n" + SMALL, "llc_of_core: 1 entries for"),
    "unknown key": ("memry_mib = 1\n" + SMALL, "m.toml: memry_mib: unknown key (did you mean memory_mib?)"),
    "unknown key in a table": ("[topology]\ncore = 2\n", "topology.core: unknown key (did you mean cores?)"),
    "second unknown key": (SMALL + "thread = 2\n", "topology.thread: unknown key (did you mean threads?)"),
    "unknown cost": (SMALL + "[costs]\nlockop = 1\n", "costs.lockop: not a cost (did you mean lock_op?)"),
    "unknown source": (
        SMALL + "[sources]\ntopolgy = 'x'\n",
        "sources.topolgy: not a key that has a source (did you mean topology?)",
    ),
    "cost too small": (SMALL + "[costs]\nipi = -1\n", "costs.ipi: -1"),
    "cost not a number": (SMALL + "[costs]\nipi = 'x'\n", "costs.ipi: 'x'"),
    "cost true": (SMALL + "[costs]\nipi = true\n", "costs.ipi: True"),
    "cost below a picosecond": (SMALL + "[costs]\nipi = 0.0004\n", "costs.ipi: 0.0004 is less than 0.001, the least"),
    "cost nan": (SMALL + "[costs]\nipi = nan\n", "costs.ipi: nan"),
    "cores true": ("[topology]\ncores = true\n", "topology.cores: True"),
    "cores zero": ("[topology]\ncores = 0\n", "topology.cores: 0"),
    "no cpus told": ("name = 'x'\n", "says of no CPU where it is; allowed: [topology], or node_of_cpu"),
    "both ways": ("node_of_cpu = [0]\n" + SMALL, "node_of_cpu: given besides [topology]"),
    "no cpus": ("node_of_cpu = []\n", "node_of_cpu: empty"),
    "absent node": (
        "node_ids = [0, 2]\nnode_of_cpu = [0, 1]\n",
        "node_of_cpu: CPU 1 is on node 1, which is not there; allowed: 0, 2",
    ),
    "absent by distances": ("node_of_cpu = [0, 1]\ndistances = [[10]]\n", "CPU 1 is on node 1, which is not there; allowed: 0"),
    "negative node": ("node_of_cpu = [-1]\n", "node_of_cpu.0: -1"),
    "node twice": ("node_ids = [0, 0]\nnode_of_cpu = [0]\n", "node_ids: a node is named twice"),
    "not square": (
        "node_of_cpu = [0, 1]\ndistances = [[10, 20], [20]]\n",
        "row 1 has 1 entries, not 2: the matrix is not square",
    ),
    "too few rows": ("node_ids = [0, 1]\nnode_of_cpu = [0]\ndistances = [[10]]\n", "distances: 1 rows for 2 nodes"),
    "negative distance": (
        "node_of_cpu = [0, 1]\ndistances = [[10, -20], [20, 10]]\n",
        "-20 from node 0 to node 1; allowed: 10 to 254",
    ),
    "far distance": (
        "node_of_cpu = [0, 1]\ndistances = [[10, 255], [20, 10]]\n",
        "255 from node 0 to node 1; allowed: 10 to 254",
    ),
    "nearer than itself": (
        "node_of_cpu = [0, 1]\ndistances = [[20, 15], [20, 10]]\n",
        "node 0 is nearer to node 1 (15) than to itself (20)",
    ),
    "broken distance": ("node_of_cpu = [0]\ndistances = [[10.5]]\n", "distances.0.0: 10.5"),
    "too many cpus": ("[topology]\ncores = 1025\n", "1025 CPUs; allowed: 1 to 1024"),
    "too many nodes": ("[topology]\nsockets = 257\ncores = 1\n", "257 nodes; allowed: 1 to 256"),
    "absurd size": ("[topology]\nsockets = 1000000\nnodes = 1000000\ncores = 1000000\n", "CPUs; allowed: 1 to 1024"),
    "far core": ("node_of_cpu = [0]\ncore_of_cpu = [1000000]\n", "numbered up to 1000000"),
    "core on two nodes": ("node_of_cpu = [0, 1]\ncore_of_cpu = [0, 0]\n", "core 0 has CPUs on nodes 0 and 1"),
    "cores left out": ("node_of_cpu = [0, 0]\ncore_of_cpu = [0, 2]\n", "2 cores, numbered up to 2"),
    "cores for others": ("node_of_cpu = [0, 0]\ncore_of_cpu = [0]\n", "1 entries for 2 CPUs"),
    "clusters for others": ("node_of_cpu = [0, 0]\ncluster_of_core = [0]\n", "1 entries for 2 cores"),
    "uneven clusters": (SMALL + "cores_per_cluster = 3\n", "cores_per_cluster: 3 with 2 cores a node"),
    "memory negative": ("memory_mib = -1\n" + SMALL, "memory_mib: -1.0 is not a memory size"),
    "memory of others": ("memory_mib = [1, 2]\n" + SMALL, "memory_mib: 2 numbers for 1 nodes"),
    "memory word": ("memory_mib = 'much'\n" + SMALL, "memory_mib: 'much'"),
    "matrix rows": ("transfer_ns = [[0.0]]\n" + SMALL, "transfer_ns: 1 rows for 2 CPUs"),
    "matrix not square": ("transfer_ns = [[0, 1], [0]]\n" + SMALL, "transfer_ns: row 1 has 1 entries, not 2"),
    "matrix diagonal": ("transfer_ns = [[0, 1], [1, 5]]\n" + SMALL, "transfer_ns: 5 from CPU 1 to itself"),
    "matrix below a picosecond": (
        "transfer_ns = [[0, 0.0004], [1, 0]]\n" + SMALL,
        "transfer_ns: from CPU 0 to CPU 1: 0.0004 is less than 0.001, the least that is told from 0",
    ),
    "clock": ("clock_ghz = 0\n" + SMALL, "clock_ghz: 0"),
    "not toml": ("cores == 2", "m.toml: not TOML"),
    "twice": ("name = 'a'\nname = 'b'\n", "m.toml: not TOML"),
    "deep": ("a = " + "[" * 3000, "m.toml: not TOML"),
    "long number": ("clock_ghz = " + "9" * 5000, "m.toml: not TOML"),
    "empty": ("", "m.toml: empty"),
    "blank": (" \n\n", "m.toml: empty"),
    "comments only": ("# nothing\n", "m.toml: nothing in it but comments"),
    "topology no table": ("topology = 3\n", "topology: 3 is not a table; allowed: [topology] and its keys"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_machine_file_is_one_line_that_names_file_and_key(case: str, tmp_path: Path) -> None:
    text, said = BAD[case]
    with pytest.raises(InputError) as caught:
        load_machine(_write(tmp_path, text))
    line = str(caught.value)
    assert said in line
    assert line.startswith(str(tmp_path / "m.toml"))
    assert "\n" not in line
    assert len(line) < 1000 + len(str(tmp_path))


def test_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_bytes(b"\x1f\x8b\x08\xff")
    with pytest.raises(InputError, match="byte 1 is not UTF-8"):
        load_machine(file)


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        load_machine(tmp_path)


def test_an_endless_device_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero here")
    with pytest.raises(InputError, match="a pipe or a device; allowed: a readable machine file, saved as a file"):
        load_machine("/dev/zero")


def test_overriding_a_class_of_lines_is_refused_where_every_transfer_is_measured(tmp_path: Path) -> None:
    file = _write(tmp_path, "transfer_ns = [[0, 40.5], [41.25, 0]]\n" + SMALL)
    with pytest.raises(InputError, match=r"costs\.same_node: has no effect"):
        load_machine(file, cost_overrides={"same_node": 1})
    assert load_machine(file, cost_overrides={"ipi": 1}).costs.ipi == 1000
