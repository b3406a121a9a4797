# SPDX-License-Identifier: GPL-2.0-only
"""Prints a path as a numba function of stages: `if stage == n:` for each place at which the driver can take it up again.

What lives on is loaded from the frame at the beginning and put back only where the path has to wait.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from slabdes.lowering.blocks import Block, Branch, Jump, Leave, Wait
from slabdes.lowering.expressions import Expressions
from slabdes.lowering.kinds import CPU, KERNEL, PAIR
from slabdes.lowering.sources import Function
from slabdes.lowering.statements import Statements, indented
from slabdes.lowering.trees import stores

STAGES = 64
"""Most stages of a path: its number times this, plus the stage, is where it goes on."""


@dataclass(frozen=True)
class Plan:
    """What is known of all paths: which have frames, which begin others at once; and of which services the first half waits."""

    has_frame: Callable[[Function], bool]
    at_once: Callable[[str, str], bool]
    in_two: Callable[[Function], bool]


class PathText:
    """One path on its way to text. `fields` are the frame fields of its variables."""

    def __init__(
        self, function: Function, blocks: list[Block], fields: dict[str, str], expressions: Expressions, plan: Plan
    ) -> None:
        self.function, self.blocks, self.fields, self.plan = function, blocks, fields, plan
        self.expressions = expressions
        self.statements = Statements(expressions, self._returned)
        self.changed = {n for block in blocks for n in stores(*block.stmts)}
        self.loops: set[Block] = set()
        self.goes_back = False
        before: dict[Block, list[Block]] = {block: [] for block in blocks}
        for block in blocks:
            for to in block.follows():
                before[to].append(block)
        self.nested = {
            block for block in blocks if len(before[block]) == 1 and not block.entered and before[block][0].place < block.place
        }
        self.heads = [block for block in blocks if block not in self.nested]
        self.stage = {block: number for number, block in enumerate(self.heads)}
        self.head = blocks[0]

    def lines(self) -> list[str]:
        """The function's text."""
        stages: list[str] = []
        for block in self.heads:
            self.head = block
            body = self._emit(block)
            word = "while" if block in self.loops else "if"
            stages += [f"{word} stage == {self.stage[block]}:", *indented(body or ["pass"])]
        loaded = [f"{variable} = frame.{field}" for variable, field in self.fields.items() if self._is_loaded(variable)]
        lists = [f"{name} = {text}" for name, text in sorted(self.expressions.needs.lists.items())]
        stages = ["while True:", *indented(stages)] if self.goes_back else [*stages, "return GO"]
        return [
            "@function",
            f"def {self.function.name}(run, cpu, frame):",
            *indented([docstring(self.function), f"stage = frame.pc & {STAGES - 1}", *lists, *loaded, *stages]),
        ]

    def _is_loaded(self, variable: str) -> bool:
        return any(variable in block.live for block in self.blocks if block.entered)

    @property
    def pc(self) -> str:
        """The name of the path's number."""
        return number_name(self.function)

    def _returned(self, value: ast.expr | None) -> list[str]:
        if isinstance(value, ast.Tuple):
            first, second = (self.expressions.show(part) for part in value.elts)
            return [f"cpu.ret2 = {second}", f"end_of_path(cpu, {first})", "return GO"]
        result = "0" if value is None else self.expressions.show(value)
        assert self.function.result != PAIR or value is None
        return [f"end_of_path(cpu, {result})", "return GO"]

    def _emit(self, block: Block) -> list[str]:
        lines = self.statements.lines(block.stmts)
        match block.end:
            case Leave(value=value):
                lines += self._returned(value)
            case Jump(to=to):
                lines += self._go(block, to)
            case Branch(test=test, yes=yes, no=no):
                one, other = self._go(block, yes), self._go(block, no)
                lines += self.statements.choice(test, indented(one or ["pass"]), indented(other))
            case Wait(call=call, callee=callee, to=to):
                lines += self._wait(call, callee, to)
        return lines

    def _go(self, block: Block, to: Block) -> list[str]:
        if to in self.nested:
            return self._emit(to)
        if to is self.head:
            self.loops.add(to)
            return []
        if to.place <= self.head.place:
            self.goes_back = True
        return [f"stage = {self.stage[to]}"]

    def _wait(self, call: ast.Call, callee: Function, to: Block) -> list[str]:
        leave = [f"frame.pc = {self.pc} + {self.stage[to]}"]
        for variable, field in self.fields.items():
            if variable in to.live and variable in self.changed:
                leave.append(f"frame.{field} = {variable}")
        args = [ast.unparse(arg) for arg in self.expressions.arguments(callee, call)]
        given = ", ".join(["run", *args])
        told = self.expressions.written(call)
        go_on = self._after(to)
        if not self.plan.has_frame(callee):
            name = f"before_{callee.name}" if self.plan.in_two(callee) else callee.name
            name = self.expressions.needs.service(name, call, 1 + len(args))
            asks = [f"status = {name}({given})"]
        elif self.plan.at_once(self.function.name, callee.name):
            asks = [f"status = {callee.name}(run, cpu, begin_{callee.name}({given}))"]
        else:
            return [*told, f"begin_{callee.name}({given})", *leave, "return CALLED"]
        return [*told, *asks, "if status != GO:", *indented([*leave, "return status"]), *go_on]

    def _after(self, to: Block) -> list[str]:
        if to.place <= self.head.place:
            self.goes_back = True
        return [f"stage = {self.stage[to]}"]

    def beginning(self) -> list[str]:
        """The function that puts the path on top of a CPU's stack."""
        names = [p.name for p in self.function.parameters if p.kind not in (KERNEL, CPU)]
        sets = [f"frame.{self.fields[name]} = {name}" for name in names]
        return [
            "@inline",
            f"def begin_{self.function.name}({', '.join(['run', 'cpu', *names])}):",
            f"    frame = call(run, cpu, {self.pc})",
            *indented([*sets, "return frame"]),
        ]


def number_name(function: Function) -> str:
    """How the number of a path is called."""
    return function.name.upper()


def docstring(function: Function) -> str:
    """Where a function comes from."""
    first = (ast.get_docstring(function.node) or "").splitlines()[:1]
    return f'"""{first[0] if first else function.name} ({function.known["__name__"]}:{function.node.lineno})"""'


def helper_lines(function: Function, body: list[ast.stmt], expressions: Expressions) -> list[str]:
    """A helper without waits as a function."""

    def returned(value: ast.expr | None) -> list[str]:
        return ["return" if value is None else f"return {expressions.show(value)}"]

    names = [p.name for p in function.parameters if p.kind not in (KERNEL, CPU)]
    lines = Statements(expressions, returned).lines(body)
    lists = [f"{name} = {text}" for name, text in sorted(expressions.needs.lists.items())]
    kind = "inline" if is_small(body) else "function"
    return [
        f"@{kind}",
        f"def {function.name}({', '.join(['run', 'cpu', *names])}):",
        *indented([docstring(function), *lists, *lines]),
    ]


def is_small(body: list[ast.stmt]) -> bool:
    """Whether a function belongs into its callers."""
    nodes = [n for stmt in body for n in ast.walk(stmt)]
    return len([n for n in nodes if isinstance(n, ast.stmt)]) <= 4 and not any(isinstance(n, ast.While | ast.For) for n in nodes)
