# SPDX-License-Identifier: GPL-2.0-only
"""Commands that read what runs have left: show, plot, slabinfo, lock-stat. Leaves out running anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slabdes.cli.by_load import kept_plain, tell_kept
from slabdes.cli.options import All, Json, PointNumber, Replication, RunFolder
from slabdes.cli.output import print_json, print_rich, print_sheet, progress_bar, say
from slabdes.errors import InputError, nearest, shown
from slabdes.folders import free_folder

if TYPE_CHECKING:
    from slabdes.results.run import Run

Where = Annotated[
    list[str],
    typer.Option("--where", metavar="KEY=VALUE", help="Only points with this setting, as limit=60; may be repeated."),
]


def show(
    folder: RunFolder,
    point: Annotated[
        list[int], typer.Option("--point", metavar="N", min=0, help="Only this point of a sweep; may be repeated.")
    ] = [],  # noqa: B006 -- typer needs a list and never changes it
    where: Where = [],  # noqa: B006 -- as above
    named: Annotated[
        list[str],
        typer.Option("--table", metavar="NAME", help="Only this table, whole: rates, times, locks ...; may be repeated."),
    ] = [],  # noqa: B006 -- as above
    everything: All = False,
    as_json: Json = False,
) -> None:
    """A run's answer and tables again, of all its settings or some."""
    from slabdes.answers.screen import ONE, SPREAD, as_plain, table
    from slabdes.answers.tables import TABLES, view_of
    from slabdes.results.run import Run
    from slabdes.results.text import WIDTH

    for name in named:
        if name not in TABLES:
            raise InputError(f"--table {name}", f"no table of a run{nearest(name, TABLES)}", allowed=", ".join(TABLES))
    run = some_points(Run.load(folder), point, where)
    if as_json:
        print_json(kept_plain(folder, as_plain(run)))
    elif named:
        view = view_of(run, everything=True)
        for name in named:
            sheet = TABLES[name](view)
            print_sheet(sheet)
            if not sheet.rows:
                say(f"Nothing of this kind happened in {shown(str(folder))}.")
        say(SPREAD if run.manifest.replications > 1 else ONE)
    else:
        tell_kept(folder)
        print_rich(table(run, everything, str(folder)), WIDTH)


def some_points(run: Run, numbers: Sequence[int], settings: Sequence[str]) -> Run:
    """The run at the points of those numbers and settings; all of it where neither is said."""
    import polars as pl

    from slabdes.answers.figures import short
    from slabdes.results.text import setting_text

    chosen = run.points
    for setting in settings:
        word, equals, value = (part.strip() for part in setting.partition("="))
        key = run.frames.key_named(word)
        keys = ["machine", "cpus", *run.frames.swept_keys()]
        if not equals or key not in keys:
            raise InputError(
                f"--where {setting}",
                f"no setting of this run{nearest(word, [*keys, *short(keys)])}",
                allowed=_settings(run, keys),
            )
        chosen = chosen.filter(
            pl.Series([value in (str(entry), setting_text(entry)) for entry in chosen[key].to_list()], dtype=pl.Boolean)
        )
        if not chosen.height:
            values = dict.fromkeys(map(setting_text, run.points[key].to_list()))
            raise InputError(f"--where {setting}", "no point has it", allowed=f"{word} = {', '.join(values)}")
    if not numbers and not settings:
        return run
    found: list[int] = chosen["point"].to_list()
    wanted = [number for number in numbers or found if number in found or number not in run.frames.point_numbers()]
    if not wanted:
        raise InputError("--point", "not a point with that setting", allowed=", ".join(map(str, found)))
    return run.of_points(sorted(set(wanted)))


def _settings(run: Run, keys: Sequence[str]) -> str:
    from slabdes.results.text import setting_text

    return (
        ", ".join(f"{key}={setting_text(run.points[key][0])}" for key in keys if run.points[key].n_unique() > 1)
        or "nothing varies"
    )


def plot(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the figures, new or empty. Default: RUN-figures.")
    ] = None,
    point: Annotated[
        list[int], typer.Option("--point", metavar="N", min=0, help="Figures of this point, or these; may be repeated.")
    ] = [],  # noqa: B006 -- typer needs a list and never changes it
    where: Annotated[
        list[str], typer.Option("--where", metavar="KEY=VALUE", help="Likewise, of points with this setting, as limit=60.")
    ] = [],  # noqa: B006 -- as above
    log: Annotated[bool, typer.Option("--log", help="Throughput of a sweep on logarithmic axes.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a run's figures again from its frames."""
    from slabdes.folders import whole_folder
    from slabdes.results.folder import check_output
    from slabdes.runs import Run

    loaded = Run.load(folder)
    points = sorted(some_points(loaded, point, where).frames.point_numbers()) if point or where else None
    target = out or free_folder(folder.resolve().with_name(f"{folder.resolve().name}-figures"))
    check_output(target)
    with progress_bar() as progress, whole_folder(target) as drawn:
        saved = loaded.plot.save(drawn, points, log=log, progress=progress)
    paths = [str(target / path.name) for path in saved]
    if as_json:
        print_json(paths)
    else:
        say("\n".join(paths))


def slabinfo(folder: RunFolder, point: PointNumber = None, replication: Replication = 0, as_json: Json = False) -> None:
    """A run's caches, as /proc/slabinfo 2.1."""
    from slabdes.results.run import Run
    from slabdes.results.slabinfo import slabinfo_rows, slabinfo_text

    one = Run.load(folder).replication(point, replication)
    rows = slabinfo_rows(one.caches, one.slabs)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        say(slabinfo_text(rows), end="")


def lock_stat(folder: RunFolder, point: PointNumber = None, replication: Replication = 0, as_json: Json = False) -> None:
    """A run's locks by class, as /proc/lock_stat 0.4.

    Beneath each class: the functions in which waiters waited, then those that had taken the lock they waited for.
    """
    from slabdes.results.lock_stat import lock_classes, lock_stat_text
    from slabdes.results.run import Run

    one = Run.load(folder).replication(point, replication)
    classes = lock_classes(one.locks, one.contention_points, slub=bool(one.slub.height))
    if as_json:
        print_json([asdict(one) for one in classes])
    else:
        say(lock_stat_text(classes), end="")
