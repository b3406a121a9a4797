# SPDX-License-Identifier: GPL-2.0-only
"""No module imports, over others, itself; imports in functions and for type checking are looked at apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parents[1] / "slabdes"


class When(StrEnum):
    """When an import is made."""

    LOADING = "when the module is loaded"
    CALLED = "when a function is called"
    CHECKED = "by type checkers only"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str, known: Mapping[str, str]) -> Iterator[tuple[str, When]]:
    """The modules of `known` that a text imports by absolute names, and when."""

    def within(node: ast.AST, when: When) -> Iterator[tuple[str, When]]:
        for child in ast.iter_child_nodes(node):
            inner = when
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inner = When.CALLED
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = When.CHECKED
            if isinstance(child, ast.Import):
                yield from ((alias.name, inner) for alias in child.names if alias.name in known)
            elif isinstance(child, ast.ImportFrom) and child.module is not None:
                for alias in child.names:
                    name = f"{child.module}.{alias.name}"
                    yield from ((found, inner) for found in (name if name in known else child.module,) if found in known)
            yield from within(child, inner)

    return within(ast.parse(source), When.LOADING)


def circles(sources: Mapping[str, str], *kinds: When) -> list[list[str]]:
    """Modules that reach each other by imports of those kinds; a module alone if it imports itself."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, source in sources.items():
        found = {name for name, when in imports(source, sources) if when in kinds}
        graph.add_edges_from((module, name) for name in found - {"slabdes"})
    found = nx.strongly_connected_components(graph)
    return sorted(sorted(part) for part in found if len(part) > 1 or graph.has_edge(*(2 * list(part))))


def test_no_module_loads_itself_over_others() -> None:
    assert circles(SOURCES, When.LOADING) == []


def test_no_import_for_type_checking_hides_a_circle() -> None:
    assert circles(SOURCES, When.LOADING, When.CHECKED) == []


def test_no_import_in_a_function_hides_a_circle() -> None:
    assert circles(SOURCES, *When) == []


def test_no_module_asks_the_face_of_its_own_room() -> None:
    """A room's `__init__` may hand out names late, by their modules' names, which no reading of imports sees."""
    for module, source in SOURCES.items():
        faces = {module.rpartition(".")[0]} - {"slabdes"}
        assert not faces & {name for name, _when in imports(source, SOURCES)}, module


@pytest.mark.parametrize(
    ("source", "when"),
    [
        ("from b import f", When.LOADING),
        ("import b", When.LOADING),
        ("class C:\n    from b import f", When.LOADING),
        ("def f():\n    from b import f", When.CALLED),
        ("class C:\n    def m(self):\n        import b", When.CALLED),
        ("if TYPE_CHECKING:\n    from b import f", When.CHECKED),
        ("if typing.TYPE_CHECKING:\n    import b", When.CHECKED),
    ],
)
def test_a_circle_is_found_whenever_it_is_imported(source: str, when: When) -> None:
    sources = {"a": source, "b": "from c import d", "c": "import a", "alone": "import a"}
    assert list(imports(source, sources)) == [("b", when)]
    assert circles(sources, When.LOADING, when) == [["a", "b", "c"]]
    assert circles(sources, *(set(When) - {when})) == []
