# SPDX-License-Identifier: GPL-2.0-only
"""Lowers all paths that a target's entries reach: one module of text, and the fields that a frame needs for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from slabdes.lowering import trees
from slabdes.lowering.blocks import Blocks
from slabdes.lowering.check import checked
from slabdes.lowering.expressions import Expressions, Needs
from slabdes.lowering.kinds import CPU, KERNEL, Is
from slabdes.lowering.liveness import Frames, find_lives
from slabdes.lowering.normalise import normalised
from slabdes.lowering.records import Records
from slabdes.lowering.refusal import refused
from slabdes.lowering.sources import Function, Sources, defined
from slabdes.lowering.statements import ALIASES
from slabdes.lowering.target import Target
from slabdes.lowering.text import STAGES, PathText, Plan, helper_lines, number_name
from slabdes.lowering.trees import callee_of, copied, kind_of, stores

_SMALL: Final = 1
"""Waits of a helper that goes in place of its calls wherever they are."""
_LARGE: Final = 24
"""Waits, with those of all that goes inside it, beyond which a path does not go inside another."""


@dataclass(frozen=True)
class Lowered:
    """What came of it: a module's text, the fields of a frame, each path's number and the fields that its arguments go into."""

    text: str
    frame: tuple[str, ...]
    numbers: dict[str, int]
    arguments: dict[str, dict[str, str]]


def lower(target: Target) -> Lowered:
    """Lower a target's paths. Raises Refused with file and line."""
    return _Lowering(target).lowered()


class _Lowering:
    def __init__(self, target: Target) -> None:
        self.target = target
        self.records = Records(target)
        self.services = {name: defined(name) for name in target.services}
        self.reserved = {"run", "cpu", "frame", "stage", "status"}.union(*self.services.values())
        self.reserved |= {table.name for table in target.tables} | {name.rpartition(".")[2] for name in target.flat}
        self.sources = Sources(target, self.records, frozenset(self.reserved))
        self.bodies: dict[Function, list[ast.stmt]] = {}
        self.calls: dict[Function, list[Function]] = {}
        self.imports: dict[str, str] = {}
        self.constants: dict[str, object] = {}
        self.helpers: dict[str, list[str]] = {}
        self.file = ""
        self.plan = Plan(self.has_frame, self.at_once, self.in_two)

    # What there is.

    def body(self, function: Function) -> list[ast.stmt]:
        """The body of a path or helper, in its normal form and checked."""
        if function not in self.bodies:
            body = checked(function, normalised(function), self.sources, self.records)
            own: dict[str, ast.expr] = {local: trees.name(f"{local}_") for local in stores(*body) & self.reserved}
            self.bodies[function] = [copied(stmt, own) for stmt in body]
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

        for name in (*self.target.entries, *self.target.rest):
            visit(self.sources.path(name))
        return order[::-1]

    # What becomes of a path.

    @cache  # noqa: B019  # as long-lived as the pass
    def has_frame(self, function: Function) -> bool:
        """Whether a path has a frame of its own, instead of going in place of its calls."""
        return self.is_lowered(function) and (not self.may_go_inside(function) or self.comes_back(function))

    @cache  # noqa: B019
    def may_go_inside(self, function: Function) -> bool:
        """Entries may not, nor what is called at more than one place and waits more than once, nor what is large."""
        if function.name in (*self.target.entries, *self.target.rest, *self.target.at_once):
            return False
        if len(list(self.waits_of(function))) <= _SMALL:
            return True
        callers = sum(callees.count(function) for callees in self.calls.values())
        return callers <= 1 and self.waits_inside(function, frozenset()) <= _LARGE

    def waits_inside(self, function: Function, above: frozenset[Function]) -> int:
        """How often a path waits, with what goes inside it; what it comes back to has a frame."""
        count = 0
        for callee in self.waits_of(function):
            inside = self.is_lowered(callee) and callee not in above and self.may_go_inside(callee)
            count += self.waits_inside(callee, above | {function}) if inside else 1
        return count

    def comes_back(self, function: Function) -> bool:
        """Whether a path comes to itself through others that go in place of their calls."""
        seen: set[Function] = set()
        todo = list(self.calls[function])
        while todo:
            callee = todo.pop()
            if callee is function:
                return True
            if callee not in seen and self.may_go_inside(callee):
                seen.add(callee)
                todo += self.calls[callee]
        return False

    def at_once(self, caller: str, callee: str) -> bool:
        """Whether a path begins another at once. One that can come back to it is begun by the driver."""
        if callee not in self.target.at_once:
            return False
        order = [function.name for function in self.order]
        return order.index(caller) < order.index(callee)

    @cache  # noqa: B019
    def in_two(self, function: Function) -> bool:
        """Whether only the first half of a service waits."""
        return not self.is_lowered(function) and any(f"before_{function.name}" in names for names in self.services.values())

    def inlined(self, function: Function) -> list[ast.stmt] | None:
        """The body of a helper that goes in place of its calls."""
        return self.body(function) if self.is_lowered(function) and not self.has_frame(function) else None

    def service(self, name: str, at: ast.AST, given: int | None) -> str:
        """A service's compiled form, which is to be imported and takes so many arguments."""
        for module, names in self.services.items():
            if name in names:
                takes = names[name]
                if takes is not None and given is not None and takes != given:
                    raise refused(self.file, at, f"{name} is given {given} arguments", f"{takes}, as in {module}")
                self.imports[name] = module
                return name
        raise refused(self.file, at, f"{name} has no compiled form", f"a function in {', '.join(self.target.services)}")

    def is_service(self, name: str) -> bool:
        """Whether the services define a name."""
        return any(name in names for names in self.services.values())

    def helper(self, function: Function) -> None:
        """Print a helper without waits, once."""
        if function.name not in self.helpers:
            self.helpers[function.name] = []
            file, self.file = self.file, function.file
            expressions = self.expressions()
            lines = helper_lines(function, self.body(function), expressions)
            # Those that it needs itself stand before it.
            del self.helpers[function.name]
            self.helpers[function.name] = lines
            self.file = file

    def expressions(self) -> Expressions:
        """A printer of expressions, for one function."""
        needs = Needs(self.helper, self.service, self.is_service)
        needs.constants, needs.shared = self.constants, self.imports
        return Expressions(self.target, self.sources, self.records, needs)

    # Text.

    def lowered(self) -> Lowered:
        """All of it."""
        self.order = self.reached()
        paths = [function for function in self.order if self.has_frame(function)]
        cut = {function: Blocks(function, self.body(function), self.inlined, self.in_two) for function in paths}
        frames = Frames()
        texts: list[PathText] = []
        printed: list[list[str]] = []
        for blocks in cut.values():
            find_lives(blocks.all)
        largest_first = sorted(paths, key=lambda function: -len(cut[function].all))
        fields = {function: self._fields(frames, function, cut[function]) for function in largest_first}
        for function in paths:
            self.file = function.file
            text = PathText(function, cut[function].all, fields[function], self.expressions(), self.plan)
            if len(text.heads) > STAGES:
                raise refused(function.file, function.node.args, f"{function.name} has {len(text.heads)} stages", f"{STAGES}")
            texts.append(text)
            printed += [text.beginning(), text.lines()]
        for name in self.target.helpers:
            self.helper(self.sources.path(name))
        numbers = {function.name: STAGES * (self.target.first_number + place) for place, function in enumerate(paths)}
        arguments = {function.name: {p.written: fields[function][p.name] for p in function.parameters[2:]} for function in paths}
        return Lowered(self._module(paths, printed, numbers), tuple(frames.fields), numbers, arguments)

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
        return frames.place(parameters, blocks.all, variables)

    def _module(self, paths: list[Function], printed: list[list[str]], numbers: dict[str, int]) -> str:
        head = [f'"""The paths of {self.target.name}, lowered: made from {", ".join(self.target.modules)}. Do not edit."""', ""]
        used = {word for lines in (*printed, *self.helpers.values()) for word in re.findall(r"\w+", " ".join(lines))}
        for name in ("CALLED", "GO", "call", "end_of_path", "function", "inline", *sorted(used & self._views())):
            self.service(name, ast.Name(name, ast.Load()), None)
        for module in sorted(set(self.imports.values())):
            head.append(f"from {module} import {', '.join(sorted(n for n, m in self.imports.items() if m == module))}")
        constants = [f"{name} = {value!r}" for name, value in sorted(self.constants.items())]
        constants += [f"{number_name(function)} = {numbers[function.name]}" for function in paths]
        timed = self._below(self.target.entries)
        bodies = [*self.helpers.values(), *printed, self._follow("follow", [f for f in paths if f in timed])]
        if self.target.rest:
            rest = [function for function in paths if function not in timed]
            constants.append(f"REST = ({''.join(f'{number_name(function)}, ' for function in rest)})")
            bodies.append(self._follow("follow_rest", rest))
        return "\n".join([*head, "", *constants]) + "\n\n\n" + "\n\n\n".join("\n".join(lines) for lines in bodies) + "\n"

    def _views(self) -> set[str]:
        texts = (*(table.text for table in self.target.tables), *self.target.flat.values())
        return {text.partition("(")[0] for text in texts}

    def _below(self, entries: tuple[str, ...]) -> set[Function]:
        """All paths that some entries reach."""
        found: set[Function] = set()
        todo = [self.sources.path(name) for name in entries]
        while todo:
            function = todo.pop()
            if function not in found:
                found.add(function)
                todo += self.calls[function]
        return found

    def _follow(self, name: str, paths: list[Function]) -> list[str]:
        lines = ["@inline", f"def {name}(run, cpu, frame):", '    """Do what comes next on the path that a frame is of."""']
        lines.append(f"    path = frame.pc & {-STAGES}")
        for function in paths:
            lines += [f"    if path == {number_name(function)}:", f"        return {function.name}(run, cpu, frame)"]
        return [*lines, "    return GO"]
