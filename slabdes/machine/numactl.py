# SPDX-License-Identifier: GPL-2.0-only
"""Reads the text that `numactl --hardware` prints: nodes, their CPUs and memory, and the SLIT.

That text does not say which CPUs are threads of one core: every CPU counts as a core, unless `threads_per_core` tells.
Also left out, because the text does: caches, clusters, clock, and the OS's CPU ids where they have gaps (order is kept).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn

from slabdes.config import MAX_CPUS
from slabdes.errors import InputError, shown
from slabdes.machine.description import (
    ASSUMED_MEMORY_MIB,
    MAX_DISTANCE,
    MIN_DISTANCE,
    TAKEN_AS_FARTHEST,
    UNREACHABLE,
    Description,
    check_size,
    default_distances,
    reachable,
)
from slabdes.machine.prompts import is_prompt, left_out_source

AVAILABLE: Final = re.compile(r"available: (\d{1,9}) nodes?\b")
CPUS: Final = re.compile(r"node (\d{1,9}) cpus:((?:,?\s*+\d{1,9}(?:-\d{1,9})?)*+),?(?:\s+\(\d+\))?$")
MORE_CPUS: Final = re.compile(r"(?:,?\s*+\d{1,9}(?:-\d{1,9})?)++,?(?:\s+\(\d+\))?$")
"""A list of CPUs that a mail program has wrapped."""
MAX_DIGITS: Final = 9
"""Of a CPU's number, before it is made one: a line may hold any number of digits without a blank between."""
NO_NUMA: Final = "No NUMA available on this system"
MEMORY: Final = re.compile(r"node (\d{1,9}) (size|free): (?:(\d{1,12}) MB|<not available>)$")
DISTANCES: Final = "node distances:"
NO_DISTANCES: Final = "No distance information available."
HEADER: Final = re.compile(r"node((?:\s+\d{1,9})+)$")
ROW: Final = re.compile(r"(\d{1,9}):((?:\s+-?\d{1,9})+)$")
IGNORED: Final = ("#", "libnuma: Warning")
"""Lines that say nothing about the machine: our comments, and what libnuma itself complains about."""
MAX_CHARACTERS: Final = 1 << 20
"""Longest text: 256 nodes and their distances are 300 KB (a choice)."""
MAX_LINE: Final = 1 << 14
"""Longest line: that of a node with 1,024 CPUs has 5,000 characters (a choice)."""
KNOWN_LINES: Final = "`available:`, `node N cpus:`, `node N size:`, `node N free:`, `node distances:` and its table"


class ThreadNumbering(StrEnum):
    """How the OS numbers the threads of a core: all first threads of a node before all second ones, or side by side."""

    APART = "apart"
    ADJACENT = "adjacent"


@dataclass
class _Reading:
    """What has been read so far. `cpus`, `sizes` and `rows` go by OS node id; the `_lines` say where they stood."""

    where: str
    announced: int | None = None
    last_line: int = 0
    cpus: dict[int, list[int]] = field(default_factory=dict)
    sizes: dict[int, float] = field(default_factory=dict)
    cpu_lines: dict[int, int] = field(default_factory=dict)
    size_lines: dict[int, int] = field(default_factory=dict)
    columns: list[int] = field(default_factory=list)
    rows: dict[int, tuple[int, ...]] = field(default_factory=dict)
    last_node: int | None = None
    """The node whose list of CPUs the line before was."""
    left_out: list[int] = field(default_factory=list)
    """Lines of prompts."""
    unreachable: bool = False
    in_table: bool = False
    no_distances: bool = False

    def fail(self, line: int, problem: str, allowed: str | None = None) -> NoReturn:
        raise InputError(f"{self.where}: line {line}", problem, allowed)


def parse_numactl(
    text: str, where: str, name: str, *, threads_per_core: int = 1, numbering: ThreadNumbering = ThreadNumbering.APART
) -> Description:
    """The machine in `text`; `where` begins any error, `name` is the file's. Raises InputError with the line's number.

    With `threads_per_core` above 1, CPUs of a node are grouped into cores by `numbering` (x86 Linux: apart).
    """
    reading = _Reading(where)
    if len(text) > MAX_CHARACTERS:
        raise InputError(where, f"{len(text):,} characters", allowed=f"at most {MAX_CHARACTERS:,} of numactl --hardware")
    for number, line in enumerate(text.splitlines(), 1):
        reading.last_line = number
        if len(line) > MAX_LINE:
            reading.fail(number, f"{len(line):,} characters", allowed=f"at most {MAX_LINE:,} a line")
        plain = line.strip().lstrip("> ") if line.startswith(">") else line.strip()
        if plain and not plain.startswith(IGNORED):
            _read_line(reading, number, plain)
    ids = _node_ids(reading)
    node_of_cpu = _node_of_cpu(reading, ids)
    check_size(len(node_of_cpu), len(ids), where)
    siblings = (
        "every CPU counted as a core" if threads_per_core == 1 else f"taken as {threads_per_core} to a core, numbered {numbering}"
    )
    return Description(
        where=where,
        name=name.rpartition(".")[0] or name,
        source=f"{name} (numactl --hardware); threads of a core are not told there: {siblings}",
        node_ids=ids,
        node_of_cpu=node_of_cpu,
        core_of_cpu=_core_of_cpu(node_of_cpu, len(ids), threads_per_core, numbering, where),
        cluster_of_core=None,
        memory_mib=tuple(reading.sizes.get(node, ASSUMED_MEMORY_MIB) for node in ids),
        distances=_distances(reading, ids),
        sources=_sources(reading, ids),
    )


def _read_line(reading: _Reading, number: int, line: str) -> None:
    wrapped, reading.last_node = reading.last_node, None
    if match := AVAILABLE.match(line):
        reading.announced = int(match[1])
    elif match := CPUS.match(line):
        node = int(match[1])
        if node in reading.cpus:
            reading.fail(number, f"node {node} again; its CPUs were on line {reading.cpu_lines[node]}")
        reading.cpus[node] = list(_cpus(reading, number, match[2]))
        reading.cpu_lines[node] = number
        reading.last_node = node
    elif match := MEMORY.match(line):
        if match[2] == "size":
            _read_size(reading, number, int(match[1]), None if match[3] is None else float(match[3]))
    elif line == DISTANCES:
        reading.in_table = True
    elif line == NO_DISTANCES:
        reading.no_distances = True
    elif reading.in_table and (match := HEADER.match(line)):
        if reading.columns:
            reading.fail(number, "a second heading of the distances", allowed="one `node 0 1 ...` heading, then a row a node")
        reading.columns = [int(node) for node in match[1].split()]
    elif reading.in_table and (match := ROW.match(line)):
        row = [int(distance) for distance in match[2].split()]
        reading.unreachable |= UNREACHABLE in row
        _read_row(reading, number, int(match[1]), tuple(map(reachable, row)))
    elif line.startswith(NO_NUMA):
        allowed = "`host` on that computer, what `lstopo --of xml` says there, or a preset such as uma-8"
        reading.fail(number, "that computer has no NUMA, so that numactl tells nothing of it", allowed)
    elif wrapped is not None and MORE_CPUS.match(line):
        reading.cpus[wrapped] += _cpus(reading, number, line)
        reading.last_node = wrapped
    elif is_prompt(line, "numactl"):
        reading.left_out.append(number)
    else:
        reading.fail(number, f"{shown(line, 60)!r} is not a line of numactl --hardware", allowed=KNOWN_LINES)


def _cpus(reading: _Reading, number: int, text: str) -> Iterator[int]:
    """Those of a list, `0 1 2` or, since numactl 2.0.18 with --cpu-compress, `0-3, 8-11`."""
    for part in re.findall(r"(?<!\()\b\d+(?:-\d+)?", text):
        first, _, last = part.partition("-")
        if max(len(first), len(last)) > MAX_DIGITS or int(last or first) - int(first) >= MAX_CPUS:
            reading.fail(number, f"CPUs {shown(part, 60)}", allowed=f"at most {MAX_CPUS}")
        yield from range(int(first), int(last or first) + 1)


def _read_size(reading: _Reading, number: int, node: int, mib: float | None) -> None:
    """A node's size; None where the kernel would not tell it, which is not the same as none."""
    if node in reading.size_lines:
        reading.fail(number, f"the size of node {node} again")
    if mib is not None:
        reading.sizes[node] = mib
    reading.size_lines[node] = number


def _read_row(reading: _Reading, number: int, node: int, row: tuple[int, ...]) -> None:
    if not reading.columns:
        reading.fail(number, "distances before their `node 0 1 ...` heading")
    if node in reading.rows:
        reading.fail(number, f"the distances of node {node} again")
    if len(row) != len(reading.columns):
        reading.fail(number, f"{len(row)} distances for {len(reading.columns)} nodes: the matrix is not square")
    for other, distance in zip(reading.columns, row, strict=True):
        if not MIN_DISTANCE <= distance <= MAX_DISTANCE:
            reading.fail(number, f"{distance} from node {node} to node {other}", allowed=f"{MIN_DISTANCE} to {MAX_DISTANCE}")
    reading.rows[node] = row


def _node_ids(reading: _Reading) -> tuple[int, ...]:
    """The OS ids of all nodes, ascending. A node may lack a `cpus:` line only if another line tells of it."""
    ids = tuple(sorted(reading.cpus))
    if not ids:
        reading.fail(
            reading.last_line, "the text ends without a `node N cpus:` line", "the output of numactl --hardware, or a .toml file"
        )
    if reading.announced not in (None, len(ids)):
        reading.fail(
            reading.last_line, f"the text ends with the CPUs of {len(ids)} nodes, but announces {reading.announced} (cut off?)"
        )
    for node in reading.size_lines:
        if node not in reading.cpus:
            reading.fail(reading.size_lines[node], f"a size for node {node}, which has no `node {node} cpus:` line")
    return ids


def _node_of_cpu(reading: _Reading, ids: tuple[int, ...]) -> tuple[int, ...]:
    """Dense node index by CPU; CPUs in the order of their OS ids, gaps closed."""
    homes: dict[int, int] = {}
    for index, node in enumerate(ids):
        for cpu in reading.cpus[node]:
            if cpu in homes:
                first = ids[homes[cpu]]
                twice = f"on node {node} twice" if node == first else f"on node {node} and on node {first}"
                reading.fail(reading.cpu_lines[node], f"CPU {cpu} is {twice}", "one place a CPU")
            homes[cpu] = index
    return tuple(homes[cpu] for cpu in sorted(homes))


def _core_of_cpu(
    node_of_cpu: tuple[int, ...], nodes: int, threads: int, numbering: ThreadNumbering, where: str
) -> tuple[int, ...]:
    if threads == 1:
        return tuple(range(len(node_of_cpu)))
    cores = [0] * len(node_of_cpu)
    first = 0
    for node in range(nodes):
        cpus = [cpu for cpu, home in enumerate(node_of_cpu) if home == node]
        if threads < 1 or len(cpus) % threads:
            raise InputError(
                f"{where}: threads_per_core", f"{threads} with {len(cpus)} CPUs on a node", allowed="a divisor of it, 1 or more"
            )
        own = len(cpus) // threads
        for place, cpu in enumerate(cpus):
            cores[cpu] = first + (place % own if numbering is ThreadNumbering.APART else place // threads)
        first += own
    return tuple(cores)


def _distances(reading: _Reading, ids: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    if not reading.rows:
        # What numactl printed always tells of distances; only lines that somebody picked of it may end before.
        if reading.no_distances or (len(ids) == 1 and reading.announced is None):
            return default_distances(len(ids))
        problem = f"the text ends without node distances for {len(ids)} node{'s' if len(ids) > 1 else ''} (cut off?)"
        reading.fail(reading.last_line, problem, f"their table, or `{NO_DISTANCES}`")
    for told in (reading.columns, sorted(reading.rows)):
        if sorted(told) != list(ids):
            reading.fail(reading.last_line, f"distances for nodes {_listed(told)}, but there are nodes {_listed(ids)}")
    places = [reading.columns.index(node) for node in ids]
    return tuple(tuple(reading.rows[node][place] for place in places) for node in ids)


def _sources(reading: _Reading, ids: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
    """Only what the file did not tell: sizes and distances that were assumed."""
    unsized = [node for node in ids if node not in reading.sizes]
    sources = []
    if unsized:
        sources.append(("memory_mib", f"node {_listed(unsized)}: size not told, {ASSUMED_MEMORY_MIB:g} MiB assumed"))
    if reading.unreachable:
        sources.append(("distances", TAKEN_AS_FARTHEST))
    if reading.left_out:
        sources.append(left_out_source(reading.left_out))
    if not reading.rows:
        sources.append(("distances", "not told; the kernel's own default, 10 and 20, assumed"))
    return tuple(sources)


def _listed(nodes: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, nodes)) if nodes else "none"
