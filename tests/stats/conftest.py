# SPDX-License-Identifier: GPL-2.0-only
"""Makes `known_processes` importable, the processes whose answers are known."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
