# SPDX-License-Identifier: GPL-2.0-only
"""What is in a trace, before it is replayed: facts, the answer in sentences, and the commands to go on with.

Leaves out tables (the command line's), and simulating anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.errors import shown
from slabdes.folders import scratch_folder
from slabdes.machine import presets_with
from slabdes.results.text import count_text, share_text, time_text
from slabdes.scan.trace import load_large
from slabdes.study.spools import Phase
from slabdes.units import PS_PER_NS, PS_PER_S
from slabdes.workload.trace.caches import TraceCache
from slabdes.workload.trace.kernel import KernelGuess, guess_kernel
from slabdes.workload.trace.nodes import TracedNodes, traced_nodes
from slabdes.workload.trace.replay import ASSUMED_STEP_NS
from slabdes.workload.trace.spool import Spool
from slabdes.workload.trace.survey import CpuLoad, Survey, survey

_NAMED: Final = 3
"""Caches named in a sentence."""
_NS_PER_S: Final = PS_PER_S // PS_PER_NS
_MUCH: Final = 0.1
"""Share of a CPU's time in the allocator from which on there is much load (a choice)."""


@dataclass(frozen=True)
class CacheInfo:
    """One cache of a trace; `most_live` counts objects that the trace allocates, None where there are no times."""

    name: str
    size: int
    allocs: int
    frees: int
    share: float
    """Of the operations of all caches."""
    remote_frees: int
    most_live: int | None
    never_freed: int
    cpus: tuple[int, ...]
    sites: Mapping[str, int]
    """Allocations by call site, most first."""


@dataclass(frozen=True)
class TraceInfo:
    """What `slabdes trace info` tells; caches with most traffic first. Rates are None where the trace's clock is a counter."""

    file: str
    kernel: KernelGuess
    clock: str
    events: int
    operations: int
    """Allocations and frees that a replay has."""
    span_s: float | None
    lost: int
    lost_uncounted: bool
    caches: tuple[CacheInfo, ...]
    cpus: Mapping[int, CpuLoad]
    asked_nodes: Mapping[int, int]
    warnings: tuple[str, ...]
    moments: int
    nodes: TracedNodes
    """Which nodes its CPUs were on, as far as that shows."""
    times: str
    """A sentence on how its times were taken, as far as its header shows."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with sentences and commands."""
        plain = asdict(self)
        return plain | {"sentences": self.sentences(), "commands": self.commands()}

    def sentences(self) -> list[str]:
        """Two to seven sentences made from the numbers."""
        told = [self._what(), self._traffic()]
        told += [self._load()] if self.span_s else ["Its clock counts events, so nothing is known of load and think times."]
        if self.times:
            told.append(f"{self.times}.")
        if len(set(self.nodes.of_cpu.values())) > 1:
            told.append(f"It was on several nodes: {self.nodes.told(self.cpus)}, {self.nodes.why}.")
        if self.asked_nodes:
            nodes = ", ".join(map(str, list(self.asked_nodes)[:8])) + (", ..." if len(self.asked_nodes) > 8 else "")
            told.append(f"{count_text(sum(self.asked_nodes.values()))} allocations ask for a node by its number ({nodes}).")
        if self.lost or self.lost_uncounted:
            least = "At least " if self.lost_uncounted else ""
            told.append(f"{least}{count_text(self.lost)} events are lost: record again with a larger buffer.")
        return told

    def _what(self) -> str:
        cpus = f"{len(self.cpus)} CPU{'s' if len(self.cpus) != 1 else ''}"
        span = f" in {time_text(self.span_s * _NS_PER_S)}" if self.span_s else ""
        rate = f", {count_text(self.events / self.span_s)} a second" if self.span_s else ""
        kernel = (
            f"a kernel of about {self.kernel.versions}"
            if self.kernel.versions[0].isdigit()
            else f"a kernel {self.kernel.versions}"
        )
        return f"{count_text(self.events)} kmem events of {cpus}{span}{rate}, from {kernel} ({self.kernel.why})."

    def _traffic(self) -> str:
        first = self.caches[:_NAMED]
        named = ", ".join(f"{shown(cache.name, 60)} ({cache.size} bytes, {share_text(cache.share)})" for cache in first)
        frees = sum(cache.frees for cache in self.caches)
        remote = max(self.caches, key=lambda cache: cache.remote_frees)
        said = "no object is freed on another CPU than allocated it"
        if remote.remote_frees:
            all_remote = sum(cache.remote_frees for cache in self.caches)
            mostly = share_text(remote.remote_frees / all_remote)
            said = f"{share_text(all_remote / frees)} of frees are on another CPU, {mostly} of those of {shown(remote.name, 60)}"
        have = "has" if len(first) == 1 else "have"
        return f"Of {len(self.caches)} caches {named} {have} most traffic; {said}."

    def _load(self) -> str:
        cpu, busiest = max(self.cpus.items(), key=lambda item: item[1].per_s or 0)
        assert busiest.per_s is not None and busiest.most_per_s is not None
        share = busiest.per_s * ASSUMED_STEP_NS / _NS_PER_S
        at_most = min(busiest.most_per_s * ASSUMED_STEP_NS / _NS_PER_S, 1)
        much = "as recorded there is hardly anything to wait for" if at_most < _MUCH else "so CPUs may wait for each other"
        return (
            f"CPU {cpu} is busiest: {count_text(busiest.per_s)} operations a second, {share_text(share)} of its time at "
            f"{ASSUMED_STEP_NS} ns each (assumed), {share_text(at_most)} in its busiest moment; {much}."
        )

    def commands(self) -> list[str]:
        """What to run next."""
        file = shlex.quote(self.file)
        busiest = shlex.quote(self.caches[0].name)
        nodes = 1 + max((*self.nodes.of_cpu.values(), *self.asked_nodes), default=0)
        small, large = _machines(len(self.cpus), nodes)
        version = f"--allocator {self.kernel.allocator}"
        told = [f"slabdes replay {file} --cache all --machine {small} {version}"]
        if large:
            name, copies = large
            told.append(f"slabdes replay {file} --cache {busiest} --machine {name} --copies {copies} {version}")
            if self.span_s:
                told.append(f"slabdes replay {file} --cache {busiest} --machine {name} --copies {copies} {version} --think 0.1x")
        return told


def trace_info(path: Path, progress: Phase | None = None) -> TraceInfo:
    """Read the trace `path`. Raises InputError, in one line, for whatever is not a trace."""

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(f"reading {path.name}", done, total)

    with scratch_folder() as folder:
        spool = load_large(path, (), folder / "spool", report)
        found = survey(spool)
    return _info(spool, found, guess_kernel(path))


def _info(spool: Spool, found: Survey, kernel: KernelGuess) -> TraceInfo:
    index = spool.index
    caches = [_cache(cache, live, spool.operations) for cache, live in zip(spool.caches, found.most_live, strict=True)]
    return TraceInfo(
        file=str(index.path),
        kernel=kernel,
        clock=index.clock.value,
        events=index.events,
        operations=spool.operations,
        span_s=found.span_s,
        lost=index.lost,
        lost_uncounted=index.lost_uncounted,
        caches=tuple(sorted(caches, key=lambda cache: (-cache.share, cache.name))),
        cpus=found.cpus,
        asked_nodes=found.asked_nodes,
        warnings=index.warnings,
        moments=found.moments,
        nodes=traced_nodes(index),
        times=index.recording.of_times(index.clock),
    )


def _cache(cache: TraceCache, most_live: int | None, operations: int) -> CacheInfo:
    sites = sorted(zip(cache.call_sites, cache.site_allocs, strict=True), key=lambda site: (-site[1], site[0]))
    return CacheInfo(
        name=cache.name,
        size=cache.size,
        allocs=cache.allocs,
        frees=cache.frees,
        share=(cache.allocs + cache.frees) / operations,
        remote_frees=cache.remote_frees,
        most_live=most_live,
        never_freed=cache.never_freed,
        cpus=cache.cpus,
        sites=dict(sites),
    )


def _machines(cpus: int, nodes: int) -> tuple[str, tuple[str, int] | None]:
    """The smallest preset with so many CPUs and nodes, and the largest, with how many copies fill it; `host` where none has."""
    fit = presets_with(cpus, nodes)
    if not fit:
        return "host", None
    largest = fit[-1]
    return fit[0].name, (largest.name, largest.n_cpus // cpus) if largest.n_cpus >= 2 * cpus else None
