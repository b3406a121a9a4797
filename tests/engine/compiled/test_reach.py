"""The random experiments on which the engines are compared reach every statement of the paths, and so every lowered stage."""

from __future__ import annotations

import ast
import inspect
import os
import random
import sys
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import equality
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.engine.reference.run import run_reference
from slabdes.errors import SlabdesError
from slabdes.paths import accounts, interrupts, operations, pages
from slabdes.paths.slab import alloc, free, prices, reap
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

MODULES = (alloc, free, reap, prices, pages, operations, interrupts, accounts)
ELSEWHERE = {
    # Memory policies and unknown nodes are asked for by scripts only.
    ("alloc", "obj = yield from ____cache_alloc_node(k, cpu, cache, flags, node)"),
    ("alloc", "if obj != NO_OBJECT:"),
    ("alloc", "return obj"),
    ("alloc", "cpu.altfail = True"),
    ("alloc", "return (yield from fallback_alloc(k, cpu, cache, flags))"),
    # Only shrink forces.
    ("reap", "yield from _drain_array_locked(k, cpu, cache, l3, ac, LockSite.SHAREDDRAIN, force=True)"),
    ("reap", "return"),
    # A run that ends.
    ("interrupts", "yield from k.interrupt_storm(cpu)"),
}
"""Statements that runs with a clock may leave out, by module and text: the golden scripts reach those that are paths."""
EXAMPLES = int(os.environ.get("SLABDES_EQUALITY_EXAMPLES", "200"))
SEEN: dict[str, set[int]] = {str(module.__file__): set() for module in MODULES}


def _trace(frame: FrameType, event: str, _arg: Any) -> Any:
    lines = SEEN.get(frame.f_code.co_filename)
    if lines is None:
        return None
    if event == "line":
        lines.add(frame.f_lineno)
    return _trace


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), st.randoms(use_true_random=False))
def run_one(tmp_path: Path, data: st.DataObject, any_programs: bool, rng: random.Random) -> None:
    experiment = data.draw(equality.experiments(tmp_path))
    before = sys.gettrace()
    try:
        machine = machine_of(experiment)
        drawn = equality.random_workload(experiment, machine, rng) if any_programs else build_synthetic(experiment, machine, 0)
        sys.settrace(_trace)
        run_reference(experiment, machine, drawn)
    except SlabdesError:
        pass
    finally:
        sys.settrace(before)


def statements(module: ModuleType) -> dict[int, str]:
    """The simple statements within functions, by line."""
    found = {}
    for function in ast.parse(inspect.getsource(module)).body:
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
                    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                    if not is_text:
                        found[node.lineno] = ast.unparse(node).split("\n")[0]
    return found


def test_random_experiments_reach_every_statement_of_the_paths(tmp_path: Path) -> None:
    run_one(tmp_path)
    missed = {
        (module.__name__.rpartition(".")[2], text)
        for module in MODULES
        for line, text in statements(module).items()
        if line not in SEEN[str(module.__file__)]
    }
    assert not missed - ELSEWHERE, sorted(missed - ELSEWHERE)
