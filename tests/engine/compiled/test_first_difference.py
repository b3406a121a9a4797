# SPDX-License-Identifier: GPL-2.0-only
"""Where the engines differ, the first operation or hold that does is told; what a bug does afterwards is not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from first_difference import differences, main

from slabdes.engine.event_log import COLUMNS, Logged
from slabdes.engine.lines import CacheLines

FILE = """
[machine]
preset = "uma-4"
[[cache]]
name = "a"
size = 64
limit = 8
batchcount = 4
[workload]
kind = "burst"
objects = 40
rounds = 2
"""
SAID = "point 0, replication 0: "


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(FILE)
    monkeypatch.setattr(sys, "argv", ["first_difference.py", str(tmp_path / "e.toml"), "--set", 'lock.discipline="tas"'])


@pytest.mark.usefixtures("asked")
def test_engines_that_agree_are_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out == "the engines agree\n"


@pytest.mark.usefixtures("asked")
def test_the_hold_in_which_one_engine_is_first_later_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines come later to CPU 3 in the reference: the first row that tells is one of that CPU, and its end is late."""
    touch = CacheLines.touch
    monkeypatch.setattr(
        CacheLines, "touch", lambda lines, cpu, line, *share: touch(lines, cpu, line, *share) + 1000 * (cpu.number == 3)
    )
    assert main() == 1
    head, columns, reference, compiled, *_path = capsys.readouterr().out.removeprefix(SAID).splitlines()
    kind = Logged(head.partition(":")[0])
    assert columns.split() == list(COLUMNS[kind])
    assert reference.split()[0] == "reference" and compiled.split()[0] == "compiled"
    pairs = list(zip(COLUMNS[kind], reference.split()[1:], compiled.split()[1:], strict=True))
    assert ("cpu", "3", "3") in pairs
    later = {int(one) - int(other) for _name, one, other in pairs}
    assert max(later) > min(later) == 0


def test_rows_that_only_one_has_are_a_difference() -> None:
    none = {kind: np.zeros((0, len(COLUMNS[kind])), "i8") for kind in Logged}
    more = none | {Logged.HOLDS: np.array([[2, 1, 5, 6, 9], [2, 0, 6, 9, 12]])}
    (found,) = differences(more, none)
    assert (found.when, found.owner, found.place, found.reference, found.compiled) == (9, 2, 0, (2, 1, 5, 6, 9), ())
