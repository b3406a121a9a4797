# SPDX-License-Identifier: GPL-2.0-only
"""SLUB with sheaves beside SLUB without, on one CPU: a batch allocated, then freed in the same order.

The figures are totals in a unit and of a number of rounds that are not told, so one of them says what a nanosecond is there, and
another what hits cost beside what differs between the two. Leaves out other orders of frees, and caches of the processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from slabdes.machine import load_machine
from slabdes.units import percent, ps_to_ns
from slabdes.validation.measures import pair_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Target, row, within

TABLE: Final = "sheaves_v6_2025"
MACHINE: Final = "uma-8"
SIZE: Final = 64
OTHER_SIZE: Final = 256
"""Bytes of an object, which are not told either: one is compared, the other shows what that matters."""
CAPACITY: Final = 32
"""A sheaf's, as the table says."""
ALLOCATORS: Final[Mapping[str, tuple[str, Mapping[str, int]]]] = {
    "no sheaves": ("6.12", {}),
    "sheaves": ("6.18", {"sheaf_capacity": CAPACITY}),
}
"""Series: the kernel that stands for it, and its cache's keys."""
COLUMNS: Final = {"no sheaves": "no_sheaves", "sheaves": "sheaves"}
CALIBRATED_BATCH: Final = 10
"""Both of its figures calibrate; the others are predicted."""
BLIND_BATCHES: Final = (1, 1000)
"""Batches of which nobody here has seen a figure."""
PAIRS: Final = 100_000
TOLERANCE: Final = (0.2, 0.5)
"""Median and worst error (as of the other tables of one CPU)."""


def hit_ns() -> float:
    """An allocation's or a free's hit, ns, beside the lock of sheaves or the private chain's update, of which it has one.

    Both take the same rest h: (h + cpu_cmpxchg) / (h + local_trylock) is measured over measured.
    """
    costs = load_machine(MACHINE).costs
    chain, sheaf = ps_to_ns(costs.cpu_cmpxchg), ps_to_ns(costs.local_trylock)
    figures = published(TABLE)
    ratio = figures.numbers("no_sheaves")[CALIBRATED_BATCH] / figures.numbers("sheaves")[CALIBRATED_BATCH]
    return (chain - ratio * sheaf) / (ratio - 1)


def _batches() -> list[int]:
    return sorted({*published(TABLE).numbers("sheaves"), *BLIND_BATCHES})


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a kernel, length of batch and size of object."""
    costs = {"alloc_bulk": hit_ns(), "free_bulk": hit_ns()}
    return {
        f"{series}/{batch}/{size}": {
            "seed": 1,
            "allocator": allocator,
            "machine": {"preset": MACHINE, "cpus": 1, "costs": costs},
            "cache": [{"name": "test", "size": size, **keys}],
            "workload": {"kind": "burst", "objects": batch, "rounds": PAIRS // batch},
        }
        for series, (allocator, keys) in ALLOCATORS.items()
        for batch in _batches()
        for size in (SIZE, OTHER_SIZE)
    }


def compare(results: Results) -> Outcome:
    """Nanoseconds a pair of an allocation and a free, by batch; those with the other size are told as notes."""
    figures = {series: published(TABLE).numbers(column) for series, column in COLUMNS.items()}
    unit = pair_ns(results[f"no sheaves/{CALIBRATED_BATCH}/{SIZE}"][0]) / figures["no sheaves"][CALIBRATED_BATCH]
    rows = []
    notes = []
    for series, measured in figures.items():
        for batch in _batches():
            ns = measured[batch] * unit if batch in measured else None
            fitted = batch == CALIBRATED_BATCH
            rows.append(row(results[f"{series}/{batch}/{SIZE}"], pair_ns, series=series, x=batch, measured=ns, fitted=fitted))
            other = row(results[f"{series}/{batch}/{OTHER_SIZE}"], pair_ns, series=series, x=batch, measured=ns)
            if other.error is not None and not fitted:
                notes.append(
                    f"{series}, batches of {batch}: {percent(other.error, 1, signed=True)} if objects have {OTHER_SIZE} bytes"
                )
    notes.append("6.18 is from reading; two predicted figures of one table prove little")
    return Outcome(
        tuple(rows), (within("batches not calibrated on", [one for one in rows if not one.fitted], *TOLERANCE),), tuple(notes)
    )


TARGET: Final = Target(
    name="sheaves",
    title="SLUB with and without sheaves on one CPU",
    source=published(TABLE).source,
    simulated=f"bursts of the same length of {SIZE}-byte objects on one CPU of uma-8; allocator 6.12, and 6.18 with sheaves of "
    f"{CAPACITY}",
    calibrated="two figures, of batches of 10: what the unit is in ns, and what a hit costs beside the lock of sheaves or the "
    "private chain's update; batches of 100 are predicted",
    fitted_on=f"two figures, of batches of {CALIBRATED_BATCH}",
    assumed=(
        f"objects of {SIZE} bytes, and a slab as 8 CPUs make it",
        "no sheaves: 6.12, as the kernel was like 6.17; sheaves: 6.18, which took that series",
        "local_trylock and cpu_cmpxchg, whose difference is what the two hits differ in",
    ),
    unit="ns a pair",
    x="objects in a batch",
    experiments=experiments,
    compare=compare,
)
