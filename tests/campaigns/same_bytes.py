# SPDX-License-Identifier: GPL-2.0-only
"""Runs one study with 1 and 2 workers here and on a Dask cluster of 2, and prints what each leaves: the same bytes.

    python tests/campaigns/same_bytes.py --cells 200

Exits with 1 if any differ. Leaves out other computers.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import run_content

from slabdes.config import parse_experiment
from slabdes.study.run import run_study


def experiment(cells: int) -> dict[str, Any]:
    """So many cells: bursts on 1 to 8 CPUs under two locks, each with several limits, five replications."""
    swept = {"machine.cpus": [1, 2, 4, 8], "lock.discipline": ["ticket", "qspinlock"]}
    limits = [8 + 4 * number for number in range(max(cells // 40, 1))]
    return {
        "name": "same bytes",
        "engine": "reference",
        "replications": 5,
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "size-256", "size": 256}],
        "workload": {"kind": "burst", "objects": 60},
        "sweep": swept | {"cache.0.limit": limits},
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    asked = parse_experiment(experiment(parser.parse_args().cells), "same_bytes")
    ways: dict[str, dict[str, Any]] = {
        "1 worker": {"jobs": 1},
        "2 workers": {"jobs": 2},
        "Dask, 2 workers": {"jobs": 2, "executor": "local"},
    }
    left = set()
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
        for name, options in ways.items():
            began, out = time.monotonic(), Path(folder) / name
            run = run_study(asked, out=out, **options)
            content = repr(sorted(run_content(out).items()))
            left.add(sha := hashlib.sha256(content.encode()).hexdigest())
            cells = run.frames.runs.height
            print(f"{name}: {cells} cells in {time.monotonic() - began:.0f} s; digest {run.digest}; folder {sha}", flush=True)
    print("the same bytes" if len(left) == 1 else "DIFFERENT BYTES")
    return int(len(left) > 1)


if __name__ == "__main__":
    sys.exit(main())
