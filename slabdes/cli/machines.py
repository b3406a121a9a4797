# SPDX-License-Identifier: GPL-2.0-only
"""Commands about machines: list, show, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slabdes.cli.options import MACHINE_HELP, Json
from slabdes.cli.output import print_json, print_rows, print_told, say
from slabdes.units import ps_to_ns

if TYPE_CHECKING:
    from slabdes.machine import Machine
    from slabdes.machine.costs import Costs


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
        print_json(rows)
    else:
        sizes = [f"{_counted(row['CPUs'], 'CPU')}, {_counted(row['nodes'], 'node')}" for row in rows]
        print_told("machines", [(str(row["machine"]), size, str(row["source"])) for row, size in zip(rows, sizes, strict=True)])


def _counted(count: Any, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _size(machine: Machine) -> str:
    sizes = ((machine.n_cpus, "CPU"), (machine.n_cores, "core"), (machine.n_nodes, "node"))
    return f"{machine.name}: {', '.join(_counted(*size) for size in sizes)}"


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
    from slabdes.machine.summary import describe

    shown = load_machine(machine)
    default = Path(f"machine-{Path(shown.name).stem}.png")
    picture = out or (None if as_json or default.exists() else default)
    if picture is not None:
        from slabdes.machine.graph import layout
        from slabdes.plots.save import save_machine

        save_machine(layout(shown), picture)
    if as_json:
        print_json(describe(shown))
        return
    from slabdes.plots.machine import cpu_ranges

    say(f"{_size(shown)} ({shown.source})")
    for node, identity in enumerate(shown.node_ids):
        members = cpu_ranges(sorted(shown.cpus_of_node(node))) or "none"
        distances = " ".join(str(distance) for distance in shown.distances[node])
        say(f"node {identity}: {shown.memory_mib()[node]:,.0f} MiB; CPUs {members}; distances {distances}")
    say("")
    print_rows("line transfers between CPUs", shown.transfer_summary())
    print_told(
        "costs in ns (smt_slowdown and handoff_transfers are ratios)",
        [(name, f"{value:.6g}", source) for name, value, source in costs_table(shown.costs)],
    )
    print_told("hits in ns, an allocation and a free, without first touches", _hits(shown.costs))
    if shown.sources:
        print_told("where the rest comes from", [(key, "", text) for key, text in shown.sources])
    say(f"picture: {picture}" if picture else f"picture: {default} is there already and is left as it is; --out draws another")


def _hits(costs: Costs) -> list[tuple[str, str, str]]:
    """What an allocation and a free cost that a CPU serves from its own: of SLAB, and of SLUB with sheaves and without."""
    from slabdes.paths.slub.prices import with_slub_hits

    made = (
        ("SLAB", costs, "alloc_hit, free_hit"),
        ("SLUB's sheaf", with_slub_hits(costs, True), "alloc_bulk, free_bulk, each with local_trylock"),
        ("SLUB's per-CPU slab", with_slub_hits(costs, False), "alloc_bulk, free_bulk, each with cpu_cmpxchg (6.12)"),
    )
    return [(name, f"{ps_to_ns(of.alloc_hit):.6g}, {ps_to_ns(of.free_hit):.6g}", what) for name, of, what in made]


def machine_import(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help=MACHINE_HELP)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MACHINE.toml", help="The machine as our TOML, a new file.")],
    latencies: Annotated[
        Path | None,
        typer.Option("--latencies", metavar="CSV", help="Its measured core-to-core latencies, one way, ns."),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option("--nodes", metavar="N", min=1, help="NUMA nodes of a table of latencies, which tells none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a machine as TOML, to look at and change.

    Every figure is in it; what the file does not tell is assumed, and said so under [sources]. Of a table of latencies
    alone, cores, clusters and nodes are found by clustering; with --latencies they are MACHINE's, and line transfers the table's.
    """
    from slabdes.files import write_new
    from slabdes.machine import import_machine
    from slabdes.machine.summary import describe
    from slabdes.machine.toml_file import to_toml

    imported = import_machine(machine, latencies, nodes)
    write_new(out, to_toml(imported))
    if as_json:
        print_json({"file": str(out), **describe(imported)})
        return
    say(f"{_size(imported)}: {out}")
