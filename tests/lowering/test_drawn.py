# SPDX-License-Identifier: GPL-2.0-only
"""Random paths, lowered, leave what their generators leave; and mistakes planted in the pass do not."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sample
import world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_paths import CALLS, ENTRIES, differences, module_of
from test_refusals import written

from slabdes.lowering import blocks, expressions, liveness, lower, normalise, text

HEAD = """from __future__ import annotations
from world import LIMIT, NONE, Box, Counts, Cpu, Kernel, Shelf, Waits, Way
"""
NAMES = ("a", "b", "c")
SHELVES = "k.state.shelves"


class Writer:
    """Writes one random function, line by line."""

    def __init__(self, rng: random.Random, helpers: tuple[str, ...]) -> None:
        self.rng, self.helpers = rng, helpers
        self.lines: list[str] = []
        self.counters = 0

    def number(self, depth: int = 2) -> str:
        pick = self.rng.choice
        simple = [pick(NAMES), str(self.rng.randrange(5)), "box.avail", "box.first", "cpu.work", "k.rules.step", "shelf.held"]
        if depth == 0 or self.rng.random() < 0.5:
            return pick(simple)
        one, other = self.number(depth - 1), self.number(depth - 1)
        return pick(
            [
                f"({one} + {other})", f"({one} - {other})", f"min({one}, {other})", f"({one} if {self.truth(0)} else {other})",
                f"({one} * 3 % 11)", f"(-{one})", f"k.state.words[{one} % 30]", f"(box.peer.avail if box.peer else {other})",
            ]
        )  # fmt: skip

    def truth(self, depth: int = 1, waits: bool = False) -> str:
        pick = self.rng.choice
        simple = [f"{self.number(0)} < {self.number(0)}", f"{pick(NAMES)} == 1", "box.peer", "box.peer is None", "k.rules.strict"]
        if waits:
            simple += [
                "(yield from k.asked(cpu, box)) > 3",
                f"(yield from {self.call()})",
                f"({pick(NAMES)} := {self.number(0)}) < 3",
            ]
        if depth == 0 or self.rng.random() < 0.4:
            return pick(simple)
        one, other = self.truth(depth - 1, waits), self.truth(depth - 1, waits)
        return pick([f"({one} and {other})", f"({one} or {other})", f"not ({one})", one])

    def call(self) -> str:
        return f"{self.rng.choice(self.helpers)}(k, cpu, {self.number(1)}, box, depth - 1)"

    def block(self, depth: int, indent: str, in_loop: bool) -> None:
        for _statement in range(self.rng.randrange(1, 4)):
            self.statement(depth, indent, in_loop)

    def statement(self, depth: int, indent: str, in_loop: bool) -> None:
        rng, pick = self.rng, self.rng.choice
        simple = [
            f"{pick(NAMES)} = {self.number()}",
            f"{pick(NAMES)} += {self.number(1)}",
            f"{pick(NAMES)} = {pick(NAMES)} = {self.number(1)}",
            f"{pick(NAMES)}, {pick(NAMES)} = {self.number(1)}, {self.number(1)}",
            f"box = k.state.boxes[{self.number(1)} % 6]",
            f"box.avail = {self.number(1)} % 7",
            "box.avail += yield from k.asked(cpu, box)",
            f"{pick(NAMES)} -= yield from {self.call()}",
            f"box.peer = {pick(['None', 'box', 'k.state.boxes[a % 6]', 'shelf.boxes[b % 3]'])}",
            f"shelf.spare = {pick(['None', 'box', 'box.peer'])}",
            "shelf.counts.puts += 1",
            f"k.state.words[{self.number(1)} % 30] = {self.number(1)}",
            "yield from k.pause(cpu)",
            f"{pick(NAMES)} = yield from k.asked(cpu, box)",
            f"k.note(cpu, {pick(['box', 'box.peer', 'None'])}, {self.number(1)})",
            f"{pick(NAMES)}, {pick(NAMES)} = yield from two(k, cpu, {self.number(1)})",
            f"cpu.work = {self.number(1)} % 97",
            f"shelf = k.state.shelves[{self.number(1)} % 2]",
        ]
        if in_loop:
            simple += ["break", "continue"]
        kind = rng.randrange(10)
        if depth == 0 or kind < 5:
            self.lines.append(indent + pick(simple))
            if self.lines[-1].strip() in ("break", "continue"):
                self.lines[-1] = f"{indent}if {self.truth(1)}:\n{indent}    {self.lines[-1].strip()}"
        elif kind < 7:
            self.lines.append(f"{indent}if {self.truth(2, waits=True)}:")
            self.block(depth - 1, indent + "    ", in_loop)
            if rng.random() < 0.6:
                self.lines.append(f"{indent}else:")
                self.block(depth - 1, indent + "    ", in_loop)
        elif kind == 7:
            self.lines.append(f"{indent}if {self.truth(1)}:\n{indent}    return {self.number(1)}")
        elif kind == 8:
            self.counters += 1
            counter = f"n{self.counters}"
            self.lines += [f"{indent}{counter} = 0", f"{indent}while {counter} < 4 and {self.truth(1, waits=True)}:"]
            self.lines.append(f"{indent}    {counter} += 1")
            self.block(depth - 1, indent + "    ", True)
        else:
            self.counters += 1
            rows = pick(["range(a % 4)", "range(b % 3, 4)", "shelf.boxes", "reversed(shelf.boxes)", "k.order(a % 6)", SHELVES])
            if "shelf.boxes" in rows:
                self.lines.append(f"{indent}for box in {rows}:")
            elif rows == SHELVES:
                self.lines.append(f"{indent}for shelf in {rows}:")
            else:
                self.lines.append(f"{indent}for i{self.counters} in {rows}:")
                self.lines.append(f"{indent}    c = i{self.counters}")
            self.block(depth - 1, indent + "    ", True)


def program(rng: random.Random) -> str:
    """Three paths that call each other, a helper that gives a pair, and one without waits."""
    text = HEAD
    for place, name in enumerate(("start", "inner", "last")):
        helpers = ("start", "inner", "last") if rng.random() < 0.5 else ("inner", "last")[place - 1 :] or ("last",)
        writer = Writer(rng, helpers)
        writer.block(3, "    ", False)
        text += f"""

def {name}(k: Kernel, cpu: Cpu, a: int, box: Box, depth: int = 0) -> Waits[int]:
    if depth < 0:
        return (yield from k.asked(cpu, box))
    shelf = k.state.shelves[a % 2]
    b = c = 1
{chr(10).join(writer.lines)}
    return a + b
"""
    return (
        text
        + """

def two(k: Kernel, cpu: Cpu, nr: int) -> Waits[tuple[int, int]]:
    if nr & 1:
        yield from k.pause(cpu)
        return nr, odd(k, cpu, nr)
    return odd(k, cpu, nr), 5


def odd(k: Kernel, cpu: Cpu, nr: int) -> int:
    while nr > 7:
        nr -= 3
    return nr


def entry(k: Kernel, cpu: Cpu, nr: int) -> Waits[int]:
    return (yield from start(k, cpu, nr, k.state.boxes[nr % 6], 3))
"""
    )


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.sampled_from([(), ("inner", "last"), ("start", "inner", "last")]))
def test_any_paths_leave_what_their_generators_leave(tmp_path: Path, seed: int, at_once: tuple[str, ...]) -> None:
    module = written(tmp_path, program(random.Random(seed)))
    printed = module_of(lower.lower(world.target((module.__name__,), ("entry",), at_once)).text)
    try:
        found = differences(module, printed, [("entry", [nr]) for nr in (0, 1, 5)], range(2))
    except (world.TooLong, RecursionError):
        return
    assert not found, Path(str(module.__file__)).read_text()


def forgotten(live: Callable[..., Any]) -> Callable[..., Any]:
    def find(all_blocks: list[blocks.Block]) -> None:
        live(all_blocks)
        for block in all_blocks:
            block.live -= {"got", "box", "mine"}

    return find


def swapped(made: Any) -> Any:
    return lambda test, yes, no: made(test, no, yes)


def shared_field(self: liveness.Frames, parameters: list[str], _blocks: Any, variables: set[str]) -> dict[str, str]:
    self.fields = ["same", *parameters]
    return dict.fromkeys(sorted(variables), "same") | {name: name for name in parameters}


PLANTED = [
    ("liveness forgets variables", lower, "find_lives", forgotten(liveness.find_lives)),
    ("a branch goes the other way", blocks, "Branch", swapped(blocks.Branch)),
    ("all variables share a field", liveness.Frames, "place", shared_field),
    ("a loop's end is where it goes on", blocks.Blocks, "_jump", lambda self, block, to: None),
    ("a result is never fetched", blocks, "_results", lambda into, kind: []),
    ("records are always there", expressions.Expressions, "test", expressions.Expressions.value),
    ("a negation is lost", normalise, "negated", lambda test: test),
    ("a wait is not gone back to", text.PathText, "_after", lambda self, to: []),
]


@pytest.mark.parametrize(("module", "name", "bug"), [p[1:] for p in PLANTED], ids=[p[0] for p in PLANTED])
def test_a_mistake_planted_in_the_pass_is_seen(module: Any, name: str, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = CALLS
    monkeypatch.setattr(module, name, bug)
    try:
        printed = module_of(lower.lower(world.target(("sample",), ENTRIES)).text)
        assert differences(sample, printed, calls, range(6))
    except (AssertionError, NameError, AttributeError, IndexError, TypeError, KeyError, world.TooLong) as seen:
        assert not isinstance(seen, AssertionError) or str(seen) != "assert []"


def test_printed_text_is_python_that_can_be_read() -> None:
    printed = lower.lower(world.target(("sample",), ENTRIES)).text
    functions = [node for node in ast.parse(printed).body if isinstance(node, ast.FunctionDef)]
    assert all(ast.get_docstring(node) or node.name.startswith("begin_") for node in functions)
