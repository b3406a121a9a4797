# SPDX-License-Identifier: GPL-2.0-only
"""Files to begin with run as they are, say every key, and every line of theirs may be taken out of its comment."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.config.allocators import LAYOUT, SLUB_KEYS
from slabdes.config.keys import experiment_keys
from slabdes.config.starts import new_experiment
from slabdes.config.workloads import WORKLOADS
from slabdes.errors import InputError, SlabdesError
from slabdes.study.trace_info import guess_kernel

TRACE = Path(__file__).parents[1] / "kernel61/traces/1cpu_local_fork1/trace.txt.gz"


def lines_of(kind: str) -> list[str]:
    return new_experiment(kind).splitlines()


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_new_file_is_an_experiment_of_its_kind(kind: str) -> None:
    experiment = parse_experiment(tomllib.loads(new_experiment(kind)), "new")
    assert experiment.workload.kind == kind
    assert experiment.replications > 1


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_new_file_has_every_key(kind: str) -> None:
    names = {line.removeprefix("# ").partition(" = ")[0] for line in lines_of(kind)}
    wanted = {key.path.rpartition(".")[2] for key in experiment_keys() if key.workload in ("", kind)} - {"sweep", "zip", "quick"}
    assert wanted <= names


def is_key(line: str, keys: set[str]) -> bool:
    name, is_given, _value = line.partition(" = ")
    return bool(is_given) and (name in keys or name.startswith('"'))


def uncommented(kind: str) -> dict[str, Any]:
    """The file with every key out of its comment, the tables too."""
    keys = {key.path.rpartition(".")[2] for key in experiment_keys()}
    opened = [
        line[2:] if line.startswith("# [") or (line.startswith("# ") and is_key(line[2:], keys)) else line
        for line in lines_of(kind)
    ]
    return tomllib.loads("\n".join(opened))


@pytest.mark.parametrize("kind", WORKLOADS)
def test_what_stands_in_comments_is_allowed(kind: str) -> None:
    raw = uncommented(kind)
    del raw["machine"]["file"]  # either a preset or a file
    del raw["slub"], raw["change"]  # another allocator's switches and sheaves
    del raw["start"]  # a cache either has a size or is a dump's
    for key in (*LAYOUT, *dict.fromkeys(key for keys in SLUB_KEYS.values() for key in keys)):
        del raw["cache"][0][key]  # keys of another allocator's caches
    if kind == "trace":
        # What a trace does not take: it is placed by its workload, and begins with its dump's own caches.
        del raw["machine"]["cpus"], raw["cache"]
    raw["switches"] = []
    assert parse_experiment(raw, "opened").workload.kind == kind


def test_a_replays_file_begins_with_the_allocator_that_replay_takes_of_a_trace_of_today() -> None:
    assert parse_experiment(tomllib.loads(new_experiment("trace")), "new").allocator == guess_kernel(TRACE).allocator
    assert parse_experiment(tomllib.loads(new_experiment("burst")), "new").allocator == "2.6.34"


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"kind mixx: there is none \(did you mean mix\?\); allowed: burst, mix"):
        new_experiment("mixx")
    with pytest.raises(SlabdesError):
        new_experiment("")
