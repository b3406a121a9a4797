# SPDX-License-Identifier: GPL-2.0-only
"""Makes `equality` importable, which the tests of the compiled engine share, and the small machine files that it draws from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(TESTS / "machine"), str(TESTS / "workload/trace")]
pytest.importorskip("numba")
