# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment's CPUs may do: a model a kind of workload, each of which documents its keys.

Leaves out their steps (`workload.synthetic`, `workload.trace`).
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, Strict, model_validator

from slabdes.config.fields import COUNTED, MAX_CPUS, FileName, Frozen, Name, Real, Truth


class ThinkKind(StrEnum):
    """How a think or hold time varies."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


class ArrivalKind(StrEnum):
    """How operations arrive: at random, every so often from a random beginning, or at random in bursts with pauses between."""

    POISSON = "poisson"
    PERIODIC = "periodic"
    ON_OFF = "on_off"


class WarmUpRule(StrEnum):
    """What of a run's begin is left out of all figures: where MSER says that the steady state begins, or nothing."""

    MSER = "mser"
    NONE = "none"


Nanoseconds = Annotated[Real, Field(ge=0, le=1e12), COUNTED]
Count = Annotated[int, Strict(), Field(ge=1, le=10**12)]
Bulk = Annotated[int, Strict(), Field(ge=0, le=10**12)]
BulkOf = Literal["both", "alloc", "free"]
Touch = Literal["none", "write"]
MOST_SECTION_LINES: Final = 64
"""That a critical section may touch (assumed)."""
SectionLines = Annotated[int, Strict(), Field(ge=0, le=MOST_SECTION_LINES)]


class BurstWorkload(Frozen):
    """Every CPU makes `objects` allocations, then as many frees in the order of allocation, `rounds` times.

    What kernel developers' slab_test does (Christoph Lameter's in-kernel benchmark of 2007), and slab_bulk_test02 with `bulk`
    (Jesper Brouer, 2015).
    """

    kind: Literal["burst"]
    objects: Count = 1000
    """Objects of each CPU."""
    rounds: Count = 1
    """How often it allocates and frees them all."""
    think_ns: Nanoseconds = 0.0
    """Before each operation, or each bulk call."""
    bulk: Bulk = 0
    """Objects of a bulk call (kmem_cache_alloc_bulk, kmem_cache_free_bulk), of one cache each; 0: a call an object.

    On SLAB a call that fails to allocate an object goes on with the next, where the kernel gives all back, as SLUB does.
    """
    bulk_of: BulkOf = "both"
    """Which side is in bulk calls; the other is a call an object."""
    prefill: Bulk = 0
    """SLUB with sheaves: an allocating bulk call takes its objects from a sheaf that is prefilled with at least so many, and then
    gives it back with the rest, as the maple tree does (kmem_cache_prefill_sheaf and what goes with it). 0: it does not."""
    barrier: Truth = False
    """Whether all CPUs finish allocating before any frees, as when slab_test is timed phase by phase."""
    own_caches: Truth = False
    """Whether each CPU uses a cache of its own, in the order of both, instead of going round all caches."""
    touch: Touch = "none"
    """What is done with an object: nothing, or it is written (its first line) after it is allocated and before it is freed, as
    slab_test does where it frees behind all allocations. Matters where the last-level cache may have lost it (working_sets)."""


class MixWorkload(Frozen):
    """Every CPU allocates and frees at random around `live` objects of its own, with think time between."""

    kind: Literal["mix"]
    operations: Count = 10_000
    """Allocations and frees of each CPU, together."""
    live: Count = 200
    """Objects that a CPU holds, give or take."""
    think_ns: Nanoseconds = 100.0
    """Before each operation, or each bulk call, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""
    bulk: Bulk = 0
    """Objects of a bulk call, of one cache each, as of a burst: as many are allocated, or freed if there are, before the next
    choice between the two. 0: a call an object."""
    bulk_of: BulkOf = "both"
    """Which side is in bulk calls; the other is a call an object, as many on end."""
    prefill: Bulk = 0
    """Objects of the sheaf from which an allocating bulk call takes its own, as of a burst."""
    touch: Touch = "none"
    """What is done with an object, as of a burst."""


_PAIR: Final = r"\d{1,4}:\d{1,4}"


class PairRule(StrEnum):
    """How CPUs are paired where they are not named: on different nodes, on one node, or at random, as far as nodes let them."""

    ACROSS = "across"
    WITHIN = "within"
    RANDOM = "random"


class ProducerConsumerWorkload(Frozen):
    """CPUs in pairs across nodes: one allocates, the other frees, with at most `window` objects in flight a pair."""

    kind: Literal["producer_consumer"]
    objects: Count = 10_000
    """Objects that each pair passes on."""
    opposite: Truth = False
    """Whether every other pair passes its objects the other way, and pairs take one cache after the other instead of all."""
    pairs: str = Field(
        "",
        pattern=rf"^({'|'.join(PairRule)}|{_PAIR}(,{_PAIR})*)?$",
        max_length=MAX_CPUS * 10,
        json_schema_extra={
            "allowed": "across, within, random, or a map such as 0:4,1:5, from CPUs that allocate to those that free"
        },
    )
    """Which CPU frees what another allocates: `across` nodes, the default, `within` nodes, or at `random`, drawn for each
    replication; or `0:4,1:5`, a producer and its consumer each, every CPU at most once: those that are not there do nothing.
    Fewer CPUs than the machine has are taken as `machine.placement` says for `within`, round the nodes for all others."""
    window: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] = 64
    """Objects in flight at most, a pair."""
    think_ns: Nanoseconds = 100.0
    """Before each operation, or each bulk call, of either side, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""
    bulk: Bulk = 0
    """Objects of a bulk call, of one cache each, as of a burst, at most `window`: its CPU waits before it until there is room, or
    until the objects are there. 0: a call an object."""
    bulk_of: BulkOf = "both"
    """Which side is in bulk calls; the other is a call an object."""
    prefill: Bulk = 0
    """Objects of the sheaf from which an allocating bulk call takes its own, as of a burst."""

    @model_validator(mode="after")
    def _each_cpu_once(self) -> ProducerConsumerWorkload:
        named = [cpu for pair in self.cpu_pairs for cpu in pair]
        if twice := [cpu for cpu, times in Counter(named).items() if times > 1]:
            raise ValueError(f"pairs: CPU {twice[0]} is there more than once; allowed: each CPU once")
        return self

    @property
    def pair_rule(self) -> PairRule | None:
        """How CPUs are paired, unless `pairs` names them."""
        return None if ":" in self.pairs else PairRule(self.pairs or PairRule.ACROSS)

    @property
    def cpu_pairs(self) -> list[tuple[int, int]]:
        """Producers and consumers by number, as `pairs` names them; none where it has a rule."""
        if self.pair_rule is not None:
            return []
        split = (pair.split(":") for pair in self.pairs.split(",") if pair)
        return [(int(producer), int(consumer)) for producer, consumer in split]


class CriticalSectionWorkload(Frozen):
    """No allocator: every CPU thinks, takes the one lock, holds it and releases it, `operations` times."""

    kind: Literal["critical_section"]
    operations: Count = 10_000
    """Times that each CPU takes the lock."""
    think_ns: Nanoseconds = 1000.0
    """Before each attempt, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""
    hold_ns: Nanoseconds = 100.0
    """For which the lock is held, the mean."""
    hold: ThinkKind = ThinkKind.EXPONENTIAL
    """How hold times vary around their mean."""
    hold_one_in: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] = 1
    """Of how many attempts one, at random, holds the lock for that time, the others for none: as kernel's locktorture does."""
    lines: SectionLines = 0
    """Cache lines of data that each hold reads and writes: they move with the lock."""


class PagesWorkload(Frozen):
    """No caches: every CPU takes `blocks` blocks of 2**order pages of its node from the page allocator, then gives them back.

    The page allocator half of the same in-kernel benchmark.
    """

    kind: Literal["pages"]
    order: Annotated[int, Strict(), Field(ge=0, le=10)] = 0
    """A block's size: 2**order pages. Order 0 (6.1, SLUB: up to 3) goes through per-CPU lists, others take the zone lock."""
    blocks: Count = 1000
    """Blocks that each CPU takes before it gives any back."""
    rounds: Count = 1
    """How often it takes and gives them all."""
    barrier: Truth = False
    """Whether all CPUs finish taking before any gives back."""


class ArrivalsWorkload(Frozen):
    """Operations are to begin at times drawn beforehand, however long those before them take: an open loop.

    A CPU takes its own in their order: one that arrives while it is not done with those before begins late. Beside the time that
    an operation takes, its response time is recorded, which counts from its arrival: what a caller waits, whom a closed
    loop (think times) keeps from calling while it waits.
    """

    kind: Literal["arrivals"]
    of: Literal["mix", "critical_section"] = "mix"
    """What arrives: allocations and frees around `live` objects, as of a mix, or holds of the one lock of a critical_section."""
    rate: Annotated[Real, Field(ge=1, le=1e12)]
    """Operations a second, all CPUs together; each has an equal part. What a sweep of loads varies."""
    operations: Count = 10_000
    """Operations of each CPU."""
    arrivals: ArrivalKind = ArrivalKind.POISSON
    """How they arrive, on each CPU for itself."""
    on_ns: Nanoseconds = 0.0
    """With on_off: a burst, the mean of an exponential."""
    off_ns: Nanoseconds = 0.0
    """With on_off: the pause after a burst, likewise; `rate` counts both."""
    live: Count = 200
    """Of a mix: objects that a CPU holds, give or take."""
    hold_ns: Nanoseconds = 100.0
    """Of a critical_section: for which the lock is held, the mean."""
    hold: ThinkKind = ThinkKind.EXPONENTIAL
    """Of a critical_section: how hold times vary around their mean."""
    lines: SectionLines = 0
    """Of a critical_section: cache lines of data that move with the lock."""

    @model_validator(mode="before")
    @classmethod
    def _never_thinks(cls, raw: Any) -> Any:
        thinks = [key for key in ("think_ns", "think") if isinstance(raw, dict) and key in raw]
        if thinks:
            raise ValueError(f"{thinks[0]} with arrivals, which do not wait for the operation before; allowed: rate alone")
        return raw

    @model_validator(mode="after")
    def _of_one_kind(self) -> ArrivalsWorkload:
        bursts = {"on_ns": self.on_ns, "off_ns": self.off_ns}
        if self.arrivals is ArrivalKind.ON_OFF and (missing := [key for key, length in bursts.items() if not length]):
            raise ValueError(f"arrivals 'on_off' without {missing[0]}; allowed: on_ns and off_ns, both more than 0")
        if self.arrivals is not ArrivalKind.ON_OFF and (given := [key for key, length in bursts.items() if length]):
            raise ValueError(f'{given[0]} with arrivals {self.arrivals.value!r}; allowed: arrivals = "on_off", or no {given[0]}')
        others = {"mix": ("hold_ns", "hold", "lines"), "critical_section": ("live",)}[self.of]
        if given := [key for key in others if getattr(self, key) != type(self).model_fields[key].default]:
            raise ValueError(f"{given[0]} with of {self.of!r}, which has none; allowed: to leave {given[0]} out")
        return self


class TraceWorkload(Frozen):
    """A real kmem trace, replayed; see `slabdes replay --help` for what each setting does."""

    kind: Literal["trace"]
    file: FileName
    """ftrace, perf script or trace-cmd report text, plain or gzip."""
    caches: tuple[Name, ...] = ()
    """Names of the caches to replay; none means all of the trace."""
    first: Count | None = None
    """Operations of these caches, in the trace's order, that are replayed: the first so many; all if not given."""
    copies: Annotated[int, Strict(), Field(ge=1, le=MAX_CPUS)] = 1
    """Copies of the traced system, side by side on further CPUs; each begins by chance within 1 % of the trace's length."""
    think: str = Field(
        default="recorded",
        pattern=r"^(recorded|none|[0-9]+(\.[0-9]+)?x)$",
        json_schema_extra={"allowed": "recorded, none, or a factor such as 0.1x"},
    )
    """Times between operations: as recorded, none, or recorded ones times a factor."""
    cpus: Name = "nodes"
    """Which CPUs play the traced ones. `nodes`: those that were on one node are on one, as far as the trace or a dump tells, and
    the others as with `compact`; `0-3/4-7`: the same where one knows better; `compact`, `spread`, `1:1`, or a map: `0:0,1:24`."""
    nodes: str = Field(
        default="",
        pattern=r"^([0-9]{1,4}:[0-9]{1,4}(,[0-9]{1,4}:[0-9]{1,4})*)?$",
        max_length=10_000,
        json_schema_extra={"allowed": "a map such as 2:0,3:1, from traced nodes to the machine's"},
    )
    """Which node stands for one that the trace asks for by number: `2:0,3:1`. Others keep their number."""
    arrivals: Literal["closed", "recorded"] = "closed"
    """When operations begin: `closed`, a think time after the one before, and as `loop` says; `recorded`, an open loop: at the
    trace's own times (scaled by `think`), or late if their CPU is not done with the one before, which response times tell."""
    loop: Literal["bounded", "traced", "open"] = "bounded"
    """With closed arrivals, what keeps CPUs that exchange objects together: as many in flight as in the trace, or its order.
    `open`: nothing does, which is `arrivals = "recorded"`, and stands as that in what a run keeps."""
    in_flight: Annotated[int, Strict(), Field(ge=1, le=1 << 40)] | None = None
    """With `bounded`: objects in flight at most, of each cache between each two CPUs; as many as in the trace if not given."""
    from_dump: FileName | None = None
    """A dump of a real 6.1 allocator: the caches begin in its (first) state. Needs allocator 4.6 or later."""

    @model_validator(mode="before")
    @classmethod
    def _open_is_arrivals(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("loop") == "open":
            return {key: value for key, value in raw.items() if key != "loop"} | {"arrivals": "recorded"}
        return raw

    @model_validator(mode="after")
    def _recorded_times_hold_nobody_back(self) -> TraceWorkload:
        given = [key for key in ("loop", "in_flight") if getattr(self, key) != type(self).model_fields[key].default]
        if self.arrivals == "recorded" and given:
            said = f"{given[0]} {getattr(self, given[0])!r} with arrivals 'recorded', which nothing holds back"
            raise ValueError(f"{said}; allowed: one of them (--arrivals, --{given[0].replace('_', '-')})")
        return self


_Closed = BurstWorkload | MixWorkload | ProducerConsumerWorkload | CriticalSectionWorkload | PagesWorkload
_Any = _Closed | ArrivalsWorkload | TraceWorkload
Workload = Annotated[_Any, Field(discriminator="kind")]
WORKLOADS: Final[dict[str, type[Frozen]]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(_Any)
}
"""The models by their kinds."""


def writes_objects(workload: Workload) -> bool:
    """Whether CPUs write an object before they free it."""
    return isinstance(workload, BurstWorkload | MixWorkload) and workload.touch == "write"


def section_lines(workload: Workload) -> int:
    """Cache lines of data that the workload's own lock guards."""
    return workload.lines if isinstance(workload, CriticalSectionWorkload | ArrivalsWorkload) else 0
