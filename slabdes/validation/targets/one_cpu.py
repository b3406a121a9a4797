# SPDX-License-Identifier: GPL-2.0-only
"""Every path of the real 6.1 mm/slab.c on one CPU, by object size and tunables, in ns by the path an operation took.

256-byte rows calibrate the machine; the other sizes are predictions. A figure by path was measured with two readings of the
clock around one operation, a pair's without: what the readings add is told by both. Leaves out levels of the
processor's caches before the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

from slabdes.validation.measures import MEASURES, PATHS, pair_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, row, within

MACHINE: Final = "xeon-vm-1cpu"
CASES: Final[Mapping[str, tuple[int, Mapping[str, int]]]] = {
    "u64_noshared": (64, {"shared": 0}),
    "u64_shared8": (64, {"shared": 8}),
    "u256_noshared": (256, {"shared": 0}),
    "u256_shared8": (256, {"shared": 8}),
    "u256_lim12_b6_sh2": (256, {"limit": 12, "batchcount": 6, "shared": 2}),
    "u1024_shared8": (1024, {"shared": 8}),
    "u4096_shared8": (4096, {"shared": 8}),
}
"""Object size and tunables by the case's name in the table."""
CALIBRATED_SIZE: Final = 256
CALIBRATED_BURSTS: Final = 3000
"""The longest bursts that calibrate: longer ones do not fit the processor's first caches, which the model leaves out."""
ROUNDS: Final[Mapping[int, int]] = {40: 1000, 400: 200, 3000: 30, 20000: 6}
"""Bursts in a row, by their length: as many operations of each case, about."""
PAIRS: Final = 2000
LABELS: Final[Mapping[str, str]] = {
    "hit/ac": "hit",
    "refill_shared": "refill_shared",
    "refill_partial": "refill_partial",
    "refill_free": "refill_free",
    "grow": "grow",
    "free_hit/ac": "free_hit",
    "free_flush_shared": "flush_shared",
    "free_flush_slabs": "flush_slabs",
}
"""The table's names of paths, and ours."""
PAIR_LABEL: Final = "alloc+free_pair_x10(0.1ns_units)"
PAIR_UNITS: Final = 10.0
"""The table gives pairs in tenths of a nanosecond."""
TOLERANCE: Final = (0.2, 0.5)
"""Median and worst error (stated before anything was fitted)."""


def _experiment(case: str, burst: int, rounds: int) -> dict[str, Any]:
    size, tunables = CASES[case]
    return {
        "seed": 1,
        "allocator": "6.1",
        "machine": {"preset": MACHINE},
        "cache": [{"name": case, "size": size, **tunables}],
        "workload": {"kind": "burst", "objects": burst, "rounds": rounds},
    }


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a case and length of burst, and one a case of pairs."""
    made = {f"{case}-burst{burst}": _experiment(case, burst, rounds) for case in CASES for burst, rounds in ROUNDS.items()}
    return made | {case: _experiment(case, 1, PAIRS) for case in CASES}


def measured_ns() -> Mapping[tuple[str, str], float]:
    """Trimmed means by case and path, ns, the mean of both runs; a pair's path is `pair`."""
    found = defaultdict(list)
    for fields in published("slab_paths_one_cpu").rows:
        value = float(fields["trimmed_mean"])
        if fields["path"] == PAIR_LABEL:
            found[fields["case"].removesuffix("-again"), "pair"].append(value / PAIR_UNITS)
        else:
            found[fields["case"], LABELS[fields["path"]]].append(value)
    return {key: fmean(values) for key, values in found.items()}


def clock_ns(measured: Mapping[tuple[str, str], float]) -> float:
    """What reading the clock adds to an operation, ns: half of what a hit and a free, by path, take beyond a pair.

    From the bursts of 40 that the CPU's array nearly holds, as pairs do, at the calibrated size.
    """
    cases = [case for case, (size, _tunables) in CASES.items() if size == CALIBRATED_SIZE]
    by_path = fmean(measured[f"{case}-burst40", path] for case in cases for path in ("hit", "free_hit"))
    return by_path - fmean(measured[case, "pair"] for case in cases) / 2


def compare(results: Results) -> Outcome:
    """Nanoseconds by path; x numbers the cases and bursts of a path in the table's order."""
    measured = measured_ns()
    clock = clock_ns(measured)
    rows: list[Row] = []
    for path in ("pair", *PATHS):
        keys = [key for key in measured if key[1] == path]
        for x, key in enumerate(keys):
            case = key[0]
            size = CASES[case.partition("-")[0]][0]
            measure = pair_ns if path == "pair" else MEASURES[path]
            fitted = size == CALIBRATED_SIZE and (path == "pair" or int(case.rpartition("-burst")[2]) <= CALIBRATED_BURSTS)
            one = row(results[case], measure, series=path, x=x, measured=measured[key], fitted=fitted, label=case)
            rows.append(one if path == "pair" else replace(one, simulated=one.simulated + clock))
    others = [one for one in rows if not one.fitted]
    checks = (
        within("one-CPU paths", rows, *TOLERANCE),
        within("of these, 256 bytes up to bursts of 3000 (calibrated on)", [one for one in rows if one.fitted], *TOLERANCE),
        within("of these, the others (predicted)", others, *TOLERANCE),
    )
    notes = (
        "the two runs of the measurement differ by up to 2x themselves",
        f"figures by path have {clock:.1f} ns for the clock: half of what a hit and a free take beyond a pair, at 256 bytes",
    )
    return Outcome(tuple(rows), checks, notes)


TARGET: Final = Target(
    name="one_cpu",
    title="Paths of Linux 6.1 mm/slab.c on one CPU",
    source=published("slab_paths_one_cpu").source,
    simulated="bursts of the same length, size and tunables on xeon-vm-1cpu, allocator 6.1; mean ns by path",
    calibrated="three factors (hits; the slow paths; growing with its pages) on the 256-byte rows up to bursts of 3000; 64, 1024 "
    "and 4096 bytes and bursts of 20000 are predicted",
    fitted_on=f"three factors, and reading the clock, on {CALIBRATED_SIZE}-byte rows up to bursts of {CALIBRATED_BURSTS}",
    assumed=(
        "objects are freed in the order of allocation",
        "a last-level cache of 33 MiB; an object is touched when it is allocated (the kernel prefetches it), not when freed",
        "locks and interrupts off cost nothing there (UP, User Mode Linux)",
    ),
    unit="ns",
    x="case and burst",
    experiments=experiments,
    compare=compare,
)
