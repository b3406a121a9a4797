# SPDX-License-Identifier: GPL-2.0-only
"""Which function a call in a path calls, whether it waits as it is said to, and whether its arguments fit.

Leaves out how calls are printed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from slabdes.errors import nearest
from slabdes.lowering.kinds import CPU, INT, KERNEL, NONE, Is, Kind, fits
from slabdes.lowering.refusal import located, refused
from slabdes.lowering.sources import Function, Sources
from slabdes.lowering.trees import callee_of, mark

BUILTINS: Final = ("min", "max", "abs", "bool", "int", "len")


class Calls:
    """The calls of one function; `kind` finds the kind of an argument."""

    def __init__(self, sources: Sources, function: Function, kind: Callable[[ast.expr], Kind]) -> None:
        self.sources, self.function, self.of = sources, function, kind

    def kind(self, call: ast.Call, *, waiting: bool) -> Kind:
        """The kind of a call's result; the call is marked with the function."""
        file = self.function.file
        if isinstance(call.func, ast.Name) and call.func.id in BUILTINS:
            return self._builtin(call, call.func.id)
        callee = callee_of(call) or self.callee(call)
        mark(call, callee=callee)
        if callee.waits and not waiting:
            raise refused(file, call, f"{callee.name} waits", "yield from it")
        if waiting and not callee.waits:
            raise refused(file, call, f"{callee.name} does not wait", "a call without yield from")
        given = callee.bound(call, file)
        for parameter in callee.parameters:
            found = self.of(given[parameter.name])
            if parameter.kind in (KERNEL, CPU) and found != parameter.kind:
                raise refused(file, call, f"{callee.name} is given another {parameter.kind}", "the path's own")
            if not fits(found, parameter.kind):
                raise refused(file, call, f"{parameter.name} of {callee.name} gets {found}", str(parameter.kind))
        if any(isinstance(arg, ast.Starred) for arg in call.args):
            raise refused(file, call, "cannot be lowered", "arguments one by one")
        return callee.result

    def callee(self, call: ast.Call) -> Function:
        """The function that a call calls."""
        file = self.function.file
        match call.func:
            case ast.Attribute(value=ast.Name() as kernel, attr=name) if self.of(kernel) == KERNEL:
                path = self.sources.target.stand_for.get(name)
                found = self.sources.service(name)
                if found is None:
                    services = [name for name in dir(self.sources.target.kernel) if not name.startswith("_")]
                    raise refused(file, call, f"the kernel has no service {name}{nearest(name, services)}")
                if path is None:
                    return found
                # What stands for the service gets the kernel, too.
                call.func, call.args = located(ast.Name(path, ast.Load()), call), [kernel, *call.args]
                mark(call, asked=name)
                return self.sources.path(path)
            case ast.Name(id=name):
                made = self.function.known.get(name)
                if made is None:
                    raise refused(file, call, f"the name {name} is not known{nearest(name, self.function.known)}")
                if self.sources.is_path(made) or self.sources.is_shared(made):
                    return self.sources.of(made)
        raise refused(file, call, "cannot be called here", "paths, helpers, services and functions of " + self._shared())

    def _shared(self) -> str:
        return ", ".join(self.sources.target.shared)

    def _builtin(self, call: ast.Call, name: str) -> Kind:
        kinds = [self.of(arg) for arg in call.args]
        if name == "len":
            if len(kinds) != 1 or kinds[0].what not in (Is.ROWS, Is.TABLE, Is.ROW):
                raise refused(self.function.file, call, f"len of {', '.join(map(str, kinds))}", "a record's list")
        elif name != "bool" and any(kind not in (INT, NONE) for kind in kinds):
            raise refused(self.function.file, call, f"{name} of {', '.join(map(str, kinds))}", "integers")
        return INT
