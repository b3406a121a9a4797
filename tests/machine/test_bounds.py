# SPDX-License-Identifier: GPL-2.0-only
"""Machine files, and hosts, that are far too much of something: refused in a line before time and memory are spent on them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from samples import HEAD, NUMACTL, core, cpus, numa, sysfs, write_tree, xml

from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.survey import members
from slabdes.machine.sysfs import read_host
from slabdes.machine.toml_file import MachineFile

BAD = {
    "6,000 CPUs on as many nodes, numactl": (
        "".join(f"node {node} cpus: {node}\n" for node in range(6000)) + "No distance information available.\n",
        "6000 CPUs; allowed: 1 to 1024",
    ),
    "6,000 nodes without CPUs, numactl": (
        "".join(f"node {node} cpus:{' 0' * (not node)}\n" for node in range(6000)) + "No distance information available.\n",
        "6000 nodes; allowed: 1 to 256",
    ),
    "6,000 CPUs, hwloc": (xml(numa(0, 0) + "".join(map(core, range(6000)))), "6000 CPUs; allowed: 1 to 1024"),
    "6,000 nodes, hwloc": (
        xml(core(0) + "".join(f'<object type="NUMANode" os_index="{n}" cpuset="0x1"/>\n' for n in range(6000))),
        "more than 1024 NUMA nodes",
    ),
    "300 nodes, hwloc": (
        xml("".join(f'<object type="NUMANode" os_index="{n}" cpuset="0x1"/>\n' for n in range(300)) + core(0)),
        "300 nodes; allowed: 1 to 256",
    ),
    "lists 3,000 deep, TOML": ("distances = " + "[" * 3000, "not TOML: nested too deeply"),
    "tables 3,000 deep, TOML": ("[" + "a." * 3000 + "a]\n", "not TOML: a key without an end"),
    "a key of 60,000 parts, TOML": ("x = 1\n" + "a." * 60_000 + "a = 1\n", "not TOML: a key without an end"),
    "a number of 5,000 digits, TOML": (
        "clock_ghz = " + "9" * 5000,
        "a number without an end; allowed: numbers of at most 20 digits",
    ),
    "a hexadecimal one, TOML": ("clock_ghz = 0x" + "f" * 5000, "clock_ghz: too long a number; allowed: numbers of at most 20"),
    "a hexadecimal one in a matrix, TOML": ("distances = [[0x" + "f" * 5000 + "]]", "distances: too long a number"),
    "100,000 keys, TOML": ("k = 1\n" * 100_000, "100,000 keys; allowed: at most 16,384 in a machine"),
    "two million values, TOML": ("a = [" + "0," * 2_000_000 + "]", "2,000,000 values in lists; allowed: at most 1,310,720"),
    "100,000 tables, TOML": ("[[a]]\n" * 100_000, "200,000 tables and lists"),
    "three million lines, TOML": ("a = 1" + "\n" * 3_000_000, "3,000,000 lines; allowed: at most 2,097,152 in a machine"),
    "3,000 elements in each other, hwloc": (HEAD + '<topology version="2.0">' + "<a>" * 3000, "nested deeper than 128 elements"),
    "a line of 60,000 blanks, numactl": (
        NUMACTL.replace("cpus: 0 2", "cpus: 0" + " " * 60_000 + "2"),
        "line 2: 60,015 characters",
    ),
    "a line of 60,000 numbers, numactl": (NUMACTL.replace("0   1\n", "0   1 " * 60_000 + "x\n", 1), "line 9: "),
    "a number of 9,000 digits, numactl": (NUMACTL.replace("cpus: 0 2", "cpus: 0 " + "2" * 9000), "line 2: CPUs 2222"),
    "more lines than any machine has, numactl": (NUMACTL + "# nothing\n" * 200_000, "allowed: at most 1,048,576 of numactl"),
    "a line of 60,000 blanks before the first word": (" " * 60_000 + "nothing\n", "1 row; allowed: 2 to 1024"),
    "a quote that does not end, latencies": ('0;"' + "1" * 200_000 + "\n1;0\n", "line 1: not CSV: field larger than field limit"),
    "a line's end within quotes, latencies": ('0;"1\r2"\n1;0\n', "is not a latency"),
    "a line's end behind quotes, latencies": (
        '0;"1"\r2\n1;0\n',
        "line 1: not CSV: new-line character seen in unquoted field; allowed",
    ),
    "300,000 empty lines before it": ("\n" * 300_000 + "nothing\n", "line 300001"),
}


@pytest.mark.parametrize("name", BAD)
def test_too_much_of_something_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    text, told = BAD[name]
    path = tmp_path / "machine"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_machine(path)
    assert told in str(caught.value)


def test_a_second_heading_of_the_distances_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "machine"
    path.write_text(NUMACTL + "node   0   1   2\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 12: a second heading of the distances; allowed: one `node 0 1"):
        load_machine(path)


def test_a_machine_file_that_is_a_pipe_is_refused_without_waiting_for_who_writes_to_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "machine")
    with pytest.raises(InputError, match="a pipe or a device; allowed: a readable machine file"):
        load_machine(tmp_path / "machine")


def test_packed_files_are_not_unpacked_as_machines(tmp_path: Path) -> None:
    (tmp_path / "machine.gz").write_bytes(gzip.compress(NUMACTL.encode()))
    with pytest.raises(InputError, match="byte 1 is not UTF-8"):
        load_machine(tmp_path / "machine.gz")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sys/devices/system/cpu/online": "0-65535"}, "65536 CPUs; allowed: 1 to 1024"),
        ({"sys/devices/system/node/online": "0-65535"}, "65536 nodes; allowed: 1 to 256"),
        ({"sys/devices/system/cpu/online": "0," * 30_000 + "x"}, "'x' in its list"),
        ({"sys/devices/system/cpu/online": "9" * 5000}, "in its list; allowed: 0 to 65536"),
    ],
)
def test_a_host_of_too_many_cpus_or_nodes_is_refused(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    files = sysfs(["0", "1"], {0: ("0-1", 64, "10")}, "0-1")
    with pytest.raises(InputError) as caught:
        read_host(write_tree(tmp_path, {**files, **changes}))
    assert told in str(caught.value)


def test_a_host_whose_files_are_pipes_is_one_that_does_not_tell(tmp_path: Path) -> None:
    root = write_tree(tmp_path, sysfs(["0,1"], {}, "0-1"))
    siblings = root / "sys/devices/system/cpu/cpu0/topology/core_cpus_list"
    siblings.unlink(missing_ok=True)
    os.mkfifo(siblings)
    assert read_host(root).build().n_cpus == 2


def test_the_members_of_a_set_are_its_ones() -> None:
    assert list(members(0)) == list(members(-1)) == []
    assert list(members(int(cpus(0, 31, 32, 1000).replace(",0x", ""), 16))) == [0, 31, 32, 1000]
    assert list(members((1 << 65_536) - 1)) == list(range(65_536))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("float = 1\n", "m.toml: float: unknown key; allowed: name, source"),
        ("[topology]\ncores = 1\n['tuple[float, ...]']\n", "m.toml: tuple[float, ...]: unknown key"),
        ("[topology]\nfloat = 1\n", "m.toml: topology.float: unknown key; allowed: cores, sockets"),
        ("[calibration]\nfree_ = []\n", "m.toml: calibration.free_: unknown key (did you mean free?)"),
        ("memory_mib = [1, 'x']\n", "m.toml: memory_mib: [1, 'x']"),
        ("transfer_ns = [[0, 1], [-1, 'x']]\n", "m.toml: transfer_ns.1.0: -1: "),
        ("[topology]\ncorse = 1\n", "m.toml: topology.corse: unknown key (did you mean cores?)"),
        ('"a-b" = 1\n', "m.toml: a-b: unknown key"),
        ('"\\u001b[31m" = 1\n', "m.toml: \\x1b[31m: unknown key"),
        ("topology = 1\n", "m.toml: topology: 1 is not a table"),
    ],
)
def test_a_key_is_told_as_the_file_has_it(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_machine(path)
    assert told in str(caught.value)


def test_of_a_million_wrong_values_few_are_worked_on() -> None:
    rows = [[-1] * 1024] * 1024
    with pytest.raises(ValidationError) as caught:
        MachineFile.model_validate(
            {"transfer_ns": rows, "distances": [["x"] * 1024] * 1024, "memory_mib": ["x"] * 1024, "node_of_cpu": rows[0]}
        )
    assert caught.value.error_count() <= 5


def test_a_set_of_all_cpus_that_may_be_is_read(tmp_path: Path) -> None:
    path = tmp_path / "machine"
    path.write_text(
        xml(numa(0, *range(32)).replace("0xffffffff", ",".join(["0xffffffff"] * 2048)) + core(65_535)), encoding="utf-8"
    )
    assert load_machine(path).n_cpus == 1
