# SPDX-License-Identifier: GPL-2.0-only
"""How long a first run takes to compile, and a later one to start, each from a new Python to its records.

Leaves out how long anything runs once it has started.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slabdes.folders import scratch_folder
from slabdes.study.bench.growth import in_fresh_process
from slabdes.study.bench.scenarios import Case, Scenario, bench_machine


@dataclass(frozen=True)
class Start:
    """Seconds of the clock from a new process to the records of one burst: with nothing kept, then with what that left.

    `compile_s` and `load_s` are the parts that making compiled code ready took.
    """

    cold_s: float
    compile_s: float
    cached_s: float
    load_s: float


def measure_start() -> Start:
    """One cold and one cached start, in a cache folder of their own."""
    with scratch_folder() as folder:
        cold, cold_ready = _start(folder)
        cached, cached_ready = _start(folder)
    return Start(cold, cold_ready, cached, cached_ready)


def _start(folder: Path) -> tuple[float, float]:
    began = time.perf_counter()
    ready = in_fresh_process("start", {"SLABDES_CACHE_DIR": str(folder)})["ready_s"]
    return time.perf_counter() - began, ready


def first_run() -> dict[str, Any]:
    """What the process does."""
    from slabdes.engine.compiled.run import prepare, run_compiled

    began = time.perf_counter()
    prepare(lambda _done: None)
    ready = time.perf_counter() - began
    machine, case = bench_machine(), Case(Scenario.HITS, 1, 0)
    run_compiled(case.experiment(), machine, case.workload(machine))
    return {"ready_s": ready}
