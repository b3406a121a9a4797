# SPDX-License-Identifier: GPL-2.0-only
"""What users ask: which of two configurations is better, and by how much. Pairs of rows of other targets, measured and simulated.

A wrong direction counts beyond noise only: both runs of the measurement agree on one, by more than EVEN, and the simulation says
the other, by more than EVEN. Where the simulation says neither, the difference is counted as one that it has none of. Leaves
out single figures, which the other targets have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any, Final

from slabdes.engine.records import Records
from slabdes.units import percent
from slabdes.validation.measures import MEASURES, elapsed_per_object_ns, section_ns
from slabdes.validation.published import published
from slabdes.validation.simulate import Results
from slabdes.validation.target import Check, Outcome, Row, Target, absolute_errors, row, within
from slabdes.validation.targets import list_lock, queue_lock, ticket, two_cpus
from slabdes.validation.targets.two_cpus import Case

TOLERANCE: Final = (0.15, 0.4)
"""Median and worst error of a factor (stated before anything was changed)."""
EVEN: Final = 0.05
"""A factor nearer to 1 is no direction (assumed: two runs of one thread at one cache differ by more)."""
LARGE, SMALL, NO_SHARED, SHARED = (120, 60, 8), (12, 6, 2), (120, 60, 0), (120, 60, 8)
TICKET_CPUS: Final = (8, 16, 24, 32, 40, 48)
OF_TWO: Final = "two cores, no think time"
OF_THINKING: Final = "two cores, think times"
OF_LOCKS: Final = "spinlocks"
OF_STAGES: Final = "2016 stages"


@dataclass(frozen=True)
class Pair:
    """Two rows of the two-core table, by what is asked of them."""

    question: str
    one: Case
    other: Case

    @property
    def name(self) -> str:
        """As its row is called."""
        think = f", think {self.one.think}" if self.one.think else ""
        producers = ", producer and consumer" if self.one.mode == two_cpus.PRODCONS else ""
        tunables = f" {self.one.limit}/{self.one.batchcount}/{self.one.shared}" if self.one.limit == self.other.limit else ""
        return f"{self.question}{tunables}, burst {self.one.burst}{think}{producers}"


def pairs() -> list[Pair]:
    """Every pair of the two-core rows that differs in one thing users ask about."""
    cases = set(two_cpus.measured_ns())

    def pair(question: str, one: Case, **other: Any) -> Iterator[Pair]:
        if (twin := replace(one, **other)) in cases and twin != one:
            yield Pair(question, one, twin)

    found: list[Pair] = []
    for case in sorted(cases):
        tunables = (case.limit, case.batchcount, case.shared)
        if case.threads == 2 and case.mode != two_cpus.SEPARATE:
            if tunables == LARGE:
                found += pair("limit 120 to 12", case, limit=SMALL[0], batchcount=SMALL[1], shared=SMALL[2])
            if tunables == SHARED:
                found += pair("shared 8 to 0", case, shared=NO_SHARED[2])
        if case.threads == 2 and case.mode == two_cpus.SAME:
            found += pair("one cache to one each,", case, mode=two_cpus.SEPARATE)
            found += pair("two together to one alone,", case, threads=1)
    return found


def _runs() -> list[Mapping[Case, float]]:
    """Each run of the two-core table for itself."""
    runs: dict[str, dict[Case, float]] = {}
    for fields in published(two_cpus.DATA).rows:
        runs.setdefault(fields["run"], {})[two_cpus.case_of(fields)] = float(fields["ns_per_pair"])
    return list(runs.values())


def experiments() -> Mapping[str, Mapping[str, Any]]:
    """Those of the other targets, which are simulated once for both."""
    tickets = {key: raw for key, raw in ticket.experiments().items() if key in _ticket_keys()}
    stages = {key: raw for key, raw in list_lock.experiments().items() if not key.startswith("full/")}
    return {**two_cpus.experiments(), **queue_lock.experiments(), **tickets, **stages}


def _ticket_keys() -> list[str]:
    return [f"{name}/{cpus}" for name in ticket.FRACTIONS for cpus in TICKET_CPUS]


def compare(results: Results) -> Outcome:
    """Factors of time, of the second configuration to the first; rows with think times apart, as they hardly differ from 1."""
    rows = [*_of_two(results), *_of_locks(results), *_of_stages(results)]
    measured = [one for one in rows if not one.blind]
    thinking = [one for one in measured if one.series == OF_THINKING]
    fitted = [one for one in measured if one.fitted]
    asked = [one for one in measured if one.series != OF_THINKING and not one.fitted]
    two = [one for one in asked if one.series == OF_TWO]
    wrong = [one for one in measured if is_wrong(one)]
    unseen = [one for one in measured if is_unseen(one)]
    checks = (
        within(
            "factors between configurations, no think time, beyond the runs' own noise",
            [beyond_noise(one) for one in asked],
            *TOLERANCE,
        ),
        within("of these, two cores", [beyond_noise(one) for one in two], *TOLERANCE),
        Check("directions", f"none wrong beyond noise and {percent(EVEN)} either side of 1", _named(wrong), not wrong),
    )
    told = (
        f"ratios: {_off(asked)} of {len(asked)}, two cores {_off(two)} of {len(two)}; {len(wrong)} wrong directions, "
        f"{len(unseen)} differences simulated as none; with think times {_off(thinking)} of {len(thinking)}"
    )
    notes = (
        told,
        f"pairs of rows that costs were calibrated on, both: {_off(fitted)} of {len(fitted)}; the tolerances are without them",
        *(f"{kind}, two cores, no think time: {_off(of_it)} of {len(of_it)}" for kind, of_it in _by_question(two)),
        *(f"measured {one.measured:.2f}, simulated {one.simulated:.2f}, no difference: {one.label}" for one in unseen),
        "a factor is the time of the second over that of the first; two cores: of the means of both runs",
        "rows without a measured figure are the 2016 stages, of which nobody here has seen any",
    )
    return Outcome(tuple(rows), checks, notes, told)


def beyond_noise(one: Row) -> Row:
    """The same with as much of its error as the runs of the measurement do not differ by themselves."""
    error = one.error or 0.0
    beyond = max(0.0, abs(error) - one.noise)
    assert one.measured is not None
    return replace(one, simulated=one.measured * (1 + (beyond if error > 0 else -beyond)))


def _off(rows: list[Row]) -> str:
    errors = absolute_errors(rows)
    return f"{percent(median(errors))} off at the median and {percent(max(errors))} at worst"


def _named(wrong: list[Row]) -> str:
    return f"{len(wrong)}" + "".join(f"; {one.label}: {one.simulated:.2f} for {one.measured:.2f}" for one in wrong)


def direction(one: Row) -> int:
    """1 or -1 where the measurement says more or less than even, whichever of its runs one takes; otherwise 0."""
    assert one.measured is not None
    return (one.measured * (1 - one.noise) > 1 + EVEN) - (one.measured * (1 + one.noise) < 1 - EVEN)


def is_wrong(one: Row) -> bool:
    """Whether the simulation says the other direction than the measurement."""
    return direction(one) * (one.simulated - 1) < -EVEN


def is_unseen(one: Row) -> bool:
    """Whether the measurement says a direction, and the simulation none."""
    return direction(one) != 0 and abs(one.simulated - 1) <= EVEN


def _by_question(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of two cores by what is asked of them."""
    for question in dict.fromkeys(pair.question for pair in pairs()):
        if of_it := [one for one in rows if one.label.startswith(question)]:
            yield question.rstrip(","), of_it


def _of_two(results: Results) -> Iterator[Row]:
    runs = _runs()
    means = two_cpus.measured_ns()
    for x, pair in enumerate(pairs()):
        measured = means[pair.other] / means[pair.one]
        each = [run[pair.other] / run[pair.one] for run in runs if pair.one in run and pair.other in run]
        one, other = (results[two_cpus.key_of(case)] for case in (pair.one, pair.other))
        yield replace(
            _factor(one, other, elapsed_per_object_ns),
            series=OF_THINKING if pair.one.think else OF_TWO,
            x=x,
            measured=measured,
            label=pair.name,
            fitted=two_cpus.is_calibrated_on(pair.one) and two_cpus.is_calibrated_on(pair.other),
            noise=max(abs(factor / measured - 1) for factor in each),
        )


def _factor(one: tuple[Records, ...], other: tuple[Records, ...], measure: Any) -> Row:
    """A measure of the second configuration over that of the first, with how far replications are apart."""
    first, second = (row(records, measure, series="", x=0) for records in (one, other))
    return replace(second, simulated=second.simulated / first.simulated, spread=first.spread + second.spread)


def _of_locks(results: Results) -> Iterator[Row]:
    """From one thread count to the next."""
    x = 0
    for benchmark in queue_lock.BENCHMARKS:
        rates = published(queue_lock.DATA).numbers(benchmark.column)
        counts = list(rates)
        took = {
            threads: queue_lock.per_section_ns(benchmark, threads, results[f"{benchmark.name}/{threads}"][0])
            for threads in counts
        }
        for few, many in pairwise(counts):
            label = f"{benchmark.name}, {few} to {many} threads"
            yield Row(OF_LOCKS, x, took[many] / took[few], rates[few] / rates[many], label=label)
            x += 1
    for name in ticket.FRACTIONS:
        speedups = published(ticket.DATA).numbers(f"t{name}")
        for few, many in pairwise(TICKET_CPUS):
            if few in speedups and many in speedups:
                factor = section_ns(results[f"{name}/{many}"][0]) / section_ns(results[f"{name}/{few}"][0])
                label = f"ticket, {name} % serial, {few} to {many} CPUs"
                yield Row(OF_LOCKS, x, factor, speedups[few] / speedups[many], label=label)
                x += 1


def _of_stages(results: Results) -> Iterator[Row]:
    """Each stage against what was before the series, by size: nobody here has seen them measured."""
    x = 0
    for stage in list_lock.STAGES:
        for operation in list_lock.OPERATIONS if stage != list_lock.BEFORE else ():
            for size in list_lock.SIZES:
                one, other = results[f"{list_lock.BEFORE}/{size}"], results[f"{stage}/{size}"]
                label = f"{operation}, before to {stage}, {size} bytes"
                yield replace(_factor(one, other, MEASURES[operation]), series=OF_STAGES, x=x, label=label)
                x += 1


TARGET: Final = Target(
    name="ratios",
    title="Which configuration is better, and by how much",
    source=" / ".join(published(name).source.partition(". ")[0] for name in (two_cpus.DATA, queue_lock.DATA, ticket.DATA)),
    simulated="the experiments of two_cpus, queue_lock, ticket and list_lock: the time of one configuration over that of another",
    calibrated="nothing beside what those targets were calibrated on",
    fitted_on="nothing of its own; pairs of two rows that costs were calibrated on are left out",
    assumed=("what those targets assume",),
    unit="factor of time",
    x="pair of configurations",
    experiments=experiments,
    compare=compare,
)
