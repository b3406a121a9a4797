# SPDX-License-Identifier: GPL-2.0-only
"""Who imports whom, against the table of rooms in DESIGN.md; imports inside functions and for type checking count too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "slabdes"
LEAVES = frozenset({"activity", "ahead", "errors", "files", "folders", "printable", "signals", "units", "streams", "words"})
"""What shows activity, what runs ahead, errors, files, folders, printable text, signals, units, random streams and words of users
import no room; every room may import them."""
BELOW_ENGINE = frozenset({"config", "machine", "allocator", "locks", "paths", "paths.slab", "workload"})
STUDY = frozenset({"config", "machine", "engine", "engine.reference", "engine.compiled", "results", "workload", "scan"})
ROOMS: dict[str, frozenset[str]] = {
    "activity": frozenset({"printable"}),
    "ahead": frozenset(),
    "printable": frozenset(),
    # What is typed on other computers: no room of ours runs there.
    "capture": frozenset(),
    "errors": frozenset({"printable"}),
    "files": frozenset({"errors"}),
    "folders": frozenset({"errors"}),
    "signals": frozenset(),
    "units": frozenset(),
    "streams": frozenset(),
    "words": frozenset({"errors"}),
    "config": frozenset(),
    "machine": frozenset({"config"}),
    "allocator": frozenset(),
    "allocator.slub": frozenset({"allocator"}),
    "locks": frozenset(),
    # What every allocator's paths share knows none of them.
    "paths": frozenset({"allocator", "machine.costs"}),
    "paths.slab": frozenset({"paths", "allocator"}),
    "paths.slub": frozenset({"paths", "allocator", "allocator.slub", "machine.costs"}),
    # Knows no allocator and no engine.
    "lowering": frozenset(),
    "workload": frozenset({"config", "machine.topology", "allocator.gfp"}),
    "dumps": frozenset({"allocator", "workload"}),
    # What engines share knows none of them, and they know neither each other nor what is proved of them.
    "engine": BELOW_ENGINE | {"dumps", "allocator.slub", "paths.slub"},
    "engine.reference": BELOW_ENGINE | {"allocator.slub", "paths.slub", "engine"},
    "engine.compiled": BELOW_ENGINE | {"allocator.slub", "paths.slub", "engine", "lowering"},
    # Traces of gigabytes, read by compiled code, which is kept where the engine's is.
    "scan": frozenset({"workload", "engine.compiled"}),
    "results": frozenset({"engine.records", "engine.event_log", "stats"}),
    # A package of its own, were it not for the errors that it raises.
    "stats": frozenset(),
    "measures": frozenset({"config.families", "results", "stats"}),
    "study": STUDY | {"measures", "stats", "paths.interrupts"},
    "study.bench": STUDY
    | {"allocator.state", "allocator.pages", "allocator.slub.state", "allocator.slub.versions", "study.plan", "study.run"},
    # The two rooms of proof.
    "conformance": frozenset(
        {
            "config",
            "allocator",
            "allocator.slub",
            "paths",
            "paths.slab",
            "paths.slub",
            "workload",
            "dumps",
            "engine.clockless",
            "engine.clockless_slub",
            "engine.compiled",
        }
    ),
    "validation": frozenset({"config", "machine", "engine.records", "engine.compiled", "results", "stats", "study"}),
    "schemas": frozenset({"config", "machine"}),
    # What charts draw, apart from drawing it: for files and notebooks in one room, for browsers in the other.
    "charts": frozenset({"measures", "results", "stats"}),
    "plots": frozenset({"charts", "measures", "results", "stats"}),
    "pages": frozenset(
        {"answers", "charts", "config.written", "engine.story", "explain", "measures.compare", "measures.loads", "results"}
    ),
    "answers": frozenset({"measures", "results", "stats"}),
    "explain": frozenset({"engine.records", "engine.story", "paths", "results", "stats"}),
    "timeline": frozenset({"allocator.state", "answers", "engine.records", "engine.watch", "paths", "results"}),
    "explore": frozenset({"answers", "config", "engine.laid_out", "machine", "measures.compare", "pages", "results", "study"}),
    # How what users hold shows itself in notebooks.
    "display": frozenset(),
    "runs": frozenset(
        {"answers", "charts", "display", "measures", "plots", "results", "stats", "study.decide", "study.trace_info"}
    ),
    "machines": frozenset({"answers", "display", "machine", "plots", "results"}),
    "api": frozenset({"config", "measures", "results", "runs", "stats", "study", "plots", "validation"}),
    "tuning": frozenset({"answers", "api", "charts", "config", "display", "measures", "results", "study", "plots"}),
    "stories": frozenset({"api", "config", "engine.story", "explain", "study.again", "study.spools"}),
    "cli": frozenset(
        {
            "answers",
            "api",
            "capture",
            "config",
            "machine",
            "paths.slub.prices",
            "engine.compiled",
            "engine.slub_defaults",
            "engine.story",
            "engine.watch",
            "measures",
            "results",
            "runs",
            "stats",
            "study.again",
            "study.bench",
            "study.cells",
            "study.decide",
            "study.first",
            "study.kept",
            "study.load",
            "study.precise",
            "study.sensitivity",
            "study.spools",
            "study.tune",
            "explain",
            "explore",
            "timeline",
            "tuning",
            "conformance",
            "validation",
            "pages",
            "plots",
            "schemas",
        }
    ),
    # The package itself hands out what users import; `python -m slabdes` is the command line.
    "__init__": frozenset({"api", "machines", "runs", "stories", "tuning", "config", "machine", "allocator", "results", "stats"}),
    "__main__": frozenset({"cli", "signals"}),
}
"""Which rooms a room may import, beside itself and LEAVES. A dotted name is a sub-room, which its own line tells all about, or
one module of a room."""

ONLY_IN = {
    "networkx": "machine",
    "matplotlib": "plots",
    "altair": "pages",
    "jinja2": "pages",
    "vl_convert": "pages",
    "simpy": "engine.reference",
    "optuna": "study.proposals",
    "SALib": "study.sensitivity",
    "starlette": "explore",
    "uvicorn": "explore",
}
"""Libraries that have one user."""
PLAIN = ("allocator", "allocator.slub", "errors", "lowering", "printable", "units")
"""Rooms that import nothing but Python itself: engines compile the allocator."""


def imported(source: str, module: str) -> Iterator[str]:
    """Full names of the modules that `source`, the text of `module`, imports anywhere; from-imports name what they take."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parent, node.module] if node.module else parent)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def within(name: str, place: str) -> bool:
    """Whether a dotted name is a place or inside it."""
    return name == place or name.startswith(f"{place}.")


def room_of(name: str) -> str:
    """The room or sub-room that a module, named without the package, is in."""
    parts = name.split(".")
    known = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((place for place in known if place in ROOMS), parts[0])


def leads_to(name: str, place: str) -> bool:
    """Whether a module named without the package is in a room of the table, or in a part of a room that the table names."""
    return room_of(name) == place or (place not in ROOMS and within(name, place))


def forbidden(source: str, module: str) -> list[str]:
    """The imports of `source`, the text of `module` (as slabdes.machine.files), that the table does not allow."""
    own = module.partition(".")[2] or "__init__"
    room = room_of(own)
    if room not in ROOMS:
        return [f"{module}: {room} is no room of the table"]
    allowed = {room, *ROOMS[room], *(() if room in LEAVES else LEAVES)}
    bad = []
    for name in imported(source, module):
        top, _, inside = name.partition(".")
        if top == "slabdes":
            if inside == "__version__" or not inside:
                continue
            if not any(leads_to(inside, place) for place in allowed):
                bad.append(f"{module} imports {name}")
        elif top in ONLY_IN and not within(own, ONLY_IN[top]):
            bad.append(f"{module} imports {top}; only {ONLY_IN[top]} may")
        elif room in PLAIN and top not in sys.stdlib_module_names:
            bad.append(f"{module} imports {top}; only Python's own modules may be there")
    return bad


MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    module = module_name(path)
    # A package's own relative imports start one level deeper than its name says.
    inner = path.name == "__init__.py" and module != "slabdes"
    assert forbidden(path.read_text(encoding="utf-8"), f"{module}.__init__" if inner else module) == []


def test_every_room_of_the_table_that_exists_was_looked_at() -> None:
    rooms = {room_of(module_name(path).partition(".")[2]) for path in MODULES if module_name(path) != "slabdes"}
    assert rooms <= set(ROOMS)
    assert set(ROOMS) - {"__init__"} <= rooms


def test_a_room_uses_each_arrow_that_the_table_allows_it() -> None:
    used: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in MODULES:
        own = module_name(path).partition(".")[2] or "__init__"
        inside = (name.partition(".")[2] for name in imported(path.read_text(encoding="utf-8"), f"slabdes.{own}"))
        used[room_of(own)].update(inside)
    for room in ROOMS:
        idle = {place for place in ROOMS[room] if not any(leads_to(name, place) for name in used[room])}
        assert idle == set(), f"{room} does not need to import these"


OWN = {
    "engine.compiled.slab": ("allocator.slub", "paths.slub", "engine.compiled.slub", "engine.slub_setup"),
    "engine.compiled.slub": ("paths.slab", "engine.compiled.slab"),
    "engine.compiled": ("allocator.slub", "paths.slub"),
}
"""Parts of compiled code, and what is not theirs: one allocator's knows nothing of the other, what both share not SLUB itself."""


@pytest.mark.parametrize("part", OWN)
def test_compiled_code_of_one_allocator_knows_nothing_of_the_other(part: str) -> None:
    folder = PACKAGE / part.replace(".", "/")
    modules = sorted(folder.glob("*.py"))
    assert len(modules) > 5
    found = [
        f"{path.stem} imports {name}"
        for path in modules
        for name in imported(path.read_text(encoding="utf-8"), module_name(path))
        if any(within(name.partition(".")[2], place) for place in OWN[part])
    ]
    assert found == []


def test_the_table_has_no_way_back() -> None:
    seen: dict[str, set[str]] = {}

    def reach(room: str, path: tuple[str, ...]) -> set[str]:
        assert room not in path, f"a circle: {' > '.join((*path, room))}"
        if room not in seen:
            seen[room] = set().union(*({room_of(n)} | reach(room_of(n), (*path, room)) for n in ROOMS[room]))
        return seen[room]

    for room in ROOMS:
        reach(room, ())
    assert "machine" not in reach("allocator", ())


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("slabdes.allocator.state", "from slabdes.config import Experiment"),
        ("slabdes.allocator.state", "import slabdes.machine.topology"),
        ("slabdes.allocator.state", "from slabdes import engine"),
        ("slabdes.allocator.state", "def f():\n    from slabdes.engine.cpu import TimedCpu"),
        ("slabdes.allocator.state", "if TYPE_CHECKING:\n    from slabdes.locks import spinlock"),
        ("slabdes.allocator.state", "import numpy as np"),
        ("slabdes.allocator.state", "def f():\n    import numba"),
        ("slabdes.allocator.state", "from ..engine import kernel"),
        ("slabdes.allocator.__init__", "from ..engine import kernel"),
        ("slabdes.allocator.state", "importlib.import_module('slabdes.cli')"),
        ("slabdes.errors", "from slabdes.units import PAGE_SIZE"),
        ("slabdes.units", "import numpy"),
        ("slabdes.streams", "from slabdes.errors import InputError"),
        ("slabdes.config", "from slabdes.machine import load_machine"),
        ("slabdes.machine.graph", "from slabdes.engine.records import Records"),
        ("slabdes.results.run", "from slabdes.engine.cpu import TimedCpu"),
        ("slabdes.stats.pairs", "from slabdes.results.frames import Frames"),
        ("slabdes.stats.pairs", "from slabdes.measures.estimates import Row"),
        ("slabdes.results.metrics", "from slabdes.measures.estimates import Row"),
        ("slabdes.results.run", "from slabdes.engine import reference"),
        ("slabdes.results.run", "from slabdes.config import Experiment"),
        ("slabdes.results.run", "from slabdes.plots.style import colours"),
        ("slabdes.results.run", "import matplotlib.pyplot as plt"),
        ("slabdes.plots.machine", "from slabdes.machine.topology import Machine"),
        ("slabdes.plots.machine", "import networkx"),
        ("slabdes.charts.latency", "from slabdes.plots.style import COLOURS"),
        ("slabdes.charts.latency", "from slabdes.answers.answer import answer"),
        ("slabdes.pages.page", "from slabdes.measures.bands import ccdf_bands"),
        ("slabdes.plots.latency", "import altair"),
        ("slabdes.paths.kernel", "from slabdes.paths.slab.kernel import SlabCpu"),
        ("slabdes.paths.kernel", "from slabdes.engine.cpu import TimedCpu"),
        ("slabdes.paths.slab.alloc", "from slabdes.engine.records import Path"),
        ("slabdes.paths.slab.alloc", "from slabdes.paths.slub.alloc import refill_sheaf"),
        ("slabdes.paths.slub.alloc", "from slabdes.paths.slab.alloc import cache_alloc_refill"),
        ("slabdes.allocator.state", "from slabdes.allocator.slub.state import SlubState"),
        ("slabdes.paths.slab.alloc", "from slabdes.machine.topology import Machine"),
        ("slabdes.workload.programs", "from slabdes.allocator.state import NO_NODE"),
        ("slabdes.engine.setup", "from slabdes.engine.reference import run"),
        ("slabdes.locks.spinlock", "from slabdes.machine.topology import Machine"),
        ("slabdes.paths.kernel", "from slabdes.machine.topology import Machine"),
        ("slabdes.paths.slab.prices", "from slabdes.machine.costs import build_costs"),
        ("slabdes.study.run", "from slabdes.study.bench.rounds import bench"),
        ("slabdes.engine.setup", "from slabdes.conformance.kernel import ConformanceKernel"),
        ("slabdes.engine.reference.kernel", "from slabdes.conformance import kernel"),
        ("slabdes.engine.compiled.serial", "from slabdes.conformance import kernel"),
        ("slabdes.engine.compiled.run", "from slabdes.engine.reference.run import run_reference"),
        ("slabdes.study.run", "from slabdes.conformance import compare"),
        ("slabdes.engine.setup", "import simpy"),
        ("slabdes.engine.setup", "from slabdes.results.run import Run"),
        ("slabdes.api", "from slabdes.cli import main"),
        ("slabdes.attic.old", "import os"),
        ("slabdes", "from slabdes.cli import main"),
    ],
)
def test_an_arrow_that_the_table_does_not_allow_is_found(module: str, source: str) -> None:
    assert len(forbidden(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("slabdes.allocator.state", "import os\nfrom dataclasses import dataclass\nfrom slabdes.units import PAGE_SIZE"),
        ("slabdes.allocator.state", "from . import lists\nfrom .tunables import Tunables\nfrom ..errors import InputError"),
        ("slabdes.machine.graph", "import networkx as nx\nfrom slabdes.config import Placement"),
        ("slabdes.results.run", "from slabdes.engine.records import Records\nimport polars"),
        ("slabdes.results.run", "from slabdes.engine import records"),
        ("slabdes.engine.reference.kernel", "import simpy\nfrom slabdes.streams import words"),
        ("slabdes.paths.slab.alloc", "from slabdes.paths.kernel import Waits\nfrom slabdes.allocator import transitions"),
        ("slabdes.conformance.driver", "from slabdes.engine.compiled.serial import SerialDriver"),
        ("slabdes.workload.programs", "from slabdes.allocator.gfp import MAY_WAIT"),
        ("slabdes.plots.nodes", "from matplotlib.figure import Figure\nfrom slabdes.stats import intervals"),
        ("slabdes.api", "from slabdes.plots import style\nfrom slabdes.study import sweep"),
        ("slabdes.cli", "from slabdes import __version__, api"),
        ("slabdes", "from slabdes.api import simulate"),
    ],
)
def test_arrows_of_the_table_pass(module: str, source: str) -> None:
    assert forbidden(source, module) == []
