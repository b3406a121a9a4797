# SPDX-License-Identifier: GPL-2.0-only
"""The command that serves a live page. Leaves out what is on it (`explore`, `pages`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from slabdes.cli.options import ALL_PROCESSORS, Jobs, SetKeys
from slabdes.cli.output import progress_bar, say, say_error
from slabdes.signals import grace

_MOST_PORT = 65535
_ENDING_S = 6.0
"""What workers and open pages get to end."""


def explore(
    what: Annotated[
        Path | None,
        typer.Argument(
            metavar="EXPERIMENT.toml|TRACE",
            help="An experiment, a TOML file, or a kmem trace. Default: slabdes new burst.",
        ),
    ] = None,
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=1,
            max=_MOST_PORT,
            help="Of the address, on this computer. Default: 8731, or any free one.",
        ),
    ] = None,
    jobs: Jobs = ALL_PROCESSORS,
) -> None:
    """A live page: move a slider, see what changes.

    Serves a page to this computer alone, at an address that it prints; open it in a browser. What is moved is run at once, first
    in short, then until its intervals are as narrow as its replications make them. Of a sweep it begins with the last point.
    Ctrl-C ends it. Needs pip install "slabdes[explore]".
    """
    from slabdes.explore.serve import check_installed

    check_installed()
    from slabdes.explore.app import Explorer
    from slabdes.explore.controls import controls_of
    from slabdes.explore.desk import Desk, warm
    from slabdes.explore.serve import bound, serve
    from slabdes.explore.setting import setting_of
    from slabdes.explore.sizes import planned
    from slabdes.explore.source import source_of
    from slabdes.folders import scratch_folder
    from slabdes.study.spools import Spools

    with scratch_folder() as scratch, bound(port) as made:
        grace(_ENDING_S)
        desk = Desk(jobs)
        try:
            with progress_bar() as progress:
                source = source_of(what, settings, Spools(scratch), progress)
            controls = controls_of(source)
            begin = setting_of(source, controls, {})
            desk.engine_for(planned(begin))

            def tell(address: str) -> None:
                say(address)
                say_error("open it in a browser; Ctrl-C ends it")
                sys.stdout.flush()

            def get_ready() -> None:
                with progress_bar() as progress:
                    desk.open(progress)
                    warm(desk, begin)

            explorer = Explorer(source, controls, desk)
            serve(made, explorer.app, tell, explorer.end, meanwhile=get_ready)
        finally:
            desk.close()
