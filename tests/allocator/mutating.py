# SPDX-License-Identifier: GPL-2.0-only
"""The package loaded afresh around one module, a string of whose source is replaced: one rule of the model broken."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType


class MutatingLoader(SourceFileLoader):
    """Loads a module with one string of its source replaced; never from compiled bytecode."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        super().__init__(name, path)
        self.old = old
        self.new = new

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        if source.count(self.old) != 1:
            # No AssertionError, which a catcher would take for a fault that it has seen.
            raise LookupError(f"{fullname} has {source.count(self.old)} times {self.old!r}; allowed: once")
        return compile(source.replace(self.old, self.new), self.path, "exec")


class MutatingFinder:
    """Finds the mutated module before Python's own finders do."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self.module = module
        self.old = old
        self.new = new

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == self.module else None
        if spec is None or spec.origin is None:
            return None
        return importlib.util.spec_from_loader(name, MutatingLoader(name, spec.origin, self.old, self.new), origin=spec.origin)


@contextmanager
def loaded_afresh(module: str = "", old: str = "", new: str = "") -> Iterator[None]:
    """In the block, importing slabdes gives new modules, the named one mutated; afterwards everything is as before."""
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "slabdes"}
    finder = MutatingFinder(module, old, new)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "slabdes"]:
            del sys.modules[name]
        sys.modules.update(ours)
