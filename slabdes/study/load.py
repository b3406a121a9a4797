# SPDX-License-Identifier: GPL-2.0-only
"""A replay at several loads, which its think times decide; and what is replayed where nothing is said.

From the recorded load up to no think times, on as much of the trace as takes about a minute. Leaves out what comes of it
(`measures.loads`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.config import Experiment, TraceWorkload, parse_experiment
from slabdes.engine.setup import nodes_of_dump
from slabdes.machine import presets_with
from slabdes.results.frames import Frames
from slabdes.results.run import Run
from slabdes.study.cluster import Where
from slabdes.study.plan import PlannedPoint, plan_with
from slabdes.study.run import run_study
from slabdes.study.spools import Phase, Spools
from slabdes.workload.trace.kernel import guess_kernel
from slabdes.workload.trace.nodes import nodes_needed

THINKS: Final = ("1x", "0.3x", "0.1x", "0.03x", "0.01x", "0.003x", "0.001x", "none")
"""From the recorded load to a thousand times it, about three to the next; then as fast as can be."""
MOST_EFFORT: Final = 24_000_000
"""Of all loads together, as `effort` counts it: half a minute on two CPUs, compiled (measured)."""
FEWEST_REPLICATIONS: Final = 3
MOST_REPLICATIONS: Final = 5
"""Of each load: fewer have no interval worth the name; more only if the replay itself has them."""


@dataclass(frozen=True)
class LoadPlan:
    """What is run at each load: how many replications, and the first operations of the trace, all if None; of `operations`."""

    replications: int
    first: int | None
    operations: int


@dataclass(frozen=True)
class Loads:
    """A replay at several loads, each the multiple of the recorded one (None without think times) with its frames."""

    plan: LoadPlan
    frames: tuple[tuple[float | None, Frames], ...]
    left: int = 0
    """Loads that have not been run yet."""


def answers_with_load(experiment: Experiment) -> bool:
    """Whether the loads are run: of one replay with think times."""
    config = experiment.workload
    return isinstance(config, TraceWorkload) and not experiment.sweep and config.think != "none"


def plan_loads(point: PlannedPoint, whole: bool) -> LoadPlan:
    """How much of a replay is run at each load: all of it as often as MOST_EFFORT lets, or its begin; `whole` is all of it."""
    assert point.spool is not None
    once = max(len(THINKS) * point.effort, 1)
    most = max(MOST_REPLICATIONS, point.experiment.replications)
    times = min(max(MOST_EFFORT // once, FEWEST_REPLICATIONS), most)
    operations = point.spool.operations
    first = operations * MOST_EFFORT // (once * FEWEST_REPLICATIONS)
    return LoadPlan(times, None if whole or first >= operations else max(first, 1), operations)


def run_loads(
    result: Run,
    experiment: Experiment,
    spools: Spools,
    whole: bool,
    *,
    jobs: int = 1,
    phase: Phase | None = None,
    out: Path | None = None,
    resume: bool = False,
    cells: Path | None = None,
    executor: Where = None,
    each: Callable[[Loads], object] | None = None,
) -> Loads:
    """Run a replay at each load; the one at which it was run before, with as many replications, is not run again.

    `out`, `resume`, `cells` and `executor` are as `run_study` has them: the loads are a sweep. `each` hears what there
    is whenever a load has ended.
    """
    (point,) = plan_with(experiment, spools, phase)
    loads = plan_loads(point, whole)
    raw: dict[str, Any] = experiment.model_dump(mode="json", exclude_unset=True)
    think = {"recorded": "1x"}.get(raw["workload"].get("think", "recorded"), raw["workload"].get("think"))
    kept = {think} if loads.first is None and experiment.replications >= loads.replications else set()
    wanted = [load for load in THINKS if load not in kept]
    raw |= {"replications": loads.replications, "log": False, "sweep": {"workload.think": wanted}}
    if loads.first is not None:
        raw["workload"]["first"] = loads.first
    frames = dict.fromkeys(kept, result.frames)

    def so_far() -> Loads:
        ended = tuple((_times(load), frames[load]) for load in THINKS if load in frames)
        return Loads(loads, ended, len(THINKS) - len(ended))

    def ended(number: int, of_point: Frames) -> None:
        frames[wanted[number]] = of_point
        if each is not None:
            each(so_far())

    options: dict[str, Any] = {"jobs": jobs, "phase": phase, "spools": spools, "out": out, "resume": resume}
    options |= {"cells": cells, "executor": executor}
    run = run_study(parse_experiment(raw, "load"), each=ended, **options)
    frames |= {load: run.frames.of_points([number]) for number, load in enumerate(wanted)}
    return so_far()


def _times(think: str) -> float | None:
    return None if think == "none" else 1 / float(think[:-1])


def assumed_machine(trace: Path, spools: Spools, dump: Path | None = None) -> tuple[str, str]:
    """The machine of a replay that names none, and why: the smallest preset with the CPUs and nodes of the trace, or of the dump.

    `host` if none has so many.
    """
    index = spools.index(trace)
    recorded = None if dump is None else nodes_of_dump(dump)
    cpus, nodes = max(len(index.events_per_cpu), len(recorded or ())), nodes_needed(index, recorded)
    whose = "trace's" if recorded is None else "dump's"
    has = f"the {whose} {cpus} CPUs" + (f" and {nodes} nodes" if nodes > 1 else "")
    if fit := presets_with(cpus, nodes):
        return fit[0].name, f"machine {fit[0].name}: the smallest preset with {has}; --machine names another"
    return "host", f"machine host: no preset has {has}; --machine names another"


def assumed_allocator(trace: Path) -> tuple[str, str]:
    """The allocator of a replay that names none, and why."""
    guess = guess_kernel(trace)
    why = f"the trace seems to be of a kernel {guess.versions} ({guess.why})"
    others = f" ({guess.others})" if guess.others else ""
    return guess.allocator, f"allocator {guess.allocator}: {why}; --allocator names another{others}"
