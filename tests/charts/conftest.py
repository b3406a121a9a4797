# SPDX-License-Identifier: GPL-2.0-only
"""Makes `example` importable, the synthetic records that the tests of results, stats and charts share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "results"))
