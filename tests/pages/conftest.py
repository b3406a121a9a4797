# SPDX-License-Identifier: GPL-2.0-only
"""Makes `example` importable, the synthetic records that the tests of results, stats and charts share; tells a story."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slabdes.config import load_experiment
from slabdes.engine.reference.story import tell
from slabdes.engine.story import Told
from slabdes.study.plan import plan

sys.path.insert(0, str(Path(__file__).parents[1] / "results"))


@pytest.fixture(scope="session")
def told() -> list[Told]:
    """The first operations of a CPU that grows a cache, refills from the shared array and from a slab, and hits."""
    folder = Path(__file__).parents[1] / "explain"
    (point,) = plan(load_experiment(folder / "story.toml"), folder)
    return tell(point.experiment, point.machine, point.workload(0), 0, 12, 0)
