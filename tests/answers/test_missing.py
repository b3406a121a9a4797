# SPDX-License-Identifier: GPL-2.0-only
"""What was asked for and never came is the first that an answer says."""

from __future__ import annotations

import pytest

import slabdes
from slabdes.answers.missing import never_came
from slabdes.answers.tables import view_of

SMALL = {
    "allocator": "7.3",
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "maple_node", "size": 256, "sheaf_capacity": 8}],
    "workload": {"kind": "mix", "operations": 400, "live": 40},
    "warm_up": "none",
}


@pytest.mark.parametrize(("grace_ms", "told"), [(20.0, True), (0.002, False)])
def test_frees_by_rcu_that_no_grace_period_gave_back_are_told(grace_ms: float, told: bool) -> None:
    run = slabdes.simulate(SMALL | {"rcu": {"frees": True, "grace_ms": grace_ms}}, progress=False)
    sentences = list(never_came(view_of(run)))
    assert bool(sentences) is told
    for sentence in sentences:
        assert "frees by kfree_rcu came back: the longest run took" in sentence
        assert "a grace period takes 20.0 ms (rcu.grace_ms)" in sentence
