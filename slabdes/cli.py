"""The command line: arguments in, tables or JSON out, errors in one line. Everything else is `api` and the rooms behind it.

Heavy libraries are imported by the commands that need them, so that `slabdes --help` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.errors import SlabdesError

if TYPE_CHECKING:
    from slabdes.api import Run
    from slabdes.engine.conformance.compare import Verdict

EXIT_CHECK = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
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

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results; it must be new or empty. Default: runs/NAME.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=256, help="Processes to share the work. Default: one a processor.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after an interruption.")]
SetKeys = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the experiment; may be repeated.")
]
Engine = Annotated[str, typer.Option("--engine", help="auto, reference or compiled; all give the same records.")]
_ALL_PROCESSORS = os.cpu_count() or 1


@app.command()
def run(
    experiment: Annotated[Path, typer.Argument(help="The experiment, a TOML file.")],
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    engine: Engine = "auto",
    out: Out = None,
    jobs: Jobs = _ALL_PROCESSORS,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Run an experiment, print its tables, write a run folder with frames and figures."""
    from slabdes.config import load_experiment

    changes = [*settings, *([f"engine={engine}"] if engine != "auto" else [])]
    loaded = load_experiment(experiment, changes)
    _simulate(loaded, out or RUNS / experiment.stem, jobs, resume, as_json)


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(help="A kmem trace: ftrace, perf script or trace-cmd report text, plain or gzip.")],
    machine: Annotated[str, typer.Option("--machine", help="A preset's name, or a file that describes a machine.")],
    cache: Annotated[list[str], typer.Option("--cache", help="Replay this cache only; may be repeated. `all`: every cache.")],
    copies: Annotated[int, typer.Option("--copies", min=1, help="Copies of the traced system side by side.")] = 1,
    think: Annotated[
        str, typer.Option("--think", help="Times between operations: recorded, none, or a factor such as 0.1x.")
    ] = "recorded",
    cpus: Annotated[str, typer.Option("--cpus", help="compact, spread, 1:1, or a map such as 0:0,1:24.")] = "compact",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    replications: Annotated[int, typer.Option("--replications", min=1)] = 1,
    settings: SetKeys = [],  # noqa: B006 -- typer needs a list and never changes it
    engine: Engine = "auto",
    out: Out = None,
    jobs: Jobs = _ALL_PROCESSORS,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Replay a real kmem trace on a machine one does not have."""
    from slabdes.config import apply_settings, parse_experiment
    from slabdes.machine import preset_names

    stem = trace.name.partition(".")[0] if trace.name.startswith(".") else trace.name.removesuffix(".gz").removesuffix(".txt")
    raw: dict[str, Any] = {
        "name": stem[:100] or "trace",
        "seed": seed,
        "replications": replications,
        "engine": engine,
        "machine": {"preset": machine} if machine in preset_names() or not Path(machine).exists() else {"file": machine},
        "workload": {
            "kind": "trace",
            "file": str(trace),
            "caches": [] if "all" in cache else cache,
            "copies": copies,
            "think": think,
            "cpus": cpus,
        },
    }
    apply_settings(raw, settings)
    _simulate(parse_experiment(raw, "replay"), out or RUNS / f"{stem}-{Path(machine).stem}-x{copies}", jobs, resume, as_json)


def _simulate(experiment: Any, out: Path, jobs: int, resume: bool, as_json: bool) -> None:
    from slabdes.api import simulate

    with _progress_bar() as progress:
        result = simulate(experiment, out=out, jobs=jobs, resume=resume, progress=progress)
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
def plot(folder: Annotated[Path, typer.Argument(help="A run folder.")], out: Out = None) -> None:
    """Draw a run's figures again from its saved frames, without simulating."""
    from slabdes.api import Run
    from slabdes.results.folder import check_output

    target = out or Path(f"{folder}-figures")
    check_output(target)
    for path in Run.load(folder).plot.save(target):
        print(path)


@app.command()
def conform(
    paths: Annotated[list[Path], typer.Argument(help="Op scripts (.ops, .ops.gz), or folders of them.")],
    print_records: Annotated[bool, typer.Option("--print", help="Print our own records as JSON lines; compare nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Compare the allocator, record by record, with recorded outcomes of the real one."""
    from slabdes.engine.conformance.compare import compare_script, find_scripts, own_records

    scripts = find_scripts(paths)
    if print_records:
        for script in scripts:
            for record in own_records(script):
                print(json.dumps(record, separators=(",", ":")))
        return
    verdicts = []
    for script in scripts:
        verdict = compare_script(script)
        verdicts.append(verdict)
        if not as_json:
            _print_verdict(verdict)
    if as_json:
        _print_json([_verdict_record(verdict) for verdict in verdicts])
    if not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(EXIT_CHECK)


def _print_verdict(verdict: Verdict) -> None:
    print(f"{verdict.name}: {verdict.matched}/{verdict.total}", flush=True)
    if verdict.difference is not None:
        ours, recorded = verdict.difference
        print(f"  first difference\n    ours:     {_record_text(ours)}\n    recorded: {_record_text(recorded)}")


def _record_text(record: dict[str, Any] | None) -> str:
    return "(none)" if record is None else json.dumps(record, separators=(",", ":"))


def _verdict_record(verdict: Verdict) -> dict[str, Any]:
    ours, recorded = verdict.difference or (None, None)
    return {"name": verdict.name, "matched": verdict.matched, "total": verdict.total, "ours": ours, "recorded": recorded}


@app.command()
def geometry(
    sizes: Annotated[list[int], typer.Argument(help="Object sizes in bytes.", metavar="SIZE...")],
    align: Annotated[int, typer.Option("--align", min=0, max=4096, help="Alignment in bytes, a power of two.")] = 0,
    flags: Annotated[str, typer.Option("--flags", help="HWCACHE_ALIGN, RECLAIM_ACCOUNT, NOLEAKTRACE, joined by |.")] = "",
    cpus: Annotated[int, typer.Option("--cpus", min=1, max=1024, help="CPUs of the machine.")] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=256, help="Nodes that they are spread over.")] = 1,
    bigmem: Annotated[bool, typer.Option("--bigmem/--no-bigmem", help="Whether the machine has more than 32 MB.")] = True,
    as_json: Json = False,
) -> None:
    """Slab geometry and default tunables of caches, as the kernel would choose them."""
    from slabdes.engine.conformance.geometry import geometry_rows

    rows = geometry_rows(sizes, align=align, flags=flags, cpus=cpus, nodes=nodes, bigmem=bigmem)
    if as_json:
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
        return
    _print_rows("slab geometry and default tunables", [{key: value for key, value in row.items() if key != "op"} for row in rows])


@app.command("bench")
def bench_command(
    cpus: Annotated[list[int], typer.Option("--cpus", min=1, max=256, help="CPUs to measure with; may be repeated.")] = [],  # noqa: B006 -- as above
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="Interleaved rounds; medians are shown.")] = 5,
    as_json: Json = False,
) -> None:
    """How fast the engines are here, beside a plain SimPy model. Takes some minutes."""
    from slabdes.bench import CPUS, bench

    measured = bench(tuple(cpus) or CPUS, rounds, None if as_json else lambda what: print(f"measuring {what}", file=sys.stderr))
    if as_json:
        print(json.dumps(measured))
        return
    rows = [
        {key: f"{value:.0f}" if isinstance(value, float) else value for key, value in row.items()} for row in measured["timings"]
    ]
    _print_rows(f"processor time an operation on {measured['machine']}, ns; medians of {rounds} rounds", rows)


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.console import Console

    from slabdes.results.text import Sheet, rich_table

    cells = tuple(tuple("-" if value in (None, "") else str(value) for value in row.values()) for row in rows)
    sheet = Sheet(title, tuple(rows[0]), 1, cells)
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(rich_table(sheet))


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
        _print_rows("machines", rows)


@machine_app.command("show")
def machine_show(
    machine: Annotated[str, typer.Argument(help="A preset's name, or a file: our TOML, or the output of numactl --hardware.")],
    out: Annotated[Path | None, typer.Option("--out", help="The picture, a PNG file. Default: machine-NAME.png.")] = None,
    as_json: Json = False,
) -> None:
    """A machine's CPUs, distances and costs with their sources, and its graph as a picture."""
    from slabdes.machine import costs_table, load_machine

    shown = load_machine(machine)
    if as_json:
        _print_json(shown.describe())
        return
    from slabdes.plots.save import save_machine

    print(f"{shown.name}: {shown.n_cpus} CPUs, {shown.n_cores} cores, {shown.n_nodes} nodes ({shown.source})")
    for node, identity in enumerate(shown.node_ids):
        members = ",".join(str(cpu) for cpu in shown.cpus_of_node(node)) or "none"
        distances = " ".join(str(distance) for distance in shown.distances[node])
        print(f"node {identity}: {shown.memory_mib()[node]:,.0f} MiB; CPUs {members}; distances {distances}")
    _print_rows("line transfers between CPUs", shown.transfer_summary())
    _print_rows("costs", [{"cost": name, "ns": value, "source": source} for name, value, source in costs_table(shown.costs)])
    print(f"picture: {save_machine(shown.layout(), out or Path(f'machine-{Path(shown.name).stem}.png'))}")


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
    except SlabdesError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted; finished points are kept, go on with --resume", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_CHECK)
    except typer.Abort:
        _fail("interrupted; finished points are kept, go on with --resume", EXIT_INTERRUPTED)
    except _UsageError as error:
        _fail(" ".join(error.format_message().split()), EXIT_INPUT)
    sys.exit(code if isinstance(code, int) else 0)


_UsageError: Any = typer.BadParameter.__bases__[0]
"""What typer raises for wrong arguments; it does not export the class itself."""


def _fail(line: str, code: int) -> None:
    print(f"slabdes: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
