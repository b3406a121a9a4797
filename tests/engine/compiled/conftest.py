"""Makes `equality` importable, which the tests of the compiled engine share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("numba")
