# SPDX-License-Identifier: GPL-2.0-only
"""Reads and writes machines in slabdes's own TOML format. Numbers are ns, MiB and GHz; ids are the OS's.

    name = "numa-2x4"
    source = "where this comes from"
    clock_ghz = 4.0
    memory_mib = 256
    distances = [[10, 21], [21, 10]]

    [topology]                        # either this shorthand, all nodes alike
    sockets = 2
    cores = 4

    node_of_cpu = [0, 0, 1, 1]        # or, instead, explicitly (these stand at the top)
    core_of_cpu = [0, 1, 2, 3]
    transfer_ns = [[0.0, 46.6], ...]

    [costs]
    same_node = 46.596

    [sources]
    same_node = "median of ..."

What each key means and defaults to: MachineFile, of which `slabdes schema machine` makes a schema for editors.

A SLIT is no ratio of latencies. What a unit of distance above local adds is two of the costs, so that a file, or
`machine.costs` of an experiment, can change it: `remote_per_distance` to a line transfer, on top of `remote_base`, and
`dram_remote_per_distance` to a line from memory, on top of `dram_local`.

Shorthand numbers CPUs as Linux does on x86: the first threads of all cores node by node, then all second threads.
Leaves out everything a machine file cannot change: which rule charges which cost.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, FailFast, Field, Strict, ValidationError

from slabdes.errors import InputError, nearest, shown
from slabdes.files import toml_of
from slabdes.machine.costs import COST_NAMES, REFERENCE_GHZ, check_counted, check_names, costs_table
from slabdes.machine.description import (
    ASSUMED_MEMORY_MIB,
    MAX_CACHE_MIB,
    Description,
    check_size,
    default_caches,
    default_distances,
)
from slabdes.machine.topology import Machine, line_transfers
from slabdes.units import ns_to_ps, ps_to_ns


class _FirstOnly(FailFast):
    """Of a list's wrong entries only the first is told: a matrix may have a million. Unlike its parent it may be in a union."""

    __hash__ = object.__hash__


Whole = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1, le=1 << 20)]
Index = Annotated[int, Strict(), Field(ge=0, le=1 << 20)]
Number = Annotated[float, Strict()]
Nanoseconds = Annotated[float, Strict(), Field(ge=0, le=1e9)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Indexes = Annotated[tuple[Index, ...], _FirstOnly()]
Numbers = Annotated[tuple[Number, ...], _FirstOnly()]
Slit = Annotated[tuple[Annotated[tuple[Whole, ...], _FirstOnly()], ...], _FirstOnly()]
Transfers = Annotated[tuple[Annotated[tuple[Nanoseconds, ...], _FirstOnly()], ...], _FirstOnly()]

MOST: Final = {
    "=": (1 << 14, "keys"),
    "[": (1 << 14, "tables and lists"),
    ",": (5 << 18, "values in lists"),
    "\n": (1 << 21, "lines"),
}
"""How much of what takes time to read, by the mark that comes with each: a full matrix for 1,024 CPUs has 1,024 lists and a
million values (choices)."""
SOURCED_KEYS: Final = ("topology", "distances", "memory_mib", "clock_ghz", "transfer_ns", "llc_mib")
"""What besides costs may have a source."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Topology(_Part):
    """The shorthand for machines whose nodes are all alike."""

    cores: Count
    """Of a node."""
    sockets: Count = 1
    """Of the machine."""
    nodes: Count = 1
    """Of a socket."""
    threads: Count = 1
    """Of a core."""
    cores_per_cluster: Count | None = None
    """Cores that share a cache; unknown if not given."""


class Calibration(_Part):
    """What `slabdes fit` did: its command, whose data, which numbers were free, the errors left, and the measured figures.

    Kept for whoever reads or repeats it; the costs themselves and their intervals are told like any other.
    """

    command: Text
    data: Text
    free: tuple[Text, ...]
    median_error: Number
    worst_error: Number
    poor: tuple[Text, ...] = ()
    measured_ns: tuple[tuple[str, str, Number], ...] = ()


class MachineFile(_Part):
    """Everything a machine file may say."""

    name: Text | None = None
    """By default the file's."""
    source: Text | None = None
    """Where the machine comes from; by default the file's name."""
    clock_ghz: Annotated[float, Strict(), Field(ge=0.1, le=10)] = REFERENCE_GHZ
    """Scales the default costs of local work, which are at 4.0 GHz; given ones stay as given."""
    memory_mib: Number | Numbers | None = None
    """One number for every node, or a list with one a node (0: memory-less), MiB; 4,096 by default."""
    distances: Slit | None = None
    """The SLIT, [from][to], 10 to 254; by default 10 and 20, the kernel's."""
    topology: Topology | None = None
    """Nodes that are all alike. Either this or node_of_cpu."""
    node_of_cpu: Indexes | None = None
    """Node id by CPU."""
    node_ids: Indexes | None = None
    """All nodes, CPU-less ones too; by default 0 to the highest used, or a row of distances each."""
    core_of_cpu: Indexes | None = None
    """Core by CPU, 0 upwards; by default every CPU has a core of its own."""
    cluster_of_core: Indexes | None = None
    """Cluster (cores that share a cache) by core; unknown if not given."""
    llc_mib: Annotated[float, Strict(), Field(gt=0, le=MAX_CACHE_MIB)] | None = None
    """Size of a last-level cache, MiB; if not given, what CPUs touch is never too much for their caches."""
    llc_of_core: Indexes | None = None
    """Last-level cache by core, 0 upwards; by default one a cluster, or one a node where clusters are not known."""
    transfer_ns: Transfers | None = None
    """Line transfers, ns, [owner][cpu]; by default by topology and costs."""
    costs: dict[str, Number] = {}
    """Costs in place of the defaults, ns, the last two ratios; `slabdes machine show` lists them."""
    sources: dict[str, Text] = {}
    """Where each figure comes from: a cost's name, or one of the keys above."""
    calibration: Calibration | None = None
    """Of a machine that `slabdes fit` wrote: the command, the data, how well they agree."""


EXPLICIT_KEYS: Final = ("node_of_cpu", "node_ids", "core_of_cpu", "cluster_of_core")


def parse_toml(text: str, where: str, name: str) -> Description:
    """The machine in `text`; `where` begins any error, `name` is the file's. See the module's docstring."""
    for mark, (most, called) in MOST.items():
        if (count := text.count(mark)) > most:
            raise InputError(where, f"{count:,} {called}", allowed=f"at most {most:,} in a machine")
    raw = toml_of(text, where)
    if not raw:
        raise InputError(where, "empty: no key in it", allowed=", ".join(MachineFile.model_fields))
    try:
        file = MachineFile.model_validate(raw)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # An unknown key before all else: what is missing may be it, misspelt.
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        raise _told(first, where) from None
    return _described(file, where, name)


def _described(file: MachineFile, where: str, name: str) -> Description:
    ids, node_of_cpu, core_of_cpu, clusters = _cpus(file, where)
    check_size(len(node_of_cpu), len(ids), where)
    for key in file.sources:
        known = (*SOURCED_KEYS, *COST_NAMES)
        if key not in known:
            raise InputError(
                f"{where}: sources.{key}", f"not a key that has a source{nearest(key, known)}", allowed=", ".join(known)
            )
    check_names(file.costs, f"{where}: costs")
    return Description(
        where=where,
        name=file.name or name.removesuffix(".toml"),
        source=file.source or name,
        node_ids=ids,
        node_of_cpu=node_of_cpu,
        core_of_cpu=core_of_cpu,
        cluster_of_core=clusters,
        memory_mib=_memory(file, len(ids), where),
        distances=file.distances or default_distances(len(ids)),
        clock_ghz=file.clock_ghz,
        costs_ns=file.costs,
        cost_sources={key: file.sources.get(key, f"given in {name}") for key in file.costs},
        transfer_ps=_transfers(file, len(node_of_cpu), where),
        sources=_sources(file),
        llc_mib=file.llc_mib or 0.0,
        llc_of_core=_last_level(file, where, node_of_cpu, core_of_cpu, clusters),
    )


def _last_level(
    file: MachineFile, where: str, node_of_cpu: tuple[int, ...], core_of_cpu: tuple[int, ...], clusters: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """Last-level cache by core."""
    given = file.llc_of_core
    if file.llc_mib is None:
        if given is not None:
            raise InputError(f"{where}: llc_of_core", "given without a size", allowed="with llc_mib")
        return None
    default = default_caches(node_of_cpu, core_of_cpu, clusters)
    if given is not None and len(given) != len(default):
        raise InputError(f"{where}: llc_of_core", f"{len(given)} entries for {len(default)} cores", allowed="one a core")
    return given or default


_Cpus = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]
"""Node ids, dense node by CPU, core by CPU, cluster by core."""


def _cpus(file: MachineFile, where: str) -> _Cpus:
    if file.topology is not None:
        for key in EXPLICIT_KEYS:
            if getattr(file, key) is not None:
                raise InputError(f"{where}: {key}", "given besides [topology]", allowed="one of the two")
        return _shorthand(file.topology, where)
    if file.node_of_cpu is None:
        raise InputError(where, "says of no CPU where it is", allowed="[topology], or node_of_cpu")
    return _explicit(file, file.node_of_cpu, where)


def _shorthand(topology: Topology, where: str) -> _Cpus:
    nodes = topology.sockets * topology.nodes
    cores = nodes * topology.cores
    check_size(cores * topology.threads, nodes, f"{where}: topology")
    share = topology.cores_per_cluster
    if share is not None and topology.cores % share:
        raise InputError(
            f"{where}: topology.cores_per_cluster", f"{share} with {topology.cores} cores a node", allowed="a divisor of it"
        )
    core_of_cpu = tuple(range(cores)) * topology.threads
    clusters = None if share is None else tuple(core // share for core in range(cores))
    return tuple(range(nodes)), tuple(core // topology.cores for core in core_of_cpu), core_of_cpu, clusters


def _explicit(file: MachineFile, node_of_cpu: tuple[int, ...], where: str) -> _Cpus:
    if not node_of_cpu:
        raise InputError(f"{where}: node_of_cpu", "empty", allowed="the node of each CPU")
    ids = file.node_ids
    if ids is None:
        ids = tuple(range(len(file.distances) if file.distances else max(node_of_cpu) + 1))
    if len(set(ids)) != len(ids):
        raise InputError(f"{where}: node_ids", "a node is named twice", allowed="each node once")
    place = {node: index for index, node in enumerate(ids)}
    for cpu, node in enumerate(node_of_cpu):
        if node not in place:
            some = ", ".join(map(str, ids[:8])) + (", ..." if len(ids) > 8 else "")
            raise InputError(f"{where}: node_of_cpu", f"CPU {cpu} is on node {node}, which is not there", allowed=some)
    cores = file.core_of_cpu if file.core_of_cpu is not None else tuple(range(len(node_of_cpu)))
    if len(cores) != len(node_of_cpu):
        raise InputError(f"{where}: core_of_cpu", f"{len(cores)} entries for {len(node_of_cpu)} CPUs", allowed="one a CPU")
    clusters = file.cluster_of_core
    if clusters is not None and len(clusters) != max(cores) + 1:
        raise InputError(f"{where}: cluster_of_core", f"{len(clusters)} entries for {max(cores) + 1} cores", allowed="one a core")
    return ids, tuple(place[node] for node in node_of_cpu), cores, clusters


def _memory(file: MachineFile, nodes: int, where: str) -> tuple[float, ...]:
    memory = file.memory_mib
    if memory is None:
        return (ASSUMED_MEMORY_MIB,) * nodes
    if not isinstance(memory, tuple):
        return (memory,) * nodes
    if len(memory) != nodes:
        raise InputError(f"{where}: memory_mib", f"{len(memory)} numbers for {nodes} nodes", allowed="one number, or one a node")
    return memory


def _transfers(file: MachineFile, cpus: int, where: str) -> tuple[tuple[int, ...], ...] | None:
    rows = file.transfer_ns
    if rows is None:
        return None
    where = f"{where}: transfer_ns"
    if len(rows) != cpus:
        raise InputError(where, f"{len(rows)} rows for {cpus} CPUs", allowed="one row a CPU")
    for cpu, row in enumerate(rows):
        if len(row) != cpus:
            raise InputError(where, f"row {cpu} has {len(row)} entries, not {cpus}: the matrix is not square")
        if row[cpu] != 0:
            raise InputError(where, f"{row[cpu]:g} from CPU {cpu} to itself", allowed="0")
        for other, cost in enumerate(row):
            check_counted(cost, f"{where}: from CPU {cpu} to CPU {other}")
    return tuple(tuple(map(ns_to_ps, row)) for row in rows)


def _sources(file: MachineFile) -> tuple[tuple[str, str], ...]:
    told = {key: text for key, text in file.sources.items() if key in SOURCED_KEYS}
    if file.memory_mib is None:
        told.setdefault("memory_mib", f"not given; {ASSUMED_MEMORY_MIB:g} MiB a node assumed")
    if file.distances is None:
        told.setdefault("distances", "not given; the kernel's own default, 10 and 20, assumed")
    return tuple(sorted(told.items()))


def _told(first: Any, where: str) -> InputError:
    location = first["loc"]
    if location[0] == "memory_mib":
        location = ("memory_mib", *location[2:])  # without the branch of its union
    place = f"{where}: {'.'.join(map(str, location))}"
    if first["type"] == "extra_forbidden":
        known = list(_KEYS_OF.get(location[0] if len(location) > 1 else None, MachineFile).model_fields)
        return InputError(place, f"unknown key{nearest(str(location[-1]), known)}", allowed=", ".join(known))
    if first["type"] == "missing":
        return InputError(place, "missing")
    given = shown(repr(first["input"]), 60)
    if first["type"] in ("model_type", "dict_type"):
        return InputError(place, f"{given} is not a table", allowed=f"[{location[0]}] and its keys")
    return InputError(place, f"{given}: {first['msg']}")


_KEYS_OF: Final[dict[str | None, type[_Part]]] = {"topology": Topology, "calibration": Calibration}
"""Tables whose keys are known."""


def to_toml(machine: Machine, calibration: Calibration | None = None) -> str:
    """The machine as TOML, every figure written out, so that it does not change when slabdes's defaults do."""
    lines = [
        f"name = {_text(machine.name)}",
        f"source = {_text(machine.source)}",
        f"clock_ghz = {machine.clock_ghz!r}",
        f"memory_mib = {_numbers(machine.memory_mib())}",
        f"node_ids = {_numbers(machine.node_ids)}",
        f"node_of_cpu = {_numbers([machine.node_ids[node] for node in machine.node_of_cpu])}",
        f"core_of_cpu = {_numbers(machine.core_of_cpu)}",
    ]
    if machine.cluster_of_core is not None:
        lines.append(f"cluster_of_core = {_numbers(machine.cluster_of_core)}")
    if machine.llc_of_core is not None:
        lines += [f"llc_mib = {machine.llc_mib!r}", f"llc_of_core = {_numbers(machine.llc_of_core)}"]
    lines += _matrix("distances", machine.distances)
    implied = line_transfers(machine.costs, machine.node_of_cpu, machine.core_of_cpu, machine.cluster_of_core, machine.distances)
    if machine.transfer_ps != implied:
        lines += _matrix("transfer_ns", [[ps_to_ns(cost) for cost in row] for row in machine.transfer_ps])
    table = costs_table(machine.costs)
    lines += ["", "[costs]", *(f"{name} = {value!r}" for name, value, _source in table)]
    lines += ["", "[sources]", *(f"{key} = {_text(text)}" for key, text in machine.sources)]
    lines += [f"{name} = {_text(source)}" for name, _value, source in table]
    if calibration is not None:
        lines += ["", "[calibration]", f"command = {_text(calibration.command)}", f"data = {_text(calibration.data)}"]
        lines += [f"free = {_texts(calibration.free)}", f"median_error = {calibration.median_error!r}"]
        lines += [f"worst_error = {calibration.worst_error!r}", f"poor = {_texts(calibration.poor)}", "measured_ns = ["]
        lines += [f"    [{_text(case)}, {_text(name)}, {value!r}]," for case, name, value in calibration.measured_ns]
        lines.append("]")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    # A TOML basic string escapes as JSON does, and DEL besides.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(texts: Any) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"


def _numbers(numbers: Any) -> str:
    return "[" + ", ".join(map(repr, numbers)) + "]"


def _matrix(key: str, rows: Any) -> list[str]:
    return [f"{key} = [", *(f"    {_numbers(row)}," for row in rows), "]"]
