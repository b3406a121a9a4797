# SPDX-License-Identifier: GPL-2.0-only
"""How the pass says what it cannot lower: file, line, the construct, and what may stand there instead."""

from __future__ import annotations

import ast
from typing import TypeVar

from slabdes.errors import InputError, shown

T = TypeVar("T", bound=ast.AST)


class Refused(InputError):
    """A construct that has no compiled form, or a name, a field or an argument that does not exist."""


def refused(file: str, node: ast.AST, problem: str, allowed: str | None = None) -> Refused:
    """The refusal of `node`, which stands in `file`."""
    return Refused(f"{file}:{getattr(node, 'lineno', 0)}", f"`{shown(ast.unparse(node), 80)}`: {problem}", allowed)


def located(made: T, at: ast.AST | None) -> T:
    """A new node, said to stand where another one does."""
    for part in ("lineno", "col_offset"):
        setattr(made, part, getattr(at, part, 0))
    return made
