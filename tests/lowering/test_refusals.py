# SPDX-License-Identifier: GPL-2.0-only
"""What the pass cannot lower it refuses with file, line and the construct; a wrong name or field likewise."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

import pytest
import world

from slabdes.lowering.lower import lower
from slabdes.lowering.refusal import Refused

NUMBER = itertools.count()
HEAD = """from __future__ import annotations
from typing import Final
from world import LIMIT, NONE, Box, Counts, Cpu, Kernel, Shelf, Waits, Way
_NAMES: Final = {"a": 1}
def start(k: Kernel, cpu: Cpu, nr: int) -> Waits[int]:
    box = k.state.boxes[nr]
    yield from k.pause(cpu)
"""
FIRST = HEAD.count("\n") + 1


def written(tmp_path: Path, text: str) -> ModuleType:
    """A module of paths, written down so that it can be read again."""
    name = f"written_{next(NUMBER)}"
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


BAD = [
    ("box.avial += 1", "`box.avial`: a record Box has no field avial here (did you mean avail?)"),
    ("box.label = 1", "`box.label`: a record Box has no field label here"),
    ("nr = k.rules.strickt", "has no field strickt here (did you mean strict?)"),
    ("nr = bix", "`bix`: the name bix is not known (did you mean box?)"),
    ("k.not_e(cpu, box, 1)", "`k.not_e(cpu, box, 1)`: the kernel has no service not_e (did you mean note?)"),
    ("k.note(cpu, 1, box)", "box of note gets an integer; allowed: a record Box"),
    ("k.note(cpu, box)", "note needs the argument what"),
    ("k.note(cpu, box, 1, 2)", "note takes 3 arguments"),
    ("k.note(cpu, box, wath=1)", "note has no argument wath"),
    ("k.pause(cpu)", "pause waits; allowed: yield from it"),
    ("yield from k.note(cpu, box, 1)", "note does not wait"),
    ("nr = Way.FUL", "`Way.FUL`: Way has no FUL (did you mean FULL?)"),
    ("nr = box", "nr is an integer elsewhere and a record Box here"),
    ("box = k.state.shelves[0]", "box is a record Box elsewhere and a record Shelf here"),
    ("nr = len(k.state.words)", "len of a flat list of integers"),
    ("nr = [1, 2][0]", "`[1, 2]`: cannot be lowered"),
    ("nr = sum(i for i in range(3))", "cannot be lowered"),
    ("nr = 'a'", "`'a'`: cannot be lowered"),
    ("nr = k.state.words[0:2]", "cannot be lowered"),
    ("nr = _NAMES['a']", "_NAMES is dict"),
    ("del nr", "`del nr`: cannot be lowered; allowed: assignments"),
    ("raise ValueError", "`raise ValueError`: cannot be lowered"),
    ("try:\n        nr = 1\n    finally:\n        nr = 2", "cannot be lowered"),
    ("with box:\n        pass", "cannot be lowered"),
    ("for a, b in zip(box, box):\n        pass", "cannot be lowered"),
    ("k.note(cpu, box, (yield from k.asked(cpu, box)))", "a wait or a walrus of its own, or in a condition"),
    ("nr = 1 + (yield from k.asked(cpu, box))", "a wait or a walrus of its own, or in a condition"),
    ("nr = yield from k.asked(box, cpu)", "asked is given another the running CPU"),
    ("if box == nr:\n        pass", "compares a record Box with an integer"),
    ("if nr in (1, 2):\n        pass", "cannot be lowered"),
    ("return box", "returns a record Box; allowed: an integer"),
    ("nr, other = 1, 2, 3", "cannot be lowered"),
    ("nr = print(nr)", "cannot be called here"),
    ("nr = k.state.boxes[box].avail", "is a record Box; allowed: an integer"),
    ("x = k.order(1)", "a name for a row of integers"),
]


@pytest.mark.parametrize(("line", "told"), BAD, ids=[line.split("\n")[0] for line, _told in BAD])
def test_a_construct_without_a_compiled_form_is_refused_where_it_stands(line: str, told: str, tmp_path: Path) -> None:
    module = written(tmp_path, f"{HEAD}    {line}\n    return nr\n")
    with pytest.raises(Refused) as refusal:
        lower(world.target((module.__name__,), ("start",)))
    text = str(refusal.value)
    assert told in text
    place = text.split(": ")[0]
    assert place.startswith(f"{module.__file__}:")
    assert FIRST <= int(place.rpartition(":")[2]) <= FIRST + line.count("\n")
    assert "\n" not in text


GOOD = [
    "nr += box.avail",
    "box.peer = None",
    "k.note(cpu, None, what=Way.FULL)",
    "nr = 1 if box.peer else 2",
    "nr += yield from k.asked(cpu, box)",
]


@pytest.mark.parametrize("line", GOOD)
def test_constructs_beside_them_are_lowered(line: str, tmp_path: Path) -> None:
    module = written(tmp_path, f"{HEAD}    {line}\n    return nr\n")
    assert "def start(run, cpu, frame)" in lower(world.target((module.__name__,), ("start",))).text


def test_an_argument_by_name_is_kept_over_a_wait_as_one_by_place_is(tmp_path: Path) -> None:
    texts = []
    for argument in ("k.state.boxes[box.first]", "box=k.state.boxes[box.first]"):
        module = written(tmp_path, f"{HEAD}    return (yield from k.asked(cpu, {argument}))\n")
        texts.append(lower(world.target((module.__name__,), ("start",))).text.replace(module.__name__, "written"))
    assert texts[0] == texts[1]
    assert texts[0].count(".first") == 1


def test_a_path_goes_inside_its_only_caller_unless_it_waits_many_times(tmp_path: Path) -> None:
    def frames(waits: int) -> set[str]:
        pauses = "    yield from k.pause(cpu)\n" * waits
        below = f"def below(k: Kernel, cpu: Cpu, nr: int) -> Waits[int]:\n{pauses}    return nr\n"
        module = written(tmp_path, f"{HEAD}    return (yield from below(k, cpu, nr))\n{below}")
        text = lower(world.target((module.__name__,), ("start",))).text
        return {name for name in ("start", "below") if f"def {name}(run, cpu, frame)" in text}

    assert frames(2) == frames(24) == {"start"}
    assert frames(25) == {"start", "below"}


SIGNATURES = [
    ("def start(k: Kernel, cpu: Cpu, what: float) -> Waits[int]:\n    return 1\n", "`what: float`: a parameter of no kind"),
    ("def start(k: Kernel, cpu: Cpu) -> Waits[int]:\n    return 1\n", "start does not wait as its annotation says"),
    (
        "def start(k: Kernel, cpu: Cpu) -> int:\n    yield from k.pause(cpu)\n    return 1\n",
        "start does not wait as its annotation says",
    ),
    ("def start(cpu: Cpu, k: Kernel) -> Waits[int]:\n    return 1\n", "a path's first parameters"),
    ("def start(k: Kernel, cpu: Cpu, *more: int) -> Waits[int]:\n    return 1\n", "parameters of this form"),
]


@pytest.mark.parametrize(("text", "told"), SIGNATURES)
def test_a_path_that_takes_something_else_is_refused(text: str, told: str, tmp_path: Path) -> None:
    module = written(tmp_path, HEAD.partition("def start")[0] + text)
    with pytest.raises(Refused, match=told.replace("(", r"\(")):
        lower(world.target((module.__name__,), ("start",)))


def test_a_service_without_a_compiled_form_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, f"{HEAD}    yield from k.put(cpu, box, 1)\n    return nr\n")
    with pytest.raises(Refused, match="put has no compiled form; allowed: a function in world"):
        lower(world.target((module.__name__,), ("start",)))


def test_a_field_that_compiled_memory_does_not_hold_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, f"{HEAD}    return box.first\n")
    target = world.target((module.__name__,), ("start",))
    smaller = world.target((module.__name__,), ("start",), tables=(world.without(target.tables[0], "first"), *target.tables[1:]))
    assert lower(target)
    with pytest.raises(Refused, match="compiled memory does not hold first of a record Box; declare it in the run's record"):
        lower(smaller)
