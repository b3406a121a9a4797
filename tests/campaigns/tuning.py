# SPDX-License-Identifier: GPL-2.0-only
"""How good a setting `tune` finds: beside every setting of a case, in a tenth of the runs that trying them all takes.

    python tests/campaigns/tuning.py --seeds 5 --jobs 2 --cells FOLDER

Exits with 1 if a search needed more runs than a tenth, or found nothing within 2 % of the best. Leaves out other cases.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import slabdes

LIMIT, BATCH = "cache.0.limit", "cache.0.batchcount"
CASE: Final[dict[str, Any]] = {
    "name": "tuning",
    "replications": 5,
    "engine": "compiled",
    "machine": {"preset": "xeon-2s", "cpus": 8},
    "cache": [{"name": "size-256", "size": 256, "limit": 12, "batchcount": 6}],
    "workload": {"kind": "mix", "operations": 10_000, "live": 100, "think_ns": 50.0},
}
OVER: Final = {LIMIT: list(range(12, 492, 20)), BATCH: list(range(1, 241, 10))}
NEAR: Final = 1.02
SHARE: Final = 10
"""A search may take the runs of all settings divided by this."""


def every_setting(jobs: int, cells: str | None, measure: str) -> dict[tuple[int, int], float]:
    """The measure of every setting that can be run, by limit and batchcount."""
    pairs = [(limit, batch) for limit, batch in product(OVER[LIMIT], OVER[BATCH]) if batch <= limit]
    swept = CASE | {"zip": {LIMIT: [limit for limit, _ in pairs], BATCH: [batch for _, batch in pairs]}}
    table = slabdes.simulate(swept, jobs=jobs, cells=cells).summary().filter(op=measure.partition("_")[0])
    return {(row[LIMIT], row[BATCH]): row[measure.partition("_")[2]] for row in table.iter_rows(named=True)}


def search(seed: int, known: Mapping[tuple[int, int], float], arguments: argparse.Namespace) -> bool:
    """Tune with a seed, print what it came to, and say whether that is good enough."""
    began = time.monotonic()
    options = {"trials": arguments.trials, "jobs": arguments.jobs, "cells": arguments.cells}
    found = slabdes.tune(CASE | {"seed": seed}, OVER, minimise=arguments.measure, most=5, **options)
    anew = len(found.choices) * found.run.manifest.replications
    least, most = min(known.values()), len(known) * int(CASE["replications"]) // SHARE
    off = known[found.settings[LIMIT], found.settings[BATCH]] / least - 1
    good = off <= NEAR - 1 and found.runs + anew <= most
    told = f"limit {found.settings[LIMIT]}, batchcount {found.settings[BATCH]}: {off:+.2%} of the best"
    runs = f"{found.runs} runs and {anew} anew, of {most}"
    print(f"seed {seed}: {told}; {runs}; {time.monotonic() - began:.0f} s{'' if good else '  <-- not good enough'}", flush=True)
    return good


def main() -> int:
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="searches, each with a seed of its own")
    parser.add_argument("--trials", type=int, default=22, help="settings that each may try")
    parser.add_argument("--measure", default="alloc.mean", help="what is to be least: alloc.mean, alloc.p99 ...")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cells", type=Path, default=None, help="folder of replications that were run before")
    arguments = parser.parse_args()
    op, _, time_name = arguments.measure.partition(".")
    known = every_setting(arguments.jobs, arguments.cells, f"{op}_{time_name.replace('.', '')}_ns")
    ranked = sorted(known.items(), key=lambda pair: pair[1])
    (limit, batch), least = ranked[0]
    within = sum(value <= NEAR * least for value in known.values())
    print(f"{len(known)} settings, {len(known) * int(CASE['replications'])} runs: the best is limit {limit}, batchcount {batch}")
    print(f"with {least:.2f} ns; {within} are within 2 %, the worst has {ranked[-1][1]:.2f} ns", flush=True)
    good = [search(seed, known, arguments) for seed in range(1, arguments.seeds + 1)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
