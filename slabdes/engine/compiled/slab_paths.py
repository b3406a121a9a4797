# SPDX-License-Identifier: GPL-2.0-only
"""The SLAB allocator's paths as compiled code has them: the text that the lowering has made, loaded.

`slabdes.engine.compiled.slab` says where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from slabdes.engine.compiled.cache import load_text
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Frame
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slab import lowered

paths: Final[Any] = load_text("slab", lowered())
Follow = Callable[[Run, Cpu, Frame], int]
"""Goes on with a path; a Status."""
Begin = Callable[..., Frame]
"""Puts a path on top of the CPU's stack, its arguments into the frame."""


def path(name: str) -> tuple[Follow, Begin]:
    """How a path goes on, and how it begins."""
    return getattr(paths, name), getattr(paths, f"begin_{name}")
