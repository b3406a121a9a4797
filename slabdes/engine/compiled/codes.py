# SPDX-License-Identifier: GPL-2.0-only
"""The numbers of paths that are not lowered: where they go on is a number plus a stage."""

from __future__ import annotations

from typing import Final

from slabdes.lowering.text import STAGES

STAGE: Final = STAGES - 1
"""Mask of the stage."""
PROGRAM: Final = 0 * STAGES
REAP: Final = 1 * STAGES
EACH_CPU: Final = 2 * STAGES
EACH_RCU: Final = 3 * STAGES
POP: Final = 4 * STAGES
N_PATHS: Final = 5
