# SPDX-License-Identifier: GPL-2.0-only
"""What the engines are compared on goes through every statement of the paths, and so through every stage."""

from __future__ import annotations

import ast
import inspect
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import equality
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.config import Experiment, parse_experiment
from slabdes.conformance.compare import compare_script, own_records
from slabdes.conformance.kernel_log.compare import compare_log
from slabdes.engine.reference.run import run_reference
from slabdes.errors import SlabdesError
from slabdes.machine import Machine
from slabdes.paths import accounts, interrupts, operations, pages
from slabdes.paths.slab import alloc, free, notes, prices, reap, shrink, slabinfo, upkeep
from slabdes.study.plan import machine_of
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import build_synthetic

GOLDEN = Path(__file__).parents[2] / "golden"
MODULES = (alloc, free, reap, shrink, slabinfo, upkeep, notes, prices, pages, operations, interrupts, accounts)
SCRIPTS = sorted(GOLDEN.glob("m*.ops.gz")) + [
    GOLDEN / f"{name}.ops.gz" for name in ("p15_pagefail_mix", "p18_policies", "p19_noalien")
]
LOGS = sorted((GOLDEN.parent / "kernel61/prescribed").glob("*.log.gz"))
NOT_REACHED = {"break", "yield from k.interrupt_storm(cpu)"}
"""Another CPU takes the last free slab between a look and the lock: not drawn in 200 experiments made for it. A storm ends a run,
and has a test of its own."""
MOST_EXAMPLES = 2000
"""Drawing ends as soon as nothing is left; as many as this say that something cannot be drawn. The same are drawn each time."""

Missing = dict[tuple[str, int], str]
"""Statements that nothing has gone through, by module and line."""


class Marking(ast.NodeTransformer):
    """Puts before each statement of a function one that says that it was reached."""

    def __init__(self, module: ModuleType) -> None:
        self.name = module.__name__.rpartition(".")[2]
        self.missing: Missing = {}

    def visit(self, node: ast.AST) -> Any:
        """The node, with marks in its blocks."""
        self.generic_visit(node)
        for part in ("body", "orelse", "finalbody"):
            block = getattr(node, part, None)
            if isinstance(block, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, part, [marked for statement in block for marked in self._marked(statement)])
        return node

    def _marked(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return [statement]
        at = (self.name, statement.lineno)
        self.missing[at] = ast.unparse(statement).split("\n")[0]
        (mark,) = ast.parse(f"MISSING.pop({at!r}, None)").body
        return [ast.copy_location(mark, statement), statement]


def marked(monkeypatch: pytest.MonkeyPatch) -> Missing:
    """All statements of the modules, whose functions take out of it what they go through, until the test ends."""
    missing: Missing = {}
    for module in MODULES:
        marking = Marking(module)
        tree = ast.fix_missing_locations(marking.visit(ast.parse(inspect.getsource(module))))
        missing |= marking.missing
        made: dict[str, Any] = {}
        exec(compile(tree, str(module.__file__), "exec"), module.__dict__ | {"MISSING": missing}, made)
        monkeypatch.setattr(module, "MISSING", missing, raising=False)
        for new, real in (
            (made, module.__dict__),
            *((vars(kind), vars(getattr(module, name))) for name, kind in made.items() if inspect.isclass(kind)),
        ):
            for name, function in new.items():
                if inspect.isfunction(function) and function.__code__.co_filename == module.__file__:
                    monkeypatch.setattr(real[name], "__code__", function.__code__)
    return missing


def run(experiment: Experiment, workload: Callable[[Machine], Workload]) -> None:
    """On the reference; what is refused is as good as what is done."""
    with suppress(SlabdesError):
        machine = machine_of(experiment)
        run_reference(experiment, machine, workload(machine))


def run_synthetic(experiment: Experiment) -> None:
    run(experiment, lambda machine: build_synthetic(experiment, machine, 0))


def test_golden_scripts_and_random_experiments_reach_every_statement_of_the_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = marked(monkeypatch)
    no_aliens = tmp_path / "no_aliens.ops"
    no_aliens.write_text("machine nodes=2 cpus=2 noalien=1\ncache name=a size=64\na 0\nshrink 0\n")
    for script in SCRIPTS:
        compare_script(script)
    list(own_records(no_aliens))
    for log in LOGS:
        compare_log(log)
    for raw in equality.RARE.values():
        run_synthetic(parse_experiment(raw, "rare"))

    @settings(max_examples=MOST_EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), st.booleans(), st.integers(0, 1 << 32))
    def draw_until_nothing_is_missing(data: st.DataObject, any_programs: bool, seed: int) -> None:
        experiment = data.draw(equality.experiments(tmp_path, equality.SLAB_VERSIONS))
        if not set(missing.values()) - NOT_REACHED:
            return
        if any_programs:
            run(experiment, lambda machine: equality.random_workload(experiment, machine, random.Random(seed)))
        else:
            run_synthetic(experiment)

    draw_until_nothing_is_missing()
    assert [f"{module}: {text}" for (module, _line), text in sorted(missing.items()) if text not in NOT_REACHED] == []
