# SPDX-License-Identifier: GPL-2.0-only
"""Makes `small` importable, the rules that the tests of locks share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
