# SPDX-License-Identifier: GPL-2.0-only
"""A spooled trace on a machine: which CPU plays which traced CPU, how copies stand side by side, and their phases.

Leaves out which nodes a trace's CPUs were on and its allocations ask for (`nodes`), and which CPUs play them (`placing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.config import CacheConfig, TraceWorkload
from slabdes.errors import InputError, nearest
from slabdes.streams import Purpose, below, stream_key, words
from slabdes.units import PS_PER_NS
from slabdes.workload.programs import Recorded, Step, Workload
from slabdes.workload.trace.loops import Bounded, Loop, in_turn
from slabdes.workload.trace.nodes import node_warnings, parse_nodes, renumbered, traced_nodes
from slabdes.workload.trace.placing import ReplayMachine, parse_groups, place_copies, split_warnings
from slabdes.workload.trace.spool import Spool
from slabdes.workload.trace.think import Think, ThinkRule

if TYPE_CHECKING:
    import numpy.typing as npt

PHASE_DIVISOR: Final = 100
"""A copy begins within this part of the trace's length: 1 % (assumed; enough that copies do not go in step)."""
ASSUMED_STEP_NS: Final = 100
"""Nanoseconds a step is taken to last where there are no think times to tell the trace's length by (assumed)."""
_SHOWN: Final = 8
"""CPUs listed in an error (assumed)."""


@dataclass(frozen=True)
class TraceProgram:
    """The program of one traced CPU in one copy: its steps from the spool, the first delayed by the copy's phase."""

    spool: Spool
    cpu: int
    think: Think
    slot_base: int
    phase_ps: int
    onto: Mapping[int, int]
    """Nodes that steps ask for where the trace asks for these."""
    loop: Loop | None
    """None: nothing holds CPUs together but the times of their steps."""
    in_flight: int | None
    """Objects of a flow in flight at most; as many as the trace had if not given."""

    @property
    def arrivals(self) -> bool:
        """Whether steps say when they arrive instead of how long to think: only times that the trace has can be kept."""
        return self.loop is None and self.think.rule is not ThinkRule.NONE

    def __call__(self) -> Iterator[Step]:
        """A fresh iterator over the steps."""
        for columns in self.columns():
            yield from zip(*(column.tolist() for column in columns), strict=True)

    def columns(self) -> Iterator[list[npt.NDArray[Any]]]:
        """The steps in chunks, each as six arrays in the order of a step's fields."""
        phase_ps = self.phase_ps
        first_signal = self.slot_base + self.spool.objects
        bounded = Bounded(self.cpu, self.spool.exchange.flows, self.in_flight)
        arrivals = self.arrivals
        chunks = self.spool.columns(self.cpu, think=self.think, slot_base=self.slot_base, arrivals=arrivals)
        for columns, links in chunks:
            columns[4] = renumbered(columns[4], self.onto)
            columns[0][: len(columns[0]) if arrivals else 1] += phase_ps
            phase_ps *= arrivals
            if self.loop is Loop.BOUNDED:
                yield bounded.links(columns, links, first_signal)
            elif self.loop is Loop.TRACED:
                yield in_turn(columns, links, first_signal)
            else:
                yield columns


def trace_workload(
    config: TraceWorkload,
    machine: ReplayMachine,
    spool: Spool,
    *,
    seed: int,
    replication: int,
    nodes: Sequence[int] | None = None,
) -> Workload:
    """The programs of `config.copies` copies of the spooled trace on `machine`. One spool serves any number of calls.

    `nodes`: the node of each traced CPU, where a dump tells it.
    Copy k uses slots from k times the spool's on and starts with a phase of its own (copy 0 with none). Raises
    InputError where the machine has too few CPUs, or a map of CPUs or nodes does not fit.
    """
    onto = parse_nodes(config.nodes, machine.n_nodes)
    think = Think.parse(config.think, "workload.think")
    known = parse_groups(config.cpus) if "/" in config.cpus else traced_nodes(spool.index, nodes)
    homes = place_copies(tuple(spool.cpus), config.copies, config.cpus, machine, known, onto)
    loop = None if config.arrivals == "recorded" else Loop(config.loop)
    programs: dict[int, TraceProgram] = {}
    for copy, home in enumerate(homes):
        phase = phase_ps(spool, think, seed=seed, replication=replication, copy=copy)
        for traced, cpu in home.items():
            programs[cpu] = TraceProgram(spool, traced, think, copy * spool.slots, phase, onto, loop, config.in_flight)
    split = split_warnings(spool, known, config.cpus, homes, machine)
    arrivals = any(program.arrivals for program in programs.values())
    return Workload(
        programs=dict(sorted(programs.items())),
        caches=tuple(cache.config() for cache in spool.caches),
        arrivals=arrivals,
        operations=spool.operations * config.copies,
        warnings=(
            *spool.index.warnings,
            *_cut_warnings(config),
            *_loop_warnings(config, think),
            *node_warnings(spool, config.copies, onto, machine.n_nodes),
            *split,
        ),
        recorded=Recorded(
            span_ps=known_span_ps(config, spool),
            most_live=() if config.from_dump else tuple(config.copies * most for most in spool.exchange.most_live),
            arrivals=arrivals,
        ),
    )


def known_span_ps(config: TraceWorkload, spool: Spool) -> int:
    """Picoseconds that a replay takes at least: the trace's span, as its think times are scaled."""
    return Think.parse(config.think, "workload.think").scaled(spool.span_ns)


def overlaid(caches: Sequence[CacheConfig], changes: Sequence[CacheConfig]) -> tuple[CacheConfig, ...]:
    """The trace's `caches`, changed by those of an experiment's [[cache]] tables that have their names.

    What a table says replaces what the trace has. Raises InputError for a name that is not in the trace, and another size.
    """
    by_name = {cache.name: cache for cache in caches}
    for change in changes:
        found = by_name.get(change.name)
        if found is None:
            listed = ", ".join(list(by_name)[:_SHOWN]) + (", ..." if len(by_name) > _SHOWN else "")
            raise InputError(
                f"cache {change.name}", f"not in what is replayed of the trace{nearest(change.name, by_name)}", allowed=listed
            )
        if change.size not in (None, found.size):
            raise InputError(
                f"cache {change.name}: size", f"{change.size}, the trace's has {found.size}", allowed=f"{found.size}"
            )
        said = {key: getattr(change, key) for key in change.model_fields_set - {"size"}}
        by_name[change.name] = found.model_copy(update=said)
    return tuple(by_name.values())


def _cut_warnings(config: TraceWorkload) -> tuple[str, ...]:
    """What to say where a part of the trace is replayed."""
    if config.first is None:
        return ()
    part = f"only the first {config.first:,} operations of the trace are replayed"
    return (f"{part}: its beginning may be busier or quieter than the rest",)


def _loop_warnings(config: TraceWorkload, think: Think) -> tuple[str, ...]:
    """What to say where the times that are asked for cannot be had."""
    if config.arrivals == "recorded" and think.rule is ThinkRule.NONE:
        ahead = "CPUs that allocate run ahead of those that free"
        return (f"--arrivals recorded without think times: no operation has a time to arrive at, {ahead}",)
    return ()


def phase_ps(spool: Spool, think: Think, *, seed: int, replication: int, copy: int) -> int:
    """Picoseconds by which all CPUs of copy `copy` start late: 0 for copy 0, else uniform in 1 % of the trace's length.

    The length is the trace's span as its think times are scaled; without think times it is that of its busiest CPU, at
    ASSUMED_STEP_NS a step.
    """
    if copy == 0:
        return 0
    word = next(words(stream_key(seed, replication, copy, Purpose.PHASE)))
    return below(word, latest_ps(spool, think) + 1)


def latest_ps(spool: Spool, think: Think) -> int:
    """Picoseconds by which a copy starts late at most."""
    if think.rule is ThinkRule.NONE:
        length = max(part.steps for part in spool.cpus.values()) * ASSUMED_STEP_NS * PS_PER_NS
    else:
        length = think.scaled(spool.span_ns)
    return length // PHASE_DIVISOR
