# SPDX-License-Identifier: GPL-2.0-only
"""The 6.1 paths on two real cores, at one cache or at one each: 256-byte objects, several tunables and bursts, with think time.

One-thread rows calibrate; two-thread rows are predictions. Leaves out what else the machine under the measurement ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from slabdes.engine.records import LockKind, Records
from slabdes.units import percent
from slabdes.validation.measures import elapsed_per_object_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Outcome, Row, Target, ratios_within, row

DATA: Final = "contention_two_cpus_256"
MACHINE: Final = "xeon-vm-2cpu"
SIZE: Final = 256
OBJECTS_IN_ALL: Final = 100_000
"""Objects that each CPU allocates and frees, about."""
TOLERANCE: Final = (0.3, 2.0)
"""Median error, and the factor that every figure must be within (stated before anything was fitted)."""
HARD_TOLERANCE: Final = (0.2, 1.6)
"""The same at one cache without think time, where all that CPUs do is meet (stated before anything was changed)."""
ALONE: Final = "one thread"
SAME: Final = "same"
APART: Final = "two threads with a cache each"
SEPARATE: Final = "separate"
SHORT_BURST: Final = 100
PRODCONS: Final = "prodcons"
REPLICATIONS: Final = 2


@dataclass(frozen=True, order=True)
class Case:
    """One measured combination; `think` in the measurement's own units."""

    threads: int
    mode: str
    limit: int
    batchcount: int
    shared: int
    burst: int
    think: int

    @property
    def name(self) -> str:
        """As rows of the comparison are called."""
        think = f", think {self.think}" if self.think else ""
        return f"{self.limit}/{self.batchcount}/{self.shared}, burst {self.burst}{think}"

    def alone(self, think: int) -> Case:
        """The same on one thread."""
        return Case(1, SAME, self.limit, self.batchcount, self.shared, self.burst, think)


def measured_ns() -> Mapping[Case, float]:
    """Time of a pair of allocation and free, the mean of both runs, ns."""
    found = defaultdict(list)
    for fields in published(DATA).rows:
        found[case_of(fields)].append(float(fields["ns_per_pair"]))
    return {case: fmean(values) for case, values in found.items()}


def case_of(fields: Mapping[str, str]) -> Case:
    """The combination that a row of the table is of."""
    numbers = (int(fields[name]) for name in ("limit", "batchcount", "shared", "burst", "think"))
    return Case(int(fields["threads"]), fields["mode"], *numbers)


def think_ns(case: Case, measured: Mapping[Case, float]) -> float:
    """Think time before each operation: half of what it adds to a pair on one thread."""
    if not case.think:
        return 0.0
    return max(0.0, (measured[case.alone(case.think)] - measured[case.alone(0)]) / 2)


def experiment(case: Case, think: float, size: int = SIZE) -> dict[str, Any]:
    """A combination, with objects of `size` bytes and a think time in ns."""
    workload: dict[str, Any] = {"kind": "burst", "objects": case.burst, "rounds": OBJECTS_IN_ALL // case.burst, "think_ns": think}
    if case.mode == PRODCONS:
        workload = {"kind": "producer_consumer", "objects": OBJECTS_IN_ALL, "window": case.burst, "think_ns": 0.0}
    caches = 1
    if case.mode == SEPARATE:
        caches = case.threads
        workload["own_caches"] = True
    tunables = {"limit": case.limit, "batchcount": case.batchcount, "shared": case.shared, "frees_look_up": False}
    return {
        "seed": 1,
        "replications": REPLICATIONS,
        "allocator": "6.1",
        "machine": {"preset": MACHINE, "cpus": case.threads},
        "lock": {"discipline": "tas"},
        "cache": [{"name": f"c{number}", "size": size, **tunables} for number in range(caches)],
        "workload": workload,
    }


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """One a measured combination."""
    measured = measured_ns()
    return {key_of(case): experiment(case, think_ns(case, measured)) for case in measured}


def has_set_the_share(case: Case) -> bool:
    """Whether copy_line_share was fitted to this combination (tables/copy-lines.toml)."""
    return case.threads == 2 and case.mode == SAME and not case.think and case.burst > SHORT_BURST


def is_calibrated_on(case: Case) -> bool:
    """Whether a cost was fitted to this combination."""
    return case.threads == 1 or has_set_the_share(case)


def key_of(case: Case) -> str:
    """The name of a combination's experiment."""
    return f"{case.threads} {case.mode} {case.name}"


def compare(results: Results) -> Outcome:
    """Times of a pair; x numbers the combinations of a series in order."""
    measured = measured_ns()
    rows: list[Row] = []
    by_series: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(measured):
        by_series[_series(case)].append(case)
    for series, cases in by_series.items():
        rows += [
            row(
                results[key_of(case)],
                elapsed_per_object_ns,
                series=series,
                x=x,
                measured=measured[case],
                fitted=is_calibrated_on(case),
                label=case.name,
            )
            for x, case in enumerate(cases)
        ]
    two = [one for one in rows if one.series != ALONE]
    hard = [one for one in two if "think" not in one.label]
    apart = [one for one in hard if one.series == APART]
    at_one = [one for one in hard if one.series != APART]
    checks = (
        ratios_within("at one cache without think time, predicted", [one for one in at_one if not one.fitted], *HARD_TOLERANCE),
        ratios_within("with those that a number was fitted on", at_one, *HARD_TOLERANCE),
        ratios_within("without think time at a cache each", apart, *TOLERANCE),
        ratios_within("two CPUs, think times and all", two, *TOLERANCE),
    )
    shares = sorted(contended_share().items())
    notes = (
        "the two runs of the measurement differ by up to 4x themselves",
        "lines of pointers, races for a free lock and cold descriptors were settled after rows of two threads had been seen",
        *(
            f"list_lock contended, {_series(case)}, {case.name}: {percent(share)} measured, "
            f"{percent(_contended(results[key_of(case)]), 0)} simulated"
            for case, share in shares
        ),
    )
    return Outcome(tuple(rows), checks, notes)


def contended_share() -> Mapping[Case, float]:
    """Share of list_lock's acquisitions that had to wait, both runs together, of two threads at one cache without think time."""
    found: dict[Case, list[tuple[int, int]]] = defaultdict(list)
    for fields in published(DATA).rows:
        case = case_of(fields)
        if case.threads == 2 and case.mode != SEPARATE and not case.think:
            taken = sum(int(fields[name]) for name in ("refills", "grows", "flushes"))
            waited = sum(int(fields[f"{name}_contended"]) for name in ("refills", "grows", "flushes"))
            found[case].append((waited, taken))
    return {case: sum(waited for waited, _ in counts) / sum(taken for _, taken in counts) for case, counts in found.items()}


def _contended(replications: Sequence[Records]) -> float:
    locks = [lock for records in replications for lock in records.locks if lock.kind is LockKind.LIST]
    return sum(lock.contended for lock in locks) / sum(lock.acquisitions for lock in locks)


def _series(case: Case) -> str:
    if case.mode == PRODCONS:
        return "producer and consumer"
    if case.mode == SEPARATE:
        return APART
    return ALONE if case.threads == 1 else "two threads on one cache"


TARGET: Final = Target(
    name="two_cpus",
    title="Two real cores at one cache, and at one each (6.1's paths)",
    source=published(DATA).source,
    simulated="bursts of the same length and tunables on one and both CPUs of xeon-vm-2cpu, allocator 6.1, lock tas; ns a pair",
    calibrated="two factors (hits; all other local work) on the rows of one thread without think time, copy_line_share on six of "
    "two threads on one cache; everything else with two threads is predicted",
    fitted_on="two factors on one-thread rows, one share on six of two threads",
    assumed=(
        "line transfer between the cores as on another Xeon of its age",
        "think times from the one-thread rows",
        "the producer is at most a burst ahead of the consumer",
        "objects are not touched; frees read no descriptor, as the port has neither nodes nor memcg",
        "objects pass through a ring whose ends read each other's index",
    ),
    unit="ns a pair",
    x="combination",
    experiments=experiments,
    compare=compare,
)
