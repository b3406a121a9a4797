# SPDX-License-Identifier: GPL-2.0-only
"""Finds out what each name and expression of a normalised path is, and refuses what does not exist, before numba sees it.

Leaves marks on the nodes: their kinds, the constants that names stand for, the functions that are called.
"""

from __future__ import annotations

import ast
from itertools import pairwise
from types import ModuleType
from typing import Any, Final

from slabdes.errors import nearest
from slabdes.lowering.calls import Calls
from slabdes.lowering.kinds import INT, NONE, PAIR, ROW, Is, Kind, fits
from slabdes.lowering.records import Records
from slabdes.lowering.refusal import Refused, refused
from slabdes.lowering.sources import Function, Sources
from slabdes.lowering.trees import mark, stores

_UNKNOWN: Final = object()


def checked(function: Function, body: list[ast.stmt], sources: Sources, records: Records) -> list[ast.stmt]:
    """The body, marked. Raises Refused."""
    checker = _Checker(function, sources, records)
    checker.locals |= stores(*body)
    # Twice: a loop may read early what it sets late.
    for checker.last in (False, True):
        checker.body(body)
    return body


class _Checker:
    def __init__(self, function: Function, sources: Sources, records: Records) -> None:
        self.function, self.sources, self.records = function, sources, records
        self.file = function.file
        self.kinds: dict[str, Kind] = {parameter.name: parameter.kind for parameter in function.parameters}
        self.locals = set(self.kinds)
        self.last = False
        self.calls = Calls(sources, function, self.kind)

    def refuse(self, node: ast.AST, problem: str, allowed: str | None = None) -> Refused:
        return refused(self.file, node, problem, allowed)

    # Statements.

    def body(self, stmts: list[ast.stmt]) -> None:
        for stmt in stmts:
            self.statement(stmt)

    def statement(self, stmt: ast.stmt) -> None:
        match stmt:
            case ast.Assign(targets=[one], value=value):
                self.set(one, self.value(value), stmt)
            case ast.AnnAssign(target=one, value=ast.expr() as value, annotation=annotation):
                said = self.records.names.kind(annotation, self.function.known)
                if said is None:
                    raise self.refuse(annotation, "an annotation of no kind", "int, bool, an IntEnum or a record class")
                self.value(value)
                self.set(one, said, stmt)
            case ast.AugAssign(target=one, value=value):
                self.need(value, INT)
                if self.kind(one) != INT and self.last:
                    raise self.refuse(one, "is no integer")
                mark(one, kind=INT)
                self.parts(one)
            case ast.Expr(value=value):
                self.value(value)
            case ast.Return(value=value):
                self.returns(value, stmt)
            case ast.If(test=test, body=body, orelse=orelse):
                self.kind(test)
                self.body(body)
                self.body(orelse)
            case ast.While(test=test, body=body):
                self.kind(test)
                self.body(body)
            case ast.For(target=one, iter=ast.Call(args=args), body=body):
                for arg in args:
                    self.need(arg, INT)
                self.set(one, INT, stmt)
                self.body(body)

    def value(self, node: ast.expr) -> Kind:
        """The kind of what is assigned or done: also of a wait."""
        if isinstance(node, ast.YieldFrom):
            assert isinstance(node.value, ast.Call)
            found = self.calls.kind(node.value, waiting=True)
            mark(node, kind=found)
            return found
        return self.kind(node)

    def returns(self, value: ast.expr | None, stmt: ast.stmt) -> None:
        wanted = self.function.result
        if isinstance(value, ast.Tuple) and wanted == PAIR and len(value.elts) == 2:
            for one in value.elts:
                self.need(one, INT)
            return
        found = NONE if value is None else self.kind(value)
        if self.last and not fits(found, wanted):
            raise self.refuse(stmt, f"returns {found}", str(wanted))

    def set(self, one: ast.expr, kind: Kind, stmt: ast.stmt) -> None:
        """A target gets a value."""
        if isinstance(one, ast.Tuple):
            if kind != PAIR or len(one.elts) != 2:
                raise self.refuse(stmt, f"two names get {kind}", "a wait for a pair")
            for part in one.elts:
                self.set(part, INT, stmt)
            return
        if not isinstance(one, ast.Name):
            wanted = self.kind(one)
            mark(one, kind=wanted)
            self.parts(one)
            if self.last and not fits(kind, wanted):
                raise self.refuse(stmt, f"{kind} is put where {wanted} belongs")
            return
        before = self.kinds.get(one.id)
        if before is not None and not fits(kind, before):
            if not fits(before, kind):
                raise self.refuse(stmt, f"{one.id} is {before} elsewhere and {kind} here", "one kind for each name")
            before = None
        self.kinds[one.id] = before or kind
        mark(one, kind=self.kinds[one.id])
        if kind.what is Is.PAIR or kind.what is Is.ROWS or kind == ROW:
            raise self.refuse(stmt, f"a name for {kind}", "integers, records and lists of the run's own")

    def parts(self, one: ast.expr) -> None:
        """What a target is a part of is read."""
        if isinstance(one, ast.Attribute | ast.Subscript):
            self.kind(one.value)
            if isinstance(one, ast.Subscript):
                self.need(one.slice, INT)

    # Expressions.

    def need(self, node: ast.expr, wanted: Kind) -> None:
        found = self.kind(node)
        if self.last and not fits(found, wanted):
            raise self.refuse(node, f"is {found}", str(wanted))

    def kind(self, node: ast.expr) -> Kind:
        """The kind of an expression, marked on it and all its parts."""
        found = self._kind(node)
        mark(node, kind=found)
        return found

    def _kind(self, node: ast.expr) -> Kind:
        match node:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=bool() | int()):
                return INT
            case ast.Name(id=name):
                return self.named(node, name)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript():
                return self.subscript(node)
            case ast.Call():
                return self.calls.kind(node, waiting=False)
            case ast.Compare(left=left, ops=ops, comparators=others):
                self.compared(node, [left, *others], ops)
                return INT
            case ast.BoolOp(values=values):
                for value in values:
                    self.kind(value)
                return INT
            case ast.UnaryOp(op=op, operand=operand):
                if isinstance(op, ast.Not):
                    self.kind(operand)
                else:
                    self.need(operand, INT)
                return INT
            case ast.BinOp(left=left, right=right):
                self.need(left, INT)
                self.need(right, INT)
                return INT
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.kind(test)
                one, other = self.kind(body), self.kind(orelse)
                if not fits(one, other) and not fits(other, one):
                    raise self.refuse(node, f"is {one} or {other}", "one kind")
                return other if one == NONE else one
        raise self.refuse(node, "cannot be lowered")

    def named(self, node: ast.Name, name: str) -> Kind:
        if name in self.locals:
            found = self.kinds.get(name)
            if found is None and self.last:
                raise self.refuse(node, f"{name} is read before it is set")
            return found or INT
        value = self.function.known.get(name, _UNKNOWN)
        if value is _UNKNOWN:
            known = sorted({*self.locals, *self.function.known})
            raise self.refuse(node, f"the name {name} is not known{nearest(name, known)}")
        return self.constant(node, name, value)

    def constant(self, node: ast.expr, name: str, value: Any) -> Kind:
        if isinstance(value, int) and not isinstance(value, type):
            mark(node, constant=(name.replace(".", "_"), int(value)))
            return INT
        if isinstance(value, dict) and all(isinstance(part, int) for pair in value.items() for part in pair):
            row = tuple(int(value.get(place, -1)) for place in range(max(map(int, value), default=-1) + 1))
            mark(node, constant=(name, row))
            return ROW
        raise self.refuse(node, f"{name} is {type(value).__name__}", "integers, enumerations and dicts from one to the other")

    def attribute(self, node: ast.Attribute) -> Kind:
        of_module = self.function.known.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(node.value, ast.Name) and node.value.id not in self.locals and isinstance(of_module, type | ModuleType):
            value = getattr(of_module, node.attr, _UNKNOWN)
            if value is _UNKNOWN:
                members = [name for name in vars(of_module) if not name.startswith("_")]
                raise self.refuse(node, f"{node.value.id} has no {node.attr}{nearest(node.attr, members)}")
            return self.constant(node, f"{node.value.id}.{node.attr}", value)
        of = self.kind(node.value)
        found = self.records.attribute(of, node.attr)
        if found is None:
            if not self.last:
                return INT
            known = self.records.attributes(of)
            raise self.refuse(node, f"{of} has no field {node.attr} here{nearest(node.attr, known)}", ", ".join(known) or None)
        self.records.check_memory(of, node.attr, lambda problem: self.refuse(node, problem))
        return Kind(found.what, f"{of.of}.{node.attr}") if found.what in (Is.INTS, Is.GRID) else found

    def subscript(self, node: ast.Subscript) -> Kind:
        of = self.kind(node.value)
        self.need(node.slice, INT)
        found = self.records.item(of)
        if found is None:
            if not self.last:
                return INT
            raise self.refuse(node, f"{of} has no items", "lists")
        return found

    def compared(self, node: ast.expr, parts: list[ast.expr], ops: list[ast.cmpop]) -> None:
        kinds = [self.kind(part) for part in parts]
        if not self.last:
            return
        for op, (one, other) in zip(ops, pairwise(kinds), strict=True):
            same = isinstance(op, ast.Is | ast.IsNot)
            if isinstance(op, ast.In | ast.NotIn):
                raise self.refuse(node, "cannot be lowered", "== joined by or")
            if not (fits(one, other) or fits(other, one)) or (same == (INT in (one, other))):
                raise self.refuse(node, f"compares {one} with {other}", "integers with ==, < and so on, records with is")
