# SPDX-License-Identifier: GPL-2.0-only
"""Paths and helpers as they are written: their text, what they take and give, and what the names in them stand for."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from slabdes.lowering.kinds import ANYTHING, CPU, KERNEL, NONE, Kind, waits
from slabdes.lowering.records import Records
from slabdes.lowering.refusal import located, refused
from slabdes.lowering.target import Target


@dataclass(frozen=True)
class Parameter:
    """What a function is given; `written` is its name there, `default` its value, if there is one."""

    name: str
    written: str
    kind: Kind
    default: ast.expr | None


@dataclass(frozen=True, eq=False)
class Function:
    """A path (it waits), a helper of paths, a service or a function that is called as it is."""

    name: str
    file: str
    node: ast.FunctionDef
    known: Mapping[str, Any]
    parameters: tuple[Parameter, ...]
    result: Kind
    waits: bool

    def bound(self, call: ast.Call, file: str) -> dict[str, ast.expr]:
        """A call's arguments by parameter, in their order. Refuses what does not fit."""
        given: dict[str, ast.expr] = {}
        names = [parameter.written for parameter in self.parameters]
        if len(call.args) > len(names):
            raise refused(file, call, f"{self.name} takes {len(names)} arguments", ", ".join(names))
        given.update(zip(names, call.args, strict=False))
        for word in call.keywords:
            if word.arg not in names or word.arg in given:
                raise refused(file, call, f"{self.name} has no argument {word.arg} (or it is given twice)", ", ".join(names))
            given[str(word.arg)] = word.value
        for parameter in self.parameters:
            if parameter.written not in given:
                if parameter.default is None:
                    raise refused(file, call, f"{self.name} needs the argument {parameter.written}", ", ".join(names))
                given[parameter.written] = parameter.default
        return {parameter.name: given[parameter.written] for parameter in self.parameters}


class Sources:
    """All functions that paths can reach, read as they are needed."""

    def __init__(self, target: Target, records: Records, taken: frozenset[str]) -> None:
        self.target, self.records, self.taken = target, records, taken
        self._read: dict[int, Function] = {}

    @cached_property
    def modules(self) -> list[ModuleType]:
        """The modules of paths."""
        return [importlib.import_module(name) for name in self.target.modules]

    def path(self, name: str) -> Function:
        """A path or helper by its name alone."""
        for module in self.modules:
            made = vars(module).get(name)
            if isinstance(made, FunctionType) and made.__module__ in self.target.modules:
                return self.of(made)
        raise KeyError(name)

    def is_path(self, made: Any) -> bool:
        """Whether something is a function of the modules of paths."""
        return isinstance(made, FunctionType) and made.__module__ in self.target.modules

    def is_shared(self, made: Any) -> bool:
        """Whether something is a function that is called as it is."""
        return isinstance(made, FunctionType) and any(
            made.__module__ == name or made.__module__.startswith(f"{name}.") for name in self.target.shared
        )

    def service(self, name: str) -> Function | None:
        """What a path asks its kernel for by this name."""
        made = inspect.getattr_static(self.target.kernel, name, None)
        return self.of(made, method=True) if isinstance(made, FunctionType) else None

    def of(self, made: FunctionType, method: bool = False) -> Function:
        """A function, read."""
        found = self._read.get(id(made))
        if found is None:
            found = self._read[id(made)] = self._parse(made, method)
        return found

    def _parse(self, made: FunctionType, method: bool) -> Function:
        path = self.is_path(made) and not method
        lines, first = inspect.getsourcelines(made)
        indent = len(lines[0]) - len(lines[0].lstrip())
        tree = ast.parse("".join(line[indent:] if line[:indent].isspace() else line for line in lines))
        node = tree.body[0]
        assert isinstance(node, ast.FunctionDef)
        ast.increment_lineno(node, first - 1)
        located(node.args, node)
        file = inspect.getsourcefile(made) or made.__module__
        known = vars(builtins) | made.__globals__
        names = self.records.names
        inner = waits(node.returns)
        result = names.kind(inner or node.returns, known)
        takes = node.args.args + node.args.kwonlyargs
        defaults: list[ast.expr | None] = [None] * (len(node.args.args) - len(node.args.defaults))
        defaults += [*node.args.defaults, *node.args.kw_defaults]
        parameters = []
        for place, (arg, default) in enumerate(zip(takes, defaults, strict=True)):
            kind = KERNEL if method and place == 0 else names.kind(arg.annotation, known)
            if kind is None and not self.is_shared(made):
                raise refused(file, arg, "a parameter of no kind", "int, bool, an IntEnum or a record class")
            written = arg.arg
            if path and written in self.taken and kind not in (KERNEL, CPU):
                _rename(node, written, f"{written}_")
            parameters.append(Parameter(arg.arg, written, kind or ANYTHING, default and _evaluated(default, known, file)))
        if path and [p.kind for p in parameters[:2]] != [KERNEL, CPU]:
            raise refused(file, node.args, "a path's first parameters", "the kernel and the CPU")
        if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
            raise refused(file, node.args, "parameters of this form", "named ones")
        if path and (inner is not None) != inspect.isgeneratorfunction(made):
            raise refused(file, node.args, f"{made.__name__} does not wait as its annotation says", "Waits[...]")
        if method:
            parameters = parameters[1:]
        return Function(made.__name__, file, node, known, tuple(parameters), result or NONE, inner is not None)


def _rename(function: ast.FunctionDef, name: str, new: str) -> None:
    """Call a parameter otherwise: its name is a service's."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.arg == name:
            node.arg = new
        elif isinstance(node, ast.Name) and node.id == name:
            node.id = new


def _evaluated(default: ast.expr, known: Mapping[str, Any], file: str) -> ast.expr:
    """A default argument's value, wherever its name is known."""
    try:
        value = eval(compile(ast.Expression(default), file, "eval"), dict(known))
    except NameError:
        value = default
    if value is not None and not isinstance(value, int):
        raise refused(file, default, "cannot be a default argument", "an integer or None")
    return ast.copy_location(ast.Constant(value if value is None or isinstance(value, bool) else int(value)), default)


def defined(module: str) -> dict[str, int | None]:
    """The names that a module defines, as its text says, which is not run; of functions, how many arguments they take."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, module
    names: dict[str, int | None] = {}
    for stmt in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        match stmt:
            case ast.FunctionDef(name=name, args=args):
                names[name] = len(args.args)
            case ast.Assign(targets=targets):
                names |= {n.id: None for one in targets for n in ast.walk(one) if isinstance(n, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names[name] = None
    return names
