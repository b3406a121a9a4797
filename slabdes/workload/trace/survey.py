# SPDX-License-Identifier: GPL-2.0-only
"""What a spooled trace comes to over time: objects live at once, and operations a second of each CPU, on average and at most.

Time is cut into moments of equal length, so what happens within one is not told apart. Leaves out the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from slabdes.workload.programs import Op
from slabdes.workload.trace.events import Clock
from slabdes.workload.trace.index import NS_PER_S
from slabdes.workload.trace.nodes import asked_nodes
from slabdes.workload.trace.spool import Spool

_MOST_MOMENTS: Final = 4096
_LEAST_MOMENTS: Final = 64
_CELLS: Final = 1 << 22
"""Counts that are held at most (a choice: 32 MiB)."""


@dataclass(frozen=True)
class CpuLoad:
    """One traced CPU: its operations, and how many a second; None where the trace's clock is a counter."""

    operations: int
    per_s: float | None
    most_per_s: float | None
    """In its busiest moment."""


@dataclass(frozen=True)
class Survey:
    """What is told of a spool; caches are in the spool's order."""

    span_s: float | None
    moments: int
    most_live: tuple[int | None, ...]
    """Objects of each cache that the trace allocates, live at the end of the moment with the most."""
    cpus: Mapping[int, CpuLoad]
    asked_nodes: Mapping[int, int]
    """Allocations that ask for a node, by its number."""


def survey(spool: Spool) -> Survey:
    """Read a spool once. Memory does not grow with its length."""
    timed = spool.index.clock is Clock.SECONDS and spool.span_ns > 0
    moments = max(_LEAST_MOMENTS, min(_MOST_MOMENTS, _CELLS // max(len(spool.caches), len(spool.cpus))))
    live = np.zeros(len(spool.caches) * moments, np.int64)
    loads = {}
    for cpu in spool.cpus:
        busy = np.zeros(moments, np.int64)
        for records in spool.records(cpu):
            moment = _moments(records["time"] - spool.first_ns, spool.span_ns, moments if timed else 0)
            gained = np.where(records["op"] == Op.ALLOC, 1, -1)
            np.add.at(live, records["cache"].astype(np.int64) * moments + moment, gained)
            busy += np.bincount(moment, minlength=moments)
        loads[cpu] = _load(busy, spool.span_ns / NS_PER_S if timed else None)
    most: npt.NDArray[np.int64] = live.reshape(-1, moments).cumsum(axis=1).max(axis=1)
    return Survey(
        span_s=spool.span_ns / NS_PER_S if timed else None,
        moments=moments,
        most_live=tuple(most.tolist()) if timed else (None,) * len(spool.caches),
        cpus=loads,
        asked_nodes=asked_nodes(spool),
    )


def _moments(times: npt.NDArray[np.int64], span: int, moments: int) -> npt.NDArray[np.int64]:
    """In which of equal parts of a span times lie."""
    return (times / (span + 1) * moments).astype(np.int64).clip(0, max(moments - 1, 0))


def _load(busy: npt.NDArray[np.int64], span_s: float | None) -> CpuLoad:
    operations = int(busy.sum())
    if span_s is None:
        return CpuLoad(operations, None, None)
    return CpuLoad(operations, operations / span_s, int(busy.max()) * len(busy) / span_s)
