# SPDX-License-Identifier: GPL-2.0-only
"""What a name or an expression of a path can be: an integer, a record by its number, a list, or something of the run's own.

Kinds are read from annotations. Leaves out what has which kind (`check`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Final


class Is(Enum):
    """The sorts of kinds. RECORD, ROWS, TABLE and GROUP name a class."""

    INT = "an integer"
    NONE = "None"
    PAIR = "a pair"
    RECORD = "a record"
    ROWS = "a record's list of records"
    TABLE = "the list of all records of a class"
    INTS = "a flat list of integers"
    ROW = "a row of integers"
    GRID = "a table of integers"
    ANYTHING = "anything"
    GROUP = "a group of the run's fields"
    KERNEL = "the kernel"
    CPU = "the running CPU"


@dataclass(frozen=True)
class Kind:
    """A kind, and the class that it is of."""

    what: Is
    of: str = ""

    def __str__(self) -> str:
        return f"{self.what.value} {self.of}" if self.of else self.what.value


INT: Final = Kind(Is.INT)
NONE: Final = Kind(Is.NONE)
PAIR: Final = Kind(Is.PAIR)
KERNEL: Final = Kind(Is.KERNEL)
CPU: Final = Kind(Is.CPU)
INTS: Final = Kind(Is.INTS)
ROW: Final = Kind(Is.ROW)
GRID: Final = Kind(Is.GRID)
ANYTHING: Final = Kind(Is.ANYTHING)
_LISTS: Final = ("list", "Sequence", "MutableSequence")


@dataclass(frozen=True)
class Names:
    """The classes that annotations of paths may name."""

    records: frozenset[str]
    groups: frozenset[str]
    kernels: frozenset[str]
    cpus: frozenset[str]

    def kind(self, annotation: ast.expr | None, known: Mapping[str, Any]) -> Kind | None:
        """What an annotation says, or None if it is of no kind; `known` are the names of its module."""
        match annotation:
            case ast.Constant(value=None):
                return NONE
            case ast.Constant(value=str(text)):
                return self.kind(ast.parse(text, mode="eval").body, known)
            case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
                return self.kind(left, known)
            case ast.Name(id=name):
                return self._named(name, known)
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                return self._of(name, inner, known)
        return None

    def _named(self, name: str, known: Mapping[str, Any]) -> Kind | None:
        for names, what in ((self.records, Is.RECORD), (self.groups, Is.GROUP)):
            if name in names:
                return Kind(what, name)
        if name in self.kernels:
            return KERNEL
        if name in self.cpus:
            return CPU
        made = known.get(name)
        whole = name in ("int", "bool") or (isinstance(made, type) and issubclass(made, IntEnum))
        return INT if whole else None

    def _of(self, name: str, inner: ast.expr, known: Mapping[str, Any]) -> Kind | None:
        if name in self.kernels:
            return KERNEL
        if name == "Final":
            return self.kind(inner, known)
        if name == "tuple":
            return ROW if "..." in ast.unparse(inner) else PAIR
        if name not in _LISTS:
            return None
        of = self.kind(inner, known)
        if of == INT:
            return INTS
        if of == INTS:
            return GRID
        return Kind(Is.ROWS, of.of) if of is not None and of.what is Is.RECORD else None


def waits(annotation: ast.expr | None) -> ast.expr | None:
    """What a path's annotation `Waits[T]` says that it ends with, as written; None if it is not of this form."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Waits"), slice=inner):
            return inner
    return None


def fits(given: Kind, wanted: Kind) -> bool:
    """Whether something can stand where a kind is wanted."""
    if given == wanted:
        return True
    if given == NONE:
        return wanted.what in (Is.RECORD, Is.ROWS)
    if wanted.what in (Is.ROWS, Is.TABLE):
        return given.what in (Is.ROWS, Is.TABLE) and given.of == wanted.of
    return wanted == ANYTHING or (wanted.what is given.what and wanted in (INTS, GRID))
