# SPDX-License-Identifier: GPL-2.0-only
"""The compiled functions that Python calls: compiled when first asked for, or loaded from where `cache` keeps them.

Nothing heavy is imported before. Leaves out what they do (`driver`, `serial_driver`).
"""

from __future__ import annotations

import contextlib
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from slabdes.engine.compiled.cache import cache_folder, refuse_without_compiler, sources_hash
from slabdes.engine.compiled.kept_code import KeptCode, one_at_a_time

if TYPE_CHECKING:
    from slabdes.engine.compiled.run_layout import Run


def run_type(*, slub: bool, logged: bool) -> type[Run]:
    """The type of a timed run's record, for which code is compiled of its own."""
    from slabdes.engine.compiled.logged import LoggedRun
    from slabdes.engine.compiled.run_layout import Run
    from slabdes.engine.compiled.slub.layout import LoggedSlubRun, SlubRun

    if slub:
        return LoggedSlubRun if logged else SlubRun
    return LoggedRun if logged else Run


def name_of(*, slub: bool, logged: bool) -> str:
    """The name of the function of `driver` that simulates such a run."""
    return "_".join(("simulate", *(("slub",) if slub else ()), *(("logged",) if logged else ())))


@cache
def simulate_function(*, slub: bool = False, logged: bool = False) -> Any:
    """The compiled `driver.simulate`, compiled now or loaded: of runs on SLUB, and of runs with an event log, others."""
    refuse_without_compiler()
    from slabdes.engine.compiled import driver
    from slabdes.engine.compiled.families import paths_of
    from slabdes.engine.compiled.layout import names_of

    run = run_type(slub=slub, logged=logged)
    # Kept code looks for the module that it was made of.
    paths_of(names_of(run))
    return _compiled(getattr(driver, name_of(slub=slub, logged=logged)), run)


@cache
def rehash_function(run: type[Run]) -> Any:
    """The compiled `driver.rehash_slots` for runs of a type."""
    from slabdes.engine.compiled.driver import rehash_slots

    return _compiled(rehash_slots, run, addresses=2)


@cache
def operate_slub_function() -> Any:
    """The compiled `slub.serial_driver.operate_slub`, for the runs of SLUB's logs."""
    refuse_without_compiler()
    from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun
    from slabdes.engine.compiled.slub.serial_driver import operate_slub

    return _compiled(operate_slub, ScriptSlubRun)


@cache
def operate_function() -> Any:
    """The compiled `serial_driver.operate`, for the runs of op scripts."""
    refuse_without_compiler()
    from slabdes.engine.compiled.script_layout import ScriptRun
    from slabdes.engine.compiled.serial_driver import operate

    return _compiled(operate, ScriptRun)


def _compiled(function: Any, run: type[Run], addresses: int = 0) -> Any:
    """A function of the run, in its array, and some integers."""
    import numba
    from numba.core.errors import NumbaExperimentalFeatureWarning

    from slabdes.engine.compiled.layout import dtype_of
    from slabdes.engine.compiled.numba_tools import OPTIONS
    from slabdes.engine.compiled.whole import whole_program

    compiled: Any = numba.njit(**OPTIONS)(function)
    of: type = run
    record: Any = dtype_of(of)
    signature = (numba.from_dtype(record)[::1], *[numba.int64] * addresses)
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
