# SPDX-License-Identifier: GPL-2.0-only
"""The machines that come with slabdes."""

from __future__ import annotations

import csv
import statistics
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from slabdes.errors import InputError
from slabdes.machine import load_machine, preset_names
from slabdes.machine.costs import costs_table
from slabdes.machine.topology import Machine

LATENCIES = Path(__file__).parents[3] / "shared" / "machines" / "core_to_core"

PROMISED = {  # cpus, cores, nodes
    "epyc-2s": (256, 128, 2),
    "garnier-2016": (4, 4, 1),
    "i7-3770": (8, 4, 1),
    "numa-2x4": (8, 8, 2),
    "opteron-48-ticket": (48, 48, 1),
    "opteron-8n": (48, 48, 8),
    "uma-4": (4, 4, 1),
    "uma-8": (8, 8, 1),
    "xeon-2s": (96, 48, 2),
    "xeon-4s": (80, 40, 4),
    "xeon-4s-72": (144, 72, 4),
    "xeon-vm-1cpu": (1, 1, 1),
    "xeon-vm-2cpu": (2, 2, 1),
}


def test_presets_are_listed_in_alphabetical_order() -> None:
    assert preset_names() == tuple(sorted(PROMISED))


@pytest.mark.parametrize("name", PROMISED)
def test_a_preset_has_the_cpus_cores_and_nodes_it_promises(name: str) -> None:
    machine = load_machine(name)
    assert (machine.n_cpus, machine.n_cores, machine.n_nodes) == PROMISED[name]
    assert machine.name == name
    assert min(machine.memory_pages) > 0


@pytest.mark.parametrize("name", PROMISED)
def test_every_number_of_a_preset_has_a_source(name: str) -> None:
    raw = tomllib.loads(files("slabdes.machine").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8"))
    numbers = {key for key in raw if key not in ("name", "source", "costs", "sources", "calibration")} | set(raw.get("costs", {}))
    assert numbers == set(raw["sources"])
    assert all(source for _name, _value, source in costs_table(load_machine(name).costs))


@pytest.mark.parametrize("name", PROMISED)
def test_transfers_of_a_preset_are_symmetric_and_free_to_oneself(name: str) -> None:
    transfer = load_machine(name).transfer_ps
    assert all(transfer[cpu][cpu] == 0 for cpu in range(len(transfer)))
    assert transfer == tuple(zip(*transfer, strict=True))


@pytest.mark.parametrize("name", PROMISED)
def test_a_nearer_class_of_lines_is_never_dearer(name: str) -> None:
    medians = [entry["median_ns"] for entry in load_machine(name).transfer_summary()]
    assert medians == sorted(medians)


def test_a_remote_line_costs_more_than_a_local_one() -> None:
    machine = load_machine("numa-2x4")
    assert machine.transfer_ps[4][0] > machine.transfer_ps[1][0]
    assert machine.dram_ps[0][1] > machine.dram_ps[0][0]


def test_two_hops_cost_more_than_one_on_the_ring_of_four_sockets() -> None:
    machine = load_machine("xeon-4s")
    assert machine.transfer_ps[0][10] == 165_063  # node 1: one hop, the measured median
    assert machine.transfer_ps[0][20] == 165_063 + 10 * 5_130  # node 2, across the ring
    assert machine.dram_ps[0] == (85_000, 136_300, 187_600, 136_300)


def test_the_second_threads_of_a_xeon_come_after_all_first_ones() -> None:
    machine = load_machine("xeon-2s")
    assert machine.core_of_cpu[0] == machine.core_of_cpu[48]
    assert [machine.node_of_cpu[cpu] for cpu in (0, 23, 24, 47, 48, 71, 72, 95)] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert machine.transfer_ps[0][48] == 7_606


def _relation(machine: Machine, a: int, b: int) -> str:
    if machine.core_of_cpu[a] == machine.core_of_cpu[b]:
        return "core"
    return "node" if machine.node_of_cpu[a] == machine.node_of_cpu[b] else "remote"


def test_xeon_2s_has_the_medians_of_the_measured_matrix() -> None:
    file = LATENCIES / "2x_Intel_Xeon_8275CL.csv"
    if not file.exists():
        pytest.skip("the measured core-to-core tables are not here")
    machine = load_machine("xeon-2s")
    groups: dict[str, list[float]] = {}
    with file.open(newline="") as lines:
        for a, row in enumerate(csv.reader(lines)):
            for b, latency in enumerate(row):
                if latency.strip():
                    groups.setdefault(_relation(machine, a, b), []).append(float(latency))
    used = {"core": machine.transfer_ps[0][48], "node": machine.transfer_ps[0][1], "remote": machine.transfer_ps[0][24]}
    for relation, latencies in groups.items():
        assert used[relation] == round(statistics.median(latencies) * 1000), relation


def test_an_unknown_machine_names_the_nearest_preset_and_lists_all() -> None:
    with pytest.raises(InputError) as caught:
        load_machine("i7-3771")
    said = str(caught.value)
    assert "did you mean i7-3770?" in said
    assert all(name in said for name in PROMISED)
    assert "\n" not in said


@pytest.mark.parametrize("name", ["", " ", "no/such/file.toml", "nul\0", "x" * 5000])
def test_a_name_that_is_no_file_is_one_line(name: str) -> None:
    with pytest.raises(InputError, match="neither a preset"):
        load_machine(name)


def test_overridden_costs_and_memory_are_used_and_say_so() -> None:
    machine = load_machine("numa-2x4", cost_overrides={"same_node": 10, "dram_local": 50}, memory_mib=1.5)
    assert machine.transfer_ps[0][1] == 10_000
    assert machine.dram_ps[1][1] == 50_000
    assert machine.memory_pages == (384, 384)
    assert dict(machine.costs.sources)["same_node"] == "overridden by the experiment"
    assert dict(machine.sources)["memory_mib"] == "overridden by the experiment"
    assert load_machine("numa-2x4", memory_mib=[0, 1]).memory_pages == (0, 256)


@pytest.mark.parametrize("memory", [-1, float("nan"), [1], [1, 2, 3], [1, -1]])
def test_memory_that_cannot_be_is_one_line(memory: float | list[float]) -> None:
    with pytest.raises(InputError, match=r"memory_mib: .*allowed"):
        load_machine("numa-2x4", memory_mib=memory)


def test_an_unknown_cost_in_an_override_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"costs\.lock_opp: not a cost \(did you mean lock_op\?\)"):
        load_machine("uma-4", cost_overrides={"lock_opp": 1})


def test_listing_presets_loads_nothing_heavy() -> None:
    program = (
        "import sys, slabdes.machine as m; m.preset_names();"
        "print([x for x in ('networkx', 'numpy', 'pydantic', 'matplotlib', 'polars') if x in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert shown.stdout.strip() == "[]"


def test_a_machine_is_built_without_networkx() -> None:
    program = (
        "import sys; from slabdes.machine import load_machine; from slabdes.machine.summary import describe;"
        "describe(load_machine('xeon-2s')); print('networkx' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert shown.stdout.strip() == "False"
