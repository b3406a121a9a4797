# SPDX-License-Identifier: GPL-2.0-only
"""A program compiled at once runs as one compiled function by function does; the parts of numba that this needs are there."""

from __future__ import annotations

import inspect
from typing import Any, cast

import numba
import numpy as np
from numba.core import codegen, compiler, cpu, event

from slabdes.engine.compiled.numba_tools import OPTIONS, function, inline
from slabdes.engine.compiled.whole import whole_program


@inline
def _twice(number: int) -> int:
    return 2 * number


@function
def _odd(number: int) -> bool:
    return number % 2 == 1


@function
def _collatz(number: int) -> int:
    steps = 0
    while number != 1:
        number = 3 * number + 1 if _odd(number) else number // 2
        steps += 1
    return _twice(steps)


def count_to(numbers: int) -> int:
    total = 0
    for number in range(1, numbers):
        total += _collatz(number)
    return total


def count_from(numbers: int) -> int:
    return _collatz(numbers)


def compiled(python: Any) -> Any:
    made = numba.njit(**OPTIONS)(python)
    with whole_program(python.__qualname__):
        made.compile((numba.int64,))
    return made


def test_a_program_compiled_at_once_gives_what_python_gives() -> None:
    assert compiled(count_to)(30) == sum(2 * collatz(number) for number in range(1, 30))
    # A second program over the same functions, and one that is compiled as numba does it.
    assert compiled(count_from)(27) == 2 * collatz(27)
    assert numba.njit(**OPTIONS)(count_from)(27) == 2 * collatz(27)


def collatz(number: int) -> int:
    steps = 0
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    return steps


def test_only_the_outermost_function_is_machine_code() -> None:
    made = compiled(count_to)
    (outer,) = made.overloads.values()
    defined = [f.name for f in outer.library._final_module.functions if not f.is_declaration]
    assert any("count_to" in name for name in defined)
    assert len(defined) < 8


def test_the_parts_of_numba_that_this_needs_are_there() -> None:
    library: Any = codegen.JITCodeLibrary
    for name in ("_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals"):
        assert list(inspect.signature(getattr(library, name)).parameters) == ["self"]
    assert "_finalized" in inspect.getsource(codegen)
    assert list(inspect.signature(cpu.CPUContext.get_executable).parameters) == ["self", "library", "fndesc", "env"]
    assert callable(cpu._dynfunc.make_function)  # type: ignore[attr-defined]


def test_what_numba_does_over_and_over_gives_the_same_in_short() -> None:
    """whole._SHORTER: records' texts tell them apart, options of compiling are equal as before; all is put back."""
    one, other = (numba.from_dtype(np.dtype([(name, "i8")])) for name in "ab")
    flags, likewise, others = (compiler.Flags() for _each in range(3))
    others.forceinline = True
    before, values = (repr(one), hash(flags), event.broadcast), (flags.values(), others.values())
    assert len(values[0]) > len(flags._values)
    with whole_program("nothing"):
        assert repr(one) != repr(other)
        assert (flags.values(), others.values()) == values
        assert flags == likewise != others and hash(flags) == hash(likewise)
    assert (repr(one), hash(flags), event.broadcast) == before


def test_a_function_is_compiled_once_for_all_constants() -> None:
    """numba_tools._once: numba would compile `add` for 5 and for 7, and both again for any number."""

    @function
    def add(to: int, number: int) -> int:
        return to + number

    def constants(number: int) -> int:
        return add(number, 5) + add(number, 7) + add(number, number)

    assert compiled(constants)(1) == 16
    (signature,) = cast(Any, add).signatures
    assert signature == (numba.int64, numba.int64)
