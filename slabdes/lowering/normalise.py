# SPDX-License-Identifier: GPL-2.0-only
"""Brings a path into a form in which a wait is a statement of its own: `x = yield from f(...)` or `yield from f(...)`.

Conditions lose their waits and walruses, loops over lists count, assignments have one target. What has no such form is refused.
"""

from __future__ import annotations

import ast
from typing import Final

from slabdes.lowering.kinds import NONE
from slabdes.lowering.refusal import Refused, located, refused
from slabdes.lowering.sources import Function
from slabdes.lowering.trees import assign, copied, has_wait, name, negated, stores, target

SIMPLE: Final = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp,
    ast.keyword, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.YieldFrom, ast.NamedExpr, ast.Tuple,
)  # fmt: skip
"""What expressions are made of."""


def normalised(function: Function) -> list[ast.stmt]:
    """The body of a function in this form."""
    return _Normaliser(function).body(_without_docstring(function.node.body))


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _has_effect(node: ast.AST) -> bool:
    return any(isinstance(n, ast.YieldFrom | ast.NamedExpr) for n in ast.walk(node))


class _Normaliser:
    """One function on its way."""

    def __init__(self, function: Function) -> None:
        self.file = function.file
        self.ends_with_nothing = function.result == NONE
        self.kernel = function.parameters[0].name
        self.taken = {n.id for n in ast.walk(function.node) if isinstance(n, ast.Name)}
        self.taken |= {parameter.name for parameter in function.parameters}

    def new_name(self, base: str) -> str:
        number = next(n for n in range(1, len(self.taken) + 2) if f"{base}{n}" not in self.taken)
        self.taken.add(f"{base}{number}")
        return f"{base}{number}"

    def body(self, stmts: list[ast.stmt]) -> list[ast.stmt]:
        return [made for stmt in stmts for made in self.statement(stmt)]

    def refuse(self, node: ast.AST, allowed: str | None = None) -> Refused:
        return refused(self.file, node, "cannot be lowered", allowed)

    def statement(self, stmt: ast.stmt) -> list[ast.stmt]:
        match stmt:
            case ast.Expr(value=ast.YieldFrom(value=call)):
                return [located(ast.Expr(self.wait(call)), stmt)]
            case ast.Expr(value=ast.Call() as call):
                return [located(ast.Expr(self.plain(call)), stmt)]
            case ast.Assign(targets=targets, value=value):
                return self.assignment(targets, value, stmt)
            case ast.AnnAssign(target=ast.Name() as one, value=ast.expr() as value, annotation=annotation):
                before, made = self.value(value)
                return [*before, located(ast.AnnAssign(copied(one), copied(annotation), made, 1), stmt)]
            case ast.AugAssign():
                return self.augmented(stmt)
            case ast.Return(value=value):
                return self.returned(stmt, value)
            case ast.If():
                return self.choice(stmt)
            case ast.While(test=test, body=body, orelse=[]):
                return self.loop(test, body, stmt)
            case ast.For(orelse=[]):
                return self.count(stmt)
            case ast.Break() | ast.Continue() | ast.Pass():
                return [copied(stmt)]
        raise self.refuse(stmt, "assignments, calls, if, while, for, break, continue, return, pass")

    def augmented(self, stmt: ast.AugAssign) -> list[ast.stmt]:
        """`x += ...`: what x was, Python reads before it waits for the rest."""
        self.plain(stmt.target)
        before, made = self.value(stmt.value)
        if not before or isinstance(stmt.target, ast.Name):
            return [*before, located(ast.AugAssign(copied(stmt.target), stmt.op, made), stmt)]
        had = self.new_name("had")
        summed = located(ast.BinOp(name(had, stmt), stmt.op, made), stmt)
        return [assign(target(had, stmt), _as_read(stmt.target), stmt), *before, assign(copied(stmt.target), summed, stmt)]

    def returned(self, stmt: ast.Return, value: ast.expr | None) -> list[ast.stmt]:
        if value is None:
            return [copied(stmt)]
        if isinstance(value, ast.YieldFrom) and self.ends_with_nothing:
            return [located(ast.Expr(self.wait(value.value)), stmt), located(ast.Return(None), stmt)]
        before, made = self.value(value)
        return [*before, located(ast.Return(made), stmt)]

    # Expressions.

    def plain(self, node: ast.expr) -> ast.expr:
        """An expression without a wait, as it is."""
        for n in ast.walk(node):
            if not isinstance(n, SIMPLE):
                raise self.refuse(n, "integers, records, their fields and items, calls, arithmetic and comparisons")
        if _has_effect(node):
            raise self.refuse(node, "a wait or a walrus of its own, or in a condition")
        return copied(node)

    def wait(self, call: ast.expr) -> ast.YieldFrom:
        """A wait for a call whose arguments do not wait."""
        if not isinstance(call, ast.Call):
            raise self.refuse(call, "yield from a path or a service")
        return located(ast.YieldFrom(self.plain(call)), call)

    def value(self, node: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """What has to be done before a value is there, and the value."""
        if isinstance(node, ast.YieldFrom):
            got = self.new_name("got")
            return [assign(target(got, node), self.wait(node.value), node)], name(got, node)
        if isinstance(node, ast.NamedExpr):
            before, made = self.value(node.value)
            return [*before, assign(copied(node.target), made, node)], name(node.target.id, node)
        if isinstance(node, ast.Call) and len(node.args) == 1 and has_wait(node):
            # bool((yield from f())) and the like.
            before, made = self.value(node.args[0])
            return before, located(ast.Call(copied(node.func), [made], []), node)
        return [], self.plain(node)

    def assignment(self, targets: list[ast.expr], value: ast.expr, stmt: ast.stmt) -> list[ast.stmt]:
        for one in targets:
            self.plain(one)
        if isinstance(value, ast.YieldFrom):
            if len(targets) == 1 and isinstance(targets[0], ast.Name | ast.Tuple):
                return [assign(copied(targets[0]), self.wait(value.value), stmt)]
            before, made = self.value(value)
        elif isinstance(value, ast.Tuple) and len(targets) == 1 and isinstance(targets[0], ast.Tuple):
            return self.pairs(targets[0], value, stmt)
        else:
            before, made = self.value(value)
        first, *others = reversed(targets)
        if isinstance(first, ast.Tuple):
            raise self.refuse(stmt, "as many values, or a wait for a pair")
        rest: list[ast.stmt] = [assign(copied(other), _as_read(first), stmt) for other in others]
        return [*before, assign(copied(first), made, stmt), *rest]

    def pairs(self, targets: ast.Tuple, values: ast.Tuple, stmt: ast.stmt) -> list[ast.stmt]:
        """`a, b = x, y`: the values first, unless no target is read by a later one."""
        if len(targets.elts) != len(values.elts):
            raise self.refuse(stmt, "as many values as names")
        set_names = {ast.unparse(one) for one in targets.elts}
        read = {ast.unparse(n) for value in values.elts for n in ast.walk(value) if isinstance(n, ast.expr)}
        plain = [self.plain(value) for value in values.elts]
        if not set_names & read:
            return [assign(copied(one), value, stmt) for one, value in zip(targets.elts, plain, strict=True)]
        names = [self.new_name("got") for _value in plain]
        first: list[ast.stmt] = [assign(target(made, stmt), value, stmt) for made, value in zip(names, plain, strict=True)]
        return first + [assign(copied(one), name(made, stmt), stmt) for one, made in zip(targets.elts, names, strict=True)]

    # Conditions.

    def condition(self, test: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """What has to be done before a condition is known, and the condition."""
        if not _has_effect(test):
            return [], self.plain(test)
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                before, made = self.condition(operand)
                return before, negated(made)
            case ast.BoolOp(op=op, values=[first, *rest]):
                before, made = self.condition(first)
                known = self.new_name("is")
                before.append(assign(target(known, test), _truth(made), test))
                for value in rest:
                    inner, made = self.condition(value)
                    inner.append(assign(target(known, value), _truth(made), value))
                    so_far: ast.expr = name(known, value)
                    before.append(located(ast.If(so_far if isinstance(op, ast.And) else negated(so_far), inner, []), value))
                return before, name(known, test)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                before, made = self.value(left)
                return before, located(ast.Compare(made, list(ops), [self.plain(one) for one in comparators]), test)
        return self.value(test)

    def choice(self, stmt: ast.If) -> list[ast.stmt]:
        match stmt:
            case ast.If(test=ast.BoolOp(op=ast.And(), values=[first, *rest]), orelse=[]) if _has_effect(stmt.test):
                # Without an else, one condition is in the other.
                inner = located(ast.If(_all_of(rest, stmt), stmt.body, []), stmt)
                return self.choice(located(ast.If(first, [inner], []), stmt))
        before, test = self.condition(stmt.test)
        return [*before, located(ast.If(test, self.body(stmt.body), self.body(stmt.orelse)), stmt)]

    # Loops.

    def loop(self, test: ast.expr, body: list[ast.stmt], stmt: ast.stmt) -> list[ast.stmt]:
        if not _has_effect(test):
            return [located(ast.While(self.plain(test), self.body(body), []), stmt)]
        leave: list[ast.stmt] = []
        for part in test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]:
            before, made = self.condition(part)
            leave += [*before, located(ast.If(negated(made), [located(ast.Break(), part)], []), part)]
        return [located(ast.While(located(ast.Constant(True), stmt), [*leave, *self.body(body)], []), stmt)]

    def count(self, stmt: ast.For) -> list[ast.stmt]:
        """A loop over a list, by a counter; of a loop that waits, the counter is set by hand."""
        match stmt.iter:
            case ast.Call(func=ast.Name(id="range"), args=[*args], keywords=[]) if len(args) in (1, 2):
                first = self.plain(args[0]) if len(args) == 2 else located(ast.Constant(0), stmt)
                return self.counted(stmt, first, self.plain(args[-1]), None, list(stmt.body))
            case ast.Call(func=ast.Name(id="enumerate"), args=[rows], keywords=[]):
                if not (isinstance(stmt.target, ast.Tuple) and len(stmt.target.elts) == 2):
                    raise self.refuse(stmt, "for number, item in enumerate(...)")
                number, item = stmt.target.elts
                return self.over(stmt, rows, item, number, down=False)
            case ast.Call(func=ast.Name(id="reversed"), args=[rows], keywords=[]):
                return self.over(stmt, rows, stmt.target, None, down=True)
        return self.over(stmt, stmt.iter, stmt.target, None, down=False)

    def over(self, stmt: ast.For, rows: ast.expr, item: ast.expr, number: ast.expr | None, *, down: bool) -> list[ast.stmt]:
        match rows:
            case ast.BoolOp(op=ast.Or(), values=[one, ast.Tuple(elts=[])]):
                rows = one
        if not isinstance(item, ast.Name) or not isinstance(rows, ast.Name | ast.Attribute | ast.Call):
            raise self.refuse(stmt, "for one name in range, enumerate, reversed, a record's list or a row of the kernel's")
        before, rows = self.held(self.plain(rows), stores(*stmt.body))
        length: ast.expr = located(ast.Call(name("len", stmt), [rows], []), stmt)
        if down:
            end = self.new_name("end")
            before.append(assign(target(end, stmt), length, stmt))
            length = name(end, stmt)
        at = number.id if isinstance(number, ast.Name) else self.new_name("at")
        place: ast.expr = name(at, stmt)
        if down:
            last = located(ast.BinOp(copied(length), ast.Sub(), located(ast.Constant(1), stmt)), stmt)
            place = located(ast.BinOp(last, ast.Sub(), place), stmt)
        take = assign(copied(item), located(ast.Subscript(copied(rows), place, ast.Load()), stmt), stmt)
        counting = located(ast.For(target(at, stmt), stmt.iter, stmt.body, []), stmt)
        return before + self.counted(counting, located(ast.Constant(0), stmt), length, take, list(stmt.body))

    def held(self, rows: ast.expr, changed: set[str]) -> tuple[list[ast.stmt], ast.expr]:
        """A list that stays the same one while the loop over it changes names and memory: what it hangs on is kept."""
        before: list[ast.stmt] = []

        def kept(part: ast.expr) -> ast.expr:
            fixed = isinstance(part, ast.Constant) or ast.unparse(part).partition(".")[0] == self.kernel
            if fixed or (isinstance(part, ast.Name) and part.id not in changed):
                return part
            of = self.new_name("of")
            before.append(assign(target(of, part), part))
            return name(of, part)

        if isinstance(rows, ast.Attribute):
            rows.value = kept(rows.value)
        elif isinstance(rows, ast.Call):
            rows.args = [kept(arg) for arg in rows.args]
        return before, rows

    def counted(
        self, stmt: ast.For, first: ast.expr, end: ast.expr, take: ast.stmt | None, body: list[ast.stmt]
    ) -> list[ast.stmt]:
        if not isinstance(stmt.target, ast.Name):
            raise self.refuse(stmt, "for one name in range(...)")
        inner = [*([take] if take else []), *self.body(body)]
        if not has_wait(*inner):
            made = located(ast.Call(name("range", stmt), [first, end], []), stmt)
            return [located(ast.For(copied(stmt.target), made, inner, []), stmt)]
        counter, until = self.new_name("next"), self.new_name("end")
        before: list[ast.stmt] = [assign(target(counter, stmt), first, stmt), assign(target(until, stmt), end, stmt)]
        set_it = assign(copied(stmt.target), name(counter, stmt), stmt)
        step = located(ast.AugAssign(target(counter, stmt), ast.Add(), located(ast.Constant(1), stmt)), stmt)
        test = located(ast.Compare(name(counter, stmt), [ast.Lt()], [name(until, stmt)]), stmt)
        return [*before, located(ast.While(test, [set_it, step, *inner], []), stmt)]


def _as_read(node: ast.expr) -> ast.expr:
    made = copied(node)
    made.ctx = ast.Load()  # type: ignore[attr-defined]
    return made


def _all_of(values: list[ast.expr], at: ast.AST) -> ast.expr:
    return values[0] if len(values) == 1 else located(ast.BoolOp(ast.And(), values), at)


def _truth(made: ast.expr) -> ast.expr:
    return located(ast.Call(name("bool", made), [made], []), made)
