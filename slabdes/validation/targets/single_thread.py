# SPDX-License-Identifier: GPL-2.0-only
"""SLAB without contention: by object size, and the fast path in loops of several lengths with the primitives it is made of.

Sizes have a machine of their own, fast paths the default costs, which come from parts of these tables. Leaves out caches of
the processor: a loop of any length is as warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.machine import load_machine
from slabdes.validation.measures import MEASURES, elapsed_per_object_ns, pair_ns, section_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, row, within

MACHINE: Final = "uma-4"
SIZES_MACHINE: Final = "garnier-2016"
OBJECTS: Final = 10_000
"""What was measured."""
TOLERANCE: Final = (0.2, 0.5)
"""Median and worst error (stated before anything was fitted)."""
SERIES: Final[Mapping[str, str]] = {"alloc_seq": "alloc", "free_seq": "free", "pair": "pair"}
CALIBRATED_SIZES: Final = (8, 32, 128, 512, 2048, 8192)
"""Every other size; those between are predicted."""
PAGE_PAIR: Final = "page_order0_alloc_free_before"
BULK_OBJECTS: Final = 100_000
BULK_SIZE: Final = 256
ROUNDS: Final = 20_000


def _experiment(machine: str, size: int, objects: int, rounds: int, bulk: int = 0, touch: str = "none") -> dict[str, Any]:
    return {
        "seed": 1,
        "allocator": "4.6",
        "machine": {"preset": machine, "cpus": 1},
        "cache": [{"name": f"kmalloc-{size}", "size": size, "flags": ["HWCACHE_ALIGN"]}],
        "workload": {"kind": "burst", "objects": objects, "rounds": rounds, "bulk": bulk, "touch": touch},
    }


def _sizes() -> list[int]:
    return list(published("slab_garnier2016_single_thread_cycles").numbers("pair"))


def size_experiments() -> Mapping[str, Mapping[str, Any]]:
    """Sequences and pairs, by object size."""
    sequences = {f"{size}/sequence": _experiment(SIZES_MACHINE, size, OBJECTS, 1, touch="write") for size in _sizes()}
    return sequences | {f"{size}/pairs": _experiment(SIZES_MACHINE, size, 1, OBJECTS) for size in _sizes()}


def compare_sizes(results: Results) -> Outcome:
    """Cycles an operation, by object size."""
    ghz = load_machine(SIZES_MACHINE).clock_ghz
    figures = published("slab_garnier2016_single_thread_cycles")
    rows: list[Row] = []
    for column, name in SERIES.items():
        kind = "pairs" if column == "pair" else "sequence"
        rows += [
            row(
                results[f"{size}/{kind}"],
                MEASURES[name],
                series=column,
                x=size,
                measured=value,
                scale=ghz,
                fitted=size in CALIBRATED_SIZES,
            )
            for size, value in figures.numbers(column).items()
        ]
    predicted = [one for one in rows if not one.fitted]
    checks = (
        within("single-thread sizes", rows, *TOLERANCE),
        within("of these, not calibrated on", predicted, *TOLERANCE),
    )
    return Outcome(tuple(rows), checks)


def fast_path_experiments() -> Mapping[str, Mapping[str, Any]]:
    """Loops of alloc and free by length, bulk calls by objects, one lock on its own, pairs of a page."""
    made = {
        f"{name}/{length}": _experiment(MACHINE, BULK_SIZE, length, max(1, BULK_OBJECTS // length), bulk)
        for length in published("slab_brouer2015_bulk").numbers("fallback_ns")
        for name, bulk in (("loop", 0), ("bulk", length))
    }
    alone = {"seed": 1, "machine": {"preset": MACHINE, "cpus": 1}}
    made["lock"] = {
        **alone,
        "workload": {"kind": "critical_section", "operations": ROUNDS, "think_ns": 0.0, "hold_ns": 0.0},
    }
    made["page"] = {**alone, "workload": {"kind": "pages", "order": 0, "blocks": 1, "rounds": ROUNDS}}
    return made


def compare_fast_paths(results: Results) -> Outcome:
    """Times of a pair by loop length; primitives beside their own figures."""
    figures = published("slab_brouer2015_bulk")
    loops = [
        row(results[f"loop/{length}"], pair_ns, series="alloc+free, in a loop", x=length, measured=value)
        for length, value in figures.numbers("fallback_ns").items()
    ]
    # A bulk call's own cost is no operation's: the whole run's time is what was measured.
    bulk = [
        row(results[f"bulk/{length}"], elapsed_per_object_ns, series="alloc+free, in bulk calls", x=length, measured=value)
        for length, value in figures.numbers("bulk_ns").items()
    ]
    rows = [*loops, *bulk]
    primitives = {fields["op"]: float(fields["ns"]) for fields in published("primitives_brouer2017").rows}
    page = primitives[PAGE_PAIR]
    rows.append(
        row(
            results["lock"],
            section_ns,
            series="primitives",
            x=0,
            measured=primitives["spin_lock_unlock"],
            fitted=True,
            label="spin_lock, spin_unlock",
        )
    )
    rows.append(row(results["page"], pair_ns, series="primitives", x=1, measured=page, label="order-0 page, alloc and free"))
    notes = (
        "bulk calls follow from the single call and the primitives, with nothing calibrated on their column",
        "interrupts off and on cost what primitives_brouer2017.csv says: nothing to compare",
        "a page pair is charged as page_allocator_8cpu.csv has it, ten years older: the difference is the two sources'",
    )
    checks = (
        within("loops of alloc and free", loops, *TOLERANCE),
        within("bulk calls", bulk, *TOLERANCE),
    )
    return Outcome(tuple(rows), checks, notes)


SIZES: Final = Target(
    name="sizes",
    title="SLAB on a single thread by object size",
    source=published("slab_garnier2016_single_thread_cycles").source,
    simulated=f"burst of {OBJECTS:,} objects, and of one object {OBJECTS:,} times, on one CPU of garnier-2016; mean cycles",
    calibrated="three factors (hits; objects and list moves; growing with higher-order pages) on every other size; the sizes "
    "between are predicted",
    fitted_on="three factors on every other size",
    assumed=(
        "allocator 4.6: the kernel was next-20160422",
        "its machine, which is not stated: slabdes's default costs, order-0 pages as primitives_brouer2017.csv has them",
        "that machine's caches never lose an object, which slab_test writes before its free: how large they are is not stated",
    ),
    unit="cycles an operation",
    x="object size (bytes)",
    experiments=size_experiments,
    compare=compare_sizes,
)
FAST_PATHS: Final = Target(
    name="fast_paths",
    title="The fast path in loops and bulk calls, and primitives",
    source=f"{published('slab_brouer2015_bulk').source} / {published('primitives_brouer2017').source}",
    simulated="bursts of the same length, of single calls and of one bulk call each way, on one CPU of uma-4, allocator 4.6; a "
    "critical section of no length; pairs of a page",
    calibrated="alloc_hit and free_hit are halves of the single pair (95 cycles), lock_op is the lock's figure, alloc_bulk and "
    "free_bulk are hits less local_irq_save_restore; loops and bulk calls are predicted",
    fitted_on="a single pair, and primitives on their own",
    assumed=("an allocation and a free cost the same", "a bulk call costs nothing itself but interrupts off and on"),
    unit="ns a pair",
    x="objects in a loop or a call",
    experiments=fast_path_experiments,
    compare=compare_fast_paths,
)
