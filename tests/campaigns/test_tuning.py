# SPDX-License-Identifier: GPL-2.0-only
"""`tuning.py` and `same_bytes.py` in small, the same each time; the campaigns are run by hand."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import same_bytes
import tuning

VALUES = ((8, 24, 60), (2, 8, 24), (0, 8))
SMALL = tuning.CASE | {"engine": "reference", "workload": {"kind": "burst", "objects": 60, "rounds": 2, "think_ns": 30.0}}


def test_a_search_finds_the_best_of_settings_that_were_all_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = [setting for setting in product(*VALUES) if setting[1] <= setting[0]]
    for name, value in (("CASE", SMALL), ("VALUES", VALUES), ("SETTINGS", settings), ("KNOWN", 10), ("SHARE", 0.5)):
        monkeypatch.setattr(tuning, name, value)
    monkeypatch.setattr(tuning, "OVER", dict(zip(tuning.KNOBS, map(list, VALUES), strict=True)))
    arguments = argparse.Namespace(trials=12, jobs=1, measure="alloc.mean", cells=tmp_path)
    known = tuning.every_setting(arguments)
    assert len(known) == len(settings) and max(known.values()) > 1.2 * min(known.values())
    assert tuning.search(1, known, arguments)
    assert "of the best; 12 settings, " in capsys.readouterr().out


def test_the_study_whose_bytes_are_compared_has_as_many_cells_as_are_asked_for() -> None:
    swept = same_bytes.experiment(200)["sweep"]
    assert 5 * len(swept["machine.cpus"]) * len(swept["lock.discipline"]) * len(swept["cache.0.limit"]) == 200
