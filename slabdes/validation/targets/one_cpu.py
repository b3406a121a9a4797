"""Every path of the real 6.1 mm/slab.c on one CPU, by object size and tunables, in ns by the path an operation took.

256-byte rows calibrate the machine; the other sizes are predictions. Leaves out caches of the processor: nothing gets cold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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


def compare(results: Results) -> Outcome:
    """Nanoseconds by path; x numbers the cases and bursts of a path in the table's order."""
    measured = measured_ns()
    rows: list[Row] = []
    for path in ("pair", *PATHS):
        keys = [key for key in measured if key[1] == path]
        for x, key in enumerate(keys):
            case = key[0]
            size = CASES[case.partition("-")[0]][0]
            measure = pair_ns if path == "pair" else MEASURES[path]
            fitted = size == CALIBRATED_SIZE and path != "pair"
            rows.append(row(results[case], measure, series=path, x=x, measured=measured[key], fitted=fitted, label=case))
    others = [one for one in rows if not one.fitted]
    checks = (
        within("one-CPU paths", rows, *TOLERANCE),
        within("of these, not calibrated on (other sizes, pairs)", others, *TOLERANCE),
    )
    return Outcome(tuple(rows), checks, ("the two runs of the measurement differ by up to 2x themselves",))


TARGET: Final = Target(
    name="one_cpu",
    title="Paths of Linux 6.1 mm/slab.c on one CPU",
    source=published("slab_paths_one_cpu").source,
    simulated="bursts of the same length, size and tunables on xeon-vm-1cpu, allocator 6.1; mean ns by path",
    calibrated="three factors (hits; objects and list moves; growing with its pages) on the 256-byte rows; 64, 1024 "
    "and 4096 bytes and all pairs are predicted",
    assumed=("objects are freed in the order of allocation", "locks and interrupts off cost nothing there (UP, User Mode Linux)"),
    unit="ns",
    x="case and burst",
    experiments=experiments,
    compare=compare,
)
