# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator: blocks by order on one CPU, and order 0 on 8 CPUs at once.

The costs come from the one-CPU columns, so that only the rest tests anything. Leaves out zones beyond one a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.machine import load_machine
from slabdes.validation.measures import MEASURES, pair_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, row

MACHINE: Final = "uma-8"
BLOCKS: Final = 1000
"""What was measured."""
PAIRS: Final = 10 * BLOCKS
"""More than were measured: lists are warm then, as they were there."""
ORDERS: Final = (0, 1, 2, 3)
ALL: Final = 8
REPLICATIONS: Final = 3
COLUMNS: Final[Mapping[str, str]] = {"alloc": "alloc", "free": "free", "pair": "pair"}


def experiment(order: int, cpus: int, *, pairs: bool) -> dict[str, Any]:
    """Blocks of an order on so many CPUs: all taken before any is given back, or one at a time."""
    workload = {"blocks": 1, "rounds": PAIRS} if pairs else {"blocks": BLOCKS, "rounds": 1, "barrier": True}
    return {
        "seed": 1,
        "replications": REPLICATIONS,
        "machine": {"preset": MACHINE, "cpus": cpus},
        "lock": {"discipline": "tas"},
        "workload": {"kind": "pages", "order": order, **workload},
    }


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """Sequences and pairs, by order and number of CPUs."""
    return {
        f"{order}/{cpus}/{'pairs' if pairs else 'sequence'}": experiment(order, cpus, pairs=pairs)
        for order in ORDERS
        for cpus in (1, ALL)
        for pairs in (False, True)
    }


def compare(results: Results) -> Outcome:
    """Cycles a block."""
    ghz = load_machine(MACHINE).clock_ghz
    figures = published("page_allocator_8cpu")
    rows: list[Row] = []
    for cpus, prefix in ((1, "single"), (ALL, "conc8")):
        for column in COLUMNS:
            measured = figures.numbers(f"{prefix}_{column}")
            kind = "pairs" if column == "pair" else "sequence"
            rows += [
                row(
                    results[f"{order}/{cpus}/{kind}"],
                    pair_ns if column == "pair" else MEASURES[column],
                    series=f"{column}, {cpus} CPU{'s' if cpus > 1 else ''}",
                    x=order,
                    measured=measured.get(order),
                    scale=ghz,
                    fitted=(cpus == 1 and column != "pair") or (not order and (cpus == 1 or column != "pair")),
                )
                for order in ORDERS
            ]
    note = "no tolerance was stated; orders 1 to 3 with 8 CPUs are predictions of what was not published"
    return Outcome(tuple(rows), (), (note,))


TARGET: Final = Target(
    name="pages",
    title="The page allocator alone and with 8 CPUs",
    source=published("page_allocator_8cpu").source,
    simulated=f"pages: {BLOCKS} blocks taken, then given back; pairs: one at a time; uma-8, lock tas (2.6.24 had no ticket lock)",
    calibrated="the page costs (slabdes machine show uma-8) are taken from the columns of one CPU, spinner_transfers from order "
    "0 with 8 CPUs; orders 1 to 3 with 8 CPUs are predicted",
    fitted_on="its columns of one CPU, one number on single pages with 8",
    assumed=("the machine, which no source names: 8 CPUs on one node with slabdes's default costs",),
    unit="cycles a block",
    x="order",
    experiments=experiments,
    compare=compare,
)
