# SPDX-License-Identifier: GPL-2.0-only
"""How Python becomes compiled code here: options, arrays at addresses, and the shared functions registered.

Records and arrays are reached through addresses that the run's record holds, so calls pass pointers only and no reference
is counted. Leaves out numba's cache (`cache`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.core import cgutils as numba_cgutils
from numba.extending import intrinsic, overload, overload_method, register_jitable
from numba.np import arrayobj as numba_arrayobj
from numba.np import numpy_support

from slabdes import streams
from slabdes.allocator import lists, mempolicy, pages, state, timers, transitions, tunables
from slabdes.engine import cpu, lines, records
from slabdes.engine.compiled import layout, script_layout
from slabdes.engine.compiled.slab import FRAME
from slabdes.locks import disciplines, spinlock

# Parts of numba without types.
arrayobj: Any = numba_arrayobj
cgutils: Any = numba_cgutils
njit: Any = numba.njit
int64: Any = numba.int64
uint64: Any = numba.uint64

OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}
_INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Nothing in Python calls an inner function: wrappers would be a third of the time to compile."""
F = TypeVar("F", bound=Callable[..., Any])


def inline(python: F) -> F:
    """Compile a small function that belongs into its callers."""
    return cast(F, njit(forceinline=True, **_INNER)(python))


def function(python: F) -> F:
    """Compile a function that others call. Were it not said, it would be forced into them if an inline one called it first."""
    return cast(F, njit(forceinline=False, **_INNER)(python))


def by_run(of_script: F, of_timed: F) -> F:
    """A function of a run and more: one for runs of op scripts, one for all others."""
    return by_field(script_layout.ONLY_SCRIPTS_HAVE, of_script, of_timed)


def by_field(field: str, with_it: F, without: F) -> F:
    """A function of a run and more that is one of two, as the fields of the run's record say when it is compiled."""

    def either(run: Any, *others: Any) -> Any:
        raise NotImplementedError("only compiled code knows the type of its run")

    def chosen(run: Any, *others: Any) -> F:
        function = with_it if field in run.fields else without
        return cast(F, getattr(function, "py_func", function))

    overload(either, jit_options={"forceinline": True}, strict=False)(chosen)
    return cast(F, either)


_LENGTH = 0
"""Stands for an array's length, which nothing here asks for. numba adds it to negative indexes: with 0, LLVM drops that step."""


def _view(dtype: Any, dimensions: int) -> Any:
    item = np.dtype(dtype)
    array = types.Array(numpy_support.from_dtype(item), dimensions, "C")

    def build(context: Any, builder: Any, address: Any, columns: Any) -> Any:
        made = context.make_array(array)(context, builder)
        size = context.get_constant(types.intp, item.itemsize)
        length = context.get_constant(types.intp, _LENGTH)
        arrayobj.populate_array(
            made,
            data=builder.inttoptr(address, made.data.type),
            shape=cgutils.pack_array(builder, [length, *columns]),
            strides=cgutils.pack_array(builder, [*(builder.mul(size, column) for column in columns), size]),
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    if dimensions == 1:

        @intrinsic
        def view(typing_context, address):  # type: ignore[no-untyped-def]  # numba gives its own types
            return array(types.int64), lambda context, builder, signature, given: build(context, builder, given[0], [])

        return view

    @intrinsic
    def table(typing_context, address, columns):  # type: ignore[no-untyped-def]  # numba gives its own types
        return (
            array(types.int64, types.int64),
            lambda context, builder, signature, given: build(context, builder, given[0], [given[1]]),
        )

    return table


ints_at = _view("i8", 1)
table_at = _view("i8", 2)
slabs_at = _view(layout.SLAB, 1)
arrays_at = _view(layout.ARRAY, 1)
l3s_at = _view(layout.L3, 1)
stats_at = _view(layout.STATS, 1)
caches_at = _view(layout.CACHE, 1)
locks_at = _view(layout.LOCK, 1)
spent_at = _view(layout.SPENT, 1)
counts_at = _view(layout.COUNTS, 1)
slots_at = _view(layout.SLOT, 1)
steps_at = _view(layout.STEP, 1)
frames_at = _view(FRAME, 1)
cpus_at = _view(layout.CPU, 1)
events_at = _view(script_layout.EVENT, 1)
policies_at = _view(layout.POLICY, 1)


@intrinsic
def _leading_zeros(typing_context, value):  # type: ignore[no-untyped-def]  # numba gives its own types
    """Zero bits above the highest one of a 64-bit word; 64 of zero."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ctlz(given[0], cgutils.false_bit)

    return types.int64(types.int64), generate


leading_zeros: Any = _leading_zeros


@overload_method(types.Integer, "bit_length")
def _bit_length(value):  # type: ignore[no-untyped-def]  # numba gives its own types
    return lambda value: 64 - leading_zeros(value)


def _share(module: ModuleType, *names: str) -> None:
    """Let compiled code call functions of a module that knows nothing of numba: those named, else all of its own."""
    for name in names or tuple(vars(module)):
        made = vars(module)[name]
        if callable(made) and getattr(made, "__module__", None) == module.__name__ and not isinstance(made, type):
            register_jitable(forceinline=True)(made)


_share(lists, "list_empty", "list_del", "list_add", "list_add_tail", "_link")
_share(transitions)
_share(state, "virt_to_slab", "obj_to_index", "object_number", "entry_line")
_share(tunables, "free_limit")
_share(timers)
_share(mempolicy)
_share(streams, "mix64")
_share(cpu, "fold", "hold_word", "what_word", "slowed")
_share(records, "bucket_of")
_share(pages, "take_from_list", "refill_list", "give_to_list", "trim_list", "take_pages")
_share(lines, "touch")
_share(disciplines, "first_of", "qspinlock_delay", "ticket_delay", "cna_threshold_reached")
_share(spinlock, "count_contention", "count_acquisition")
