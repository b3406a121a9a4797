# SPDX-License-Identifier: GPL-2.0-only
"""What is seen of compiled code before numba compiles it: the fields of its records, the functions that it calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slabdes.engine.compiled import layout
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.layout import dtype_of
from slabdes.engine.compiled.numba_tools import function, inline
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.fields import Word
from slabdes.errors import InputError
from slabdes.locks.disciplines import qspinlock_delay

ROOT = Path(__file__).parents[3]
COMPILED = ROOT / "slabdes" / "engine" / "compiled"


PLANTED = {
    ("slab/stocks", "return own.limit - own.avail", "avail", "available"): '"ArrayCache" has no attribute "available"',
    ("slub/stocks", "return own.capacity - own.size", "size", "avail"): '"SlabSheaf" has no attribute "avail"',
    ("hits", "accepts(own, obj >> OBJECT_BITS, slab.nodeid, home)", "nodeid", "home"): '"Slab" has no attribute "home"',
    ("locks", "cpu.asked = cpu.clock", "asked", "since"): '"Cpu" has no attribute "since"',
    ("locks", "held.granted_at = now", "granted_at", "granted"): '"Lock" has no attribute "granted"',
    ("driver", "run.starting += 1", "starting", "begun"): '"Run" has no attribute "begun"',
    ("variants", "run.failing_calls -= 1", "failing_calls", "failing"): '"ScriptRun" has no attribute "failing"',
    ("program", "frame.pc = _THINK", "pc", "stage"): '"Frame" has no attribute "stage"',
}
"""(module, a line of it, a field there, a wrong one in its place) to what mypy should say."""


def file_of(module: str) -> str:
    """The file of a copied module."""
    return f"{module.replace('/', '_')}.py"


def mypy(folder: Path) -> str:
    """What mypy --strict says of a folder's modules, with the package's own settings and a cache of the test's own."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(folder.parent / "cache"),
    ]
    return subprocess.run([*command, *map(str, sorted(folder.glob("*.py")))], capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.slow
def test_mypy_names_a_wrong_field_in_compiled_code(tmp_path: Path) -> None:
    """Of each kind of record, in copies of modules that are right without it."""
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for folder in (right, wrong):
        folder.mkdir()
        for name in {module for module, *_ in PLANTED}:
            (folder / file_of(name)).write_text((COMPILED / f"{name}.py").read_text())
    for name, line, field, other in PLANTED:
        copy = wrong / file_of(name)
        assert copy.read_text().count(line) >= 1
        copy.write_text(copy.read_text().replace(line, line.replace(f".{field}", f".{other}", 1)))
    assert "Success" in mypy(right)
    said = mypy(wrong)
    for (name, *_), problem in PLANTED.items():
        assert any(line.partition(":")[0].endswith(file_of(name)) and problem in line for line in said.splitlines()), (
            problem,
            said,
        )


def test_no_module_of_the_compiled_engine_hides_its_records_from_mypy() -> None:
    """A `run: Any` or a `cpu: Any` would take every field name; `by_run`'s is called by numba only."""
    found = [
        (module.name, line.strip())
        for module in COMPILED.rglob("*.py")
        for line in module.read_text().splitlines()
        if line.lstrip().startswith("def ") and any(f"{name}: Any" in line for name in ("run", "cpu", "frame", "held", "runs"))
    ]
    assert {name for name, _line in found} <= {"numba_tools.py"}, found


def test_every_field_of_a_record_is_a_64_bit_integer_of_its_annotated_sign() -> None:
    for record in (Run, Cpu, layout.Lock):
        made = dtype_of(record)
        assert {made[name].str for name in made.names or ()} <= {"<i8", "<u8"}
        assert made.itemsize == 8 * len(made.names or ())
    assert dtype_of(Cpu)["digest"] == dtype_of(layout.Lock)["digest"] == np.dtype("u8")
    assert dtype_of(Cpu)["clock"] == np.dtype("i8")


def test_what_is_no_integer_is_no_field() -> None:
    """Names stay in Python; anything else is refused, with the class and the field."""

    class Named:
        name: str
        number: int
        hash: Word

    class Measured:
        weight: float

    assert dtype_of(Named) == np.dtype([("number", "i8"), ("hash", "u8")])
    with pytest.raises(TypeError, match=r"Measured\.weight is .*float"):
        dtype_of(Measured)


@pytest.mark.parametrize("made", [function, inline])
def test_a_call_of_plain_python_that_is_not_shared_is_refused_before_anything_is_compiled(made: Callable[..., object]) -> None:
    def calls() -> str:
        return mypy(ROOT)

    with pytest.raises(
        InputError, match=r"test_types\.py:\d+: calls: calls .*\.mypy, which compiled code cannot; allowed: .*`share`"
    ):
        made(calls)


def test_a_call_of_what_is_shared_is_not() -> None:
    def calls(value: int) -> int:
        return qspinlock_delay(value, 1500)

    function(calls)
