# SPDX-License-Identifier: GPL-2.0-only
"""How Python becomes compiled code here: options, arrays at addresses, and the shared functions registered.

Records and arrays are reached through addresses that the run's record holds, so calls pass pointers only and no reference
is counted. Leaves out numba's cache (`cache`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableSequence, Sequence
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
from slabdes.allocator import lists, mempolicy, page_lists, pages, state
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import Slab
from slabdes.engine import cpu, lines, records, working_set
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import Counts, Lock, Slot, Spent, Step, dtype_of
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.script_layout import EventRow
from slabdes.errors import InputError
from slabdes.locks import disciplines, spinlock
from slabdes.paths import charges

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
OfOthers = TypeVar("OfOthers", bound=Run)


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
            allowed = "compiled functions, and what `share` names in slabdes/engine/compiled/numba_tools.py"
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
    kind: type[OfRun], of_kind: Callable[Concatenate[OfRun, P], T], of_others: Callable[Concatenate[OfOthers, P], T]
) -> Callable[Concatenate[OfOthers, P], T]:
    """A function of a run and more: one for runs of a kind that has fields of its own, one for all others."""
    return cast(Callable[Concatenate[OfOthers, P], T], by_record({kind: of_kind}, of_others))


def by_record(of_kinds: Mapping[type, Callable[..., T]], of_others: Callable[..., T] | None = None) -> Callable[..., T]:
    """A function of a record and more: one for each kind of record, known by the first field that it declares itself."""
    by_field = {field_of(kind): function for kind, function in of_kinds.items()}
    return by_fields(lambda fields: next((made for field, made in by_field.items() if field in fields), of_others))


def field_of(kind: type) -> str:
    """The first field that a kind of record declares itself, names apart: no other kind has it."""
    return next(field for field, made in get_annotations(kind).items() if made not in (str, "str"))


def by_fields(choose: Callable[[Collection[str]], Any]) -> Callable[..., Any]:
    """A function of a record and more: `choose` says which when it is compiled, given the names of the record's fields."""

    def either(run: Any, *others: Any) -> Any:
        raise NotImplementedError("only compiled code knows the type of its record")

    def chosen(run: Any, *others: Any) -> Any:
        function = choose(run.fields)
        return getattr(function, "py_func", function)

    overload(either, jit_options={"forceinline": True}, strict=False)(chosen)
    _SHARED.add(either)
    return either


def word(value: int) -> int:
    """A constant that is an unsigned word in compiled code."""
    return cast(int, np.uint64(value))


_LENGTH = 0
"""Stands for an array's length, which nothing here asks for. numba adds it to negative indexes: with 0, LLVM drops that step."""


def view_of(dtype: Any, dimensions: int) -> Any:
    """What makes an array of a type, of one or two dimensions, of an address (and columns)."""
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


def records_at(record: type[R]) -> Callable[[int], Sequence[R]]:
    """The records of a class at an address."""
    of: type = record
    return cast(Callable[[int], Sequence[R]], view_of(dtype_of(of), 1))


ints_at: Callable[[int], MutableSequence[int]] = view_of("i8", 1)
table_at: Callable[[int, int], Sequence[MutableSequence[int]]] = view_of("i8", 2)
slabs_at = records_at(Slab)
locks_at = records_at(Lock)
spent_at = records_at(Spent)
counts_at = records_at(Counts)
slots_at = records_at(Slot)
steps_at = records_at(Step)
cpus_at = records_at(Cpu)
events_at = records_at(EventRow)
policies_at = records_at(MemPolicy)


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


def share(module: ModuleType, *names: str) -> None:
    """Let compiled code call functions of a module that knows nothing of numba: those named, else all of its own."""
    for name in names or tuple(vars(module)):
        made = vars(module)[name]
        if callable(made) and getattr(made, "__module__", None) == module.__name__ and not isinstance(made, type):
            register_jitable(forceinline=True)(made)
            _SHARED.add(made)


share(lists, "list_empty", "list_del", "list_add", "list_add_tail", "_link")
share(state, "virt_to_slab", "obj_to_index", "object_number")
share(mempolicy)
share(streams, "mix64")
share(cpu, "fold", "hold_word", "what_word", "slowed")
share(records, "bucket_of")
share(pages, "take_from_zone", "_gather", "give_to_zone", "take_given", "note_given")
share(page_lists, "list_of", "take_from_list", "give_to_list", "refill_blocks", "put_refill", "trim_list")
share(lines, "touch", "slot_cost")
share(working_set)
share(charges, "copy_cost", "late_toll", "share_behind", "written_beside_lock")
share(disciplines)
share(spinlock, "count_contention", "count_acquisition")
