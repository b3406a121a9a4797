# SPDX-License-Identifier: GPL-2.0-only
"""Random small machines: descriptions of any kind, and the texts of machine files of every kind, as the importers take them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from hypothesis import note
from hypothesis import strategies as st
from samples import cpus, matrix, numa, package, tag, xml

from slabdes.machine import import_machine
from slabdes.machine.description import Description
from slabdes.machine.files import FileKind
from slabdes.machine.toml_file import to_toml

MIB: Final = st.sampled_from((0, 1, 8, 64, 4096))
FAR: Final = st.sampled_from((10, 12, 17, 20, 21, 40, 254))
NODE_IDS: Final = st.lists(st.integers(0, 1023), min_size=1, max_size=4, unique=True)
"""As sparse as the kernel's can be (MAX_NUMNODES is at most 1,024)."""
CORE_SIZES: Final = st.lists(st.sampled_from((1, 1, 2)), min_size=1, max_size=3)
"""Threads of each core of a package."""


@st.composite
def descriptions(draw: st.DrawFn, most_transfer_ps: int = 10**9) -> Description:
    """Any machine: nodes without CPUs or memory, ids with gaps, cores of several threads, clusters, a measured matrix or none."""
    node_ids = draw(NODE_IDS)
    node_of_core = draw(st.lists(st.integers(0, len(node_ids) - 1), min_size=1, max_size=5))
    threads = [core for core in range(len(node_of_core)) for _ in range(draw(st.integers(1, 3)))]
    core_of_cpu = tuple(draw(st.permutations(threads)))
    n_cpus = len(core_of_cpu)
    cluster = draw(st.none() | st.lists(st.integers(0, 3), min_size=len(node_of_core), max_size=len(node_of_core)))
    far = draw(st.lists(st.integers(10, 254), min_size=len(node_ids) ** 2, max_size=len(node_ids) ** 2))
    pairs = range(len(node_ids))
    measured = draw(st.none() | st.lists(st.integers(0, most_transfer_ps), min_size=n_cpus**2, max_size=n_cpus**2))
    return Description(
        where="drawn",
        name="drawn",
        source="drawn",
        node_ids=tuple(node_ids),
        node_of_cpu=tuple(node_of_core[core] for core in core_of_cpu),
        core_of_cpu=core_of_cpu,
        cluster_of_core=None if cluster is None else tuple(sorted(cluster)),
        memory_mib=tuple(draw(st.integers(0, 1 << 30)) / 256 for _ in node_ids),
        distances=tuple(tuple(10 if a == b else far[a * len(node_ids) + b] for b in pairs) for a in pairs),
        clock_ghz=draw(st.floats(0.1, 10)),
        transfer_ps=None
        if measured is None
        else tuple(tuple(0 if a == b else measured[a * n_cpus + b] for b in range(n_cpus)) for a in range(n_cpus)),
        sources=(("memory_mib", "drawn"), ("distances", "drawn")),
    )


@st.composite
def wide_descriptions(draw: st.DrawFn) -> Description:
    """A machine of many CPUs, up to 1,024, on sparse nodes of unequal size; transfers by distances, which may be one-sided."""
    node_ids = draw(NODE_IDS)
    n_cpus = draw(st.integers(17, 200) | st.sampled_from((255, 256, 257, 512, 1000, 1023, 1024)))
    threads = draw(st.sampled_from((1, 1, 2, 4)))
    n_cores = -(-n_cpus // threads)
    shares = draw(st.lists(st.integers(0, len(node_ids) - 1), min_size=1, max_size=6))
    pairs = range(len(node_ids))
    far = draw(st.lists(st.integers(10, 254), min_size=len(node_ids) ** 2, max_size=len(node_ids) ** 2))
    return Description(
        where="drawn",
        name="drawn",
        source="drawn",
        node_ids=tuple(node_ids),
        node_of_cpu=tuple(shares[cpu % n_cores % len(shares)] for cpu in range(n_cpus)),
        core_of_cpu=tuple(cpu % n_cores for cpu in range(n_cpus)),
        cluster_of_core=None,
        memory_mib=tuple(draw(st.sampled_from((0, 1, 64, 4096))) for _ in node_ids),
        distances=tuple(tuple(10 if a == b else far[a * len(node_ids) + b] for b in pairs) for a in pairs),
        clock_ghz=draw(st.sampled_from((0.1, 1.0, 2.5, 10.0))),
        sources=(("memory_mib", "drawn"), ("distances", "drawn")),
    )


@st.composite
def hwloc_texts(draw: st.DrawFn) -> str:
    """hwloc XML of one to three unequal packages.

    Each has a node, a node and memory beside it, a node a core, or none; a group may hold some of them with a node of its own,
    and memory may lie far from all. Numbers of CPUs and nodes have gaps and no order.
    """
    sizes = draw(st.lists(CORE_SIZES, min_size=1, max_size=3))
    count = sum(map(sum, sizes))
    numbers = iter(draw(st.permutations(range(0, count * (stride := draw(st.sampled_from((1, 1, 9)))), stride))))
    ids = iter(draw(st.lists(st.integers(0, 40), min_size=12, max_size=12, unique=True)))
    nodes: list[int] = []

    def node(*own: int) -> str:
        nodes.append(next(ids))
        return numa(nodes[-1], *own, mib=draw(MIB))

    parts: list[tuple[list[int], str]] = []
    for threads in sizes:
        cores = [[next(numbers) for _thread in range(size)] for size in threads]
        own = [cpu for core in cores for cpu in core]
        kind = draw(st.sampled_from(("node", "node", "memory beside", "node a core", "none")))
        inside = "".join(node(*core) for core in cores) if kind == "node a core" else "" if kind == "none" else node(*own)
        inside += node(*own) if kind == "memory beside" else ""
        if len(cores) > 2 and draw(st.booleans()):
            inside += tag("Group", subtype="Cluster", cpuset=cpus(*cores[0], *cores[1]))
        parts.append((own, package(cores, inside)))
    grouped = draw(st.integers(0, len(parts)))
    held = [cpu for own, _text in parts[:grouped] for cpu in own]
    body = "".join(text for _own, text in parts[:grouped])
    if held:
        body = tag("Group", (node(*held) if draw(st.booleans()) else "") + body, cpuset=cpus(*held))
    body += "".join(text for _own, text in parts[grouped:])
    if not nodes or draw(st.integers(0, 3)) == 0:
        body += node()
    after = ""
    if draw(st.booleans()):
        by_gp = draw(st.booleans())
        told = nodes[draw(st.integers(0, min(1, len(nodes) - 1))) :]
        far = [10 if a == b else draw(FAR) for a in told for b in told]
        # `numa` numbers its nodes so.
        indexes = [100 + number for number in told] if by_gp else told
        after = matrix(indexes, far, indexing="gp" if by_gp else "os")
    return xml(body, version=draw(st.sampled_from(("2.0", "3.0"))), after=after)


@st.composite
def numactl_texts(draw: st.DrawFn) -> str:
    """What `numactl --hardware` prints on one to four nodes, some of them without CPUs or memory, with or without distances."""
    ids = sorted(draw(st.lists(st.integers(0, 40), min_size=1, max_size=4, unique=True)))
    homes = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=8))
    lines = [f"available: {len(ids)} nodes ({','.join(map(str, ids))})"]
    for node in ids:
        lines.append(" ".join([f"node {node} cpus:", *(str(cpu) for cpu, home in enumerate(homes) if home == node)]))
        lines += [f"node {node} size: {draw(MIB)} MB", f"node {node} free: 0 MB"]
    if draw(st.booleans()):
        lines += ["node distances:", " ".join(["node", *map(str, ids)])]
        lines += [" ".join([f"{a}:", *(str(10 if a == b else draw(FAR)) for b in ids)]) for a in ids]
    else:
        lines.append("No distance information available.")
    return "\n".join(lines) + "\n"


@st.composite
def latency_tables(draw: st.DrawFn, n_cpus: int | None = None) -> str:
    """A table of latencies (ns), whole or its lower half: with nodes and cores that clustering finds, or without any order."""
    count = draw(st.sampled_from((2, 3, 4, 6, 8))) if n_cpus is None else n_cpus
    in_order = draw(st.booleans())
    node, core = draw(st.sampled_from(((4, 2), (2, 1), (3, 1))))
    noise = st.integers(0, 3) if in_order else st.sampled_from((0, 1, 30, 900))
    rows = []
    for a in range(count):
        near = [(7 if a // core == b // core else 45 if a // node == b // node else 130) if in_order else 1 for b in range(a)]
        rows.append([f"{base + draw(noise) + 0.25:g}" for base in near])
    if draw(st.booleans()):
        return "\n".join(",".join(row + [""] * (count - len(row))) for row in rows) + "\n"
    whole = [[*row, "0", *(rows[b][a] for b in range(a + 1, count))] for a, row in enumerate(rows)]
    return "\n".join(";".join(row) for row in whole) + "\n"


TEXTS: Final = {
    FileKind.HWLOC: hwloc_texts(),
    FileKind.NUMACTL: numactl_texts(),
    FileKind.LATENCIES: latency_tables(),
    # Transfers of at most 2 us, so that a run on it takes no longer than elsewhere.
    FileKind.TOML: descriptions(2 * 10**6).map(lambda description: to_toml(description.build())),
}
WIDE: Final = wide_descriptions().map(lambda description: to_toml(description.build()))


@st.composite
def machine_files(draw: st.DrawFn, folder: Path) -> Path:
    """A file of any kind, put into `folder`; a table of latencies may come with a topology, made one as `machine import` does."""
    # Twice the kinds that can say most.
    texts = [TEXTS[kind] for kind in (*TEXTS, FileKind.HWLOC, FileKind.TOML)]
    path = _put(folder, draw(st.sampled_from((*texts, WIDE)).flatmap(lambda text: text)))
    machine = import_machine(path)
    if 1 < machine.n_cpus <= 16 and draw(st.integers(0, 3)) == 0:
        table = _put(folder, draw(latency_tables(machine.n_cpus)))
        path = _put(folder, to_toml(import_machine(path, table)))
    note(path.read_text(encoding="utf-8"))
    return path


def _put(folder: Path, text: str) -> Path:
    path = folder / sha256(text.encode()).hexdigest()[:16]
    path.write_text(text, encoding="utf-8")
    return path
