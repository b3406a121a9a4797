# SPDX-License-Identifier: GPL-2.0-only
"""The compiled functions that Python calls: compiled when first asked for, or loaded from where `cache` keeps them.

Nothing heavy is imported before. Leaves out what they do (`driver`, `serial_driver`).
"""

from __future__ import annotations

import contextlib
import warnings
from functools import cache
from typing import Any

from slabdes.engine.compiled.cache import cache_folder, refuse_without_compiler, sources_hash
from slabdes.engine.compiled.kept_code import KeptCode, one_at_a_time


@cache
def simulate_function(logged: bool = False) -> Any:
    """The compiled `driver.simulate`, compiled now or loaded; `simulate_logged`, for runs with an event log, if `logged`."""
    refuse_without_compiler()
    from slabdes.engine.compiled.driver import simulate, simulate_logged
    from slabdes.engine.compiled.logged import LoggedRun

    return _compiled(simulate_logged, run=LoggedRun) if logged else _compiled(simulate)


@cache
def rehash_function(logged: bool = False) -> Any:
    """The compiled `driver.rehash_slots`."""
    from slabdes.engine.compiled.driver import rehash_slots
    from slabdes.engine.compiled.logged import LoggedRun

    return _compiled(rehash_slots, addresses=2, run=LoggedRun if logged else None)


@cache
def operate_function() -> Any:
    """The compiled `serial_driver.operate`, for the runs of op scripts."""
    refuse_without_compiler()
    from slabdes.engine.compiled.script_layout import ScriptRun
    from slabdes.engine.compiled.serial_driver import operate

    return _compiled(operate, run=ScriptRun)


def _compiled(function: Any, addresses: int = 0, run: type | None = None) -> Any:
    """A function of the run, in its array, and some integers; the run is a timed one unless its type is given."""
    import numba
    from numba.core.errors import NumbaExperimentalFeatureWarning

    from slabdes.engine.compiled.layout import dtype_of
    from slabdes.engine.compiled.numba_tools import OPTIONS
    from slabdes.engine.compiled.run_layout import Run
    from slabdes.engine.compiled.whole import whole_program

    compiled: Any = numba.njit(**OPTIONS)(function)
    signature = (numba.from_dtype(dtype_of(Run if run is None else run))[::1], *[numba.int64] * addresses)
    with contextlib.ExitStack() as stack:
        # A run's record with more fields could be taken for one with fewer; each type has code of its own, which fits exactly.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        if folder := cache_folder():
            compiled._cache = kept = KeptCode(folder, function.__name__, sources_hash())
            if not kept.is_there(signature, compiled.targetctx):
                stack.enter_context(one_at_a_time(folder))
        with whole_program(function.__qualname__):
            compiled.compile(signature)
    return compiled
