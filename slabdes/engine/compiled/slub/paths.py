# SPDX-License-Identifier: GPL-2.0-only
"""SLUB's paths as compiled code has them: the text that the lowering has made, loaded.

`slabdes.engine.compiled.slub.target` says where it comes from.
"""

from __future__ import annotations

from typing import Any, Final

from slabdes.engine.compiled.cache import load_text
from slabdes.engine.compiled.layout import frame_dtype
from slabdes.engine.compiled.numba_tools import view_of
from slabdes.engine.compiled.slub.target import lowered

paths: Final[Any] = load_text("slub", lowered())
frames_at: Final[Any] = view_of(frame_dtype(lowered().frame), 1)
"""Paths under way, with the arguments and local variables of lowered ones."""
