# SPDX-License-Identifier: GPL-2.0-only
"""Every key of an experiment file is told, with what it means and may be, from the models that read it."""

from __future__ import annotations

import pytest

from slabdes.config import Discipline
from slabdes.config.keys import experiment_keys, keys_below
from slabdes.errors import InputError


def test_every_key_has_a_meaning_a_type_and_a_default() -> None:
    for key in experiment_keys():
        assert key.meaning.endswith("."), key
        assert key.type, key
        assert key.default, key


def test_a_key_says_its_unit_range_and_default() -> None:
    (key,) = [key for key in keys_below("workload.think_ns") if key.workload == "mix"]
    assert (key.type, key.unit, key.default) == ("number, 0 to 1e+12", "ns", "100.0")
    (key,) = keys_below("machine.cpus")
    assert key.type == "whole number, 1 to 1,024"
    (key,) = keys_below("lock.discipline")
    assert key.type == ", ".join(f'"{name}"' for name in Discipline)


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("lock", {"lock.discipline", "lock.handoff_transfers", "lock.numa_spinlock_threshold_ns"}),
        ("cache.0.limit", {"cache.NAME.limit"}),
        ("cache.size-256.limit", {"cache.NAME.limit"}),
        ("batchcount", {"cache.NAME.batchcount"}),
        ("pages", {"workload.kind", "workload.order", "workload.blocks", "workload.rounds", "workload.barrier"}),
        ("hold", {"workload.hold"}),
        ("grace", {"rcu.grace_ms", "rcu.stagger_ms"}),
        ("Grace periods", {"rcu.grace_ms", "rcu.stagger_ms"}),
        ("spare", {"slub.empty_main"}),
        ("barn", {"cache.NAME.max_full_sheaves", "slub.empty_main", "slub.barns", "change.max_full_sheaves"}),
    ],
)
def test_keys_are_found_by_table_by_cache_by_their_last_word_by_workload_and_by_words_of_their_meaning(
    prefix: str, paths: set[str]
) -> None:
    assert {key.path for key in keys_below(prefix)} == paths


def test_a_key_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"key batchcont: there is none \(did you mean batchcount\?\)"):
        keys_below("batchcont")
