# SPDX-License-Identifier: GPL-2.0-only
"""Makes `live` importable, and skips, with a reason, where the live page's libraries are not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("starlette", reason="no starlette here: pip install 'slabdes[test]'")
