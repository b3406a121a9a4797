"""Lowers all paths that a target's entries reach: one module of text, and the fields that a frame needs for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from slabdes.lowering.blocks import Blocks, Wait
from slabdes.lowering.check import checked
from slabdes.lowering.expressions import Expressions, Needs
from slabdes.lowering.kinds import CPU, KERNEL, Is
from slabdes.lowering.liveness import Frames, find_lives
from slabdes.lowering.normalise import normalised
from slabdes.lowering.records import Records
from slabdes.lowering.refusal import refused
from slabdes.lowering.sources import Function, Sources
from slabdes.lowering.statements import ALIASES
from slabdes.lowering.target import Target
from slabdes.lowering.text import STAGES, PathText, Plan, helper_lines, number_name
from slabdes.lowering.trees import callee_of, has_wait, kind_of

_SMALL: Final = 1
"""Waits of a helper that goes in place of its calls wherever they are."""


@dataclass(frozen=True)
class Lowered:
    """What came of it: a module's text, the fields of a frame, and the paths by their numbers."""

    text: str
    frame: tuple[str, ...]
    numbers: dict[str, int]


def lower(target: Target) -> Lowered:
    """Lower a target's paths. Raises Refused with file and line."""
    return _Lowering(target).lowered()


class _Lowering:
    def __init__(self, target: Target) -> None:
        self.target = target
        self.records = Records(target)
        self.sources = Sources(target, self.records)
        self.bodies: dict[Function, list[ast.stmt]] = {}
        self.calls: dict[Function, list[Function]] = {}
        self.services = [import_module(name) for name in target.services]
        self.imports: dict[str, str] = {}
        self.constants: dict[str, object] = {}
        self.helpers: dict[str, list[str]] = {}
        self.file = ""
        self.plan = Plan(self.has_frame, self.at_once, self.in_two)

    # What there is.

    def body(self, function: Function) -> list[ast.stmt]:
        """The body of a path or helper, in its normal form and checked."""
        if function not in self.bodies:
            self.bodies[function] = checked(function, normalised(function), self.sources, self.records)
        return self.bodies[function]

    def waits_of(self, function: Function) -> Iterator[Function]:
        """What a path waits for, in the order of the text."""
        for stmt in self.body(function):
            for node in ast.walk(stmt):
                if isinstance(node, ast.YieldFrom) and isinstance(node.value, ast.Call):
                    callee = callee_of(node.value)
                    if callee is not None:
                        yield callee

    def is_lowered(self, function: Function) -> bool:
        """Whether a function is one of the paths' modules."""
        return self.sources.is_path(function.known.get(function.name)) and function.node.args.args[0].arg != "self"

    def reached(self) -> list[Function]:
        """All paths, callers first; each is checked on the way."""
        order: list[Function] = []

        def visit(function: Function) -> None:
            if function not in self.calls:
                self.calls[function] = [callee for callee in self.waits_of(function) if self.is_lowered(callee)]
                for callee in self.calls[function]:
                    visit(callee)
                order.append(function)

        for name in self.target.entries:
            visit(self.sources.path(name))
        return order[::-1]

    # What becomes of a path.

    @cache  # noqa: B019  # as long-lived as the pass
    def recurses(self, function: Function) -> bool:
        """Whether a path can come to itself."""
        seen: set[Function] = set()
        todo = list(self.calls[function])
        while todo:
            callee = todo.pop()
            if callee is function:
                return True
            if callee not in seen:
                seen.add(callee)
                todo += self.calls[callee]
        return False

    @cache  # noqa: B019
    def has_frame(self, function: Function) -> bool:
        """Whether a path has a frame of its own: entries do, and whatever is called at more than one place and waits more than once."""
        if not self.is_lowered(function):
            return False
        callers = sum(callees.count(function) for callees in self.calls.values())
        waits = len(list(self.waits_of(function)))
        named = function.name in (*self.target.entries, *self.target.at_once)
        return named or self.recurses(function) or (callers > 1 and waits > _SMALL)

    def at_once(self, caller: str, callee: str) -> bool:
        """Whether a path begins another at once. One that can come back to it is begun by the driver."""
        if callee not in self.target.at_once:
            return False
        order = [function.name for function in self.order]
        return order.index(caller) < order.index(callee)

    @cache  # noqa: B019
    def in_two(self, function: Function) -> bool:
        """Whether only the first half of a service waits."""
        return not self.is_lowered(function) and any(hasattr(module, f"before_{function.name}") for module in self.services)

    def inlined(self, function: Function) -> list[ast.stmt] | None:
        """The body of a helper that goes in place of its calls."""
        return self.body(function) if self.is_lowered(function) and not self.has_frame(function) else None

    def service(self, name: str, at: ast.AST) -> str:
        """A service's compiled form, to be imported."""
        for module in self.services:
            if hasattr(module, name):
                self.imports[name] = module.__name__
                return name
        raise refused(self.file, at, f"{name} has no compiled form", f"a function in {', '.join(self.target.services)}")

    def helper(self, function: Function) -> None:
        """Print a helper without waits, once."""
        if function.name not in self.helpers:
            self.helpers[function.name] = []
            file, self.file = self.file, function.file
            expressions = self.expressions()
            self.helpers[function.name] = helper_lines(function, self.body(function), expressions)
            self.take(expressions.needs)
            self.file = file

    def expressions(self) -> Expressions:
        """A printer of expressions, for one function."""
        needs = Needs(self.helper, self.service)
        needs.constants, needs.shared = self.constants, self.imports
        return Expressions(self.target, self.sources, self.records, needs)

    def take(self, needs: Needs) -> None:
        """Keep what a function's text needs of the module."""
        del needs

    # Text.

    def lowered(self) -> Lowered:
        """All of it."""
        self.order = self.reached()
        paths = [function for function in self.order if self.has_frame(function)]
        cut = {function: Blocks(function, self.body(function), self.inlined, self.in_two) for function in paths}
        frames = Frames()
        texts: list[PathText] = []
        printed: list[list[str]] = []
        for function in sorted(paths, key=lambda f: -len(cut[f].all)):
            blocks = cut[function].all
            find_lives(blocks)
        fields = {function: self._fields(frames, function, cut[function]) for function in self._largest_first(paths, cut)}
        for function in paths:
            self.file = function.file
            text = PathText(function, cut[function].all, fields[function], self.expressions(), self.plan)
            if len(text.heads) > STAGES:
                raise refused(function.file, function.node.args, f"{function.name} has {len(text.heads)} stages", f"{STAGES}")
            texts.append(text)
            printed += [text.beginning(), text.lines()]
        numbers = {function.name: STAGES * (self.target.first_number + place) for place, function in enumerate(paths)}
        return Lowered(self._module(paths, printed, numbers), tuple(frames.fields), numbers)

    def _largest_first(self, paths: list[Function], cut: dict[Function, Blocks]) -> list[Function]:
        return sorted(paths, key=lambda function: -len(cut[function].all))

    def _fields(self, frames: Frames, function: Function, blocks: Blocks) -> dict[str, str]:
        aliases = {
            node.id
            for block in blocks.all
            for stmt in block.stmts
            for node in ast.walk(stmt)
            if isinstance(node, ast.Name) and kind_of(node).what in (*ALIASES, Is.CPU)
        }
        parameters = [p.name for p in function.parameters if p.kind not in (KERNEL, CPU)]
        variables = blocks.variables - aliases - {p.name for p in function.parameters if p.kind in (KERNEL, CPU)}
        return frames.place(parameters, blocks.all, set(), variables)

    def _module(self, paths: list[Function], printed: list[list[str]], numbers: dict[str, int]) -> str:
        head = [f'"""The paths of {self.target.name}, lowered: made from {", ".join(self.target.modules)}. Do not edit."""', ""]
        head.append(f"from {self.target.runtime} import CALLED, GO, call, end_of_path, function, inline")
        for module in sorted(set(self.imports.values())):
            head.append(f"from {module} import {', '.join(sorted(n for n, m in self.imports.items() if m == module))}")
        used = " ".join(line for lines in (*printed, *self.helpers.values()) for line in lines)
        for table in sorted({text.partition("(")[0] for text in (*(t.text for t in self.target.tables), *self.target.flat.values())}):
            if f"{table}(" in used:
                head.append(f"from {self.target.runtime} import {table}")
        constants = [f"{name} = {value!r}" for name, value in sorted(self.constants.items())]
        constants += [f"{number_name(function)} = {numbers[function.name]}" for function in paths]
        bodies = [*self.helpers.values(), *printed, self._follow(paths)]
        return "\n".join([*head, "", *constants]) + "\n\n\n" + "\n\n\n".join("\n".join(lines) for lines in bodies) + "\n"

    def _follow(self, paths: list[Function]) -> list[str]:
        lines = ["@inline", "def follow(run, cpu, frame):", '    """Do what comes next on the path that a frame is of."""']
        lines.append(f"    path = frame.pc & {-STAGES}")
        for function in paths:
            lines += [f"    if path == {number_name(function)}:", f"        return {function.name}(run, cpu, frame)"]
        return [*lines, "    return GO"]


__all__ = ["Lowered", "has_wait", "lower"]
