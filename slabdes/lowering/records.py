# SPDX-License-Identifier: GPL-2.0-only
"""The table of record kinds and groups, from the annotations of their classes: which attribute is of which kind."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slabdes.lowering.kinds import INT, Is, Kind, Names
from slabdes.lowering.refusal import Refused
from slabdes.lowering.target import Table, Target


class Records:
    """What attributes there are, by class and name."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tables: dict[str, Table] = {table.record.__name__: table for table in target.tables}
        groups = dict(_groups(target.kernel, frozenset(self.tables)))
        kernels = frozenset(base.__name__ for base in (target.kernel, *target.kernel.__mro__, *_below(target.kernel)))
        cpus = frozenset({"Cpu", *(base.__name__ for base in (target.cpu, *target.cpu.__mro__, *_below(target.cpu)))})
        self.names = Names(frozenset(self.tables), frozenset(groups), kernels - {"object"}, cpus - {"object"})
        self.kinds: dict[tuple[str, str], Kind] = {}
        for made in (*groups.values(), target.kernel, target.cpu, *(table.record for table in target.tables)):
            for attribute, annotation, known in annotated(made):
                kind = self.names.kind(annotation, known)
                if kind is not None:
                    self.kinds[made.__name__, attribute] = self._of_all(made, kind)
        self.kernel, self.cpu = target.kernel.__name__, target.cpu.__name__

    def _of_all(self, made: type, kind: Kind) -> Kind:
        """A group's list of records is the list of all of them."""
        return Kind(Is.TABLE, kind.of) if kind.what is Is.ROWS and made.__name__ not in self.tables else kind

    def attribute(self, of: Kind, name: str) -> Kind | None:
        """The kind of an attribute, or None if there is none that paths may use."""
        return self.kinds.get((self._owner(of), name))

    def _owner(self, of: Kind) -> str:
        return {Is.KERNEL: self.kernel, Is.CPU: self.cpu}.get(of.what, of.of)

    def attributes(self, of: Kind) -> list[str]:
        """All of them, for who has mistaken one."""
        return sorted(name for made, name in self.kinds if made == self._owner(of))

    def item(self, of: Kind) -> Kind | None:
        """What a list holds."""
        if of.what in (Is.ROWS, Is.TABLE):
            return Kind(Is.RECORD, of.of)
        if of.what is Is.GRID:
            return Kind(Is.INTS, of.of)
        return INT if of.what in (Is.INTS, Is.ROW) else None

    def check_memory(self, of: Kind, name: str, refuse: Callable[[str], Refused]) -> None:
        """Refuse a field that compiled memory does not hold."""
        target, kind = self.target, self.kinds[self._owner(of), name]
        if kind.what in (Is.GROUP, Is.TABLE, Is.RECORD) and of.what in (Is.GROUP, Is.KERNEL):
            return
        if of.what is Is.RECORD:
            held = name in self.tables[of.of].fields or (of.of, name) in target.parts | target.own_numbers or kind.what is Is.ROWS
        elif of.what is Is.CPU:
            held = name in target.cpu_fields
        elif kind.what in (Is.INTS, Is.GRID):
            held = f"{of.of}.{name}" in target.flat
        else:
            held = target.renamed.get(f"{of.of}.{name}", name) in target.run_fields
        if not held:
            raise refuse(f"compiled memory does not hold {name} of {of}; declare it in {target.declared}")


def annotated(made: type) -> Iterator[tuple[str, ast.expr, Mapping[str, Any]]]:
    """The annotated attributes of a class and of those that it is made from, with the names known where they stand."""
    for base in reversed(made.__mro__):
        known = vars(sys.modules[base.__module__])
        for name, text in vars(base).get("__annotations__", {}).items():
            written = text if isinstance(text, str) else getattr(text, "__name__", repr(text))
            yield name, ast.parse(written, mode="eval").body, known
        for name, made_of in vars(base).items():
            if isinstance(made_of, property) and made_of.fget is not None:
                yield name, ast.parse(str(made_of.fget.__annotations__.get("return")), mode="eval").body, known


def _groups(made: type, records: frozenset[str]) -> Iterator[tuple[str, type]]:
    """The classes that a kernel's attributes, and theirs in turn, are annotated with, records apart."""
    for _name, annotation, known in annotated(made):
        of = known.get(annotation.id) if isinstance(annotation, ast.Name) else None
        if isinstance(of, type) and of.__name__ not in records and not issubclass(of, int) and of.__module__ != "builtins":
            yield of.__name__, of
            yield from _groups(of, records)


def _below(made: type) -> Iterator[type]:
    inner: type
    for inner in made.__subclasses__():
        yield inner
        yield from _below(inner)
