"""The command line: arguments in, tables or JSON out, errors in one line. Everything else is `api` and the rooms behind it.

Heavy libraries are imported by the commands that need them, so that `slabdes --help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from slabdes.errors import InputError, SlabdesError, nearest

if TYPE_CHECKING:
    from slabdes.api import Run
    from slabdes.engine.conformance.recordings import Recording
    from slabdes.results.text import Sheet

EXIT_CHECK = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
TABLE_WIDTH = 160
"""Columns of tables about machines and geometry where there is no terminal to ask."""
RUNS = Path("runs")
"""Where run folders go unless --out says otherwise."""

app = typer.Typer(
    name="slabdes",
    help="What will the Linux SLAB allocator do on a machine you do not have?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
machine_app = typer.Typer(help="Machines: presets, and files that describe one.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(machine_app, name="machine")

MACHINE_HELP = "A preset's name, host, or a file: our TOML, hwloc XML, numactl --hardware, or a CSV of core-to-core latencies."
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the results, new or empty. Default: runs/NAME, or NAME-2 and so on."),
]
Jobs = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, max=256, show_default=False, help="Processes. Default: one a processor.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after an interruption, with the points that were finished.")]
SetKeys = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the experiment; may be repeated.")
]
Slabinfo = Annotated[
    Path | None,
    typer.Option("--slabinfo", metavar="FILE", help="A real /proc/slabinfo: tunables, and sizes not given, by cache name."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
PointNumber = Annotated[
    int | None, typer.Option("--point", metavar="N", min=0, help="The point, from 0; needed where there are several.")
]
Replication = Annotated[int, typer.Option("--replication", metavar="N", min=0, help="The replication, from 0.")]
Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help="auto, reference or compiled; all give the same results.")]
_ALL_PROCESSORS = os.cpu_count() or 1


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment, a TOML file.")],
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    slabinfo: Slabinfo = None,
    caches: Annotated[
        list[str], typer.Option("--cache", metavar="NAME", help="Run with this cache, as slabinfo has it; may be repeated.")
    ] = [],  # noqa: B006 -- as above
    engine: Engine = "auto",
    out: Out = None,
    jobs: Jobs = _ALL_PROCESSORS,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Run an experiment: tables, frames and figures.

    Every point and replication of the experiment is simulated, tables are printed, and a run folder is written with a
    manifest, Parquet frames, figures, and text as /proc/slabinfo and /proc/lock_stat have it. Figures are in simulated time.
    Caches named with --cache are run in place of the experiment's; what its [[cache]] of that name says stays.
    """
    from slabdes.config import load_experiment

    changes = [*settings, *([f"engine={engine}"] if engine != "auto" else [])]
    if slabinfo is not None:
        changes.append(f"slabinfo={json.dumps(str(slabinfo), ensure_ascii=False)}")
    loaded = load_experiment(experiment, changes, caches)
    _simulate(loaded, out or _free(RUNS / experiment.stem), jobs, resume, as_json, where=str(experiment))


@app.command()
def replay(
    trace: Annotated[
        Path,
        typer.Argument(metavar="TRACE", help="A kmem trace: ftrace, perf script or trace-cmd report text, plain or gzip."),
    ],
    machine: Annotated[
        str, typer.Option("--machine", metavar="MACHINE", help="A preset's name, host, or a file that describes a machine.")
    ],
    cache: Annotated[
        list[str], typer.Option("--cache", metavar="NAME", help="Replay this cache only; may be repeated. `all`: every cache.")
    ],
    copies: Annotated[
        int, typer.Option("--copies", metavar="N", min=1, help="Copies of the traced system, side by side on further CPUs.")
    ] = 1,
    think: Annotated[
        str, typer.Option("--think", metavar="HOW", help="Times between operations: recorded, none, or a factor such as 0.1x.")
    ] = "recorded",
    cpus: Annotated[
        str, typer.Option("--cpus", metavar="RULE", help="Traced CPUs onto the machine's: compact, spread, 1:1, or 0:0,1:24.")
    ] = "compact",
    allocator: Annotated[
        str, typer.Option("--allocator", metavar="VERSION", help="Kernel whose allocator runs: 2.6.34, 4.6, 4.7 or 6.1.")
    ] = "2.6.34",
    from_dump: Annotated[
        Path | None, typer.Option("--from-dump", metavar="DUMP", help="Begin in the state of a dump of a real 6.1 allocator.")
    ] = None,
    slabinfo: Slabinfo = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of every random stream.")] = 1,
    replications: Annotated[
        int, typer.Option("--replications", metavar="N", min=1, help="Runs with streams of their own: other phases and jitter.")
    ] = 1,
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    engine: Engine = "auto",
    out: Out = None,
    jobs: Jobs = _ALL_PROCESSORS,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Replay a real kmem trace on any machine.

    The trace's allocations and frees run on the machine, CPU by CPU, each object allocated before it is freed. The think
    times of traces taken under tracing or emulation mean little: compare `recorded` with a factor or `none`.
    """
    from slabdes.config import apply_settings, parse_experiment
    from slabdes.machine import is_named

    stem = trace.name.partition(".")[0] if trace.name.startswith(".") else trace.name.removesuffix(".gz").removesuffix(".txt")
    raw: dict[str, Any] = {
        "name": stem[:100] or "trace",
        "seed": seed,
        "replications": replications,
        "engine": engine,
        "allocator": allocator if from_dump is None or allocator != "2.6.34" else "6.1",
        "machine": {"preset": machine} if is_named(machine) or not Path(machine).exists() else {"file": machine},
        "workload": {
            "kind": "trace",
            "file": str(trace),
            "caches": [] if "all" in cache else cache,
            "copies": copies,
            "think": think,
            "cpus": cpus,
            **({} if from_dump is None else {"from_dump": str(from_dump)}),
        },
        **({} if slabinfo is None else {"slabinfo": str(slabinfo)}),
    }
    apply_settings(raw, settings)
    folder = out or _free(RUNS / f"{stem}-{Path(machine).stem}-x{copies}")
    _simulate(parse_experiment(raw, "replay"), folder, jobs, resume, as_json)


def _free(folder: Path) -> Path:
    """`folder`, or with the first number behind it that nothing holds, so that the same command can be given twice."""
    number, chosen = 1, folder
    while chosen.exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def _simulate(experiment: Any, out: Path, jobs: int, resume: bool, as_json: bool, where: str | None = None) -> None:
    from slabdes.api import simulate

    try:
        with _progress_bar() as progress:
            result = simulate(experiment, out=out, jobs=jobs, resume=resume, progress=progress, where=where)
    except KeyboardInterrupt:
        from slabdes.results.partial import partial_folder

        kept = partial_folder(out).exists()
        _fail("interrupted" + ("; finished points are kept, go on with --resume" if kept else ""), EXIT_INTERRUPTED)
    _show(result, out, as_json)


def _show(result: Run, out: Path, as_json: bool) -> None:
    if as_json:
        from slabdes.results.text import as_plain

        _print_json({"folder": str(out), **as_plain(result)})
        return
    from rich.console import Console

    from slabdes.results.text import WIDTH, table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(table(result))
    print(f"results, frames and figures: {out}")


@app.command()
def plot(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the figures, new or empty. Default: RUN-figures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw a run's figures again from its frames."""
    from slabdes.api import Run
    from slabdes.results.folder import check_output

    loaded = Run.load(folder)
    target = out or _free(folder.resolve().with_name(f"{folder.resolve().name}-figures"))
    check_output(target)
    paths = [str(path) for path in loaded.plot.save(target)]
    if as_json:
        _print_json(paths)
    else:
        print("\n".join(paths))


@app.command("slabinfo")
def slabinfo_command(folder: RunFolder, point: PointNumber = None, replication: Replication = 0, as_json: Json = False) -> None:
    """A run's caches, as /proc/slabinfo 2.1 with statistics."""
    from slabdes.results.run import Run
    from slabdes.results.slabinfo import slabinfo_rows, slabinfo_text

    one = Run.load(folder).replication(point, replication)
    rows = slabinfo_rows(one.caches, one.slabs)
    if as_json:
        _print_json([asdict(row) for row in rows])
    else:
        print(slabinfo_text(rows), end="")


@app.command("lock-stat")
def lock_stat_command(folder: RunFolder, point: PointNumber = None, replication: Replication = 0, as_json: Json = False) -> None:
    """A run's locks by class, as /proc/lock_stat 0.4."""
    from slabdes.results.lock_stat import lock_classes, lock_stat_text
    from slabdes.results.run import Run

    classes = lock_classes(Run.load(folder).replication(point, replication).locks)
    if as_json:
        _print_json([asdict(one) for one in classes])
    else:
        print(lock_stat_text(classes), end="")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    second: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Another one, compared with the first.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="KEY", help="Of one sweep: compare the values of this key.")] = "",
    as_json: Json = False,
) -> None:
    """Compare two runs, or two sides of one sweep.

    Points with the same machine, CPUs and settings are set side by side: operations a second, mean times, waiting, their
    ratio, and the difference with its 95 % interval, paired by replication on common random numbers.
    """
    from slabdes.results.run import Run
    from slabdes.stats.compare import compare_by, compare_runs, comparison_frame, comparison_sheet

    if (second is None) == (not by):
        raise InputError("compare", "give a second run or --by", allowed="compare RUN RUN, or compare RUN --by allocator")
    one = Run.load(first)
    rows = compare_runs(one.frames, Run.load(second).frames) if second is not None else compare_by(one.frames, by)
    if as_json:
        _print_json(comparison_frame(rows).to_dicts())
        return
    _print_sheet(comparison_sheet(rows, f"{second} against {first}" if second is not None else f"{first} by {by}"))


@app.command()
def conform(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Op scripts (.ops), 6.1 logs (.log), traces with dumps, or folders of them."),
    ],
    print_records: Annotated[bool, typer.Option("--print", help="Print our own records as JSON lines; compare nothing.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="reference or compiled: whose paths run scripts and logs.")
    ] = "reference",
    as_json: Json = False,
) -> None:
    """Reproduce recorded outcomes of the real allocator.

    An op script is run, and every record compared, field by field, with the recording beside it (NAME.out.jsonl, or .gz).
    A 6.1 log's commands are run, and every line compared. A trace is replayed from the dump before, and the dump after
    compared. Prints a line or a table each and the first difference; exits 1 if any does not hold, 2 if any cannot be read.
    """
    from slabdes.config import EngineName
    from slabdes.engine.conformance.compare import own_records
    from slabdes.engine.conformance.driver import driver_of
    from slabdes.engine.conformance.recordings import find_recordings

    engines = (EngineName.REFERENCE, EngineName.COMPILED)
    if engine not in engines:
        raise InputError("--engine", f"{engine!r} runs no scripts{nearest(engine, engines)}", allowed=", ".join(engines))
    make_driver = driver_of(EngineName(engine), lambda text: print(text, file=sys.stderr, flush=True))
    recordings = find_recordings(paths, make_driver)
    if print_records:
        for recording in recordings:
            if not recording.is_script:
                raise InputError(str(recording.path), "--print runs op scripts only", allowed="files ending in .ops or .ops.gz")
            with _nesting_told(recording):
                for record in own_records(recording.path, make_driver):
                    print(json.dumps(record, separators=(",", ":")))
        return
    told: list[dict[str, Any]] = []
    holds, refused = True, False
    for recording in recordings:
        try:
            with _nesting_told(recording):
                outcome = recording.compare(recording.path)
        except InputError as error:
            refused = True
            told.append({"name": str(recording.path), "error": str(error)})
            print(f"slabdes: {error}", file=sys.stderr, flush=True)
            continue
        holds = holds and outcome.holds
        told.append(outcome.as_plain())
        if not as_json:
            print("\n".join(outcome.lines()), flush=True)
    if as_json:
        _print_json(told)
    if refused or not holds:
        raise typer.Exit(EXIT_INPUT if refused else EXIT_CHECK)


@contextmanager
def _nesting_told(recording: Recording) -> Iterator[None]:
    try:
        yield
    except RecursionError:
        # JSON nests as deeply as a file says, Python's reader not.
        raise InputError(str(recording.path), "its recording is nested too deeply", allowed="JSON lines of records") from None


@app.command()
def geometry(
    sizes: Annotated[list[int], typer.Argument(help="Object sizes in bytes, 1 to 4194304.", metavar="SIZE")],
    align: Annotated[int, typer.Option("--align", min=0, max=4096, help="Alignment in bytes, a power of two.")] = 0,
    flags: Annotated[str, typer.Option("--flags", help="HWCACHE_ALIGN, RECLAIM_ACCOUNT, NOLEAKTRACE, joined by |.")] = "",
    cpus: Annotated[int, typer.Option("--cpus", min=1, max=1024, help="CPUs of the machine.")] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=256, help="Nodes that they are spread over.")] = 1,
    allocator: Annotated[str, typer.Option("--allocator", metavar="VERSION", help="Kernel: 2.6.34, 4.6, 4.7 or 6.1.")] = "2.6.34",
    bigmem: Annotated[
        int, typer.Option("--bigmem", metavar="0|1", min=0, max=1, help="Whether the machine has more than 32 MB.")
    ] = 1,
    no_bigmem: Annotated[bool, typer.Option("--no-bigmem", help="The same as --bigmem 0.")] = False,
    as_json: Json = False,
) -> None:
    """Slab geometry and default tunables of a size."""
    from slabdes.engine.conformance.geometry import geometry_rows

    rows = geometry_rows(
        sizes, align=align, flags=flags, cpus=cpus, nodes=nodes, bigmem=bool(bigmem) and not no_bigmem, allocator=allocator
    )
    if as_json:
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
        return
    _print_rows("slab geometry and default tunables", [{key: value for key, value in row.items() if key != "op"} for row in rows])


@app.command("bench")
def bench_command(
    cpus: Annotated[list[int], typer.Option("--cpus", min=1, max=256, help="CPUs to measure with; may be repeated.")] = [],  # noqa: B006 -- as above
    scenario: Annotated[list[str], typer.Option("--scenario", metavar="NAME", help="hits or refills; may be repeated.")] = [],  # noqa: B006
    part: Annotated[list[str], typer.Option("--part", metavar="NAME", help="speed, growth or start; may be repeated.")] = [],  # noqa: B006
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="Interleaved rounds; medians are shown.")] = 5,
    operations: Annotated[
        str | None, typer.Option("--operations", metavar="N", help="Instead: one run of so many (as 1e9), compiled beside C.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Speed only, with few operations: coarse figures in a minute.")] = False,
    as_json: Json = False,
) -> None:
    """How fast the engines are here, beside a plain SimPy model and a version in C. Takes some minutes."""
    from slabdes.study.bench import QUICK, Part, bench, bench_long
    from slabdes.study.bench.growth import CPUS as LONG_CPUS
    from slabdes.study.bench.scenarios import CPUS, Scenario
    from slabdes.study.bench.tables import remarks, sheets

    scenarios = _named_ones("--scenario", Scenario, scenario)
    parts = (Part.SPEED,) if quick and not part else _named_ones("--part", Part, part)
    try:
        with _progress_bar() as progress:
            tell = progress or (lambda _what, _done, _total: None)
            if operations is not None:
                measured = bench_long(_operations(operations), tuple(cpus) or (LONG_CPUS,), scenarios, tell)
            else:
                measured = bench(parts, tuple(cpus) or CPUS, scenarios, rounds, QUICK if quick else None, tell=tell)
    except KeyboardInterrupt:
        _fail("interrupted", EXIT_INTERRUPTED)
    if as_json:
        print(json.dumps(measured))
        return
    for sheet in sheets(measured):
        _print_sheet(sheet)
    for remark in remarks(measured):
        print(remark)


Choice = TypeVar("Choice", bound=StrEnum)


def _named_ones(option: str, choices: type[Choice], names: list[str]) -> tuple[Choice, ...]:
    """The choices of these names, all of them for none. InputError for a name that is not one."""
    known = {choice.value: choice for choice in choices}
    for name in names:
        if name not in known:
            raise InputError(option, f"{name!r} is not known{nearest(name, known)}", allowed=" or ".join(known))
    return tuple(known[name] for name in names) or tuple(choices)


MAX_BENCH_OPERATIONS = 10**12


def _operations(text: str) -> int:
    """A number of operations, as 1000000 or 1e6."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= MAX_BENCH_OPERATIONS:
        raise InputError("--operations", f"{text!r} is no number of operations", allowed=f"1 to {MAX_BENCH_OPERATIONS:.0e}")
    return round(value)


@app.command()
def validate(
    targets: Annotated[list[str], typer.Argument(metavar="[TARGET]...", help="Targets; all of them by default.")] = [],  # noqa: B006 -- as above
    without: Annotated[
        list[str],
        typer.Option(
            "--without", metavar="RULE", help="Leave out a rule: spinners_slow_holder, smt_siblings, first_touch, jitter ..."
        ),
    ] = [],  # noqa: B006 -- as above
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="New or empty folder for report.json and a chart a target.")
    ] = None,
    jobs: Jobs = _ALL_PROCESSORS,
    as_json: Json = False,
) -> None:
    """Published measurements against simulated ones, side by side.

    Every target is simulated and compared: what was measured, what is simulated, the error, what was calibrated on what.
    Figures that nobody here has seen measured are marked blind. Exits 1 if a target misses a tolerance that was stated.
    """
    from slabdes.api import validate as run_targets
    from slabdes.validation.report import lines, sheets

    with _progress_bar() as progress:
        report = run_targets(*targets, without=without, out=out, jobs=jobs, progress=progress)
    if as_json:
        _print_json(report.plain())
    else:
        for one in report.targets:
            print("\n".join(lines(one)))
            for sheet in sheets(one):
                _print_sheet(sheet)
            print()
        if out is not None:
            print(f"report and charts: {out}")
    if not report.holds:
        raise typer.Exit(EXIT_CHECK)


@app.command()
def fit(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A calibrated preset's name, or a file: an experiment, free costs, what was measured."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the fitted machine, a new file.")] = None,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Find a few of a machine's costs from measurements.

    At most three numbers are free. Tells each with its confidence interval, the error that is left at every figure, and
    whether the fit is poor; exits 1 if it is.
    """
    from dataclasses import asdict

    from slabdes.api import fit as run_fit
    from slabdes.validation.fit_sheets import fit_sheets

    command = f"slabdes fit {table.name}" + (f" --out {out.name}" if out is not None else "")
    with _progress_bar() as progress:
        found = run_fit(table, out=out, command=command, jobs=jobs, progress=progress)
    if as_json:
        _print_json(asdict(found) | {"costs": found.costs})
    else:
        for sheet in fit_sheets(found):
            _print_sheet(sheet)
        print("\n".join(f"poor fit: {reason}" for reason in found.poor) or "the fit is not poor")
        if out is not None:
            print(f"machine: {out}")
    if found.poor:
        raise typer.Exit(EXIT_CHECK)


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    from slabdes.results.text import Sheet

    cells = tuple(tuple("-" if value in (None, "") else str(value) for value in row.values()) for row in rows)
    _print_sheet(Sheet(title, tuple(rows[0]), 1, cells))


def _print_sheet(sheet: Sheet) -> None:
    from rich.console import Console

    from slabdes.results.text import rich_table

    Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False).print(rich_table(sheet))


def _print_told(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Lines of a name, a figure and a text that may be long: it is wrapped under itself."""
    import shutil
    import textwrap

    names, figures = (max(len(row[column]) for row in rows) for column in (0, 1))
    indent = names + figures + 4
    width = shutil.get_terminal_size((TABLE_WIDTH, 0)).columns if sys.stdout.isatty() else TABLE_WIDTH
    print(title)
    for name, figure, text in rows:
        wrapped = textwrap.wrap(text, max(width - indent, 20)) or [""]
        print(f"{name:<{names}}  {figure:>{figures}}  " + f"\n{'':{indent}}".join(wrapped))


@machine_app.command("list")
def machine_list(as_json: Json = False) -> None:
    """The machines that come with slabdes."""
    from slabdes.machine import load_machine, preset_names

    machines = [load_machine(name) for name in preset_names()]
    rows = [
        {
            "machine": machine.name,
            "CPUs": machine.n_cpus,
            "cores": machine.n_cores,
            "nodes": machine.n_nodes,
            "source": machine.source,
        }
        for machine in machines
    ]
    if as_json:
        _print_json(rows)
    else:
        sizes = [f"{row['CPUs']} CPUs, {row['nodes']} node{'s' if row['nodes'] != 1 else ''}" for row in rows]
        _print_told("machines", [(str(row["machine"]), size, str(row["source"])) for row, size in zip(rows, sizes, strict=True)])


@machine_app.command("show")
def machine_show(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help=MACHINE_HELP)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png", help="The picture, a new file. Default: machine-NAME.png.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A machine's CPUs, distances, costs and picture.

    Every cost is told with its source, or as assumed. With --json no picture is drawn unless --out names one.
    """
    from slabdes.machine import costs_table, load_machine

    shown = load_machine(machine)
    default = Path(f"machine-{Path(shown.name).stem}.png")
    picture = out or (None if as_json or default.exists() else default)
    if picture is not None:
        from slabdes.plots.save import save_machine

        save_machine(shown.layout(), picture)
    if as_json:
        _print_json(shown.describe())
        return
    from slabdes.plots.machine import cpu_ranges

    print(f"{shown.name}: {shown.n_cpus} CPUs, {shown.n_cores} cores, {shown.n_nodes} nodes ({shown.source})")
    for node, identity in enumerate(shown.node_ids):
        members = cpu_ranges(sorted(shown.cpus_of_node(node))) or "none"
        distances = " ".join(str(distance) for distance in shown.distances[node])
        print(f"node {identity}: {shown.memory_mib()[node]:,.0f} MiB; CPUs {members}; distances {distances}")
    print()
    _print_rows("line transfers between CPUs", shown.transfer_summary())
    _print_told(
        "costs in ns (smt_slowdown and handoff_transfers are ratios)",
        [(name, f"{value:.6g}", source) for name, value, source in costs_table(shown.costs)],
    )
    if shown.sources:
        _print_told("where the rest comes from", [(key, "", text) for key, text in shown.sources])
    print(f"picture: {picture}" if picture else f"picture: {default} is there already and is left as it is; --out draws another")


@machine_app.command("import")
def machine_import(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help=MACHINE_HELP)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MACHINE.toml", help="The machine as our TOML, a new file.")],
    latencies: Annotated[
        Path | None,
        typer.Option("--latencies", metavar="CSV", help="Its measured core-to-core latencies, one way, ns."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a machine as TOML, to look at and change.

    Every figure is in it; what the file does not tell is assumed, and said so under [sources]. Of a table of latencies
    alone, cores, clusters and nodes are found by clustering; with --latencies they are MACHINE's, and line transfers the table's.
    """
    from slabdes.machine import import_machine
    from slabdes.machine.files import write_new

    imported = import_machine(machine, latencies)
    write_new(out, imported.to_toml())
    if as_json:
        _print_json({"file": str(out), **imported.describe()})
        return
    print(f"{imported.name}: {imported.n_cpus} CPUs, {imported.n_cores} cores, {imported.n_nodes} nodes: {out}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar with an estimate on the terminal's error stream; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield report


def main() -> None:
    """Run the command line: errors are one line on standard error, and the exit code says what kind."""
    try:
        code = app(standalone_mode=False)
        # Here, not at exit, so that what cannot be written is told as whatever else goes wrong.
        sys.stdout.flush()
    except SlabdesError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say, not even at exit.
        _drop_output()
        sys.exit(EXIT_CHECK)
    except OSError as error:
        # Of files that we read or write the rooms tell; what is left is mostly our own output (a full disk).
        _drop_output()
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", EXIT_INPUT)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            sys.exit(EXIT_INPUT)
        path = error.ctx.command_path if error.ctx else "slabdes"
        message = " ".join(error.format_message().split())
        _fail(f"{message.rstrip('.')}; see {path} --help", EXIT_INPUT)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """Send what is still to be written to standard output nowhere, so that the exit does not try again."""
    with suppress(OSError):  # a stream that is no file has nothing to hold back
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_UsageError: Any = typer.BadParameter.__bases__[0]
"""What typer raises for wrong arguments; it does not export the class itself."""


def _fail(line: str, code: int) -> NoReturn:
    print(f"slabdes: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
