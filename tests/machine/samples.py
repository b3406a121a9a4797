# SPDX-License-Identifier: GPL-2.0-only
"""Small machine files of every kind, and sysfs trees, made by hand: shared by the tests of the importers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

SHARED: Final = Path(__file__).parents[3] / "shared"
"""Real machines and published figures, which are not part of the project; tests that need them skip without them."""

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n'

NUMACTL: Final = """\
available: 2 nodes (0-1)
node 0 cpus: 0 2
node 0 size: 100 MB
node 0 free: 50 MB
node 1 cpus: 1 3
node 1 size: 200 MB
node 1 free: 50 MB
node distances:
node   0   1
  0:  10  21
  1:  21  10
"""

LATENCIES: Final = "\n".join(  # two nodes of two cores of two threads, the threads of a core 4 apart
    ",".join("" if b >= a else "7.5" if (a - b) == 4 else "45.25" if a % 4 // 2 == b % 4 // 2 else "130" for b in range(8))
    for a in range(8)
)
TOML: Final = 'name = "small"\ndistances = [[10, 21], [21, 10]]\n\n[topology]\nsockets = 2\ncores = 2\n\n[costs]\nipi = 500.0\n'


def xml(body: str, *, version: str = "2.0", machine: str = "", after: str = "") -> str:
    """An hwloc file: `body` inside the Machine object, `machine` its attributes, `after` what follows it."""
    root = tag("Machine", f"\n{body}", os_index=0).replace('"0">', f'"0" {machine}>', 1)
    return f'{HEAD}<topology version="{version}">\n{root}{after}</topology>\n'


def tag(kind: str, body: str = "", **attributes: object) -> str:
    """One object."""
    told = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return f'<object type="{kind}" {told}>{body}</object>\n'


def cpus(*numbers: int) -> str:
    """A set of CPUs as hwloc writes it: words of 32 bits, highest first."""
    bits = sum(1 << number for number in set(numbers))
    words = [f"0x{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(0, max(bits.bit_length(), 1), 32)]
    return ",".join(reversed(words))


def core(*threads: int) -> str:
    """A core with these PUs."""
    return tag("Core", "".join(tag("PU", os_index=cpu, cpuset=cpus(cpu)) for cpu in threads), cpuset=cpus(*threads))


def numa(node: int, *own: int, mib: int | None = 64, **more: object) -> str:
    """A NUMA node with these CPUs."""
    memory = {} if mib is None else {"local_memory": mib << 20}
    return tag("NUMANode", os_index=node, cpuset=cpus(*own), gp_index=100 + node, **memory, **more)


def matrix(ids: Sequence[int], values: Sequence[int], *, split: int = 10, **attributes: object) -> str:
    """A latency matrix as hwloc writes it, lists in pieces of `split` numbers."""
    told = {"type": "NUMANode", "nbobjs": len(ids), "kind": 5, "name": "NUMALatency", "indexing": "os"} | attributes
    inside = ""
    for element, numbers in (("indexes", ids), ("u64values", values)):
        for start in range(0, len(numbers), split):
            text = "".join(f"{number} " for number in numbers[start : start + split])
            inside += f'<{element} length="{len(text)}">{text}</{element}>\n'
    return "<distances2 " + " ".join(f'{key}="{value}"' for key, value in told.items()) + f">\n{inside}</distances2>\n"


def package(cores: Sequence[Sequence[int]], inside: str = "", **attributes: object) -> str:
    """A package of cores, and what else is in it."""
    own = [cpu for threads in cores for cpu in threads]
    return tag("Package", inside + "".join(core(*threads) for threads in cores), cpuset=cpus(*own), **attributes)


TWO_PACKAGES: Final = xml(
    package([[0, 4], [1, 5]], numa(0, 0, 1, 4, 5)) + package([[2, 6], [3, 7]], numa(1, 2, 3, 6, 7)),
    after=matrix([0, 1], [10, 21, 21, 10], split=3),
)
"""Two nodes of two cores of two threads, numbered as Linux does on x86; the matrix in pieces."""


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Lay files out under `root`, by their paths; return it."""
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + "\n", encoding="utf-8")
    return root


def sysfs(cores: Sequence[str], nodes: Mapping[int, tuple[str, int, str]], online: str) -> dict[str, str]:
    """A host's files: lists of siblings by core, and (CPUs, MiB, distances) by node.

    >>> sorted(sysfs(["0,2"], {}, "0,2"))[-1]
    'sys/devices/system/cpu/online'
    """
    files = {"sys/devices/system/cpu/online": online}
    for siblings in cores:
        for cpu in siblings.split(","):
            files[f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = siblings
    for node, (own, mib, row) in nodes.items():
        folder = f"sys/devices/system/node/node{node}"
        files[f"{folder}/cpulist"] = own
        files[f"{folder}/meminfo"] = f"Node {node} MemTotal:       {mib * 1024} kB\nNode {node} MemFree:  1 kB"
        files[f"{folder}/distance"] = row
    return files
