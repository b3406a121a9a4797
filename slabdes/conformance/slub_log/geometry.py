# SPDX-License-Identifier: GPL-2.0-only
"""Geometry recorded from real 7.3 and 6.12 kernels: of caches made for the purpose, and of all that it had at boot.

A boot row does not say what its cache asked for, so it matches if some asking gives what was recorded; where its free pointer
lies in an object that says so itself is taken as recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice, product
from pathlib import Path

from slabdes.allocator.geometry import BYTES_PER_WORD
from slabdes.allocator.slub.geometry import SlubGeometry, cpu_partial_by_size, cpu_partial_slabs, slub_geometry
from slabdes.allocator.slub.state import REMOTE_NODE_DEFRAG_RATIO
from slabdes.conformance.kernel_log.geometry import MAX_ROWS
from slabdes.conformance.kernel_log.runner import whole
from slabdes.conformance.script import read_text, said
from slabdes.conformance.slub_log.machine import is_topology, read_topology
from slabdes.conformance.verdict import Verdict
from slabdes.errors import InputError

COMPARED = "rows of SLUB's geometry: sizes, orders, objects a slab, min_partial, sheaf capacity or per-CPU partial slabs"
FLAGS = "hrtcn"
"""HWCACHE_ALIGN, RECLAIM_ACCOUNT, TYPESAFE_BY_RCU, a constructor, NOLEAKTRACE."""
MAX_CAPACITY = 1 << 16
ASKED_CAPACITIES = (0, 32)
"""Sheaf capacities that caches of the kernel ask for (vm_area_struct and maple_node: 32)."""


def asked_geometry(asked: list[str], cpus: int) -> SlubGeometry:
    """What `SIZE ALIGN FLAGS [CAPACITY]` gives. ValueError for anything else, InputError for a size that fits no slab."""
    size, align, flags, capacity = asked if len(asked) > 3 else (*asked, "0")
    letters = "" if flags == "-" else flags
    if set(letters) - set(FLAGS):
        raise ValueError
    return slub_geometry(
        whole(size, 0),
        whole(align, 0, 4096),
        cpus=cpus,
        hwcache_align="h" in letters,
        pointer_behind="t" in letters or "c" in letters,
        noleaktrace="n" in letters,
        sheaf_capacity=whole(capacity, 0, MAX_CAPACITY),
    )


def geometry_text(name: str, geometry: SlubGeometry, ratio: int, *, cpu_slabs: bool = False) -> str:
    """A geometry as the logs of 7.3 write it, or of 6.12, whose CPUs have slabs of their own."""
    keys = {"name": name, **asdict(geometry), "ratio": ratio}
    if cpu_slabs:
        del keys["sheaf_capacity"], keys["ratio"]
        keys["cpu_partial"] = cpu_partial_by_size(geometry.size)
        keys["cpu_partial_slabs"] = cpu_partial_slabs(geometry.size, geometry.objects)
        keys["ratio"] = ratio
    return " ".join(f"{key}={value}" for key, value in keys.items())


def is_slub_geometry(text: str) -> bool:
    """Whether a log with this text records SLUB's geometry only."""
    first = list(islice(said(text), 3))
    return first[:1] == ["> topo"] and first[2:3] != [] and first[2].startswith(("> geom", "GEOM "))


def compare_slub_geometry(path: Path) -> Verdict:
    """Compare every GEOM row of a file. Raises InputError for a file without any."""
    matched = total = 0
    difference: tuple[str, str] | None = None
    for where, asked, cpus, recorded in _rows(path):
        total += 1
        try:
            ours = _made_row(asked, cpus, recorded) if asked else _boot_row(recorded, cpus)
        except (KeyError, IndexError, ValueError):
            raise InputError(where, "not a GEOM row of a geometry log") from None
        except InputError as error:
            raise InputError(where, error.problem, error.allowed) from None
        if ours == recorded:
            matched += 1
        elif difference is None:
            difference = (ours, recorded)
    if not total:
        raise InputError(str(path), "no GEOM row in it", allowed="a geometry log")
    return Verdict(path.name.removesuffix(".gz").removesuffix(".log"), matched, total, difference, COMPARED)


def _rows(path: Path) -> Iterator[tuple[str, list[str], int, str]]:
    """Where, what was asked for (nothing: a boot row), the CPUs that count, and the row."""
    asked: list[str] = []
    cpus = rows = 0
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if is_topology(line):
            cpus = read_topology(line, f"{path}:{number}").cpus
        elif words[:1] == [">"]:
            asked = words[2:] if words[1:2] == ["geom"] else []
        elif words[:1] == ["GEOM"]:
            rows += 1
            if not cpus or rows > MAX_ROWS:
                problem = "one GEOM row too many" if cpus else "a GEOM row before any TOPO line"
                raise InputError(f"{path}:{number}", problem, allowed=f"a TOPO line, then at most {MAX_ROWS} rows")
            yield f"{path}:{number}", asked, cpus, line


def _made_row(asked: list[str], cpus: int, recorded: str) -> str:
    keys = _keys(recorded)
    flags, capacity = asked[2], asked[3] if len(asked) > 3 else "0"
    cpu_slabs = "cpu_partial" in keys
    geometry = geometry_text(keys["name"], asked_geometry(asked, cpus), REMOTE_NODE_DEFRAG_RATIO, cpu_slabs=cpu_slabs)
    return f"GEOM flags={flags} cap={capacity} {geometry}"


def _boot_row(recorded: str, cpus: int) -> str:
    keys = _keys(recorded)
    size, align, offset = (whole(keys[key], 0) for key in ("object_size", "align", "offset"))
    rows = []
    for behind, noleaktrace, capacity in product((False, True), (False, True), ASKED_CAPACITIES):
        geometry = slub_geometry(size, align, cpus=cpus, pointer_behind=behind, noleaktrace=noleaktrace, sheaf_capacity=capacity)
        rows.append(geometry)
        if not behind and offset + BYTES_PER_WORD <= size and offset % BYTES_PER_WORD == 0:
            rows.append(replace(geometry, offset=offset))
    cpu_slabs = "cpu_partial" in keys
    texts = [f"GEOM {geometry_text(keys['name'], row, REMOTE_NODE_DEFRAG_RATIO, cpu_slabs=cpu_slabs)}" for row in rows]
    return recorded if recorded in texts else texts[0]


def _keys(row: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in row.split() if "=" in word)
