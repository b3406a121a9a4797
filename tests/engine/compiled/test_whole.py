# SPDX-License-Identifier: GPL-2.0-only
"""A program compiled at once runs as one compiled function by function does; the parts of numba that this needs are there."""

from __future__ import annotations

import inspect
from typing import Any

import numba
from numba.core import codegen, cpu

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
