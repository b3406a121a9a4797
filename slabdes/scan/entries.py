# SPDX-License-Identifier: GPL-2.0-only
"""The compiled functions of this room that Python calls: compiled when first asked for, or loaded from where such code is kept.

Leaves out what they do (`lines`, `objects`) and where code is kept (`engine.compiled.cache`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from slabdes.engine.compiled.cache import cache_folder, sources_hash
from slabdes.engine.compiled.kept_code import KeptCode, one_at_a_time


@dataclass(frozen=True)
class Functions:
    """The functions of `lines` and `objects`, compiled."""

    scan_lines: Any
    move_live: Any
    classify: Any
    follow: Any
    make_steps: Any


@cache
def functions() -> Functions:
    """All of them, compiled now or loaded."""
    from numba import int64, uint8

    from slabdes.scan import lines, objects

    data, row, rows = uint8[::1], int64[::1], int64[:, ::1]
    return Functions(
        _made(lines.scan_lines, data, int64, row, rows, rows, rows, data, rows, data),
        _made(objects.move_live, rows, rows, row),
        _made(objects.classify, rows, int64, row, row, row, row, row),
        _made(objects.follow, rows, row, rows, row, int64, rows),
        _made(objects.make_steps, rows, row, row, row, rows, row, row, int64, rows),
    )


def _made(python: Any, *types: Any) -> Any:
    """A function, compiled for arguments of these types alone."""
    import numba

    from slabdes.scan.bytes import OPTIONS

    decorate: Any = numba.njit(**OPTIONS)
    function = decorate(python)
    with contextlib.ExitStack() as stack:
        if folder := cache_folder():
            function._cache = kept = KeptCode(folder, function.__name__, sources_hash())
            if not kept.is_there(types, function.targetctx):
                stack.enter_context(one_at_a_time(folder))
        function.compile(types)
    function.disable_compile()
    return function
