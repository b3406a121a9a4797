# SPDX-License-Identifier: GPL-2.0-only
"""What a live page says of two settings beside what was changed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slabdes.config import parse_experiment
from slabdes.explore.telling import followed
from slabdes.study.plan import PlannedPoint, plan


def planned(cache: dict[str, Any], folder: Path) -> PlannedPoint:
    raw = {"machine": {"preset": "numa-2x4"}, "cache": [{"name": "a", **cache}], "workload": {"kind": "burst", "objects": 9}}
    (point,) = plan(parse_experiment(raw, "test"), folder)
    return point


def test_defaults_that_follow_a_changed_size_are_told_and_what_is_given_is_not(tmp_path: Path) -> None:
    small, large = planned({"size": 256}, tmp_path), planned({"size": 8192}, tmp_path)
    assert followed(small, small) == []
    assert followed(small, large) == [
        "with it the kernel chooses otherwise: a's limit 120, then 8; batchcount 60, then 4; shared 8, then 0"
    ]
    given = planned({"size": 8192, "limit": 30, "batchcount": 15, "shared": 1}, tmp_path)
    assert followed(small, given) == []
