"""The places at which a path can be taken up again: a path's number times 32, plus its stage."""

from __future__ import annotations

from typing import Final

_STAGES: Final = 32
STAGE: Final = _STAGES - 1
"""Mask of the stage."""
PROGRAM: Final = 0 * _STAGES
ALLOC: Final = 1 * _STAGES
REFILL: Final = 2 * _STAGES
NODE_ALLOC: Final = 3 * _STAGES
FALLBACK: Final = 4 * _STAGES
GROW_BEGIN: Final = 5 * _STAGES
GROW_END: Final = 6 * _STAGES
PAGES: Final = 7 * _STAGES
FREE_PAGES: Final = 8 * _STAGES
FREE: Final = 9 * _STAGES
DRAIN_ALIEN: Final = 10 * _STAGES
FLUSH: Final = 11 * _STAGES
FREE_BLOCK: Final = 12 * _STAGES
DESTROY: Final = 13 * _STAGES
REAP: Final = 14 * _STAGES
DRAIN_LOCKED: Final = 15 * _STAGES
DRAIN_FREELIST: Final = 16 * _STAGES
ALLOC_ASKED: Final = 17 * _STAGES
SHRINK: Final = 18 * _STAGES
DO_DRAIN: Final = 19 * _STAGES
DRAIN_ALIENS: Final = 20 * _STAGES
TUNE: Final = 21 * _STAGES
TUNE_NODE: Final = 22 * _STAGES
INTERRUPT: Final = 23 * _STAGES
