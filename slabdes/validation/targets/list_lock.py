# SPDX-License-Identifier: GPL-2.0-only
"""SLAB's list_lock on 8 logical CPUs at once, by object size: before the 2016 series, and after each of its steps.

Only "before" was measured as far as anyone here knows: the steps are predictions. Leaves out SLUB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.machine import load_machine
from slabdes.units import percent
from slabdes.validation.measures import MEASURES
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Check, Outcome, Row, Target, agree, row, within

MACHINE: Final = "i7-3770"
SIZES: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096)
OBJECTS: Final = 40_000
MEASURED_OBJECTS: Final = 100_000
"""What was measured; fewer are simulated, and two sizes in full, to see that it is the same."""
IN_FULL: Final = (32, 1024)
SAME_WITHIN: Final = 0.05
REPLICATIONS: Final = 3
BEFORE: Final = "before"
STAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    BEFORE: {"allocator": "4.6"},
    "+ unlocked colour": {"allocator": "4.6", "switches": ["unlocked_colour"]},
    "+ private slab": {"allocator": "4.6", "switches": ["private_slab", "unlocked_colour"]},
    "+ unlocked look": {"allocator": "4.6", "switches": ["private_slab", "unlocked_colour", "unlocked_look"]},
    "+ trim after batch (4.7)": {"allocator": "4.7"},
}
"""The series' steps, each with those before it; 4.7 is all of them with the trimming after a batch."""
OPERATIONS: Final = ("alloc", "free")
TOLERANCES: Final = {"alloc": (0.08, 0.15), "free": (0.08, 0.35)}
"""Median and worst error of the fit (stated before anything was fitted)."""
AGREE_WITHIN: Final = 0.03


def _experiment(size: int, objects: int, replications: int, stage: str) -> dict[str, Any]:
    return {
        "seed": 1,
        "replications": replications,
        "machine": {"preset": MACHINE},
        "cache": [{"name": f"kmalloc-{size}", "size": size, "flags": ["HWCACHE_ALIGN"]}],
        "workload": {"kind": "burst", "objects": objects, "rounds": 1, "barrier": True, "touch": "write"},
        **STAGES[stage],
    }


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a stage and size, and two with as many objects as were measured."""
    made = {f"{stage}/{size}": _experiment(size, OBJECTS, REPLICATIONS, stage) for stage in STAGES for size in SIZES}
    return made | {f"full/{size}": _experiment(size, MEASURED_OBJECTS, 1, BEFORE) for size in IN_FULL}


def compare(results: Results) -> Outcome:
    """Cycles an operation, by stage and size."""
    ghz = load_machine(MACHINE).clock_ghz
    figures = published("slab_concurrent_i7-3770_before")
    rows: list[Row] = []
    for stage in STAGES:
        for operation in OPERATIONS:
            measured = figures.numbers(f"s0_{operation}") if stage == BEFORE else {}
            rows += [
                row(
                    results[f"{stage}/{size}"],
                    MEASURES[operation],
                    series=f"{operation}, {stage}",
                    x=size,
                    measured=measured.get(size),
                    scale=ghz,
                    fitted=stage == BEFORE,
                )
                for size in SIZES
            ]
    checks = [
        within(f"{operation}, {BEFORE}", [one for one in rows if one.series == f"{operation}, {BEFORE}"], *TOLERANCES[operation])
        for operation in OPERATIONS
    ]
    checks += [agree([one for one in rows if one.fitted], AGREE_WITHIN), _full_check(results, rows, ghz)]
    return Outcome(tuple(rows), tuple(checks), ("rows without a measured figure are blind predictions of the series' steps",))


def _full_check(results: Results, rows: list[Row], ghz: float) -> Check:
    """Whether the shorter bursts are as the measured ones."""
    worst = 0.0
    for operation in OPERATIONS:
        shorter = {one.x: one.simulated for one in rows if one.series == f"{operation}, {BEFORE}"}
        for size in IN_FULL:
            full = MEASURES[operation](results[f"full/{size}"][0]) * ghz
            worst = max(worst, abs(shorter[size] / full - 1))
    return Check(
        f"{OBJECTS:,} objects stand for {MEASURED_OBJECTS:,}",
        f"within {percent(SAME_WITHIN)}",
        percent(worst, 1),
        worst <= SAME_WITHIN,
    )


TARGET: Final = Target(
    name="list_lock",
    title="SLAB list_lock on 8 CPUs of an i7-3770",
    source=published("slab_concurrent_i7-3770_before").source,
    simulated=f"burst of {OBJECTS:,} objects on each of 8 CPUs, all frees after all allocations, each object written behind its "
    "allocation and before its free, as slab_test does; mean cycles an operation",
    calibrated="three numbers (handoff_transfers, list_move, pcp_refill_page) on the column `before` alone; nothing on what "
    "follows it",
    fitted_on="three costs on the figures before the 2016 series",
    assumed=("memory 16 GiB", "caches aligned as kmalloc's", "the other costs of the machine: slabdes machine show i7-3770"),
    unit="cycles an operation",
    x="object size (bytes)",
    experiments=experiments,
    compare=compare,
)
