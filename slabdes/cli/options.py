# SPDX-License-Identifier: GPL-2.0-only
"""Options and arguments that several commands share, and exit codes. Leaves out what is a single command's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from slabdes.errors import InputError, shown
from slabdes.words import share_in

EXIT_CHECK = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

MACHINE_HELP = "A preset's name, host, or a file: our TOML, hwloc XML, numactl --hardware, or a CSV of core-to-core latencies."
All = Annotated[bool, typer.Option("--all", help="Every row of every table, of every setting.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the results, new or empty. Default: runs/NAME, or NAME-2 and so on."),
]
MOST_JOBS = 256
Jobs = Annotated[
    int,
    typer.Option("--jobs", metavar="N", min=1, max=MOST_JOBS, show_default=False, help="Processes; one a processor."),
]
Figures = Annotated[
    bool, typer.Option("--figures/--no-figures", help="Draw figures into the folder; slabdes plot draws them later, too.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after an interruption, with the points that were finished.")]
CellsIn = Annotated[
    str,
    typer.Option(
        "--cells",
        metavar="DIR",
        help="Where replications are kept, so that none is run twice, in whichever study; or off. Default: SLABDES_CELLS, or the "
        "user's cache, at most 1 GiB.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Run replications on a Dask cluster instead: its scheduler's address (tcp://HOST:8786), or local for one of --jobs "
        'workers here. Needs pip install "slabdes[cluster]".',
    ),
]
SetKeys = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the experiment; may be repeated.")
]
Quick = Annotated[bool, typer.Option("--quick", help="A small size, to try it: what the file's [quick] table says holds.")]
Slabinfo = Annotated[
    Path | None,
    typer.Option("--slabinfo", metavar="FILE", help="A real /proc/slabinfo: tunables, and sizes not given, by cache name."),
]
Sysfs = Annotated[
    Path | None,
    typer.Option(
        "--sysfs",
        metavar="COPY",
        help="A copy of a SLUB kernel's /sys/kernel/slab, folder or tar: layout and settings, by name.",
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
PointNumber = Annotated[
    int | None, typer.Option("--point", metavar="N", min=0, help="The point, from 0; needed where there are several.")
]
PointOrFirst = Annotated[int | None, typer.Option("--point", metavar="N", min=0, help="The point, from 0; the first by default.")]
Replication = Annotated[int, typer.Option("--replication", metavar="N", min=0, help="The replication, from 0.")]
Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help="auto, reference or compiled; all give the same results.")]
ALL_PROCESSORS = min(os.cpu_count() or 1, MOST_JOBS)


def share_of(text: str, where: str) -> float:
    """A share as people type it: 5%, 0.05. Raises InputError, which begins with `where`, for anything else."""
    if (value := share_in(text)) is None:
        raise InputError(where, f"{shown(text)!r}", allowed="a share, such as 5% or 0.05")
    return value


def each_of(said: Sequence[str]) -> tuple[str, ...]:
    """Names from an option that is repeated, that has commas, or both."""
    return tuple(name.strip() for some in said for name in some.split(","))
