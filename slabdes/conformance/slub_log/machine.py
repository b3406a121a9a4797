# SPDX-License-Identifier: GPL-2.0-only
"""The machine that a SLUB log was recorded on, as its TOPO line says."""

from __future__ import annotations

from dataclasses import dataclass

from slabdes.dumps.bounds import MAX_CPUS, MAX_NODES
from slabdes.errors import InputError
from slabdes.files import MAX_DIGITS

KEYS = "present, possible, memory, barns, cpu_node and a fallback for each node"


@dataclass(frozen=True)
class Topology:
    """`node_of_cpu[cpu]`; whether each node has memory; where each falls back to. `cpus` decides the order of slabs."""

    cpus: int
    node_of_cpu: tuple[int, ...]
    has_memory: tuple[bool, ...]
    zonelists: tuple[tuple[int, ...], ...]


def is_topology(line: str) -> bool:
    """Whether a line of a log is one."""
    return line.startswith("TOPO ")


def read_topology(line: str, where: str) -> Topology:
    """What a TOPO line says. Raises InputError for one that says too little or what no machine is."""
    keys = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
    try:
        node_of_cpu = _numbers(keys["cpu_node"], MAX_NODES - 1)
        nodes = max((*node_of_cpu, *_numbers(keys.get("barns", "0"), MAX_NODES - 1))) + 1
        while f"fallback{nodes}" in keys:
            nodes += 1
        barns = _numbers(keys.get("barns", f"0-{nodes - 1}"), nodes - 1)
        memory = _numbers(keys["memory"], nodes - 1)
        zonelists = tuple(_numbers(keys[f"fallback{node}"], nodes - 1) for node in range(nodes))
        present, possible = (_number(keys[key], MAX_CPUS) for key in ("present", "possible"))
    except (KeyError, ValueError):
        raise InputError(where, f"{line[:60]!r} is no machine", allowed=f"TOPO with {KEYS}, within {MAX_CPUS} CPUs") from None
    right = len(node_of_cpu) == possible and all(set(zonelist) <= set(memory) and zonelist for zonelist in zonelists)
    if not right or barns != tuple(range(nodes)):
        raise InputError(where, f"{line[:60]!r} contradicts itself", allowed="every CPU placed, nodes that fall back to memory")
    has_memory = tuple(node in memory for node in range(nodes))
    return Topology(present if present > 1 else possible, node_of_cpu, has_memory, zonelists)


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or len(text) > MAX_DIGITS or not 0 <= int(text) <= most:
        raise ValueError
    return int(text)


def _numbers(text: str, most: int) -> tuple[int, ...]:
    """Numbers and ranges, `0-3,5`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(_number(first, most), _number(last or first, most) + 1)
    if len(found) > MAX_CPUS:
        raise ValueError
    return tuple(found)
