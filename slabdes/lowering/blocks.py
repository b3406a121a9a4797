# SPDX-License-Identifier: GPL-2.0-only
"""Cuts a checked path into blocks at its waits: straight pieces of code, each with where it goes on.

Helpers that wait are put in place of their calls where they are said to be. Leaves out what lives across a wait.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from slabdes.lowering.kinds import CPU, INT, KERNEL, PAIR, Kind
from slabdes.lowering.refusal import located
from slabdes.lowering.sources import Function
from slabdes.lowering.trees import assign, callee_of, constant_of, copied, has_wait, jumps, kind_of, mark, name, stores, target


@dataclass(eq=False)
class Block:
    """A straight piece of code, in the order of the text. `entered` by the driver after a wait: then it is a stage."""

    place: int = -1
    stmts: list[ast.stmt] = field(default_factory=list)
    end: Jump | Branch | Wait | Leave | None = None
    entered: bool = False
    live: set[str] = field(default_factory=set)
    """Variables that are read from here on before they are set."""

    def follows(self) -> list[Block]:
        """Where it can go on."""
        match self.end:
            case Jump(to) | Wait(to=to):
                return [to]
            case Branch(yes=yes, no=no):
                return [yes, no]
        return []


@dataclass(frozen=True)
class Jump:
    """Go on there."""

    to: Block


@dataclass(frozen=True)
class Branch:
    """Go on here or there."""

    test: ast.expr
    yes: Block
    no: Block


@dataclass(frozen=True)
class Wait:
    """Call a path or a service that may wait, and go on there."""

    call: ast.Call
    callee: Function
    to: Block


@dataclass(frozen=True)
class Leave:
    """The path ends."""

    value: ast.expr | None


@dataclass(frozen=True)
class _Inlined:
    """A helper in place of its call: what its result is put into, and where it goes on."""

    target: ast.expr | None
    to: Block


class Blocks:
    """The blocks of one path. `inlined` says which helpers go in place of their calls, and gives their bodies.

    `in_two` says of which services only the first half waits: the second is a plain call afterwards.
    """

    def __init__(
        self,
        function: Function,
        body: list[ast.stmt],
        inlined: Callable[[Function], list[ast.stmt] | None],
        in_two: Callable[[Function], bool],
    ) -> None:
        self._inlined, self._in_two = inlined, in_two
        self.all: list[Block] = []
        self._taken = {p.name for p in function.parameters} | stores(*body)
        self._loops: list[tuple[Block, Block]] = []
        self._inside: list[_Inlined] = []
        first = self._put(Block(entered=True))
        last = self._body(body, first)
        if last is not None:
            last.end = Leave(None)
        self._collapse()

    @property
    def variables(self) -> set[str]:
        """Everything that is set anywhere."""
        return self._taken

    def _put(self, block: Block) -> Block:
        block.place = len(self.all)
        self.all.append(block)
        return block

    def _jump(self, block: Block | None, to: Block) -> None:
        if block is not None:
            block.end = Jump(to)

    def _reached(self, block: Block) -> Block | None:
        return self._put(block) if any(block in other.follows() for other in self.all) else None

    def _new(self, base: str) -> str:
        made, number = base, 1
        while made in self._taken:
            number += 1
            made = f"{base}_{number}"
        self._taken.add(made)
        return made

    # Statements.

    def _body(self, stmts: list[ast.stmt], block: Block | None) -> Block | None:
        for stmt in stmts:
            if block is None:
                return None
            block = self._one(stmt, block)
        return block

    def _splits(self, stmt: ast.stmt) -> bool:
        if has_wait(stmt):
            return True
        return any(bool(self._inside if isinstance(jump, ast.Return) else self._loops) for jump in jumps(stmt))

    def _one(self, stmt: ast.stmt, block: Block) -> Block | None:
        match stmt:
            case ast.Return(value=value):
                self._returned(value, block)
                return None
            case ast.Break() | ast.Continue() if self._loops:
                head, after = self._loops[-1]
                self._jump(block, after if isinstance(stmt, ast.Break) else head)
                return None
        if not self._splits(stmt):
            block.stmts.append(stmt)
            return block
        match stmt:
            case ast.Expr(value=ast.YieldFrom(value=ast.Call() as call)):
                return self._wait(call, None, block)
            case ast.Assign(targets=[one], value=ast.YieldFrom(value=ast.Call() as call)):
                return self._wait(call, one, block)
            case ast.If(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse, block)
            case ast.While(test=test, body=body):
                return self._loop(test, body, block)
            case ast.For():
                return self._count(stmt, block)
        raise AssertionError(ast.unparse(stmt))

    def _choice(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt], block: Block) -> Block | None:
        yes, no, after = Block(), Block(), Block()
        block.end = Branch(test, yes, no if orelse else after)
        self._jump(self._body(body, self._put(yes)), after)
        if orelse:
            self._jump(self._body(orelse, self._put(no)), after)
        return self._reached(after)

    def _loop(self, test: ast.expr, body: list[ast.stmt], block: Block) -> Block | None:
        head, inner, after = Block(), Block(), Block()
        self._jump(block, self._put(head))
        if isinstance(test, ast.Constant) and test.value:
            inner = head
        else:
            head.end = Branch(test, inner, after)
            self._put(inner)
        self._loops.append((head, after))
        self._jump(self._body(body, inner), head)
        self._loops.pop()
        return self._reached(after)

    def _count(self, stmt: ast.For, block: Block) -> Block | None:
        """A counting loop that is left in its middle."""
        assert isinstance(stmt.iter, ast.Call)
        counter, until = self._new("next"), self._new("until")
        first, end = stmt.iter.args
        block.stmts += [assign(target(counter, stmt), first, stmt), assign(target(until, stmt), end, stmt)]
        step = located(ast.AugAssign(target(counter, stmt), ast.Add(), located(ast.Constant(1), stmt)), stmt)
        test = located(ast.Compare(name(counter, stmt), [ast.Lt()], [name(until, stmt)]), stmt)
        return self._loop(test, [assign(stmt.target, name(counter, stmt), stmt), step, *stmt.body], block)

    # Waits and returns.

    def _returned(self, value: ast.expr | None, block: Block) -> None:
        if not self._inside:
            block.end = Leave(value)
            return
        helper = self._inside[-1]
        if helper.target is not None and value is not None:
            if isinstance(helper.target, ast.Tuple) and isinstance(value, ast.Tuple):
                block.stmts += [assign(copied(one), part) for one, part in zip(helper.target.elts, value.elts, strict=True)]
            else:
                block.stmts.append(assign(copied(helper.target), value))
        block.end = Jump(helper.to)

    def _wait(self, call: ast.Call, into: ast.expr | None, block: Block) -> Block | None:
        callee = callee_of(call)
        assert callee is not None
        body = self._inlined(callee)
        if body is not None:
            return self._inline(callee, body, call, into, block)
        after = Block(entered=True)
        if self._in_two(callee):
            call = self._with_names(call, block)
            again = copied(call)
            after.stmts.append(located(ast.Expr(again), call) if into is None else assign(into, again, call))
        elif into is not None:
            after.stmts += _results(into, callee.result)
        block.end = Wait(call, callee, after)
        return self._put(after)

    def _with_names(self, call: ast.Call, block: Block) -> ast.Call:
        """A call whose arguments are still the same after the wait."""
        made = copied(call)
        made.args = [self._with_name(arg, block) for arg in made.args]
        for word in made.keywords:
            word.value = self._with_name(word.value, block)
        return made

    def _with_name(self, arg: ast.expr, block: Block) -> ast.expr:
        if isinstance(arg, ast.Name | ast.Constant) or constant_of(arg):
            return arg
        kept, kind = self._new("kept"), kind_of(arg)
        block.stmts.append(assign(target(kept, arg, kind), arg))
        return name(kept, arg, kind)

    def _inline(
        self, callee: Function, body: list[ast.stmt], call: ast.Call, into: ast.expr | None, block: Block
    ) -> Block | None:
        changed = stores(*body)
        names: dict[str, ast.expr] = {}
        for parameter, value in callee.bound(call, callee.file).items():
            kind = next(p.kind for p in callee.parameters if p.name == parameter)
            if kind in (KERNEL, CPU) or (isinstance(value, ast.Name | ast.Constant) and parameter not in changed):
                names[parameter] = value
            else:
                own = self._new(parameter)
                block.stmts.append(assign(target(own, call, kind), value, call))
                names[parameter] = name(own, call, kind)
        for local in sorted(changed):
            if local not in names:
                names[local] = name(self._new(local), call)
        to = Block()
        self._inside.append(_Inlined(into, to))
        loops, self._loops = self._loops, []
        self._jump(self._body([copied(stmt, names) for stmt in body], block), to)
        self._loops = loops
        self._inside.pop()
        return self._reached(to)

    def _collapse(self) -> None:
        """Jumps to a block that only jumps on go to where that goes."""
        for empty in self.all[1:]:
            if empty.stmts or not isinstance(empty.end, Jump) or empty.end.to is empty:
                continue
            to = empty.end.to
            for block in self.all:
                match block.end:
                    case Jump(there) if there is empty:
                        block.end = Jump(to)
                    case Branch(test, yes, no):
                        block.end = Branch(test, to if yes is empty else yes, to if no is empty else no)
                    case Wait(call, callee, there) if there is empty:
                        block.end = Wait(call, callee, to)
            to.entered |= empty.entered
            empty.end = None
        self.all = [block for block in self.all if block.stmts or block.end is not None]


def _results(into: ast.expr, kind: Kind) -> list[ast.stmt]:
    """What the CPU holds as a path's result goes where it belongs."""
    if kind == PAIR:
        assert isinstance(into, ast.Tuple)
        return [assign(one, _of_cpu(field, INT)) for one, field in zip(into.elts, ("ret", "ret2"), strict=True)]
    return [assign(into, _of_cpu("ret", kind))]


def _of_cpu(field: str, kind: Kind) -> ast.expr:
    made = located(ast.Attribute(name("cpu", None, CPU), field, ast.Load()), None)
    mark(made, kind=kind)
    return made
