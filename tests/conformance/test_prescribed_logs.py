# SPDX-License-Identifier: GPL-2.0-only
"""Prescribed sequences of a real 6.1 kernel that come with the tests match line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from slabdes.conformance.kernel_log.compare import compare_log

LOGS = sorted((Path(__file__).parents[1] / "kernel61/prescribed").glob("*.log.gz"))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name.removesuffix(".log.gz"))
def test_every_recorded_line_of_a_prescribed_log_is_reproduced(log: Path):
    verdict = compare_log(log)
    assert verdict.holds, verdict.difference
    assert verdict.total > 50


def test_all_short_logs_come_with_the_tests():
    assert len(LOGS) == 17
