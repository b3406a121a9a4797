# SPDX-License-Identifier: GPL-2.0-only
"""Compares equal configurations with streams of their own, as `compare --decide` does, and tells how often they are told apart.

    python tests/campaigns/false_alarms.py --repetitions 400 --measure alloc.mean --most 20
    python tests/campaigns/false_alarms.py --measure alloc.mean,alloc.p99,free.mean    several, each to be decided
    python tests/campaigns/false_alarms.py --first 37 --repetitions 1        one repetition again

A repetition sets a seed against another one: no random numbers are common, and nothing else differs. It errs where a measure is
decided to be higher or lower; and, of all measures together, where any of them is told to differ, after Holm's correction. Exits
with 1 if more repetitions err than one in a hundred campaigns would where 5 % do. Leaves out differences that there are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from slabdes.config import parse_experiment
from slabdes.measures.compare import compare_points, different
from slabdes.measures.names import measure_of
from slabdes.results.frames import Frames
from slabdes.stats.deciding import Looks, Outcome
from slabdes.study.decide import outcomes_of
from slabdes.study.run import run_study

AT_ONCE: Final = 20
"""Repetitions that are simulated before they are looked at."""
RARE: Final = 0.01
ERROR: Final = 0.05
"""What is promised, of all looks and of all measures."""
QUICK: Final[dict[str, Any]] = {
    "machine": {"preset": "numa-2x4", "cpus": 2, "placement": "spread"},
    "cache": [{"name": "size-256", "size": 256}],
    "workload": {"kind": "mix", "operations": 250, "live": 20, "think_ns": 50},
    "engine": "compiled",
}
"""A few milliseconds a replication."""


def repetitions(
    numbers: list[int], measures: Sequence[str], looks: Looks
) -> Iterator[tuple[int, dict[str, Outcome], int, list[str]]]:
    """Of each repetition: what its two seeds come to, after how many replications, and the measures told to differ then."""
    seeds = [seed for number in numbers for seed in (2 * number, 2 * number + 1)]
    raw = QUICK | {"replications": looks.most, "sweep": {"seed": seeds}}
    frames = run_study(parse_experiment(raw, "quick")).frames
    for place, number in enumerate(numbers):
        for n in looks.replications:
            pair = compare_points(begin(frames, (2 * place, 2 * place + 1), n), (2 * place, 2 * place + 1), looks.level)
            outcomes = outcomes_of([row for row in pair.rows if row.measure in measures], looks)
            decided = len(outcomes) == len(measures) and Outcome.OPEN not in outcomes.values()
            if decided or n == looks.most:
                yield number, outcomes, n, [one.measure for one in different(pair.rows)]
                break


def begin(frames: Frames, points: Sequence[int], n: int) -> Frames:
    """The first `n` replications of these points."""
    some = frames.of_points(points)
    tidy = {name: frame.filter(pl.col("replication") < n) for name, frame in some.items() if name != "points"}
    return Frames(points=some.points.with_columns(pl.lit(n, pl.Int64).alias("replications")), **tidy)


def most_expected(repetitions: int, error: float = ERROR) -> int:
    """How many repetitions may err by chance: more do so in less than RARE of campaigns, where `error` of repetitions do."""
    from scipy.stats import binom

    return int(binom.ppf(1 - RARE, repetitions, error))


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign and tell its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--first", type=int, default=1, help="number of the first repetition, which its seeds follow from")
    parser.add_argument("--measure", default="alloc.mean", help="one, or several with commas")
    parser.add_argument("--most", type=int, default=20, help="replications of each side at most")
    asked = parser.parse_args(arguments)
    looks = Looks(asked.most)
    measures = [measure_of(name, "--measure") for name in asked.measure.split(",")]
    replications = wrong = any_differs = done = 0
    numbers = list(range(asked.first, asked.first + asked.repetitions))
    for some in (numbers[at : at + AT_ONCE] for at in range(0, len(numbers), AT_ONCE)):
        for number, outcomes, took, differing in repetitions(some, measures, looks):
            errs = [measure for measure, outcome in outcomes.items() if outcome in (Outcome.HIGHER, Outcome.LOWER)]
            replications += took
            wrong += bool(errs)
            any_differs += bool(differing)
            if errs or differing:
                said = (", ".join(names) or "nothing" for names in (errs, differing))
                print("repetition {}: decided: {}; differs: {}".format(number, *said), flush=True)
        done += len(some)
        print(f"{done} of {asked.repetitions} repetitions", file=sys.stderr, flush=True)
    n, limit = asked.repetitions, most_expected(asked.repetitions)
    print(f"{asked.measure}: {wrong} of {n} called different ({100 * wrong / n:.1f} %)")
    print(f"any measure, Holm: {any_differs} of {n} ({100 * any_differs / n:.1f} %); {replications / n:.1f} replications a side")
    print(f"at most {limit} of {n} are chance where {100 * ERROR:g} % err")
    return int(max(wrong, any_differs) > limit)


if __name__ == "__main__":
    sys.exit(main())
