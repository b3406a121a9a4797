# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's recordings can fail: one rule of its model is changed at a time, and a recording notices each change.

The table is `slub_mutations.toml`: `caught_by` is a log of operations or of geometry whose first differing line gives the
mutation away. What no recording can tell is not in it, such as the edge of a search's skipping.
"""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from tests.allocator.mutating import loaded_afresh

RECORDINGS = Path(__file__).parents[2]
MUTATIONS = tomllib.loads(Path(__file__).with_name("slub_mutations.toml").read_text(encoding="utf-8"))["mutation"]


def fault_of(recording: str) -> str | None:
    """The first line in which the loaded model differs from a recording."""
    path = RECORDINGS / recording
    if path.parent.name == "geometry":
        verdict = importlib.import_module("slabdes.conformance.slub_log.geometry").compare_slub_geometry(path)
    else:
        verdict = importlib.import_module("slabdes.conformance.slub_log.compare").compare_slub_log(path)
    return None if verdict.holds else str(verdict.difference)


def test_the_table_has_enough_rules_each_once() -> None:
    assert len({entry["rule"] for entry in MUTATIONS}) == len(MUTATIONS) >= 60


@pytest.mark.parametrize("recording", sorted({entry["caught_by"] for entry in MUTATIONS}))
def test_the_model_as_it_is_differs_in_nothing(recording: str) -> None:
    with loaded_afresh():
        assert fault_of(recording) is None


@pytest.mark.parametrize("entry", MUTATIONS, ids=lambda entry: entry["rule"])
def test_a_broken_rule_is_noticed(entry: dict[str, str]) -> None:
    with loaded_afresh(entry["module"], entry["old"], entry["new"]):
        assert fault_of(entry["caught_by"]) is not None
