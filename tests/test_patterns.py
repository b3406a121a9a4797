# SPDX-License-Identifier: GPL-2.0-only
"""No pattern is looked for in a way whose time grows with the square of a line.

A search tries every place as a beginning; a pattern that begins with a repetition runs from each of them to the same end.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[1] / "slabdes"
MODULES = sorted(PACKAGE.rglob("*.py"))
SEARCHES = {"search", "sub", "subn", "split", "finditer", "findall"}
parser: Any = import_module("re._parser")


def searched(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """How each pattern is looked for that is not matched from the beginning of a text, and the pattern."""
    compiled = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        if ast.unparse(node.value.func) == "re.compile" and isinstance(node.value.args[0], ast.Constant):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            compiled[ast.unparse(target)] = node.value.args[0].value
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SEARCHES:
            name = ast.unparse(node.func.value)
            if name in compiled:
                yield ast.unparse(node.func), compiled[name]
            elif name == "re" and isinstance(node.args[0], ast.Constant):
                yield ast.unparse(node.func), node.args[0].value


def begins_with_a_repetition(pattern: str | bytes) -> bool:
    """Whether a pattern's first item can go on for ever, and something must come behind it."""
    items: Any = parser.parse(pattern)
    if len(items) == 1 and str(items[0][0]) != "SUBPATTERN":
        return False
    while items:
        kind, value = items[0]
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return bool(value[1] == parser.MAXREPEAT)
        if name != "SUBPATTERN":
            return False
        items = value[-1]
    return False


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_no_search_begins_with_a_repetition(module: Path) -> None:
    assert [(how, pattern) for how, pattern in searched(ast.parse(module.read_text())) if begins_with_a_repetition(pattern)] == []


def test_a_search_that_begins_with_a_repetition_is_seen() -> None:
    planted = ast.parse(r'X = re.compile(r"(\s*)(?:a|b)")' + "\nX.search(line)\n" + r're.sub("\\s+x", "", line)')
    assert [begins_with_a_repetition(pattern) for _how, pattern in searched(planted)] == [True, True]
