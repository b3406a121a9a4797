# SPDX-License-Identifier: GPL-2.0-only
"""Lets the tests of this folder import `samples`, the small machine files that they share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
