"""The places at which a path that is not lowered can be taken up again: its number times 64, plus its stage."""

from __future__ import annotations

from typing import Final

from slabdes.lowering.text import STAGES

STAGE: Final = STAGES - 1
"""Mask of the stage."""
PROGRAM: Final = 0 * STAGES
INTERRUPT: Final = 1 * STAGES
REAP: Final = 2 * STAGES
PAGES: Final = 3 * STAGES
FREE_PAGES: Final = 4 * STAGES
EACH_CPU: Final = 5 * STAGES
N_PATHS: Final = 6
