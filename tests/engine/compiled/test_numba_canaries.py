# SPDX-License-Identifier: GPL-2.0-only
"""What the compiled engine uses of numba that numba does not promise: each test says where, and what breaks if it fails.

A new numba is let in (pyproject.toml) once these and the equality tests pass with it. Leaves out what numba documents.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaExperimentalFeatureWarning
from numba.extending import intrinsic, overload, overload_method, register_jitable
from numba.np import arrayobj, numpy_support

PAIR = np.dtype([("a", "i8"), ("b", "i8")], align=True)
TRIPLE = np.dtype([("a", "i8"), ("b", "i8"), ("c", "i8")], align=True)
ENGINE = {"_nrt": False, "error_model": "numpy"}
"""numba_tools.OPTIONS."""


def llvm(compiled: Any) -> str:
    """The optimised LLVM of a function's only signature."""
    (text,) = compiled.inspect_llvm().values()
    return str(text)


def functions(text: str) -> list[str]:
    """The names of the functions that are defined in it."""
    return re.findall(r"^define [^@]*@\"?([^\"(]+)", text, re.MULTILINE)


def at(item: np.dtype[Any], dimensions: int = 1) -> Any:
    """numba_tools._view in small: records of `item` at an address."""
    array = types.Array(numpy_support.from_dtype(item), dimensions, "C")

    @intrinsic
    def view(typing_context, address):  # type: ignore[no-untyped-def]
        def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            made = context.make_array(array)(context, builder)
            size = context.get_constant(types.intp, item.itemsize)
            nothing = context.get_constant(types.intp, 0)
            arrayobj.populate_array(
                made,
                data=builder.inttoptr(given[0], made.data.type),
                shape=cgutils.pack_array(builder, [nothing]),
                strides=cgutils.pack_array(builder, [size]),
                itemsize=size,
                meminfo=None,
            )
            return made._getvalue()

        return array(types.int64), build

    return view


def test_without_nrt_no_reference_is_counted() -> None:
    """numba_tools.OPTIONS, `_nrt=False`: else every record reached through an address would cost two atomic counts."""

    def first(records):  # type: ignore[no-untyped-def]
        return records[0].a + records[1].b

    counted, uncounted = numba.njit(first), numba.njit(**ENGINE)(first)
    records = np.array([(3, 4), (5, 6)], PAIR)
    assert counted(records) == uncounted(records) == 9
    assert "NRT_" not in llvm(uncounted)
    with pytest.raises(Exception, match="NRT"):
        numba.njit(**ENGINE)(lambda n: np.empty(n))(3)


def test_inner_functions_get_no_wrappers() -> None:
    """numba_tools._INNER: else a third of the time to compile goes to wrappers that nobody calls."""
    inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **ENGINE)(lambda x: x + 1)
    inner.compile((types.int64,))
    assert not [name for name in functions(llvm(inner)) if "cpython" in name or "cfunc" in name]
    outer = numba.njit(**ENGINE)(lambda x: 2 * inner(x))
    assert outer(20) == 42
    assert [name for name in functions(llvm(outer)) if "cpython" in name]


def forced(compiled: Any) -> bool:
    """Whether LLVM is told to put a function into whoever calls it."""
    (made,) = compiled.overloads.values()
    lines = made.library.get_llvm_str().splitlines()
    own = next(line for line in lines if line.startswith("define"))
    (number,) = re.findall(r"(#\d+) \{$", own) or [""]
    attributes = next((line for line in lines if line.startswith(f"attributes {number} ")), "")
    return "alwaysinline" in own + attributes


def less_four(x):  # type: ignore[no-untyped-def]
    return x * 3 if x > 7 else x - 4


def test_inlining_is_forced_where_it_is_said_and_nowhere_else() -> None:
    """numba_tools.inline and numba_tools.function: else hits call helpers, or everything is put into everything for minutes."""
    called = numba.njit(forceinline=False, **ENGINE)(less_four)
    middle = numba.njit(forceinline=True, **ENGINE)(lambda x: called(x) + 5)
    outer = numba.njit(**ENGINE)(lambda x: middle(x))
    assert outer(8) == 29
    assert (forced(called), forced(middle)) == (False, True)


def test_a_function_of_plain_python_can_be_shared_and_forced_into_compiled_code() -> None:
    """numba_tools._share: else allocator and locks, which know nothing of numba, could not be called from compiled code."""
    register_jitable(forceinline=True)(less_four)
    outer = numba.njit(**ENGINE)(lambda x: less_four(x) + 5)
    assert outer(8) == 29 == less_four(8) + 5
    (made,) = outer.overloads.values()
    assert "call" not in re.sub(r"tail call void @llvm[^\n]*", "", body(made.library.get_llvm_str()))


def body(text: str) -> str:
    """The first function of some LLVM."""
    return text[text.index("define") :].partition("\n}")[0]


def test_an_overload_chooses_by_the_fields_of_a_record_when_it_is_compiled() -> None:
    """numba_tools.by_run: else timed runs would carry what only scripts and logs need, or `run.fields` would be no more."""

    def either(run: Any) -> int:
        raise NotImplementedError

    def with_c(run):  # type: ignore[no-untyped-def]
        return run.c

    def without(run):  # type: ignore[no-untyped-def]
        return -1

    def chosen(run):  # type: ignore[no-untyped-def]
        return with_c if "c" in run.fields else without

    overload(either, jit_options={"forceinline": True}, strict=False)(chosen)
    outer = numba.njit(**ENGINE)(lambda runs: either(runs[0]))
    assert outer(np.array([(1, 2)], PAIR)) == -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        assert outer(np.array([(1, 2, 3)], TRIPLE)) == 3


def test_an_array_without_a_length_reaches_what_lies_at_an_address() -> None:
    """numba_tools._view: populate_array with length 0; else every look at a record would check, or wrap, its index."""
    view = at(PAIR)
    records = np.array([(1, 2), (3, 4), (5, 6)], PAIR)

    def change(address, place):  # type: ignore[no-untyped-def]
        record = view(address)[place]
        record.b += record.a
        return view(address)[place].b

    compiled = numba.njit(**ENGINE)(change)
    assert compiled(records.ctypes.data, 2) == 11 == records[2]["b"]
    # Length 0 is what numba adds to a negative index, so that it reaches backwards.
    assert compiled(records.ctypes.data + PAIR.itemsize, -1) == 3
    text = body(llvm(compiled))
    assert "icmp" not in text and "select" not in text


def test_a_record_type_is_that_of_its_dtype_and_reaches_fields_by_name() -> None:
    """layout, `cache._compiled`: fields by attribute, and a run's array type from its dtype."""
    signature = (numba.from_dtype(PAIR)[::1], types.int64)
    compiled = numba.njit(**ENGINE)(lambda records, place: records[place].b)
    compiled.compile(signature)
    assert compiled.signatures == [signature]
    assert compiled(np.array([(1, 2), (3, 4)], PAIR), 1) == 4
    with pytest.raises(Exception, match="no_such_field"):
        numba.njit(**ENGINE)(lambda records: records[0].no_such_field).compile(signature[:1])


def test_numba_has_no_bit_length_of_its_own_yet() -> None:
    """numba_tools._bit_length: our overload of a method of integers; numba's own would stand beside it."""
    made = numba.njit(**ENGINE)(lambda x: x.bit_length())
    if "slabdes.engine.compiled.numba_tools" not in __import__("sys").modules:
        with pytest.raises(Exception, match="bit_length"):
            made(5)

    @intrinsic
    def zeros(typing_context, value):  # type: ignore[no-untyped-def]
        return types.int64(types.int64), lambda context, builder, signature, given: builder.ctlz(given[0], cgutils.false_bit)

    @overload_method(types.Integer, "canary_bit_length")
    def length(value):  # type: ignore[no-untyped-def]
        return lambda value: 64 - zeros(value)

    compiled = numba.njit(**ENGINE)(lambda x: x.canary_bit_length())
    for value in (0, 1, 255, 256, (1 << 62) + 1):
        assert compiled(value) == value.bit_length()


def kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    compiled = numba.njit(cache=True, **ENGINE)(less_four)
    monkeypatch.undo()
    return compiled


def test_kept_code_lies_in_files_of_its_functions_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cache.has_compiled, cache._compiled: CACHE_DIR counts when a function is decorated; *.NAME-*.nbc tells that it is kept."""
    compiled = kept(tmp_path, monkeypatch)
    compiled.compile((types.int64,))
    assert len(list(tmp_path.rglob("*.less_four-*.nbc"))) == 1
    assert len(list(tmp_path.rglob("*.less_four-*.nbi"))) == 1
    again = kept(tmp_path, monkeypatch)
    again.compile((types.int64,))
    assert sum(again.stats.cache_hits.values()) == 1 and again(8) == 24
