# SPDX-License-Identifier: GPL-2.0-only
"""Commands about dumps of a real allocator: reap. Leaves out replays that begin with one (`runs`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slabdes.cli.options import ALL_PROCESSORS, MACHINE_HELP, All, Jobs, Json, SetKeys
from slabdes.cli.output import print_json, print_sheet, progress_bar, say, say_paragraph


def reap(
    dump: Annotated[Path, typer.Argument(metavar="DUMP", help="A dump of a real 6.1 allocator, as --from-dump takes it.")],
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="MACHINE", help=f"{MACHINE_HELP} Default: the smallest preset with the dump's CPUs and nodes."
        ),
    ] = None,
    caches: Annotated[
        list[str], typer.Option("--cache", metavar="NAME", help="This cache only; may be repeated. Default: all that have slabs.")
    ] = [],  # noqa: B006 -- typer needs a list and never changes it
    within: Annotated[float, typer.Option("--within", metavar="SECONDS", help="How long to let it be reaped.")] = 120.0,
    settings: SetKeys = [],  # noqa: B006 -- as above
    jobs: Jobs = ALL_PROCESSORS,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """How long until the memory of a dump returns.

    The dump's caches are left to cache_reap, each CPU's every two seconds, with no other work: what they held beyond live
    objects, when half and 95 % of it was back, what never comes back and why.
    """
    from slabdes.api import returns

    with progress_bar() as progress:
        found = returns(dump, machine, caches, within_s=within, settings=settings, jobs=jobs, progress=progress)
    if as_json:
        print_json(found.to_dict())
        return
    for sentence in found.sentences():
        say_paragraph(sentence)
    for sheet in found.sheets(everything):
        say("")
        print_sheet(sheet)
    for warning in found.warnings:
        say(f"warning: {warning}")
