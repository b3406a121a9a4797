# SPDX-License-Identifier: GPL-2.0-only
"""The SLAB allocator's paths as compiled code has them: the text that the lowering has made, loaded.

`slabdes.engine.compiled.slab` says where it comes from.
"""

from __future__ import annotations

from typing import Any, Final

from slabdes.engine.compiled.cache import load_text
from slabdes.engine.compiled.slab import lowered

paths: Final[Any] = load_text("slab", lowered())
