# SPDX-License-Identifier: GPL-2.0-only
"""Refills to grows, as counted on a large ia64 machine under hackbench: how far the ratio depends on what is not known.

Senders allocate what receivers on other nodes free, as hackbench's do; how many objects are in flight is not published, so that
the ratio is simulated over a range. Leaves out its 16 KiB pages.
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
WINDOWS: Final = (64, 256, 1024, 4096, 16384)
"""Objects in flight between a pair of CPUs at most, of all caches together (assumed)."""
SIZES: Final = (64, 256, 512, 1024)
"""Object sizes of network buffers and what goes with them (assumed)."""
OBJECTS: Final = 60_000


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a number of objects in flight."""
    return {
        str(window): {
            "seed": 1,
            "replications": 2,
            "warm_up": "none",
            "allocator": "2.6.34",
            "machine": {"preset": MACHINE, "cpus": CPUS, "placement": "spread"},
            "lock": {"discipline": "ticket"},
            "cache": [{"name": f"size-{size}", "size": size, "flags": ["HWCACHE_ALIGN"]} for size in SIZES],
            "workload": {"kind": "producer_consumer", "objects": OBJECTS, "window": window},
        }
        for window in WINDOWS
    }


def refills_per_grow(records: Records) -> float:
    """Refills of all caches over slabs grown."""
    return sum(cache.refills for cache in records.caches) / sum(cache.grown for cache in records.caches)


def compare(results: Results) -> Outcome:
    """The ratio, by objects in flight."""
    (fields,) = published("hackbench_ia64_local_memory").rows
    measured = int(fields["refills"]) / int(fields["grows"])
    rows = [
        row(results[str(window)], refills_per_grow, series="refills to grows", x=window, measured=measured) for window in WINDOWS
    ]
    return Outcome(tuple(rows), (), ("no tolerance was stated: the workload is not known well enough to predict one figure",))


TARGET: Final = Target(
    name="refills",
    title="Refills to grows on a NUMA machine",
    source=published("hackbench_ia64_local_memory").source,
    simulated=f"producer_consumer on {CPUS} CPUs over the 8 nodes of opteron-8n, allocator 2.6.34, by objects in flight",
    calibrated="nothing",
    fitted_on="nothing",
    assumed=(
        "the workload, its begin included: pairs of CPUs across nodes that pass objects of four caches on, for hackbench",
        "4 KiB pages, where ia64 had 16 KiB",
    ),
    unit="refills a grow",
    x="objects in flight of a pair, at most",
    experiments=experiments,
    compare=compare,
)
