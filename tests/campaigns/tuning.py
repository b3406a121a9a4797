# SPDX-License-Identifier: GPL-2.0-only
"""How good a setting `tune` finds: beside every setting of a case, in a tenth of the runs that trying them all takes.

    python tests/campaigns/tuning.py --seeds 5 --jobs 2 --cells FOLDER

The case: bursts on two nodes, whose allocations take from 40 to 370 ns; limit, batchcount and shared all matter, by how they
divide each other and the burst, too, so that few settings are near the best and not all of them beside it. Those near it are run
until it is known. Exits with 1 if a search needed more runs than a tenth, or found nothing within 2 % of the best. Leaves out
other cases.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import slabdes

KNOBS: Final = ("cache.0.limit", "cache.0.batchcount", "cache.0.shared")
CASE: Final[dict[str, Any]] = {
    "name": "tuning",
    "replications": 5,
    "engine": "compiled",
    "machine": {"preset": "numa-2x4"},
    "cache": [{"name": "size-256", "size": 256, "limit": 12, "batchcount": 6, "shared": 0}],
    "workload": {"kind": "burst", "objects": 100, "rounds": 8, "think_ns": 30.0},
}
VALUES: Final = ((8, 12, 16, 24, 32, 40, 48, 64, 80, 96), (2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64), (0, 1, 2, 4, 8))
OVER: Final = {key: list(values) for key, values in zip(KNOBS, VALUES, strict=True)}
SETTINGS: Final = [setting for setting in product(*VALUES) if setting[1] <= setting[0]]
NEAR: Final = 1.02
MAY_BE_NEAR: Final = 1.1
"""What a sweep's least may be off by: settings within that are run KNOWN times."""
KNOWN: Final = 40
SHARE: Final = 10
"""A search may take the runs of all settings divided by this."""
Setting = tuple[int, ...]


def swept(settings: Sequence[Setting], replications: int, arguments: argparse.Namespace) -> dict[Setting, float]:
    """The measure of each of these settings."""
    columns = dict(zip(KNOBS, map(list, zip(*settings, strict=True)), strict=True))
    study = slabdes.simulate(CASE | {"zip": columns, "replications": replications}, jobs=arguments.jobs, cells=arguments.cells)
    op, _, time_name = arguments.measure.partition(".")
    table = study.summary().filter(op=op).sort("point")
    return dict(zip(settings, table[f"{time_name.replace('.', '')}_ns"].to_list(), strict=True))


def every_setting(arguments: argparse.Namespace) -> dict[Setting, float]:
    """The measure of every setting that can be run; of those that may be near the best from KNOWN replications."""
    once = swept(SETTINGS, int(CASE["replications"]), arguments)
    near = [setting for setting, value in once.items() if value <= MAY_BE_NEAR * min(once.values())]
    return once | swept(near, KNOWN, arguments)


def search(seed: int, known: Mapping[Setting, float], arguments: argparse.Namespace) -> bool:
    """Tune with a seed, print what it came to, and say whether that is good enough."""
    began = time.monotonic()
    options = {"trials": arguments.trials, "jobs": arguments.jobs, "cells": arguments.cells}
    found = slabdes.tune(CASE | {"seed": seed}, OVER, minimise=arguments.measure, most=5, **options)
    anew = len(found.choices) * found.run.manifest.replications
    least, most = min(known.values()), len(known) * int(CASE["replications"]) // SHARE
    setting = tuple(found.settings[key] for key in KNOBS)
    off = known[setting] / least - 1
    good = off <= NEAR - 1 and found.runs + anew <= most
    told = f"limit, batchcount, shared {setting}: {off:+.2%} of the best"
    runs = f"{found.tried} settings, {found.runs} runs and {anew} anew, of {most}"
    print(f"seed {seed}: {told}; {runs}; {time.monotonic() - began:.0f} s{'' if good else '  <-- not good enough'}", flush=True)
    return good


def main() -> int:
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="searches, each with a seed of its own")
    parser.add_argument("--trials", type=int, default=44, help="settings that each may try")
    parser.add_argument("--measure", default="alloc.mean", help="what is to be least: alloc.mean, alloc.p99 ...")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cells", type=Path, default=None, help="folder of replications that were run before")
    arguments = parser.parse_args()
    known = every_setting(arguments)
    ranked = sorted(known.items(), key=lambda pair: pair[1])
    best, least = ranked[0]
    within = sum(value <= NEAR * least for value in known.values())
    print(f"{len(known)} settings, {len(known) * int(CASE['replications'])} runs: the best is {best} with {least:.2f} ns;")
    print(
        f"{within} are within 2 %, half of all take more than {ranked[len(ranked) // 2][1]:.2f} ns, the worst {ranked[-1][1]:.2f}"
    )
    good = [search(seed, known, arguments) for seed in range(1, arguments.seeds + 1)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
