# SPDX-License-Identifier: GPL-2.0-only
"""How statements without a wait read in compiled code, as lines of text."""

from __future__ import annotations

import ast
from collections.abc import Callable

from slabdes.lowering.expressions import Expressions
from slabdes.lowering.kinds import Is
from slabdes.lowering.trees import kind_of

ALIASES = (Is.TABLE, Is.INTS, Is.GRID, Is.GROUP, Is.KERNEL)
"""Kinds of which there is but one thing: a name for it is only another word."""


def indented(lines: list[str]) -> list[str]:
    """Lines one level deeper."""
    return [f"    {line}" for line in lines]


class Statements:
    """Statements of one function; `returned` says how it ends with a value."""

    def __init__(self, expressions: Expressions, returned: Callable[[ast.expr | None], list[str]]) -> None:
        self.expressions, self._returned = expressions, returned

    def lines(self, stmts: list[ast.stmt]) -> list[str]:
        """The text of statements."""
        return [line for stmt in stmts for line in self._one(stmt)]

    def block(self, stmts: list[ast.stmt]) -> list[str]:
        """The same one level deeper, where something has to stand."""
        return indented(self.lines(stmts) or ["pass"])

    def _one(self, stmt: ast.stmt) -> list[str]:
        show = self.expressions.show
        match stmt:
            case ast.Assign(targets=[one], value=value) | ast.AnnAssign(target=one, value=ast.expr() as value):
                if kind_of(one).what in ALIASES:
                    return []
                made, to = show(value), show(one)
                return [f"{to} = {made}"] if made != to else []
            case ast.AugAssign(target=one, op=op, value=value):
                sign = ast.unparse(ast.AugAssign(ast.Name("x", ast.Store()), op, ast.Constant(0))).split()[1]
                return [f"{show(one)} {sign} {show(value)}"]
            case ast.Expr(value=ast.Call() as call):
                return [*self.expressions.written(call), show(call)]
            case ast.Return(value=value):
                return self._returned(value)
            case ast.If(test=test, body=body, orelse=orelse):
                return self.choice(test, self.block(body), self.block(orelse) if orelse else [])
            case ast.While(test=test, body=body):
                return [f"while {ast.unparse(self.expressions.test(test))}:", *self.block(body)]
            case ast.For(target=one, iter=ast.Call(args=[first, end]), body=body):
                return [f"for {show(one)} in range({show(first)}, {show(end)}):", *self.block(body)]
            case ast.Break() | ast.Continue() | ast.Pass():
                return [ast.unparse(stmt)]
        raise AssertionError(ast.unparse(stmt))

    def choice(self, test: ast.expr, yes: list[str], no: list[str]) -> list[str]:
        """An if, from lines that are indented already."""
        made = ast.unparse(self.expressions.test(test))
        if no and no[0].startswith("    if "):
            inner = [line.removeprefix("    ") for line in no]
            if all(line.startswith((" ", "elif ", "else:")) for line in inner[1:]):
                return [f"if {made}:", *yes, f"el{inner[0]}", *inner[1:]]
        return [f"if {made}:", *yes, *(["else:", *no] if no else [])]
