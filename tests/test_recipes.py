# SPDX-License-Identifier: GPL-2.0-only
"""What CONTRIBUTING.md says that one has to do does what it says: its recipes are applied to a copy of the package and tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import recipes
from readme import ROOT, blocks
from recipes import CONTRIBUTING, apply_recipes, changed, diffs

import slabdes

CACHE: Final = [{"name": "c", "size": 256, "limit": 24, "batchcount": 6}]
BASE: Final[dict[str, Any]] = {
    "seed": 3,
    "machine": {"preset": "numa-2x4"},
    "cache": CACHE,
    "workload": {"kind": "burst", "objects": 60, "rounds": 3},
}
GIVEN_UP: Final = BASE | {"workload": {"kind": "burst", "objects": 300, "rounds": 3}}
"""Here flushes find more free slabs than the limit, so that the order in which they go matters."""
ENGINES: Final = ("reference", "compiled")
EXPERIMENTS: Final[dict[str, dict[str, Any]]] = {
    "as it was": BASE,
    "qspinlock": BASE | {"lock": {"discipline": "qspinlock"}},
    "sleep": BASE | {"lock": {"discipline": "sleep"}},
    "sleep, longer": BASE | {"lock": {"discipline": "sleep", "wake_ns": 9000}},
    "sleep, spinning": BASE | {"lock": {"discipline": "sleep"}},
    "sleep, queued": BASE | {"lock": {"discipline": "sleep"}},
    "half a batch": BASE | {"flush_half_batch": True},
    "6.1": GIVEN_UP | {"allocator": "6.1"},
    "6.4": GIVEN_UP | {"allocator": "6.4"},
    "dear": BASE | {"machine": {"preset": "numa-2x4", "costs": {"half_look": 1000}}},
    "alternate": BASE | {"workload": {"kind": "alternate", "rounds": 50}},
    "uma-2": BASE | {"machine": {"preset": "uma-2"}},
}


def _python(folder: Path, *args: str, given: str = "") -> str:
    """What a Python prints that imports the copy in `folder`."""
    environment = os.environ | {"PYTHONPATH": str(folder), "SLABDES_CACHE_DIR": str(folder / "cache"), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *args], input=given, capture_output=True, text=True, cwd=folder, env=environment, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package after all recipes."""
    folder = tmp_path_factory.mktemp("recipes")
    apply_recipes(folder)
    return folder


@pytest.fixture(scope="module")
def digests(copy: Path) -> dict[str, dict[str, str]]:
    """The digests of EXPERIMENTS by engine, as the copy has them; the engine is compiled once for all."""
    program = (
        "import json, sys, slabdes\n"
        "print(slabdes.__file__)\n"
        "from dataclasses import replace\n"
        "from slabdes.locks.disciplines import DISCIPLINES\n"
        "sleep = DISCIPLINES['sleep']\n"
        "def simulate(name, raw, engine):\n"
        "    DISCIPLINES['sleep'] = replace(sleep, queued='queued' in name, spins='spinning' in name)\n"
        "    return slabdes.simulate(raw | {'engine': engine}).digest\n"
        f"engines = {ENGINES!r}\n"
        "given = json.load(sys.stdin)\n"
        "print(json.dumps({name: {e: simulate(name, raw, e) for e in engines} for name, raw in given.items()}))\n"
    )
    file, told = _python(copy, "-c", program, given=json.dumps(EXPERIMENTS)).splitlines()
    assert Path(file).is_relative_to(copy)
    found: dict[str, dict[str, str]] = json.loads(told)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_both_engines_agree_on_what_was_added(digests: dict[str, dict[str, str]], name: str) -> None:
    assert digests[name]["reference"] == digests[name]["compiled"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("qspinlock", "sleep"),
        ("sleep", "sleep, longer"),
        ("sleep", "sleep, spinning"),
        ("sleep", "sleep, queued"),
        ("as it was", "half a batch"),
        ("6.1", "6.4"),
        ("as it was", "dear"),
    ],
)
def test_what_a_recipe_adds_makes_a_difference(digests: dict[str, dict[str, str]], one: str, other: str) -> None:
    assert digests[one] != digests[other]


@pytest.mark.slow
def test_a_changed_path_changes_digests(digests: dict[str, dict[str, str]]) -> None:
    assert digests["as it was"]["reference"] != slabdes.simulate(BASE | {"engine": "reference"}).digest


def test_a_new_cost_is_told_with_its_source(copy: Path) -> None:
    shown = json.loads(_python(copy, "-m", "slabdes", "machine", "show", "uma-2", "--json"))
    (cost,) = (cost for cost in shown["costs"] if cost["name"] == "half_look")
    assert cost == {"name": "half_look", "value": 3.0, "source": "assumed; 12 cycles at 4 GHz", "allocator": None}


def test_a_new_machine_is_listed(copy: Path) -> None:
    assert "uma-2" in _python(copy, "-m", "slabdes", "machine", "list")


def test_a_new_workload_does_its_steps_and_its_keys_are_known(copy: Path) -> None:
    raw = EXPERIMENTS["alternate"] | {"engine": "reference"}
    program = "import json, sys, slabdes; print(slabdes.simulate(json.load(sys.stdin)).cpus['allocs'].to_list())"
    assert json.loads(_python(copy, "-c", program, given=json.dumps(raw))) == [50] * 8
    wrong = raw | {"workload": {"kind": "alternate", "round": 1}}
    program = (
        "import json, sys, slabdes\n"
        "try: slabdes.simulate(json.load(sys.stdin))\n"
        "except slabdes.InputError as error: print(error)\n"
    )
    assert "workload.round: unknown key (did you mean rounds?)" in _python(copy, "-c", program, given=json.dumps(wrong))


@pytest.mark.slow
def test_a_new_target_is_validated(copy: Path, digests: dict[str, dict[str, str]]) -> None:
    told = json.loads(_python(copy, "-m", "slabdes", "validate", "hit_pair", "--json"))
    assert "hit_pair" in json.dumps(told)


def test_every_recipe_has_an_example_and_every_block_is_one() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8").partition("## How to add or change\n")[2]
    recipes = dict(part.split("\n", 1) for part in text.split("\n### ")[1:])
    without = {title for title, body in recipes.items() if not blocks(body)}
    assert without == {"A dependency, or a newer numba"}
    assert all(block.mark or block.language == "diff" for block in blocks(text))


def test_what_a_recipe_adds_stands_at_one_line_so_that_nothing_put_between_two_breaks_it() -> None:
    for block in blocks(CONTRIBUTING.read_text(encoding="utf-8")):
        for file, diff in diffs(block.body) if block.language == "diff" else ():
            for part in diff.split("@@\n"):
                kept = [line for line in part.splitlines() if line.startswith(" ")]
                assert len(kept) == 1 or any(line.startswith("-") for line in part.splitlines()), (file, part)


def test_the_readme_names_recipes_and_places_that_are_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## How to add\n")[2].partition("\n## ")[0]
    contributing = CONTRIBUTING.read_text(encoding="utf-8")
    items = [line.removeprefix("- **").partition("**")[0] for line in readme.splitlines() if line.startswith("- **")]
    assert items and all(f"### {item}\n" in contributing for item in items)
    for place in readme.split("`")[1::2]:
        assert not place.startswith("slabdes/") or (ROOT / place).exists(), place


def test_what_a_recipe_changes_and_is_not_there_is_told_with_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = tmp_path / "CONTRIBUTING.md"
    recipe = "\n### A path\n\n```diff\n+++ slabdes/paths/slab/free.py\n nothing()\n+more()\n```\n"
    moved.write_text(recipe, encoding="utf-8")
    monkeypatch.setattr(recipes, "CONTRIBUTING", moved)
    told = r"CONTRIBUTING\.md, 'A path': slabdes/paths/slab/free\.py: these lines are there 0 times in a row"
    with pytest.raises(AssertionError, match=told):
        recipes.apply_recipes(tmp_path / "copy")


def test_a_block_whose_lines_are_not_there_once_is_told() -> None:
    assert changed("a\nb\nc\n", " a\n+x\n-b\n@@\n c\n+d\n", "f") == "a\nx\nc\nd\n"
    with pytest.raises(AssertionError, match="f: these lines are there 2 times"):
        changed("a\na\n", " a\n+x\n", "f")
    with pytest.raises(AssertionError, match="f: these lines are there 0 times"):
        changed("ab\n", " a\n+x\n", "f")
