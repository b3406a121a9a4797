# SPDX-License-Identifier: GPL-2.0-only
"""Commands that run experiments: run, replay. Leaves out what reads their folders again (`reading`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.by_load import ByLoadRun, tell
from slabdes.cli.options import (
    ALL_PROCESSORS,
    All,
    CellsIn,
    Cluster,
    Engine,
    Figures,
    Jobs,
    Json,
    Out,
    Quick,
    Resume,
    SetKeys,
    Slabinfo,
    Sysfs,
    each_of,
    share_of,
)
from slabdes.cli.output import print_json, print_rich, progress_bar, say, say_paragraph
from slabdes.folders import free_folder
from slabdes.printable import printable
from slabdes.signals import hint
from slabdes.stats.deciding import FEWEST, MOST_PRECISE

if TYPE_CHECKING:
    from slabdes.measures.loads import ByLoad
    from slabdes.runs import Run
    from slabdes.study.spools import Spools

RUNS = Path("runs")
"""Where run folders go unless --out says otherwise."""


def run(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment, a TOML file.")],
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    slabinfo: Slabinfo = None,
    sysfs: Sysfs = None,
    caches: Annotated[
        list[str], typer.Option("--cache", metavar="NAME", help="Run with this cache, as slabinfo has it; may be repeated.")
    ] = [],  # noqa: B006 -- as above
    quick: Quick = False,
    engine: Engine = "auto",
    precision: Annotated[
        str, typer.Option("--precision", metavar="2%", help="Add replications until half an interval is at most this share.")
    ] = "",
    measures: Annotated[
        list[str],
        typer.Option(
            "--measure",
            metavar="MEASURE",
            help="What matters, and --precision is of: operations/s, waiting, alloc.p99 ...; may be repeated, or several with "
            "commas. Default: the file's measures, or operations/s.",
        ),
    ] = [],  # noqa: B006 -- as above
    most: Annotated[
        int | None,
        typer.Option(
            "--most",
            metavar="N",
            min=FEWEST,
            help=f"With --precision: replications at most. Default: the file's, or {MOST_PRECISE}.",
        ),
    ] = None,
    out: Out = None,
    jobs: Jobs = ALL_PROCESSORS,
    resume: Resume = False,
    figures: Figures = True,
    cells: CellsIn = "",
    cluster: Cluster = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Run an experiment: tables, frames and figures.

    Every point and replication of the experiment is simulated, tables are printed, and a run folder is written with a
    manifest, Parquet frames, figures, and text as /proc/slabinfo and /proc/lock_stat have it. Figures are in simulated time.
    Caches named with --cache are run in place of the experiment's; what its [[cache]] of that name says stays. An experiment
    that does not say how many `replications` it has is run with 5; one that asks for a `precision`, as often as that takes.
    """
    from slabdes.api import asked
    from slabdes.config import load_experiment
    from slabdes.config.starts import replicated

    changes = [*settings, *([f"engine={engine}"] if engine != "auto" else [])]
    for key, path in (("slabinfo", slabinfo), ("sysfs", sysfs)):
        if path is not None:
            changes.append(f"{key}={json.dumps(str(path), ensure_ascii=False)}")
    loaded = replicated(load_experiment(experiment, changes, caches, quick))
    folder = out or free_folder(RUNS / experiment.stem, resume)
    share = share_of(precision, "--precision") if precision else None
    loaded = asked(loaded, "--measure", precision=share, most=most, measures=each_of(measures))
    with at_work(folder) as progress:
        more = {"where": str(experiment), "figures": figures}
        result = _simulated(loaded, folder, jobs, resume, cells, cluster, progress, **more)
    _show(result, folder, as_json, everything, None, (), _known(result, loaded))


def replay(
    trace: Annotated[
        Path,
        typer.Argument(metavar="TRACE", help="A kmem trace: ftrace, perf script or trace-cmd report text, plain or gzip."),
    ],
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine",
            metavar="MACHINE",
            help="A preset's name, host, or a file that describes a machine. Default: the smallest preset with the trace's CPUs.",
        ),
    ] = None,
    cache: Annotated[
        list[str], typer.Option("--cache", metavar="NAME", help="Replay this cache only; may be repeated. Default: every cache.")
    ] = [],  # noqa: B006 -- typer needs a list and never changes it
    copies: Annotated[
        int,
        typer.Option(
            "--copies",
            metavar="N",
            min=1,
            help="Copies of the traced system, side by side on further CPUs. Each begins by chance within the first 1 % of the "
            "trace's length, so that bursts of the trace come in all of them at nearly the same time.",
        ),
    ] = 1,
    think: Annotated[
        str, typer.Option("--think", metavar="HOW", help="Times between operations: recorded, none, or a factor such as 0.1x.")
    ] = "recorded",
    cpus: Annotated[
        str,
        typer.Option(
            "--cpus",
            metavar="RULE",
            help="Traced CPUs onto the machine's. nodes: those of one traced node on one node, as far as that is known; 0-3/4-7: "
            "the same, if the trace does not tell. Or compact, spread, cores, 1:1, or a map: 0:0,1:24.",
        ),
    ] = "nodes",
    nodes: Annotated[
        str,
        typer.Option("--nodes", metavar="MAP", help="Machine nodes for those that allocations ask for by number: 2:0,3:1."),
    ] = "",
    arrivals: Annotated[
        str,
        typer.Option(
            "--arrivals",
            metavar="HOW",
            help="When operations begin. closed: a think time after the one before, and as --loop says. recorded: at the trace's "
            "own times, or late if the CPU is not done with the one before; response times and the backlog are told. For what "
            "does not wait, such as packets.",
        ),
    ] = "closed",
    loop: Annotated[
        str,
        typer.Option(
            "--loop",
            metavar="HOW",
            help="What holds CPUs together that hand each other objects. bounded: no more in flight between two CPUs than in the "
            "trace; for another machine or load. traced: the trace's order; for what the allocator did. "
            "open: nothing does, as with --arrivals recorded.",
        ),
    ] = "bounded",
    in_flight: Annotated[
        int | None,
        typer.Option(
            "--in-flight",
            metavar="N",
            min=1,
            help="With bounded: at most N of a cache in flight between two CPUs. Default: the trace's.",
        ),
    ] = None,
    allocator: Annotated[
        str | None,
        typer.Option(
            "--allocator",
            metavar="VERSION",
            help="Kernel whose allocator runs: 2.6.34, 4.6, 4.7, 6.1 (SLAB), 6.12 to 7.3 (SLUB). Default: the trace's nearest, "
            "of SLAB if it allocates no sheaves; 6.1 with --from-dump.",
        ),
    ] = None,
    from_dump: Annotated[
        Path | None, typer.Option("--from-dump", metavar="DUMP", help="Begin in the state of a dump of a real 6.1 allocator.")
    ] = None,
    slabinfo: Slabinfo = None,
    sysfs: Sysfs = None,
    by_load: Annotated[
        bool,
        typer.Option(
            "--by-load/--no-by-load",
            help="Also run it at up to 1,000 times the recorded load, and without think times: three times or more each, on as "
            "much of the trace as takes a minute at most on two CPUs.",
        ),
    ] = True,
    whole: Annotated[
        bool, typer.Option("--whole", help="At these loads, too, run the whole trace, however long it takes.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of every random stream.")] = 1,
    replications: Annotated[
        int, typer.Option("--replications", metavar="N", min=1, help="Runs with streams of their own: other phases and jitter.")
    ] = 3,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Of each --cache: objects of a CPU's array.")
    ] = None,
    batchcount: Annotated[
        int | None, typer.Option("--batchcount", metavar="N", min=1, help="Objects moved at once, of each --cache.")
    ] = None,
    shared: Annotated[
        int | None, typer.Option("--shared", metavar="N", min=0, help="Batches of a node's shared array, of each --cache.")
    ] = None,
    sweep: Annotated[
        list[str],
        typer.Option("--sweep", metavar="KEY=A,B", help="Replay with each value: copies=1,4,48, limit=60,120, or a dotted key."),
    ] = [],  # noqa: B006 -- typer needs a list and never changes it
    settings: SetKeys = [],  # noqa: B006 -- as above
    engine: Engine = "auto",
    out: Out = None,
    jobs: Jobs = ALL_PROCESSORS,
    resume: Resume = False,
    figures: Figures = True,
    cells: CellsIn = "",
    cluster: Cluster = None,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Replay a real kmem trace on any machine.

    The trace's allocations and frees run on the machine, CPU by CPU, each object allocated before it is freed. The think
    times of traces taken under tracing or emulation mean little: compare `recorded` with a factor or `none`.
    """
    from slabdes.config import apply_settings, parse_experiment
    from slabdes.config.replays import add_sweeps, add_tunables, check_single, name_caches
    from slabdes.folders import scratch_folder
    from slabdes.machine import is_named
    from slabdes.study.spools import Spools

    check_single({"think": think, "arrivals": arrivals, "loop": loop, "machine": machine, "allocator": allocator})
    with scratch_folder() as scratch:
        spools = Spools(scratch)
        machine, allocator, assumed = _assumed(trace, from_dump, machine, allocator, spools)
        stem = trace.name.partition(".")[0] if trace.name.startswith(".") else trace.name.removesuffix(".gz").removesuffix(".txt")
        named = [] if "all" in cache else cache
        raw: dict[str, Any] = {
            "name": printable(stem[:100]) or "trace",
            "seed": seed,
            "replications": replications,
            "engine": engine,
            "allocator": allocator,
            "machine": {"preset": machine} if is_named(machine) or not Path(machine).exists() else {"file": machine},
            "workload": {
                "kind": "trace",
                "file": str(trace),
                "caches": named,
                "copies": copies,
                "think": think,
                "cpus": cpus,
                **({"nodes": nodes} if nodes else {}),
                "arrivals": arrivals,
                "loop": loop,
                **({} if in_flight is None else {"in_flight": in_flight}),
                **({} if from_dump is None else {"from_dump": str(from_dump)}),
            },
            **({} if slabinfo is None else {"slabinfo": str(slabinfo)}),
            **({} if sysfs is None else {"sysfs": str(sysfs)}),
        }
        add_tunables(raw, named, {"limit": limit, "batchcount": batchcount, "shared": shared})
        name_caches(raw, named, (setting.partition("=")[0] for setting in settings))
        apply_settings(raw, settings)
        add_sweeps(raw, named, sweep)
        folder = out or free_folder(RUNS / f"{stem}-{Path(machine).stem}-x{copies}", resume)
        experiment = parse_experiment(raw, "replay")
        with at_work(folder) as progress:
            result = _simulated(experiment, folder, jobs, resume, cells, cluster, progress, spools=spools, figures=figures)
        loads = ByLoadRun(result, experiment, folder)
        try:
            if by_load:
                loads.run(spools, whole, jobs=jobs, resume=resume, **_places(cells, cluster))
        finally:  # what is finished is told, however the rest ends; after a signal nothing else would write it
            _show(result, folder, as_json, everything, loads.loads, assumed, _known(result, experiment))
            sys.stdout.flush()


def _assumed(
    trace: Path, from_dump: Path | None, machine: str | None, allocator: str | None, spools: Spools
) -> tuple[str, str, list[str]]:
    """Machine and allocator of a replay, and why, of those that are not named."""
    from slabdes.study.load import assumed_allocator, assumed_machine

    told = []
    allocator = allocator or ("6.1" if from_dump else None)
    if machine is None:
        machine, why = assumed_machine(trace, spools, from_dump)
        told.append(why)
    if allocator is None:
        allocator, why = assumed_allocator(trace)
        told.append(why)
    return machine, allocator, told


def _known(result: Run, experiment: Any) -> list[str]:
    """Whether the precision asked for was reached, a line a measure; nothing where none was."""
    from slabdes.answers.decision import precision_line
    from slabdes.study.precise import UntilPrecise

    if (until := UntilPrecise.asked(experiment)) is None:
        return []
    return [
        precision_line(result.frames, known.measure, known.point, known.interval, known.reached, experiment.precision)
        for known in until.known(result.frames)
    ]


@contextmanager
def at_work(out: Path) -> Iterator[Any]:
    """Progress, and what to type where a run is interrupted."""
    from slabdes.results.partial import is_begun

    hint(lambda: "; finished replications are kept, go on with --resume" if is_begun(out) else "")
    with progress_bar() as progress:
        yield progress


def _simulated(
    experiment: Any, out: Path, jobs: int, resume: bool, cells: str, cluster: str | None, progress: Any, **more: Any
) -> Run:
    from slabdes.api import simulate

    more |= _places(cells, cluster)
    return simulate(experiment, out=out, jobs=jobs, resume=resume, progress=progress, **more)


def _places(cells: str, cluster: str | None) -> dict[str, Any]:
    """Where replications are kept and run, as `simulate` takes it."""
    from slabdes.study.cells import usual_folder

    return {"cells": cells or usual_folder(), "executor": cluster}


def _show(
    result: Run,
    out: Path,
    as_json: bool,
    everything: bool,
    loads: ByLoad | None,
    assumed: Sequence[str],
    known: Sequence[str],
) -> None:
    """The answer by load and whether what was asked for is known first, then what the run at the recorded load has to say."""
    from slabdes.answers.loads import load_answer
    from slabdes.answers.screen import as_plain, table
    from slabdes.api import FIGURES
    from slabdes.results.text import WIDTH

    if as_json:
        told = as_plain(result)
        by_load = [] if loads is None else load_answer(loads)
        told = {**told, "answer": [*by_load, *known, *told["answer"]], **({} if loads is None else loads.plain())}
        print_json({"folder": str(out), **told, **({"assumed": assumed} if assumed else {})})
        return
    if loads is not None:
        tell(loads)
    for sentence in known:
        say_paragraph(sentence)
    print_rich(table(result, everything, str(out), assumed), WIDTH)
    drawn = "results, frames and figures" if (out / FIGURES).exists() else "results and frames"
    say(f"{drawn}: {out}{_known_before(result)}")


def _known_before(result: Run) -> str:
    """How many replications were not run again."""
    taken = result.manifest.provenance.get("cells", 0)
    of = result.frames.runs.height
    return f"; {taken:,} of {of:,} replications had been run before, and were not again (--cells off does)" if taken else ""
