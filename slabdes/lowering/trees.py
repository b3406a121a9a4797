# SPDX-License-Identifier: GPL-2.0-only
"""Small tools on Python's syntax trees: making nodes, copying them under other names, and the marks that the check leaves.

A mark is what a node was found to be: its kind, the constant it stands for, the function it calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, cast

from slabdes.lowering.kinds import INT, Kind
from slabdes.lowering.refusal import located
from slabdes.lowering.sources import Function

T = TypeVar("T", bound=ast.AST)
_MARKS: Final = ("kind", "constant", "callee", "asked")
_NOTHING: Final[Mapping[str, ast.expr]] = {}


def mark(node: ast.AST, **marks: Any) -> None:
    """Leave marks on a node."""
    for name, value in marks.items():
        setattr(node, name, value)


def kind_of(node: ast.AST) -> Kind:
    """The kind that the check has found."""
    found: Kind = getattr(node, "kind", INT)
    return found


def constant_of(node: ast.AST) -> tuple[str, Any] | None:
    """The name and the value of the constant that a node stands for."""
    found: tuple[str, Any] | None = getattr(node, "constant", None)
    return found


def callee_of(call: ast.Call) -> Function | None:
    """The function that is called; None for Python's own."""
    found: Function | None = getattr(call, "callee", None)
    return found


def asked_of(call: ast.AST) -> str | None:
    """The service that a path or helper stands for where it is called."""
    found: str | None = getattr(call, "asked", None)
    return found


def name(text: str, at: ast.AST | None = None, kind: Kind = INT) -> ast.Name:
    """A name that is read."""
    made = ast.Name(text, ast.Load())
    mark(made, kind=kind)
    return located(made, at)


def target(text: str, at: ast.AST | None = None, kind: Kind = INT) -> ast.Name:
    """A name that is set."""
    made = ast.Name(text, ast.Store())
    mark(made, kind=kind)
    return located(made, at)


def assign(to: ast.expr, value: ast.expr, at: ast.AST | None = None) -> ast.Assign:
    """`to = value`."""
    return located(ast.Assign([to], value), at or value)


def negated(test: ast.expr) -> ast.expr:
    """`not test`."""
    return located(ast.UnaryOp(ast.Not(), test), test)


def copied(node: T, names: Mapping[str, ast.expr] = _NOTHING) -> T:
    """A copy, marks included, in which names are replaced: one that is set only by another name."""
    if isinstance(node, ast.Name) and node.id in names:
        new = names[node.id]
        if isinstance(new, ast.Name):
            made: ast.AST = ast.Name(new.id, node.ctx)
        else:
            made = copied(new)
    else:
        made = type(node)(**{field: _copied_value(value, names) for field, value in ast.iter_fields(node)})
    for part in (*_MARKS, "lineno", "col_offset"):
        if hasattr(node, part) and not hasattr(made, part):
            setattr(made, part, getattr(node, part))
    return cast(T, made)


def _copied_value(value: Any, names: Mapping[str, ast.expr]) -> Any:
    if isinstance(value, list):
        return [_copied_value(one, names) for one in value]
    return copied(value, names) if isinstance(value, ast.AST) else value


def stores(*nodes: ast.AST) -> set[str]:
    """All names that are set."""
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def loads(*nodes: ast.AST) -> set[str]:
    """All names that are read, those that stand for constants apart."""
    found = (n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return {n.id for n in found if constant_of(n) is None}


def has_wait(*nodes: ast.AST) -> bool:
    """Whether there is a `yield from`."""
    return any(isinstance(n, ast.YieldFrom) for node in nodes for n in ast.walk(node))


def jumps(*nodes: ast.AST) -> Iterator[ast.Break | ast.Continue | ast.Return]:
    """Returns, and the breaks and continues of loops that stand around the nodes."""
    for node in nodes:
        if isinstance(node, ast.Break | ast.Continue | ast.Return):
            yield node
        elif isinstance(node, ast.While | ast.For):
            yield from (jump for jump in jumps(*node.body) if isinstance(jump, ast.Return))
        elif isinstance(node, ast.If):
            yield from jumps(*node.body, *node.orelse)
