# SPDX-License-Identifier: GPL-2.0-only
"""How expressions read in compiled code: a record is its number, and its fields are reached through the table of its kind.

Leaves out statements.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from slabdes.lowering.kinds import CPU, INT, KERNEL, Is, Kind
from slabdes.lowering.records import Records
from slabdes.lowering.sources import Function, Sources
from slabdes.lowering.target import Target
from slabdes.lowering.trees import asked_of, callee_of, constant_of, kind_of


def parsed(text: str) -> ast.expr:
    """An expression of text."""
    return ast.parse(text, mode="eval").body


class Needs:
    """What printed text needs beside itself: constants, names to import, helpers, and the lists at hand in a function."""

    def __init__(
        self,
        helper: Callable[[Function], None],
        service: Callable[[str, ast.AST, int | None], str],
        is_service: Callable[[str], bool],
    ) -> None:
        self.helper, self.service, self.is_service = helper, service, is_service
        self.constants: dict[str, object] = {}
        self.shared: dict[str, str] = {}
        self.lists: dict[str, str] = {}


class Expressions:
    """Expressions of one target; what they need is noted down."""

    def __init__(self, target: Target, sources: Sources, records: Records, needs: Needs) -> None:
        self.target, self.sources, self.records, self.needs = target, sources, records, needs

    def show(self, node: ast.expr) -> str:
        """The text of a value."""
        return ast.unparse(self.value(node))

    def test(self, node: ast.expr) -> ast.expr:
        """A condition: of a record, whether there is one."""
        match node:
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self.test(value) for value in values])
            case ast.UnaryOp(op=ast.Not() as op, operand=operand):
                return ast.UnaryOp(op, self.test(operand))
        made = self.value(node)
        if kind_of(node).what in (Is.RECORD, Is.ROWS, Is.NONE):
            return ast.Compare(made, [ast.GtE()], [ast.Constant(0)])
        return made

    def value(self, node: ast.expr) -> ast.expr:
        """An expression in compiled code."""
        constant = constant_of(node)
        if constant is not None:
            return self._constant(*constant)
        match node:
            case ast.Constant(value=None):
                return ast.Constant(-1)
            case ast.Constant():
                return node
            case ast.Name(id=name):
                return self._list(kind_of(node)) or ast.Name(name, ast.Load())
            case ast.Attribute():
                return self._attribute(node)
            case ast.Subscript():
                return self._item(node)
            case ast.Call():
                return self._call(node)
            case ast.BoolOp(op=op, values=values):
                plain = all(kind_of(value) == INT for value in values)
                return ast.BoolOp(op, [self.value(value) if plain else self.test(value) for value in values])
            case ast.UnaryOp(op=op, operand=operand):
                return ast.UnaryOp(op, self.test(operand) if isinstance(op, ast.Not) else self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return ast.BinOp(self.value(left), op, self.value(right))
            case ast.Compare():
                return self._compare(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ast.IfExp(self.test(test), self.value(body), self.value(orelse))
        raise AssertionError(ast.unparse(node))

    def view(self, node: ast.expr) -> ast.expr:
        """A record itself."""
        table = self.records.tables[kind_of(node).of]
        self.needs.lists[table.name] = table.text
        return ast.Subscript(ast.Name(table.name, ast.Load()), self.value(node), ast.Load())

    def _constant(self, name: str, value: object) -> ast.expr:
        if self.needs.constants.setdefault(name, value) != value:
            raise AssertionError(f"two constants are called {name}")
        return ast.Name(name, ast.Load())

    def _list(self, kind: Kind) -> ast.expr | None:
        """The local name of a list of the run's own."""
        if kind.what is Is.TABLE:
            table = self.records.tables[kind.of]
            self.needs.lists[table.name] = table.text
            return ast.Name(table.name, ast.Load())
        if kind.what in (Is.INTS, Is.GRID):
            name = kind.of.rpartition(".")[2]
            self.needs.lists[name] = self.target.flat[kind.of]
            return ast.Name(name, ast.Load())
        return None

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        of = kind_of(node.value)
        if of.what in (Is.GROUP, Is.KERNEL):
            return self._list(kind_of(node)) or parsed(f"run.{self.target.renamed.get(f'{of.of}.{node.attr}', node.attr)}")
        if of == CPU:
            return parsed(f"cpu.{node.attr}")
        if (of.of, node.attr) in self.target.parts | self.target.own_numbers:
            return self.value(node.value)
        return ast.Attribute(self.view(node.value), node.attr, ast.Load())

    def _item(self, node: ast.Subscript) -> ast.expr:
        of, place = kind_of(node.value), self.value(node.slice)
        if of.what is Is.TABLE:
            return place
        if of.what is Is.ROWS:
            assert isinstance(node.value, ast.Attribute)
            return self._service(f"{node.value.attr}_item", node, [self.value(node.value.value), place])
        callee = callee_of(node.value) if isinstance(node.value, ast.Call) else None
        if of.what is Is.ROW and callee is not None and isinstance(node.value, ast.Call):
            return self._service(f"{callee.name}_item", node, [*self.arguments(callee, node.value), place])
        return ast.Subscript(self.value(node.value), place, ast.Load())

    def _service(self, name: str, at: ast.AST, args: list[ast.expr]) -> ast.expr:
        return ast.Call(
            ast.Name(self.needs.service(name, at, 1 + len(args)), ast.Load()), [ast.Name("run", ast.Load()), *args], []
        )

    def arguments(self, callee: Function, call: ast.Call) -> list[ast.expr]:
        """Arguments of a path, a helper or a service, the kernel apart."""
        given = callee.bound(call, callee.file)
        return [self.value(given[p.name]) for p in callee.parameters if p.kind != KERNEL]

    def _call(self, node: ast.Call) -> ast.expr:
        callee = callee_of(node)
        if callee is None:
            return self._builtin(node)
        if self.sources.is_shared(callee.known.get(callee.name)) and not isinstance(node.func, ast.Attribute):
            self.needs.shared[callee.name] = str(callee.known["__name__"])
            given = callee.bound(node, callee.file)
            args = [self.view(arg) if kind_of(arg).what is Is.RECORD else self.value(arg) for arg in given.values()]
            return ast.Call(ast.Name(callee.name, ast.Load()), args, [])
        if isinstance(node.func, ast.Attribute) and not self.sources.is_path(callee.known.get(callee.name)):
            return self._service(callee.name, node, self.arguments(callee, node))
        self.needs.helper(callee)
        return ast.Call(ast.Name(callee.name, ast.Load()), [ast.Name("run", ast.Load()), *self.arguments(callee, node)], [])

    def written(self, call: ast.Call) -> list[str]:
        """The call of `write_x` before that of what stands for the service `x`."""
        asked, callee = asked_of(call), callee_of(call)
        if asked is None or callee is None or not self.needs.is_service(f"write_{asked}"):
            return []
        return [ast.unparse(self._service(f"write_{asked}", call, self.arguments(callee, call)))]

    def _builtin(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        if node.func.id == "bool":
            return ast.Call(node.func, [self.test(node.args[0])], [])
        if node.func.id != "len":
            return ast.Call(node.func, [self.value(arg) for arg in node.args], [])
        rows = node.args[0]
        if isinstance(rows, ast.Attribute):
            of = [] if kind_of(rows).what is Is.TABLE else [self.value(rows.value)]
            return self._service(f"{rows.attr}_length", node, of)
        callee = callee_of(rows) if isinstance(rows, ast.Call) else None
        assert isinstance(rows, ast.Call) and callee is not None
        return self._service(f"{callee.name}_length", node, self.arguments(callee, rows))

    def _compare(self, node: ast.Compare) -> ast.expr:
        ops: list[ast.cmpop] = [
            ast.Eq() if isinstance(op, ast.Is) else ast.NotEq() if isinstance(op, ast.IsNot) else op for op in node.ops
        ]
        match node.comparators:
            case [ast.Constant(value=None)]:
                sign: ast.cmpop = ast.Lt() if isinstance(node.ops[0], ast.Is) else ast.GtE()
                return ast.Compare(self.value(node.left), [sign], [ast.Constant(0)])
        return ast.Compare(self.value(node.left), ops, [self.value(one) for one in node.comparators])
