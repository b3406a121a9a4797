# SPDX-License-Identifier: GPL-2.0-only
"""How Python becomes compiled code here: options, arrays at addresses, and the shared functions registered.

Records and arrays are reached through addresses that the run's record holds, so calls pass pointers only and no reference
is counted. Leaves out numba's cache (`cache`).
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from dis import get_instructions
from inspect import get_annotations
from types import FunctionType, ModuleType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.core import cgutils as numba_cgutils
from numba.extending import intrinsic, overload, overload_method, register_jitable
from numba.np import arrayobj as numba_arrayobj
from numba.np import numpy_support

from slabdes import streams
from slabdes.allocator import lists, mempolicy, pages, state, timers, transitions, tunables
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, CacheStats, Slab
from slabdes.engine import cpu, lines, records
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import L3, Cache, Counts, Frame, Lock, Slot, Spent, Step, dtype_of
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import EventRow
from slabdes.engine.compiled.slab import FRAME
from slabdes.errors import InputError
from slabdes.locks import disciplines, spinlock

# Parts of numba without types.
arrayobj: Any = numba_arrayobj
cgutils: Any = numba_cgutils
njit: Any = numba.njit
int64 = cast(Callable[[int], int], numba.int64)
uint64 = cast(Callable[[int], int], numba.uint64)

OPTIONS: dict[str, Any] = {"_nrt": False, "error_model": "numpy"}
_INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Nothing in Python calls an inner function: wrappers would be a third of the time to compile."""
_SHARED: Final[set[Callable[..., Any]]] = set()
"""Functions of plain Python that compiled code may call."""
F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
OfRun = TypeVar("OfRun", bound=Run)


def inline(python: F) -> F:
    """Compile a small function that belongs into its callers."""
    return cast(F, _once(njit(forceinline=True, **_INNER)(_checked(python))))


def function(python: F) -> F:
    """Compile a function that others call. Were it not said, it would be forced into them if an inline one called it first."""
    return cast(F, _once(njit(forceinline=False, **_INNER)(_checked(python))))


def _checked(python: Any) -> Any:
    """A function, unless it calls plain Python that is not shared: numba would say so after a minute, and at length."""
    code = python.__code__
    for name in code.co_names:
        called = python.__globals__.get(name)
        # Fields have names, too.
        if isinstance(called, FunctionType) and called not in _SHARED and name in _globals_of(python):
            where = f"{code.co_filename}:{code.co_firstlineno}: {python.__name__}"
            allowed = "compiled functions, and what _share names in slabdes/engine/compiled/numba_tools.py"
            raise InputError(where, f"calls {called.__module__}.{name}, which compiled code cannot", allowed)
    return python


def _globals_of(python: Any) -> set[str]:
    return {step.argval for step in get_instructions(python) if step.opname == "LOAD_GLOBAL"}


def _once(dispatcher: Any) -> Any:
    """Let a function be compiled once for all constants that it is given: numba would do so for each, LLVM sees them anyway."""
    template = dispatcher.get_call_template

    def of_any(args: Sequence[Any], given: Any) -> Any:
        return template(tuple(map(types.unliteral, args)), given)

    dispatcher.get_call_template = of_any
    return dispatcher


def by_run(
    kind: type[OfRun], of_kind: Callable[Concatenate[OfRun, P], T], of_others: Callable[Concatenate[Run, P], T]
) -> Callable[Concatenate[Run, P], T]:
    """A function of a run and more: one for runs of a kind that has fields of its own, one for all others."""
    field = next(iter(get_annotations(kind)))

    def either(run: Any, *others: Any) -> Any:
        raise NotImplementedError("only compiled code knows the type of its run")

    def chosen(run: Any, *others: Any) -> Any:
        function = of_kind if field in run.fields else of_others
        return getattr(function, "py_func", function)

    overload(either, jit_options={"forceinline": True}, strict=False)(chosen)
    _SHARED.add(either)
    return cast(Callable[Concatenate[Run, P], T], either)


def word(value: int) -> int:
    """A constant that is an unsigned word in compiled code."""
    return cast(int, np.uint64(value))


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


def _records(record: type[R]) -> Callable[[int], Sequence[R]]:
    """The records of a class at an address."""
    of: type = record
    return cast(Callable[[int], Sequence[R]], _view(dtype_of(of), 1))


ints_at: Callable[[int], MutableSequence[int]] = _view("i8", 1)
table_at: Callable[[int, int], Sequence[MutableSequence[int]]] = _view("i8", 2)
slabs_at = _records(Slab)
arrays_at = _records(ArrayCache)
l3s_at = _records(L3)
stats_at = _records(CacheStats)
caches_at = _records(Cache)
locks_at = _records(Lock)
spent_at = _records(Spent)
counts_at = _records(Counts)
slots_at = _records(Slot)
steps_at = _records(Step)
frames_at: Callable[[int], Sequence[Frame]] = _view(FRAME, 1)
cpus_at = _records(Cpu)
events_at = _records(EventRow)
policies_at = _records(MemPolicy)


@intrinsic
def _leading_zeros(typing_context, value):  # type: ignore[no-untyped-def]  # numba gives its own types
    """Zero bits above the highest one of a 64-bit word; 64 of zero."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ctlz(given[0], cgutils.false_bit)

    return types.int64(types.int64), generate


leading_zeros = cast(Callable[[int], int], _leading_zeros)


@overload_method(types.Integer, "bit_length")
def _bit_length(value):  # type: ignore[no-untyped-def]  # numba gives its own types
    return lambda value: 64 - leading_zeros(value)


def _share(module: ModuleType, *names: str) -> None:
    """Let compiled code call functions of a module that knows nothing of numba: those named, else all of its own."""
    for name in names or tuple(vars(module)):
        made = vars(module)[name]
        if callable(made) and getattr(made, "__module__", None) == module.__name__ and not isinstance(made, type):
            register_jitable(forceinline=True)(made)
            _SHARED.add(made)


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
_share(disciplines)
_share(spinlock, "count_contention", "count_acquisition")
