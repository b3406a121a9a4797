# SPDX-License-Identifier: GPL-2.0-only
"""Makes `world` and `sample` importable, which the tests of the pass share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]
