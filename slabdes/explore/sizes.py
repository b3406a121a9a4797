# SPDX-License-Identifier: GPL-2.0-only
"""How much one replication of a live page's setting may do, and the shorter one that is run first where it takes long.

Leaves out what a shorter one does not tell: a page says that it is one, and the whole follows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from slabdes.config import parse_experiment
from slabdes.engine.laid_out import laid_out, tunables_of
from slabdes.errors import InputError
from slabdes.explore.limits import FIRST_OPERATIONS, MOST_OPERATIONS, TRACE_SIZES
from slabdes.explore.setting import Setting
from slabdes.study.plan import PlannedPoint, plan_with

_SIZES: Final = {
    "burst": ("rounds", "objects"),
    "mix": ("operations",),
    "producer_consumer": ("objects",),
    "arrivals": ("operations",),
    "critical_section": ("operations",),
    "pages": ("rounds", "blocks"),
    "trace": ("first",),
}
"""Keys that make a run long, by kind of workload: the first ones are made small first."""


def planned(setting: Setting) -> PlannedPoint:
    """The setting's only point. Raises InputError for what its machine cannot do, and for more than a live page runs."""
    (point,) = plan_with(setting.experiment, setting.source.spools)
    if max(point.operations, point.effort) > MOST_OPERATIONS:
        keys = " or ".join(_SIZES[setting.experiment.workload.kind])
        raise InputError(
            "setting: workload",
            f"{point.operations:,} operations a replication, in all the work of {point.effort:,}",
            allowed=f"at most {MOST_OPERATIONS:,} on a live page: fewer {keys}, or slabdes run",
        )
    return point


def first_look(setting: Setting, point: PlannedPoint) -> PlannedPoint:
    """The same setting, shorter, or `point` itself where that is short enough."""
    most = max(point.operations, point.effort)
    if most <= FIRST_OPERATIONS:
        return point
    share = FIRST_OPERATIONS / most
    raw = setting.experiment.model_dump(mode="json", exclude_unset=True)
    workload: dict[str, Any] = raw["workload"]
    for key in _SIZES[workload["kind"]]:
        if key == "first":
            fitting = [size for size in TRACE_SIZES if size <= point.operations * share]
            workload[key] = min([max(fitting, default=TRACE_SIZES[0]), *([workload[key]] if key in workload else [])])
            continue
        size = getattr(setting.experiment.workload, key)
        workload[key] = max(1, int(size * share))
        share *= size / workload[key]
    (small,) = plan_with(parse_experiment(raw, "setting"), setting.source.spools)
    return replace(small, index=point.index)


def resolved(point: PlannedPoint) -> tuple[dict[str, str], dict[str, str]]:
    """What holds of keys that an experiment leaves open, and what follows from others, by the controls that they belong to."""
    texts: dict[str, str] = {"machine.cpus": str(point.cpus)}
    notes: dict[str, str] = {}
    numbers = {cache.name: str(number) for number, cache in enumerate(point.experiment.cache)}
    for cache in point.caches:
        made = laid_out(point.experiment, point.machine, cache)
        objects = f"{made.num} objects a slab of {1 << made.order} page{'s' * (made.order > 0)}"
        tunables = tunables_of(point.experiment, point.machine, cache)
        for name in {cache.name, numbers.get(cache.name, cache.name)}:
            texts |= {f"cache.{name}.{key}": str(value) for key, value in tunables.items()}
            notes[f"cache.{name}.size"] = objects
    return texts, notes
