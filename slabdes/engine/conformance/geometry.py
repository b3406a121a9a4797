"""Geometry rows in the golden data's format, for sizes that no script names. Leaves out scripts' own `geom` lines."""

from __future__ import annotations

from collections.abc import Sequence

from slabdes.engine.conformance.render import Record
from slabdes.engine.conformance.runner import ScriptRunner
from slabdes.engine.conformance.script import Line


def geometry_rows(sizes: Sequence[int], *, align: int, flags: str, cpus: int, nodes: int, bigmem: bool) -> list[Record]:
    """A `geom` record for each size, on a machine with these CPUs and nodes. Raises InputError for what fits no slab."""
    machine = Line("machine", 0, "machine", keys={"nodes": str(nodes), "cpus": str(cpus), "bigmem": str(int(bigmem))})
    asked = [Line("geometry", 0, "geom", keys={"size": str(size), "align": str(align), "flags": flags}) for size in sizes]
    return [record for record in ScriptRunner().run(iter([machine, *asked])) if record["op"] == "geom"]
