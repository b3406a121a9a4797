# SPDX-License-Identifier: GPL-2.0-only
"""How long modules and functions are: what fits a sitting, and a screen.

A module's lines are all lines of its file. A function's are the code lines of its body: its docstring, comments, blank lines and
its head are left out; a statement over several lines counts each, a function within it counts too.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "slabdes"
MODULE_LINES = 400
FUNCTION_LINES = 50
MEDIAN_LINES = 7
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
MODULES = {
    path.relative_to(PACKAGE.parent).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))
}


def lengths(source: str) -> Iterator[tuple[str, int]]:
    """The name of each function of a text, and the code lines of its body."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            yield node.name, len(code.intersection(range(body[0].lineno, (node.end_lineno or 0) + 1))) if body else 0


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_a_sitting_and_its_functions_a_screen(module: str) -> None:
    source = MODULES[module]
    assert len(source.splitlines()) <= MODULE_LINES
    assert {name: n for name, n in lengths(source) if n > FUNCTION_LINES} == {}


def test_half_of_all_functions_take_a_few_lines() -> None:
    assert statistics.median(n for source in MODULES.values() for _name, n in lengths(source)) <= MEDIAN_LINES


def test_code_lines_are_counted_as_it_is_said() -> None:
    source = '''
def none():
    """Only this.

    And this."""

def five(
    a, b,
):
    # Why.
    """Not a docstring's place? It is: a comment is nothing."""

    x = (
        a
    )

    def inner(): return 1
    return x
'''
    assert list(lengths(source)) == [("none", 0), ("five", 5), ("inner", 1)]
