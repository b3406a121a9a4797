# SPDX-License-Identifier: GPL-2.0-only
"""Machine files of every kind: told apart by what is in them, damaged ones refused, all of them written as TOML and run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import drawn
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import LATENCIES, NUMACTL, SHARED, TOML, TWO_PACKAGES, core, numa, package, xml

from slabdes.api import simulate
from slabdes.errors import InputError
from slabdes.machine import import_machine, is_named, load_machine
from slabdes.machine.description import Description
from slabdes.machine.files import FileKind, kind_of
from slabdes.machine.summary import describe
from slabdes.machine.toml_file import parse_toml, to_toml

SAMPLES = {FileKind.HWLOC: TWO_PACKAGES, FileKind.NUMACTL: NUMACTL, FileKind.TOML: TOML, FileKind.LATENCIES: LATENCIES}
REAL = sorted(path for path in SHARED.glob("machines/*/*") if path.is_file())
NO_REAL = "the real machine files are not here"


def saved(folder: Path, text: str | bytes, name: str = "machine") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str | None:
    """The one line with which a file is refused, None if it is a machine. Anything but an InputError fails the test."""
    try:
        load_machine(path)
    except InputError as error:
        line = str(error)
        assert line.startswith(str(path))
        assert "\n" not in line
        assert len(line) < len(str(path)) + 600
        return line
    return None


# Which kind


@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize("name", ["machine", "m.toml", "m.xml", "m.txt", "m.csv", "m"])
def test_the_kind_is_told_by_what_is_in_the_file_and_not_by_its_name(kind: FileKind, name: str, tmp_path: Path) -> None:
    assert load_machine(saved(tmp_path, SAMPLES[kind], name)).n_cpus in (4, 8)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\ufeff<topology/>", FileKind.HWLOC),
        ("\n  <topology/>", FileKind.HWLOC),
        ("# taken by hand\n\nnode 0 cpus: 0\n", FileKind.NUMACTL),
        ("libnuma: Warning: no\n", FileKind.NUMACTL),
        ("# ours\n[topology]\n", FileKind.TOML),
        ("'name' = 'x'\n", FileKind.TOML),
        ("\tname = 'x'\n", FileKind.TOML),
        ("\t\n1\t\n", FileKind.LATENCIES),
        (",,\n", FileKind.LATENCIES),
        ("\n40.5\n41,42\n", FileKind.LATENCIES),
        ("0;1e1\n", FileKind.LATENCIES),
    ],
)
def test_comments_blanks_and_marks_before_the_first_line_do_not_matter(text: str, kind: FileKind) -> None:
    assert kind_of(text.removeprefix("\ufeff"), "m") is kind


@pytest.mark.parametrize(
    "text", [b"hello\n", b"MZ\x00\x01 = ", b"\x89PNG\r\n", b"\xff\xfe<\x00", b"", b"\n \n", b"# nothing\n", b"{}"]
)
def test_a_file_of_no_kind_is_one_line(text: bytes, tmp_path: Path) -> None:
    assert refusal(saved(tmp_path, text)) is not None


# Damaged files


@pytest.mark.parametrize("kind", [FileKind.HWLOC, FileKind.NUMACTL, FileKind.LATENCIES])
def test_a_file_cut_anywhere_is_refused_in_one_line(kind: FileKind, tmp_path: Path) -> None:
    text = SAMPLES[kind].rstrip()
    assert refusal(saved(tmp_path, text)) is None
    for place in range(0, len(text), 3 if kind is FileKind.HWLOC else 1):
        assert refusal(saved(tmp_path, text[:place])) is not None, f"cut after {place} characters"


def test_toml_cut_anywhere_is_a_machine_or_one_line(tmp_path: Path) -> None:
    for place in range(len(TOML)):
        refusal(saved(tmp_path, TOML[:place]))


@pytest.mark.parametrize("path", REAL or [None], ids=lambda path: path.name if path else "none")
def test_a_real_file_cut_at_many_places_is_refused_in_one_line(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip(NO_REAL)
    data = path.read_bytes()
    end = len(data.rstrip())
    for part in range(1, 24):
        assert refusal(saved(tmp_path, data[: end * part // 24])) is not None


@given(
    kind=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=4),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_bytes_changed_is_a_machine_or_one_line(
    kind: FileKind, changes: list[tuple[float, int, bytes]], tmp_path: Path
) -> None:
    data = SAMPLES[kind].encode()
    for place, gone, new in changes:
        at = int(place * len(data))
        data = data[:at] + new + data[at + gone :]
    refusal(saved(tmp_path, data))


@given(text=st.text(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_at_all_is_a_machine_or_one_line(text: str, tmp_path: Path) -> None:
    refusal(saved(tmp_path, text.encode()))


# All real files


@pytest.mark.parametrize("path", REAL or [None], ids=lambda path: path.name if path else "none")
def test_a_real_machine_of_any_kind_is_written_as_toml_and_read_back_equal(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip(NO_REAL)
    machine = load_machine(path)
    again = load_machine(saved(tmp_path, to_toml(machine), "again.toml"))
    assert again == machine
    assert describe(again)["digest"] == describe(machine)["digest"]
    assert sum(len(machine.cpus_of_node(node)) for node in range(machine.n_nodes)) == machine.n_cpus


HWLOC_COUNTS = {  # CPUs, cores, nodes, nodes without CPUs, distance from the first node to the last
    "00n_2xEPYC9654_384pu_nonuma_cpuid-only.xml": (384, 192, 1, 0, 10),
    "01n_laptop_i7-1370P.xml": (20, 14, 1, 0, 10),
    "02n_2xXeon-E5-2680_Dell_16pu.xml": (16, 16, 2, 0, 21),
    "02n_2xXeon-Westmere_HP-SL390s_24pu.xml": (24, 12, 2, 0, 20),
    "02n_2xXeon8174_DGX2_restricted4pu.xml": (4, 4, 2, 0, 21),
    "04n_4xXeonE7-4870_R910_40pu.xml": (40, 40, 4, 0, 20),
    "04n_4xnode_XeonX7460_IBM-x3950M2_96pu.xml": (96, 96, 4, 0, 26),
    "04n_SNC2_2xXeonGold6230_R740_80pu.xml": (80, 40, 4, 0, 21),
    "08n_4xOpteron6272_R815_64pu.xml": (64, 64, 8, 0, 22),
    "08n_4xOpteron6276_64pu.xml": (64, 64, 8, 0, 22),
    "08n_8xOpteron865_16pu.xml": (16, 16, 8, 0, 20),
    "08n_KNL-SNC4flat_64pu.xml": (64, 16, 8, 4, 20),
    "08n_POWER7_256pu.xml": (256, 64, 8, 0, 40),
    "24n_SGI-UV2000_24xE5-4640_384pu.xml": (384, 192, 24, 0, 79),
    "64n_SGI-Altix-ia64_256pu.xml": (256, 256, 64, 0, 34),
}


def test_every_real_hwloc_file_is_in_the_table_of_expected_counts() -> None:
    if not REAL:
        pytest.skip(NO_REAL)
    assert {path.name for path in REAL if path.parent.name == "hwloc"} == set(HWLOC_COUNTS)


@pytest.mark.parametrize("name", HWLOC_COUNTS)
def test_a_real_hwloc_file_is_read_with_the_right_counts(name: str) -> None:
    if not REAL:
        pytest.skip(NO_REAL)
    machine = load_machine(SHARED / "machines" / "hwloc" / name)
    empty = sum(not machine.cpus_of_node(node) for node in range(machine.n_nodes))
    counts = (machine.n_cpus, machine.n_cores, machine.n_nodes, empty, machine.distances[0][-1])
    assert counts == HWLOC_COUNTS[name]


def test_the_same_machine_by_hwloc_and_by_numactl_has_the_same_nodes_and_distances() -> None:
    if not REAL:
        pytest.skip(NO_REAL)
    by_hwloc = load_machine(SHARED / "machines/hwloc/64n_SGI-Altix-ia64_256pu.xml")
    by_numactl = load_machine(SHARED / "machines/numactl/hwloc_256ia64-64n2s2c.txt")
    assert by_hwloc.node_of_cpu == by_numactl.node_of_cpu
    assert by_hwloc.distances == by_numactl.distances


# Written and read back


@given(drawn.descriptions())
@settings(max_examples=100, deadline=None)
def test_any_machine_written_as_toml_reads_back_equal(description: Description) -> None:
    machine = description.build()
    assert parse_toml(to_toml(machine), "again", "again").build() == machine


def test_latencies_that_are_of_another_kind_are_refused(tmp_path: Path) -> None:
    table = saved(tmp_path, NUMACTL, "t.csv")
    with pytest.raises(InputError, match=r"t\.csv: is the output of numactl --hardware; allowed: a CSV table"):
        import_machine("numa-2x4", table)


def test_a_table_and_a_topology_make_one_machine(tmp_path: Path) -> None:
    machine = import_machine(saved(tmp_path, TWO_PACKAGES, "m.xml"), saved(tmp_path, LATENCIES, "t.csv"))
    assert machine.transfer_ps[0][4] == 7_500
    assert machine.core_of_cpu == (0, 1, 2, 3, 0, 1, 2, 3)
    assert load_machine(saved(tmp_path, to_toml(machine), "both.toml")) == machine


def test_host_and_presets_are_names_and_files_are_not() -> None:
    assert is_named("host")
    assert is_named("xeon-2s")
    assert not is_named("host.toml")


# Distances are no ratios


def test_memory_of_another_node_costs_what_mlc_measured_and_not_its_distance_over_ten() -> None:
    published = SHARED / "published" / "mlc_idle_latency_ns.csv"
    if not published.is_file():
        pytest.skip("the published figures are not here")
    rows = [row for row in csv.DictReader(published.read_text().splitlines()[1:]) if "CXL" not in row["machine"]]
    ratios = [float(row["ratio"]) for row in rows]
    assert (min(ratios), max(ratios)) == (1.56, 1.83)
    for distance in (20, 21):
        local, remote = parse_toml(TOML.replace("21", str(distance)), "m", "m").build().dram_ps[0]
        # 1.549 at 20: the default was derived at 21, where it is 1.604.
        assert min(ratios) - 0.02 <= remote / local <= max(ratios)


def test_what_a_unit_of_distance_adds_can_be_changed() -> None:
    costs = {"remote_base": 50, "remote_per_distance": 2, "dram_local": 80, "dram_remote_per_distance": 1.5}
    machine = parse_toml(TOML, "m", "m").with_costs(costs).build()
    assert machine.transfer_ps[0][2] == 50_000 + 11 * 2_000
    assert machine.dram_ps[0][1] == 80_000 + 11 * 1_500


# Runs


MEMORY_ONLY = xml(package([[0], [1]], numa(0, 0, 1) + numa(3, 0, 1, mib=8)) + package([[2], [4]], numa(1, 2, 4)))
NO_MEMORY = xml(package([[0], [1]], numa(0, 0, 1)) + package([[2], [3]], numa(1, 2, 3, mib=0)))
RUN = {
    "hwloc XML": TWO_PACKAGES,
    "a node without CPUs": MEMORY_ONLY,
    "CPUs without memory": NO_MEMORY,
    "sparse CPUs": xml(numa(5, 3, 70) + core(3) + core(70)),
    "numactl": NUMACTL,
    "latencies": LATENCIES,
}


def experiment(machine: Path | str, workload: str, engine: str) -> dict[str, Any]:
    kinds = {
        "mix": {"kind": "mix", "operations": 200, "live": 60},
        "producer_consumer": {"kind": "producer_consumer", "objects": 100},
    }
    return {
        "name": "imported",
        "engine": engine,
        # As much memory whenever it is asked: a virtual machine's may grow.
        "machine": {"preset": machine, "memory_mib": 64} if isinstance(machine, str) else {"file": str(machine)},
        "cache": [{"name": "size-256", "size": 256}],
        "workload": kinds[workload],
    }


def digests(machine: Path | str, workload: str) -> set[str | None]:
    return {simulate(experiment(machine, workload, engine)).manifest.digest for engine in ("reference", "compiled")}


@pytest.mark.parametrize("case", RUN)
@pytest.mark.parametrize("workload", ["mix", "producer_consumer"])
def test_a_run_on_an_imported_machine_is_the_same_in_both_engines(case: str, workload: str, tmp_path: Path) -> None:
    path = saved(tmp_path, RUN[case])
    assert len(digests(path, workload)) == 1


def test_a_run_on_this_host_is_the_same_in_both_engines() -> None:
    if not Path("/sys/devices/system/cpu/online").exists():
        pytest.skip("this host has no /sys/devices/system/cpu")
    assert len(digests("host", "mix")) == 1


def test_cpus_without_memory_allocate_on_the_node_that_has_some(tmp_path: Path) -> None:
    done = simulate(experiment(saved(tmp_path, NO_MEMORY), "mix", "reference"))
    by_node = dict(zip(done.slabs["node"], done.slabs["in_use"], strict=True))
    assert by_node[0] > 2 * 60  # more than its own two CPUs keep
    assert by_node[1] == 0
