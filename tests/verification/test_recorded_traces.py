# SPDX-License-Identifier: GPL-2.0-only
"""Replayed in a closed loop, real traces of 6.1 have the counters that the kernel had; expected numbers are in its dumps.

The remote frees that the kernel made of objects which the dump before held are in no replay, and are counted apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "campaigns"))
pytest.importorskip("numba")

import recorded_traces

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "tests/kernel61/traces"
SHARED = ROOT.parent / "shared/kernel61/traces"
OTHERS = ("8cpu_2node_counter_tmpfs8", "8cpu_2node_counter_unix4", "8cpu_2node_local_unix4")


@pytest.mark.parametrize("loop", ["bounded", "traced"])
def test_a_recorded_traces_counters_are_the_kernels_within_a_tenth(loop: str) -> None:
    found = recorded_traces.compare(COMMITTED / "8cpu_2node_counter_quiet1", (loop,), reference=True)
    assert {one.cache for one in found} == {"dentry", "filp", "names_cache"}
    assert {one.cache: one.older for one in found if one.older} == {"dentry": 2}
    assert [one for one in found if not one.holds] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("loop", ["bounded", "traced"])
def test_so_are_those_of_busy_ones(name: str, loop: str) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip("the recordings are not beside the repository")
    found = recorded_traces.compare(SHARED / name, (loop,), reference=True)
    assert len({one.cache for one in found}) >= 3
    assert [(one.cache, one.counter, one.kernel, one.replayed) for one in found if not one.holds] == []
