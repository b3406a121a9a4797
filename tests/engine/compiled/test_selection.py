# SPDX-License-Identifier: GPL-2.0-only
"""Which engine runs a study: the one asked for, or by its size."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numba
import pytest

from slabdes.allocator.versions import LINUX_2_6_34, Switches, Version
from slabdes.config import Discipline, EngineName, parse_experiment
from slabdes.engine.compiled import entries, run_layout
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.slab.pack import pack_version
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.fields import fields_of
from slabdes.engine.timed import TimedSettings
from slabdes.errors import InputError
from slabdes.locks.disciplines import DISCIPLINES, LockRules
from slabdes.paths.charges import ClockRules
from slabdes.study import engines
from slabdes.study.engines import COMPILED_FROM, engine_of
from slabdes.study.run import run_study

RAW = {
    "machine": {"preset": "uma-4"},
    "cache": [{"name": "a", "size": 256}],
    "workload": {"kind": "burst", "objects": 100, "rounds": 2},
}


@pytest.mark.parametrize(
    ("changes", "operations", "engine"),
    [
        ({}, COMPILED_FROM - 1, EngineName.REFERENCE),
        ({}, COMPILED_FROM, EngineName.COMPILED),
        ({"debug": True}, COMPILED_FROM, EngineName.REFERENCE),
        ({"allocator": "7.3"}, COMPILED_FROM, EngineName.COMPILED),
        ({"allocator": "6.12"}, COMPILED_FROM - 1, EngineName.REFERENCE),
        ({"engine": "compiled"}, 1, EngineName.COMPILED),
        ({"engine": "reference"}, 10**9, EngineName.REFERENCE),
    ],
)
def test_auto_compiles_large_studies_only(changes: dict[str, object], operations: int, engine: EngineName) -> None:
    assert engine_of(parse_experiment(RAW | changes, "test"), operations) is engine


def test_a_study_is_the_same_on_both_engines_and_says_which_ran() -> None:
    sweep = {"machine.cpus": (1, 4), "lock.discipline": ("ticket", "qspinlock"), "allocator": ("2.6.34", "6.12", "7.3")}
    runs = [
        run_study(parse_experiment(RAW | {"sweep": sweep, "replications": 2, "engine": engine}, "test"))
        for engine in ("reference", "compiled")
    ]
    assert [run.manifest.engine for run in runs] == ["reference", "compiled"]
    assert runs[0].manifest.digest == runs[1].manifest.digest
    assert runs[0].frames.latency.equals(runs[1].frames.latency)


def test_what_only_the_reference_can_do_is_refused_before_anything_runs() -> None:
    with pytest.raises(InputError, match=r"engine.*debug.*reference"):
        run_study(parse_experiment(RAW | {"engine": "compiled", "debug": True}, "test"))


@pytest.mark.parametrize("engine", ["auto", "compiled"])
def test_where_nothing_can_be_compiled_the_reference_runs_and_that_is_told_once(
    engine: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "COMPILED_FROM", 1)
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    engines.compiled_or_reference.cache_clear()
    run = run_study(parse_experiment(RAW | {"engine": engine, "sweep": {"machine.cpus": (1, 2)}}, "test"))
    engines.compiled_or_reference.cache_clear()
    assert run.manifest.engine == "reference"
    (line,) = caplog.messages
    assert line.startswith("slabdes: NUMBA_DISABLE_JIT is set")


def test_numbas_own_variable_gives_the_reference_in_one_line() -> None:
    code = (
        "from slabdes.config import parse_experiment; from slabdes.study.run import run_study; "
        f"print(run_study(parse_experiment({RAW | {'engine': 'compiled'}!r}, 'test')).manifest.engine)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}
    )
    assert done.stdout == "reference\n"
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("slabdes: NUMBA_DISABLE_JIT is set")


def test_the_command_line_tells_it_once_too(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(
        '[machine]\npreset = "uma-4"\n[[cache]]\nname = "c"\nsize = 64\n[workload]\nkind = "burst"\nobjects = 5\n'
    )
    command = [sys.executable, "-m", "slabdes", "run", "e.toml", "--engine", "compiled"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}
    )
    assert done.stderr.splitlines()[0].startswith("slabdes: NUMBA_DISABLE_JIT is set")
    assert done.stderr.count("slabdes: ") == done.stderr.count("\n")


def test_what_compiles_by_itself_is_refused_there_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    entries.simulate_function.cache_clear()
    with pytest.raises(InputError, match="NUMBA_DISABLE_JIT: is set"):
        entries.simulate_function()


def test_a_discipline_that_compiled_code_does_not_know_is_refused_and_left_to_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {"lock": {"discipline": "ticket"}}
    monkeypatch.setattr(run_layout, "DISCIPLINES", tuple(name for name in run_layout.DISCIPLINES if name != "ticket"))
    known = ", ".join(run_layout.DISCIPLINES)
    line = f"lock.discipline: 'ticket' is not in the compiled engine; allowed: {known}, or engine = \"reference\""
    with pytest.raises(InputError, match=line):
        run_study(parse_experiment(RAW | asked | {"engine": "compiled"}, "test"))
    assert engine_of(parse_experiment(RAW | asked, "test"), COMPILED_FROM) is EngineName.REFERENCE


def test_every_rule_that_an_engine_starts_from_has_a_place_in_compiled_memory() -> None:
    elsewhere = {
        # A grace period, a change of sheaves and bulk calls are SLUB's alone, and have their places there.
        TimedSettings: {
            "locks",
            "costs",
            "version",
            "interrupts",
            "upkeeps",
            "rules",
            "grace",
            "stagger",
            "change",
            "prefill",
            "call_room",
        },
        ClockRules: set(),
        LockRules: {"discipline", "transfer", "node_of_cpu"},
        # What allocations and frees find in the state, lists of pages in the pool, and what only records name.
        Version: {
            "name",
            "page_lists",
            "frees_find_slab",
            "free_list",
            "layout",
            "free_alien_function",
            "slabinfo_function",
            "rmqueue_function",
            "free_pages_function",
            "may_wait",
        },
    }
    for rules, known in elsewhere.items():
        names = {field.name for field in fields(rules)} - known
        assert names <= set(fields_of(run_layout.Rules)), rules.__name__
    assert {"grace", "prefill", "call_room"} <= set(fields_of(SlubRun))
    assert set(run_layout.DISCIPLINES) == set(Discipline) == set(DISCIPLINES)


def test_no_two_parts_of_a_run_in_compiled_memory_have_a_field_of_one_name() -> None:
    """A discipline's flag and a parameter of it, say: one would be written over the other in silence."""
    parts = [part for part in run_layout.Run.__mro__ if "__annotations__" in vars(part)]
    names = Counter(name for part in parts for name in vars(part)["__annotations__"])
    assert not [name for name, times in names.items() if times > 1]


@pytest.mark.parametrize("name", fields_of(Switches))
def test_every_switch_of_a_version_reaches_compiled_memory(name: str) -> None:
    memory = Memory()
    pack_version(memory, replace(LINUX_2_6_34, **{name: True}))
    assert [switch for switch in fields_of(Switches) if memory.get(switch)] == [name]


def test_a_study_on_the_reference_loads_no_numba() -> None:
    code = (
        "import sys; from slabdes.config import parse_experiment; from slabdes.study.run import run_study; "
        f"run_study(parse_experiment({RAW!r}, 'test')); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
