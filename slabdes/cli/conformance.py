# SPDX-License-Identifier: GPL-2.0-only
"""Commands about what the real allocator did: conform, geometry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.options import EXIT_CHECK, EXIT_INPUT, Json
from slabdes.cli.output import print_json, print_rows, say, say_error
from slabdes.errors import InputError, nearest

if TYPE_CHECKING:
    pass


def conform(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Op scripts (.ops), 6.1 and 7.3 logs (.log), traces with dumps, or folders."),
    ],
    print_records: Annotated[bool, typer.Option("--print", help="Print our own records as JSON lines; compare nothing.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="reference or compiled: whose paths run scripts and logs.")
    ] = "reference",
    as_json: Json = False,
) -> None:
    """Reproduce recorded outcomes of the real allocator.

    An op script is run, and every record compared, field by field, with the recording beside it (NAME.out.jsonl, or .gz).
    A log's commands are run (SLAB's of 6.1, SLUB's of 6.12 and 7.3), and every line compared. A trace is replayed from the dump
    before, and the dump after compared. Prints a line or a table each and the first difference; exits 1 if any does not hold,
    2 if any cannot be read.
    """
    from slabdes.config import EngineName
    from slabdes.conformance.compare import own_records
    from slabdes.conformance.driver import Drivers
    from slabdes.conformance.recordings import find_recordings

    engines = (EngineName.REFERENCE, EngineName.COMPILED)
    if engine not in engines:
        raise InputError("--engine", f"{engine!r} runs no scripts{nearest(engine, engines)}", allowed=", ".join(engines))
    drivers = Drivers(EngineName(engine), say_error)
    recordings = find_recordings(paths, drivers)
    if print_records:
        for recording in recordings:
            if not recording.is_script:
                raise InputError(str(recording.path), "--print runs op scripts only", allowed="files ending in .ops or .ops.gz")
            for record in own_records(recording.path, drivers.slab):
                print_json(record, indent=None)
        return
    told: list[dict[str, Any]] = []
    holds, refused = True, False
    for recording in recordings:
        try:
            outcome = recording.compare(recording.path)
        except InputError as error:
            refused = True
            told.append({"name": str(recording.path), "error": str(error)})
            say_error(f"slabdes: {error}")
            continue
        holds = holds and outcome.holds
        told.append(outcome.as_plain())
        if not as_json:
            say("\n".join(outcome.lines()))
    if as_json:
        print_json(told)
    if refused or not holds:
        raise typer.Exit(EXIT_INPUT if refused else EXIT_CHECK)


def geometry(
    sizes: Annotated[list[int], typer.Argument(help="Object sizes in bytes, 1 to 4194304.", metavar="SIZE")],
    align: Annotated[int, typer.Option("--align", min=0, max=4096, help="Alignment in bytes, a power of two.")] = 0,
    flags: Annotated[str, typer.Option("--flags", help="HWCACHE_ALIGN, RECLAIM_ACCOUNT, NOLEAKTRACE, joined by |.")] = "",
    cpus: Annotated[int, typer.Option("--cpus", min=1, max=1024, help="CPUs of the machine.")] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=256, help="Nodes that they are spread over.")] = 1,
    allocator: Annotated[
        str, typer.Option("--allocator", metavar="VERSION", help="Kernel: 2.6.34 to 6.1 (SLAB), 6.12 to 7.3 (SLUB).")
    ] = "2.6.34",
    bigmem: Annotated[
        int, typer.Option("--bigmem", metavar="0|1", min=0, max=1, help="Whether the machine has more than 32 MB.")
    ] = 1,
    no_bigmem: Annotated[bool, typer.Option("--no-bigmem", help="The same as --bigmem 0.")] = False,
    as_json: Json = False,
) -> None:
    """Slab geometry and default tunables of an object size.

    Of SLUB: order, min_partial, sheaf capacity and per-CPU partial slabs.
    """
    from slabdes.conformance.geometry import geometry_rows

    rows = geometry_rows(
        sizes, align=align, flags=flags, cpus=cpus, nodes=nodes, bigmem=bool(bigmem) and not no_bigmem, allocator=allocator
    )
    if as_json:
        for row in rows:
            print_json(row, indent=None)
        return
    print_rows("slab geometry and default tunables", [{key: value for key, value in row.items() if key != "op"} for row in rows])
