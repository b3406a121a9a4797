# SPDX-License-Identifier: GPL-2.0-only
"""Machines by name or file: which reader understands it, and what an experiment changes of what it says.

Leaves out what is in the files: one module a kind reads that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from slabdes.errors import InputError, nearest
from slabdes.files import is_there, like_there
from slabdes.machine.description import Description
from slabdes.machine.files import FileKind, kind_of, plain_name, read_text
from slabdes.machine.hwloc import parse_hwloc
from slabdes.machine.latencies import describe_latencies, with_latencies
from slabdes.machine.names import HOST, preset_names, preset_text
from slabdes.machine.numactl import parse_numactl
from slabdes.machine.sysfs import read_host
from slabdes.machine.toml_file import parse_toml
from slabdes.machine.topology import Machine

NO_COSTS: Final[Mapping[str, float]] = MappingProxyType({})
_READERS: Final[Mapping[FileKind, Callable[[str, str, str], Description]]] = {
    FileKind.HWLOC: parse_hwloc,
    FileKind.NUMACTL: parse_numactl,
    FileKind.LATENCIES: describe_latencies,
    FileKind.TOML: parse_toml,
}


def load_machine(
    name_or_path: str | Path,
    *,
    cost_overrides: Mapping[str, float] = NO_COSTS,
    memory_mib: float | Sequence[float] | None = None,
    llc_mib: float | None = None,
) -> Machine:
    """The machine of that name: a preset, `host` (this one), or a file of any kind that `files.FileKind` lists.

    A name goes before a file of the same name (write ./name for the file). `cost_overrides` are in ns (see
    `costs.Costs`), `memory_mib` is one number for every node that has memory, or one a node; `llc_mib` is the size of a
    last-level cache. Raises InputError, in one line.
    """
    return describe_machine(name_or_path).with_costs(cost_overrides).with_memory(memory_mib).with_llc(llc_mib).build()


def presets_with(cpus: int, nodes: int = 1) -> list[Machine]:
    """The presets that have so many CPUs and nodes, the one of fewest CPUs first, by name where they have the same."""
    machines = [machine for machine in map(load_machine, preset_names()) if machine.n_cpus >= cpus and machine.n_nodes >= nodes]
    return sorted(machines, key=lambda machine: (machine.n_cpus, machine.name))


def import_machine(name_or_path: str | Path, latencies: Path | None = None, nodes: int | None = None) -> Machine:
    """The machine of that name or file; with `latencies`, a core-to-core table (CSV) of it, its line transfers are those.

    `nodes`: how many a machine has that is known by a table alone, where the rule for that does not find them. Raises
    InputError, in one line.
    """
    description = describe_machine(name_or_path) if nodes is None else _with_nodes(Path(name_or_path), nodes)
    if latencies is not None:
        text, where = read_text(latencies), str(latencies)
        if (kind := kind_of(text, where)) is not FileKind.LATENCIES:
            raise InputError(where, f"is {kind}", allowed=FileKind.LATENCIES)
        description = with_latencies(description, text, where, plain_name(latencies))
    return description.build()


def _with_nodes(path: Path, nodes: int) -> Description:
    text, where = read_text(path), str(path)
    if (kind := kind_of(text, where)) is not FileKind.LATENCIES:
        raise InputError(f"--nodes {nodes}", f"{where} is {kind}, which tells its nodes", allowed=f"with {FileKind.LATENCIES}")
    return describe_latencies(text, where, plain_name(path), nodes)


def describe_machine(name_or_path: str | Path) -> Description:
    """What the preset, host or file says, not yet built: for what changes something first. Errors as `load_machine`."""
    name, presets = str(name_or_path), preset_names()
    if isinstance(name_or_path, str) and name == HOST:
        return read_host()
    if isinstance(name_or_path, str) and name in presets:
        return parse_toml(preset_text(name), f"preset {name}", f"{name}.toml")
    path = Path(name_or_path)
    if not name.strip() or not is_there(path):
        known, near = ", ".join((*presets, HOST)), nearest(name, (*presets, HOST))
        raise InputError(
            f"machine {name!r}",
            f"neither a preset{near} nor a file that is there{'' if near else like_there(path)}",
            allowed=f"{known}, or a file",
        )
    return _described_file(path)


def _described_file(path: Path) -> Description:
    text, where, name = read_text(path), str(path), plain_name(path)
    return _READERS[kind_of(text, where)](text, where, name)
