# SPDX-License-Identifier: GPL-2.0-only
"""Reads hwloc XML (`lstopo --of xml`), formats 2.x and 3.x: CPUs, cores, caches, NUMA nodes and their SLIT.

Parsed with limits and without entities. Leaves out I/O devices, memory attributes, and matrices of anything but node latency.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat

from slabdes.config import MAX_CPUS
from slabdes.errors import InputError, shown
from slabdes.machine.description import (
    MAX_DISTANCE,
    MAX_NODES,
    MIN_DISTANCE,
    TAKEN_AS_FARTHEST,
    UNREACHABLE,
    Description,
    check_size,
    reachable,
)
from slabdes.machine.survey import (
    Clock,
    Survey,
    SurveyedCache,
    SurveyedNode,
    believed_clock,
    bit_set,
    clock_of_model,
    describe,
    members,
)
from slabdes.machine.topology import BYTES_PER_MIB

MAX_ELEMENTS: Final = 1 << 16
"""Most elements of a file: 1,024 CPUs with all their caches and devices are about 20,000 (a choice)."""
MAX_DEPTH: Final = 128
"""Deepest nesting: chains of PCI bridges reach 11 in practice (a choice)."""
MAX_SHARED: Final = 4 * MAX_CPUS
"""Most different sets of CPUs that share a cache: each CPU has three or four (a choice)."""
MAX_TOLD_NODES: Final = 1024
"""Most NUMA nodes of a file, those included that may not be used: the kernel's own ceiling (CONFIG_NODES_SHIFT 10)."""
MAX_CPU_BITS: Final = 1 << 16
"""Highest number in a set of CPUs or nodes (a choice; the kernel's own ceiling is 8,192 CPUs)."""
MAX_SIZE_DIGITS: Final = 15
"""Of a cache's bytes (a choice)."""

FROM_OS: Final = 1
MEANS_LATENCY: Final = 4
"""hwloc's HWLOC_DISTANCES_KIND_FROM_OS and _MEANS_LATENCY."""

ENDS_EARLY: Final = tuple(
    expat.errors.codes[text]
    for text in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN, expat.errors.XML_ERROR_PARTIAL_CHAR)
)
"""Errors of expat at a text that stops before its last element is closed."""

VERSION: Final = re.compile(r"[23]\.\d{1,3}")
SET: Final = re.compile(r"(?:0xf\.\.\.f|0x[0-9a-f]{1,8})?(?:,(?:0x[0-9a-f]{1,8})?)*", re.IGNORECASE)
SHARED_CACHE: Final = re.compile(r"L[2-9]Cache")
"""Data and unified caches above the first level; instruction caches are called L2iCache."""


@dataclass
class _Matrix:
    """A `distances2` element: latencies between NUMA nodes."""

    line: int
    size: int
    from_os: bool
    name: str
    by_gp_index: bool
    indexes: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)


@dataclass
class _Node:
    """A NUMANode object; `gp_index` is hwloc's own number of it."""

    line: int
    os_index: int
    gp_index: int | None
    cpus: int
    memory_bytes: int | None


def parse_hwloc(text: str, where: str, name: str) -> Description:
    """The machine in `text`; `where` begins any error, `name` is the file's. Raises InputError, in one line.

    What the process that wrote the file was not allowed to use (`allowed_cpuset`, `allowed_nodeset`) is left out: so the
    file is the same machine whether lstopo wrote such CPUs or not. A node that is not allowed keeps its CPUs, without memory.
    """
    reader = _Reader(where)
    reader.read(text)
    return _described(reader, where, name)


class _Reader:
    """Collects what a machine needs while expat walks the file."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.version: str | None = None
        self.allowed_cpus = self.allowed_nodes = self.complete_cpus = -1
        self.core_of_cpu: dict[int, tuple[str, int]] = {}
        self.nodes_of_cpu: dict[int, int] = {}
        self.package_of_cpu: dict[int, int] = {}
        self.shared: set[int] = set()
        self.caches: dict[int, SurveyedCache] = {}
        self.nodes: dict[int, _Node] = {}
        self.matrices: list[_Matrix] = []
        self.model: str | None = None
        self.frequencies: dict[str, float] = {}
        self._open: list[tuple[str, str, int]] = []
        self._elements = 0
        self._matrix: _Matrix | None = None
        self._numbers: list[str] | None = None
        self._parser = expat.ParserCreate()

    def read(self, text: str) -> None:
        parser = self._parser
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # Looked for beforehand as well: expat finishes the buffer it has even after a handler refused it.
        declared = text.find("<!ENTITY")
        if declared >= 0:
            problem = "declares an XML entity"
            raise InputError(f"{self.where}: line {text.count(chr(10), 0, declared) + 1}", problem, allowed="none")
        try:
            parser.Parse(text, True)
        except expat.ExpatError as error:
            told = expat.ErrorString(error.code) + (" (cut off?)" if error.code in ENDS_EARLY else "")
            raise InputError(f"{self.where}: line {error.lineno}", f"not XML: {told}", allowed="hwloc XML") from None

    def fail(self, problem: str, allowed: str | None = None, line: int | None = None) -> NoReturn:
        raise InputError(f"{self.where}: line {line or self._parser.CurrentLineNumber}", problem, allowed)

    def _doctype(self, _name: str, _system: str | None, _public: str | None, internal_subset: bool) -> None:
        # hwloc names its DTD, which nobody fetches; declarations inside the file are nothing that it writes.
        if internal_subset:
            self.fail("declares XML types of its own", allowed='<!DOCTYPE topology SYSTEM "hwloc2.dtd"> and nothing in it')

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            self.fail(f"more than {MAX_ELEMENTS} elements", allowed="a machine")
        if len(self._open) >= MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} elements", allowed="a machine")
        kind = attributes.get("type", "") if tag == "object" else ""
        if not self._open:
            self._root(tag, attributes)
        elif tag == "object":
            self._object(kind, attributes)
        elif tag == "distances2":
            self._matrix = self._begin_matrix(attributes)
        elif tag in ("indexes", "u64values"):
            self._numbers = []
        elif tag == "info":
            self._info(attributes)
        self._open.append((tag, kind, self._elements))

    def _root(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag != "topology":
            self.fail(f"<{_shown(tag)}> is not hwloc's <topology>", allowed="hwloc XML as `lstopo --of xml` writes it")
        self.version = attributes.get("version", "1")
        if not VERSION.fullmatch(self.version):
            self.fail(f"hwloc XML format {_shown(self.version)}", allowed="2.x or 3.x; lstopo of hwloc 2 converts older files")

    def _object(self, kind: str, attributes: Mapping[str, str]) -> None:
        if kind == "Machine" and len(self._open) == 1:
            self.allowed_cpus = self._set(attributes, "allowed_cpuset", -1)
            self.allowed_nodes = self._set(attributes, "allowed_nodeset", -1)
            self.complete_cpus = self._set(attributes, "complete_cpuset", -1)
        elif kind == "NUMANode":
            self._numa_node(attributes)
        elif kind == "PU":
            cpu = self._number(attributes, "os_index", "PU", MAX_CPU_BITS)
            if cpu in self.core_of_cpu:
                self.fail(f"PU {cpu} again", allowed="each os_index once")
            inside = next((serial for _tag, above, serial in reversed(self._open) if above == "Core"), None)
            self.core_of_cpu[cpu] = ("PU", cpu) if inside is None else ("Core", inside)
            self.nodes_of_cpu[cpu] = self._set(attributes, "complete_nodeset", 0)
            self.package_of_cpu[cpu] = next((serial for _tag, above, serial in self._open if above == "Package"), 0)
        elif (SHARED_CACHE.fullmatch(kind) and attributes.get("subtype") != "MemorySideCache") or (
            kind == "Group" and attributes.get("subtype") == "Cluster"
        ):
            self.shared.add(self._set(attributes, "cpuset", 0))
            if len(self.shared) > MAX_SHARED:
                self.fail(f"more than {MAX_SHARED} different caches", allowed="a machine")
            if kind != "Group":
                self._cache(int(kind[1]), attributes)

    def _cache(self, level: int, attributes: Mapping[str, str]) -> None:
        """Of the caches of one set of CPUs the last level's; one whose size is not told is none."""
        cpus, size = self._set(attributes, "cpuset", 0), attributes.get("cache_size", "0")
        if not (size.isascii() and size.isdigit()) or len(size) > MAX_SIZE_DIGITS:
            self.fail(f"cache_size {_shown(size)} of an L{level}Cache", allowed="bytes")
        if int(size) and (cpus not in self.caches or self.caches[cpus].level < level):
            self.caches[cpus] = SurveyedCache(level, int(size))

    def _numa_node(self, attributes: Mapping[str, str]) -> None:
        node = self._number(attributes, "os_index", "NUMANode", MAX_CPU_BITS)
        if node in self.nodes:
            self.fail(f"NUMA node {node} again", allowed="each os_index once")
        if len(self.nodes) >= MAX_TOLD_NODES:
            self.fail(f"more than {MAX_TOLD_NODES} NUMA nodes", allowed="a machine")
        self.nodes[node] = _Node(
            line=self._parser.CurrentLineNumber,
            os_index=node,
            gp_index=self._number(attributes, "gp_index", "NUMANode", 1 << 62) if "gp_index" in attributes else None,
            cpus=self._set(attributes, "cpuset", None),
            memory_bytes=self._number(attributes, "local_memory", "NUMANode", 1 << 62) if "local_memory" in attributes else None,
        )

    def _number(self, attributes: Mapping[str, str], key: str, kind: str, most: int) -> int:
        text = attributes.get(key)
        if text is None:
            self.fail(f"a {kind} without {key}", allowed=f"0 to {most}")
        if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > most:
            self.fail(f"{key} {_shown(text)} of a {kind}", allowed=f"0 to {most}")
        return int(text)

    def _set(self, attributes: Mapping[str, str], key: str, missing: int | None) -> int:
        """A bitmap as hwloc writes it: 32-bit words, highest first, empty ones 0; `0xf...f` in front means all above too."""
        text = attributes.get(key)
        if text is None:
            if missing is None:
                self.fail(f"an object without {key}")
            return missing
        words = text.split(",")
        if len(words) > MAX_CPU_BITS // 32 or not SET.fullmatch(text):
            self.fail(f"{key} {_shown(text)} is not a set", allowed=f"hexadecimal words of 32 bits, {MAX_CPU_BITS} bits at most")
        endless = words[0].lower() == "0xf...f"
        digits = "".join(word[2:].zfill(8) for word in words[endless:])
        return int(digits or "0", 16) - (endless << 4 * len(digits))

    def _begin_matrix(self, attributes: Mapping[str, str]) -> _Matrix | None:
        kind = attributes.get("kind", "")
        if not kind.isascii() or not kind.isdigit() or len(kind) > 9:
            self.fail(f"kind {_shown(kind)} of a distances2", allowed="a number")
        if attributes.get("type") != "NUMANode" or not int(kind) & MEANS_LATENCY:
            return None
        size = self._number(attributes, "nbobjs", "distances2", MAX_NODES)
        by_gp_index = attributes.get("indexing", "os") != "os"
        line = self._parser.CurrentLineNumber
        return _Matrix(line, size, bool(int(kind) & FROM_OS), attributes.get("name", ""), by_gp_index)

    def _info(self, attributes: Mapping[str, str]) -> None:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if name == "CPUModel" and self.model is None:
            self.model = " ".join(value[:200].split()) or None
        elif name in ("FrequencyBaseMHz", "FrequencyMaxMHz") and re.fullmatch(r"\d{1,6}", value):
            self.frequencies[name] = max(float(value), self.frequencies.get(name, 0.0))

    def _characters(self, text: str) -> None:
        if self._numbers is not None and self._matrix is not None:
            self._numbers.append(text)

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "distances2" and self._matrix is not None:
            self._end_matrix(self._matrix)
            self._matrix = None
        elif tag in ("indexes", "u64values") and self._numbers is not None:
            if self._matrix is not None:
                self._append(self._matrix, tag, "".join(self._numbers))
            self._numbers = None

    def _append(self, matrix: _Matrix, tag: str, text: str) -> None:
        """Take up one element of a list; hwloc splits long ones."""
        into, most = (matrix.indexes, matrix.size) if tag == "indexes" else (matrix.values, matrix.size**2)
        words = text.split(None, most)
        if len(into) + len(words) > most:
            self.fail(f"more than {most} numbers in {tag}", allowed=f"{most} for {matrix.size} nodes")
        for word in words:
            if not word.isascii() or not word.isdigit() or len(word) > 20:
                self.fail(f"{_shown(word)} in {tag}", allowed="numbers")
            into.append(int(word))

    def _end_matrix(self, matrix: _Matrix) -> None:
        for numbers, needed, tag in (
            (matrix.indexes, matrix.size, "indexes"),
            (matrix.values, matrix.size**2, "u64values"),
        ):
            if len(numbers) != needed:
                self.fail(f"{len(numbers)} numbers in {tag} of a matrix for {matrix.size} nodes", allowed=f"{needed}")
        self.matrices.append(matrix)


def _shown(text: str) -> str:
    return repr(shown(text, 60))


def _described(reader: _Reader, where: str, name: str) -> Description:
    if not reader.core_of_cpu:
        raise InputError(where, "has no PU object", allowed="hwloc XML with CPUs")
    if not reader.nodes:
        raise InputError(where, "has no NUMANode object", allowed="hwloc XML of hwloc 2 or later, which always has one")
    cores = {cpu: core for cpu, core in reader.core_of_cpu.items() if reader.allowed_cpus >> cpu & 1}
    if not cores:
        raise InputError(where, "allowed_cpuset has none of its CPUs", allowed="hwloc XML with CPUs that may be used")
    check_size(len(cores), 1, where)
    nodes = _nodes(reader, cores)
    distances, notes = _slit(reader, nodes)
    survey = Survey(cores, reader.shared, nodes, distances, _clock(reader), notes, reader.caches)
    told = [f"{name} (hwloc XML {reader.version})", reader.model]
    missing = (reader.complete_cpus.bit_count() if reader.complete_cpus >= 0 else len(reader.core_of_cpu)) - len(cores)
    if missing > 0:
        told.append(f"without {missing} CPUs that were offline or not allowed")
    return describe(survey, where, name.rpartition(".")[0] or name, "; ".join(filter(None, told)))


def _nodes(reader: _Reader, cores: Mapping[int, object]) -> dict[int, SurveyedNode]:
    """The nodes that have memory or CPUs to use, and those that lack in the file but have CPUs in it, without memory.

    CPUs of which the file says no node at all get one a package, behind all others.
    """
    found: dict[int, SurveyedNode] = {}
    covered, usable = 0, bit_set(cores)
    for node in reader.nodes.values():
        allowed = reader.allowed_nodes >> node.os_index & 1
        covered |= node.cpus
        if allowed or node.cpus & usable:
            memory = None if node.memory_bytes is None else node.memory_bytes / BYTES_PER_MIB
            found[node.os_index] = SurveyedNode(node.cpus, memory if allowed else 0.0)
    for cpu in cores:
        home = next(members(max(reader.nodes_of_cpu[cpu], 0)), None)
        if not covered >> cpu & 1 and home is not None and home not in reader.nodes:
            found[home] = SurveyedNode(found[home].cpus | 1 << cpu if home in found else 1 << cpu, 0.0)
    unsaid = [cpu for cpu in cores if not any(node.cpus >> cpu & 1 for node in found.values())]
    packages = dict.fromkeys(reader.package_of_cpu[cpu] for cpu in sorted(unsaid))
    for extra, package in enumerate(packages, max((*found, *reader.nodes), default=-1) + 1):
        found[extra] = SurveyedNode(bit_set(cpu for cpu in unsaid if reader.package_of_cpu[cpu] == package), 0.0)
    return found


def _slit(
    reader: _Reader, nodes: Mapping[int, SurveyedNode]
) -> tuple[dict[tuple[int, int], int] | None, tuple[tuple[str, str], ...]]:
    """The latency matrix that the OS gave, by pairs of node ids; one that a user added only if it reads as a SLIT."""
    by_gp_index = {node.gp_index: node.os_index for node in reader.nodes.values()}
    for matrix in sorted(reader.matrices, key=lambda matrix: (not matrix.from_os, matrix.name != "NUMALatency")):
        if not matrix.from_os and not _reads_as_slit(matrix):
            continue
        ids = [by_gp_index.get(index) if matrix.by_gp_index else index for index in matrix.indexes]
        for index, node in zip(matrix.indexes, ids, strict=True):
            if node not in reader.nodes or ids.count(node) > 1:
                problem = f"index {index} in the distances is no NUMA node, or there twice"
                reader.fail(problem, allowed="each NUMANode once", line=matrix.line)
        size = matrix.size
        pairs = {(a, b): matrix.values[row * size + column] for row, a in enumerate(ids) for column, b in enumerate(ids)}
        kept = {(a, b): value for (a, b), value in pairs.items() if a in nodes and b in nodes}
        notes = (("distances", TAKEN_AS_FARTHEST),) if UNREACHABLE in kept.values() else ()
        return {(a, b): reachable(value) for (a, b), value in kept.items() if a is not None and b is not None}, notes
    if reader.matrices and len(nodes) > 1:
        return None, (("distances", "only a user's, which is no SLIT; the kernel's own default, 10 and 20, assumed"),)
    return None, ()


def _reads_as_slit(matrix: _Matrix) -> bool:
    diagonal = matrix.values[:: matrix.size + 1]
    return set(diagonal) == {MIN_DISTANCE} and all(MIN_DISTANCE <= reachable(value) <= MAX_DISTANCE for value in matrix.values)


def _clock(reader: _Reader) -> Clock | None:
    """The nominal clock where the file tells it, otherwise the highest; of several kinds of core the fastest."""
    clock = clock_of_model(reader.model)
    for key in ("FrequencyBaseMHz", "FrequencyMaxMHz"):
        if clock is None and key in reader.frequencies:
            clock = believed_clock(reader.frequencies[key] / 1000, f"{key} of the hwloc file")
    return clock
