# SPDX-License-Identifier: GPL-2.0-only
"""What a lesson is: experiments drawn from a seed, and questions on what becomes of them. Leaves out the lessons themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from slabdes.engine.story import Told
from slabdes.explain.counting import Draw

ALL: Final = 10_000
"""Operations that are told of an experiment: a lesson has fewer."""
Experiment = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked, and the answer that the engine gives."""

    asks: str
    answer: str


@dataclass(frozen=True)
class Seen:
    """What became of a lesson's experiments: the operations of each as told, or a figure of each replication."""

    experiments: Sequence[Experiment]
    told: Sequence[Sequence[Told]] = ()
    figures: Sequence[float] = field(default_factory=tuple)


@dataclass(frozen=True)
class Lesson:
    """`about` is a sentence; `setting` says what an experiment is; `figure` is the measure of replications that is asked for."""

    about: str
    experiments: Callable[[Draw], list[Experiment]]
    setting: Callable[[Experiment], str]
    questions: Callable[[Seen], Iterator[Question]]
    figure: str = ""


def drawn(cpus: int, cache: Mapping[str, Any], workload: Mapping[str, Any], seed: int, **more: Any) -> Experiment:
    """An experiment of one cache on CPUs of one node, with `more` keys."""
    return {
        "name": "lesson",
        "seed": seed,
        "replications": 1,
        "machine": {"preset": "numa-2x4", "cpus": cpus, "placement": "compact"},
        "cache": [{"name": "size-256", "size": 256, **cache}],
        "workload": dict(workload),
        **more,
    }


def burst_words(experiment: Experiment) -> str:
    """What a burst does, in words."""
    cache, workload, cpus = experiment["cache"][0], experiment["workload"], experiment["machine"]["cpus"]
    who = "One CPU allocates" if cpus == 1 else f"{cpus} CPUs of one node each allocate"
    rounds = f", {workload['rounds']} times over" if workload.get("rounds", 1) > 1 else ""
    tunables = ", ".join(f"{key} {cache[key]}" for key in ("limit", "batchcount", "shared") if key in cache)
    return (
        f"{who} {workload['objects']} objects of a cache of 15 objects a slab ({tunables}; Linux {_version(experiment)}), "
        f"and free{'s' * (cpus == 1)} them in the same order{rounds}. Nothing was there before."
    )


def _version(experiment: Experiment) -> str:
    return str(experiment.get("allocator", "2.6.34"))
