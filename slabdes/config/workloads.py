# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment's CPUs may do: a model a kind of workload, each of which documents its keys.

Leaves out their steps (`workload.synthetic`, `workload.trace`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, Strict

from slabdes.config.fields import COUNTED, MAX_CPUS, FileName, Frozen, Name, Real, Truth


class ThinkKind(StrEnum):
    """How a think or hold time varies."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


Nanoseconds = Annotated[Real, Field(ge=0, le=1e12), COUNTED]
Count = Annotated[int, Strict(), Field(ge=1, le=10**12)]
Bulk = Annotated[int, Strict(), Field(ge=0, le=10**12)]
BulkOf = Literal["both", "alloc", "free"]


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

    A call that fails to allocate an object goes on with the next, where the kernel gives all back.
    """
    bulk_of: BulkOf = "both"
    """Which side is in bulk calls; the other is a call an object."""
    barrier: Truth = False
    """Whether all CPUs finish allocating before any frees, as when slab_test is timed phase by phase."""
    own_caches: Truth = False
    """Whether each CPU uses a cache of its own, in the order of both, instead of going round all caches."""


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


class ProducerConsumerWorkload(Frozen):
    """CPUs in pairs across nodes: one allocates, the other frees, with at most `window` objects in flight a pair."""

    kind: Literal["producer_consumer"]
    objects: Count = 10_000
    """Objects that each pair passes on."""
    opposite: Truth = False
    """Whether every other pair passes its objects the other way, and pairs take one cache after the other instead of all."""
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


class PagesWorkload(Frozen):
    """No caches: every CPU takes `blocks` blocks of 2**order pages of its node from the page allocator, then gives them back.

    The page allocator half of the same in-kernel benchmark.
    """

    kind: Literal["pages"]
    order: Annotated[int, Strict(), Field(ge=0, le=10)] = 0
    """A block's size: 2**order pages. Order 0 goes through per-CPU lists, the others take the zone lock."""
    blocks: Count = 1000
    """Blocks that each CPU takes before it gives any back."""
    rounds: Count = 1
    """How often it takes and gives them all."""
    barrier: Truth = False
    """Whether all CPUs finish taking before any gives back."""


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
    loop: Literal["bounded", "traced", "open"] = "bounded"
    """What keeps CPUs that exchange objects together: as many in flight as in the trace, its order, or nothing but its times."""
    in_flight: Annotated[int, Strict(), Field(ge=1, le=1 << 40)] | None = None
    """With `bounded`: objects in flight at most, of each cache between each two CPUs; as many as in the trace if not given."""
    from_dump: FileName | None = None
    """A dump of a real 6.1 allocator: the caches begin in its (first) state. Needs allocator 4.6 or later."""


_Any = BurstWorkload | MixWorkload | ProducerConsumerWorkload | CriticalSectionWorkload | PagesWorkload | TraceWorkload
Workload = Annotated[_Any, Field(discriminator="kind")]
WORKLOADS: Final[dict[str, type[Frozen]]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(_Any)
}
"""The models by their kinds."""
