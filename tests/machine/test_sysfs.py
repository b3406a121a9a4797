# SPDX-License-Identifier: GPL-2.0-only
"""This host from sysfs, by trees laid out like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import sysfs, write_tree

from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.sysfs import read_host
from slabdes.machine.topology import Machine

TWO = sysfs(["0,4", "1,5", "2,6", "3,7"], {0: ("0-1,4-5", 64, "10 21"), 1: ("2-3,6-7", 128, "21 10")}, "0-7")
CPU = "sys/devices/system/cpu"
NODE = "sys/devices/system/node"


def read(root: Path, files: dict[str, str]) -> Machine:
    return read_host(write_tree(root, files)).build()


def test_a_host_gives_cpus_threads_nodes_memory_and_distances(tmp_path: Path) -> None:
    machine = read(tmp_path, TWO)
    assert machine.name == "host"
    assert machine.node_of_cpu == (0, 0, 1, 1, 0, 0, 1, 1)
    assert machine.core_of_cpu == (0, 1, 2, 3, 0, 1, 2, 3)
    assert machine.memory_mib() == (64.0, 128.0)
    assert machine.distances == ((10, 21), (21, 10))


def test_cpus_that_are_offline_are_not_there(tmp_path: Path) -> None:
    machine = read(tmp_path, TWO | {f"{CPU}/online": "0-2,4,6"})
    assert machine.node_of_cpu == (0, 0, 1, 0, 1)  # CPUs 0, 1, 2, 4, 6
    assert machine.core_of_cpu == (0, 1, 2, 0, 2)


def test_without_a_list_of_those_online_the_folders_tell(tmp_path: Path) -> None:
    files = {path: text for path, text in TWO.items() if path != f"{CPU}/online"}
    files |= {f"{CPU}/cpu1/online": "1", f"{CPU}/cpu5/online": "0", f"{CPU}/cpufreq/boost": "1"}
    assert read(tmp_path, files).n_cpus == 7


def test_a_container_without_nodes_has_one_with_all_memory(tmp_path: Path) -> None:
    files = {path: text for path, text in TWO.items() if not path.startswith(NODE)}
    machine = read(tmp_path, files | {"proc/meminfo": "MemTotal:         524288 kB\nMemFree: 5 kB"})
    assert (machine.n_nodes, machine.n_cpus, machine.memory_mib()) == (1, 8, (512.0,))
    del machine
    (tmp_path / "proc/meminfo").unlink()
    assert "assumed" in dict(read_host(tmp_path).build().sources)["memory_mib"]


def test_a_host_that_tells_of_cpus_alone_has_a_core_for_each(tmp_path: Path) -> None:
    machine = read(tmp_path, {f"{CPU}/online": "0-3"})
    assert (machine.core_of_cpu, machine.n_nodes) == ((0, 1, 2, 3), 1)


def test_nodes_without_cpus_or_memory_and_with_gaps_keep_their_ids(tmp_path: Path) -> None:
    nodes = {0: ("0-1", 64, "10 20 30"), 2: ("", 256, "20 10 40"), 8: ("2", 0, "30 40 10")}
    files = sysfs(["0", "1", "2"], nodes, "0-2") | {f"{NODE}/online": "0,2,8", f"{NODE}/has_cpu": "0,8"}
    machine = read(tmp_path, files)
    assert machine.node_ids == (0, 2, 8)
    assert machine.node_of_cpu == (0, 0, 2)
    assert machine.memory_mib() == (64.0, 256.0, 0.0)
    assert machine.distances[2] == (30, 40, 10)


def test_shared_caches_and_the_kernels_clusters_make_clusters(tmp_path: Path) -> None:
    def cache(cpu: int, index: int, level: int, kind: str, shared: str) -> dict[str, str]:
        folder = f"{CPU}/cpu{cpu}/cache/index{index}"
        return {f"{folder}/level": str(level), f"{folder}/type": kind, f"{folder}/shared_cpu_list": shared}

    files = sysfs(["0", "1", "2", "3"], {0: ("0-3", 64, "10")}, "0-3")
    for cpu in range(4):
        files |= cache(cpu, 0, 1, "Data", "0-1") | cache(cpu, 1, 2, "Instruction", "0-1") | cache(cpu, 2, 3, "Unified", "0-3")
    assert read(tmp_path / "none", files).cluster_of_core is None
    assert read(tmp_path / "kernel", files | {f"{CPU}/cpu3/topology/cluster_cpus_list": "2-3"}).cluster_of_core == (0, 1, 2, 2)
    files |= cache(0, 3, 2, "Unified", "0,2") | cache(2, 3, 2, "Unified", "0,2")
    assert read(tmp_path / "l2", files).cluster_of_core == (0, 1, 0, 2)


def test_the_last_level_is_known_by_its_size_and_who_shares_it(tmp_path: Path) -> None:
    def cache(cpu: int, index: int, level: int, kind: str, size: str, shared: str) -> dict[str, str]:
        folder = f"{CPU}/cpu{cpu}/cache/index{index}"
        told = {"level": str(level), "type": kind, "size": size, "shared_cpu_list": shared}
        return {f"{folder}/{name}": text for name, text in told.items()}

    files = sysfs(["0", "1", "2", "3"], {0: ("0-3", 64, "10")}, "0-3")
    for cpu in range(4):
        half = "0-1" if cpu < 2 else "2-3"
        files |= cache(cpu, 0, 1, "Data", "32K", str(cpu)) | cache(cpu, 1, 2, "Unified", "1024K", str(cpu))
        files |= cache(cpu, 2, 3, "Unified", "16896K", half)
    host = read(tmp_path / "l3", files)
    assert (host.llc_mib, host.llc_of_core) == (16.5, (0, 0, 1, 1))
    untold = {name: text for name, text in files.items() if not name.endswith("index2/size")}
    assert read(tmp_path / "l2", untold).llc_of_core == (0, 1, 2, 3)
    assert read(tmp_path / "none", {name: text for name, text in files.items() if not name.endswith("size")}).llc_of_core is None


@pytest.mark.parametrize(
    ("files", "ghz"),
    [
        ({"proc/cpuinfo": "processor : 0\nmodel name\t: Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz"}, 2.7),
        ({f"{CPU}/cpu0/cpufreq/base_frequency": "2100000", f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3900000"}, 2.1),
        ({f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "3900000"}, 3.9),
        ({f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": "0"}, 4.0),
        ({}, 4.0),
    ],
)
def test_the_clock_is_the_nominal_one_where_it_is_told(tmp_path: Path, files: dict[str, str], ghz: float) -> None:
    assert read(tmp_path, TWO | files).clock_ghz == ghz


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({f"{CPU}/online": "0-4294967295"}, "'0-4294967295' in its list; allowed: 0 to 65536"),
        ({f"{CPU}/online": "3-1"}, "'3-1' in its list"),
        ({f"{CPU}/online": "all"}, "'all' in its list"),
        ({f"{NODE}/node0/cpulist": "0-65537"}, "'0-65537' in its list"),
        ({f"{NODE}/node1/distance": "10"}, "'10' is not a row for 2 nodes"),
        ({f"{NODE}/node1/distance": "far 10"}, "'far 10' is not a row for 2 nodes"),
        ({f"{NODE}/node1/distance": "255 10"}, "255 from node 1 to node 0; allowed: 10 to 254"),
    ],
)
def test_a_host_that_makes_no_sense_is_one_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, TWO | files)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_host_without_sysfs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"machine 'host': .* tells of no CPU; allowed: a Linux host"):
        read_host(tmp_path)


def test_host_is_this_machine_wherever_a_machine_is_named() -> None:
    if not Path(f"/{CPU}/online").exists():
        pytest.skip("this host has no /sys/devices/system/cpu")
    machine, read = load_machine("host"), read_host().build()
    # Not its memory: a virtual machine's may grow between the two.
    assert (machine.node_of_cpu, machine.core_of_cpu, machine.distances) == (read.node_of_cpu, read.core_of_cpu, read.distances)
