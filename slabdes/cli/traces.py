# SPDX-License-Identifier: GPL-2.0-only
"""Commands about traces: info. Leaves out replaying them (`runs`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slabdes.cli.options import Json
from slabdes.cli.output import print_json, print_sheet, progress_bar, say

if TYPE_CHECKING:
    from slabdes.results.text import Sheet
    from slabdes.runs import TraceInfo


def trace_info(
    trace: Annotated[
        Path,
        typer.Argument(metavar="TRACE", help="A kmem trace: ftrace, perf script or trace-cmd report text, plain or gzip."),
    ],
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, help="Rows of each table; those with most come first.")] = 20,
    as_json: Json = False,
) -> None:
    """What is in a trace, and what to run next.

    First what its numbers say in sentences, then its caches by traffic, its CPUs and its allocation sites, then commands to
    paste. What is lost or cannot be replayed is told. --json has everything.
    """
    from slabdes.api import trace_info as find

    with progress_bar() as progress:
        found = find(trace, progress=progress)
    if as_json:
        print_json(found.to_dict())
        return
    say(" ".join(found.sentences()))
    for sheet in (_caches(found, rows), _cpus(found, rows), _sites(found, rows)):
        say("")
        print_sheet(sheet)
    for warning in found.warnings:
        say(f"note: {warning}")
    say("\nnext:")
    for command in found.commands():
        say(f"  {command}")


def _title(what: str, rows: int, of: int) -> str:
    return what if rows >= of else f"{what}: {rows} of {of}; --rows {of} shows all"


def _caches(found: TraceInfo, rows: int) -> Sheet:
    from slabdes.results.text import Sheet, count_text, share_text

    heads = ("cache", "bytes", "allocs", "frees", "traffic", "freed on other CPU", "most live", "never freed", "CPUs", "sites")
    cells = [
        (
            *(cache.name, f"{cache.size}", count_text(cache.allocs), count_text(cache.frees), share_text(cache.share)),
            share_text(cache.remote_frees / cache.frees if cache.frees else None),
            *(count_text(cache.most_live), count_text(cache.never_freed), f"{len(cache.cpus)}", f"{len(cache.sites)}"),
        )
        for cache in found.caches[:rows]
    ]
    title = _title(
        f"caches by traffic (most live: of {found.moments} moments)",
        rows,
        len(found.caches),
    )
    return Sheet(title, heads, 1, tuple(cells))


def _cpus(found: TraceInfo, rows: int) -> Sheet:
    from slabdes.results.text import Sheet, count_text, share_text

    loads = sorted(found.cpus.items(), key=lambda item: (-item[1].operations, item[0]))
    cells = [
        (
            *(f"{cpu}", count_text(load.operations), share_text(load.operations / found.operations)),
            *(count_text(load.per_s), count_text(load.most_per_s)),
        )
        for cpu, load in loads[:rows]
    ]
    heads = ("CPU", "operations", "share", "a second", "in its busiest moment")
    return Sheet(_title("CPUs by operations", rows, len(found.cpus)), heads, 1, tuple(cells))


def _sites(found: TraceInfo, rows: int) -> Sheet:
    from slabdes.results.text import Sheet, count_text

    sites = sorted(
        ((count, site, cache.name) for cache in found.caches for site, count in cache.sites.items()),
        key=lambda site: (-site[0], *site[1:]),
    )
    cells = [(site, cache, count_text(count)) for count, site, cache in sites[:rows]]
    return Sheet(_title("allocation sites", rows, len(sites)), ("call site", "cache", "allocs"), 2, tuple(cells))
