"""Refills to grows, as counted on a large ia64 machine under hackbench: how far the ratio depends on what is not known.

The trace's live objects are not published, so that the ratio is simulated over a range of them. Leaves out its 16 KiB pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.engine.records import Records
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Target, row

MACHINE: Final = "opteron-8n"
CPUS: Final = 16
LIVE: Final = (100, 200, 400, 800, 1600)
"""Objects that each CPU holds of all caches together (assumed)."""
SIZES: Final = (64, 256, 512, 1024)
"""Object sizes of network buffers and what goes with them (assumed)."""
OPERATIONS: Final = 20_000


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a number of live objects."""
    return {
        str(live): {
            "seed": 1,
            "replications": 2,
            "allocator": "2.6.34",
            "machine": {"preset": MACHINE, "cpus": CPUS, "placement": "spread"},
            "lock": {"discipline": "ticket"},
            "cache": [{"name": f"size-{size}", "size": size, "flags": ["HWCACHE_ALIGN"]} for size in SIZES],
            "workload": {"kind": "mix", "operations": OPERATIONS, "live": live},
        }
        for live in LIVE
    }


def refills_per_grow(records: Records) -> float:
    """Refills of all caches over slabs grown."""
    return sum(cache.refills for cache in records.caches) / sum(cache.grown for cache in records.caches)


def compare(results: Results) -> Outcome:
    """The ratio, by live objects."""
    (fields,) = published("hackbench_ia64_local_memory").rows
    measured = int(fields["refills"]) / int(fields["grows"])
    rows = [row(results[str(live)], refills_per_grow, series="refills to grows", x=live, measured=measured) for live in LIVE]
    return Outcome(tuple(rows), (), ("no tolerance was stated: the workload is not known well enough to predict one figure",))


TARGET: Final = Target(
    name="refills",
    title="Refills to grows on a NUMA machine",
    source=published("hackbench_ia64_local_memory").source,
    simulated=f"mix on {CPUS} CPUs over the 8 nodes of opteron-8n, allocator 2.6.34, by live objects of a CPU",
    calibrated="nothing",
    assumed=("the workload: a random mix on four caches, for hackbench", "4 KiB pages, where ia64 had 16 KiB"),
    unit="refills a grow",
    x="live objects of a CPU",
    experiments=experiments,
    compare=compare,
)
