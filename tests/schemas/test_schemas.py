# SPDX-License-Identifier: GPL-2.0-only
"""Editors complete keys and show errors by the schemas: what is shipped holds to them, and what is wrong does not."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner, said_in_one_line

from slabdes.config.keys import experiment_keys
from slabdes.config.models import OF_STUDY
from slabdes.config.starts import kinds, new_experiment
from slabdes.schemas import KINDS, schema_text

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "experiment": sorted((ROOT / "experiments").glob("*.toml")),
    "machine": sorted((ROOT / "slabdes/machine/presets").glob("*.toml")),
}
FILES = [(kind, file) for kind, files in SHIPPED.items() for file in files]


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text(kind)))


def told(kind: str, text: str) -> list[str]:
    """What is wrong with a file's text: where, and the words."""
    return [f"{error.json_path}: {error.message}" for error in validator(kind).iter_errors(tomllib.loads(text))]


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_and_the_shipped_file_is_what_the_command_prints(kind: str, slabdes: Slabdes) -> None:
    printed = slabdes("schema", kind).out
    Draft202012Validator.check_schema(json.loads(printed))
    assert (ROOT / f"slabdes/schemas/{kind}.json").read_text(encoding="utf-8") == printed, (
        f"slabdes schema {kind} > slabdes/schemas/{kind}.json writes it anew"
    )


@pytest.mark.parametrize(("kind", "file"), FILES, ids=lambda part: getattr(part, "name", part))
def test_a_shipped_file_names_its_schema_in_its_first_line_and_holds_to_it(kind: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    directive, _, path = text.splitlines()[0].partition(" ")
    assert directive == "#:schema"
    assert (file.parent / path).resolve() == ROOT / f"slabdes/schemas/{kind}.json"
    assert told(kind, text) == []


def test_no_kind_of_file_is_left_out() -> None:
    assert all(SHIPPED.values())


@pytest.mark.parametrize("kind", [kind for kind, _ in kinds()])
def test_a_new_experiment_holds_to_the_schema(kind: str) -> None:
    assert told("experiment", new_experiment(kind)) == []


BASE = '[machine]\npreset = "numa-2x4"\n[[cache]]\nname = "a"\nsize = 64\n[workload]\nkind = "burst"\n'
WRONG = {
    "a key that is misspelt": BASE.replace("preset", "presett"),
    "an engine that there is not": 'engine = "fast"\n' + BASE,
    "a number out of its range": "replications = 0\n" + BASE,
    "text for a number": BASE.replace("size = 64", 'size = "64"'),
    "[cache] for [[cache]]": BASE.replace("[[cache]]", "[cache]"),
    "a workload that there is not": BASE.replace("burst", "bursts"),
    "a key of another workload": BASE + "window = 3\n",
    "a cost that there is not": BASE + "[machine.costs]\nhit = 3\n",
    "a sweep of a key that there is not": BASE + '[sweep]\n"machines.cpus" = [1]\n',
    "a sweep over values that a key does not take": BASE + '[sweep]\n"lock.discipline" = ["mcs"]\n',
    "a sweep over a cache's limit of 0": BASE + '[sweep]\n"cache.a.limit" = [0, 1]\n',
    "a sweep without values": BASE + '[sweep]\n"machine.cpus" = []\n',
    "a measure that there is not": 'measures = ["alloc.p98"]\n' + BASE,
    "a precision of 0": "precision = 0\n" + BASE,
    "a sweep of precision": BASE + "[sweep]\nprecision = [0.1, 0.2]\n",
    "a range without an end": BASE + '[zip]\n"machine.cpus" = { from = 1, step = 2 }\n',
}


@pytest.mark.parametrize("what", WRONG)
def test_an_editor_shows_what_slabdes_refuses(what: str) -> None:
    if what != "[cache] for [[cache]]":
        assert told("experiment", BASE) == []
    assert told("experiment", WRONG[what]) != []


def test_every_key_can_be_swept_with_its_own_values_only() -> None:
    lists = json.loads(schema_text("experiment"))["$defs"]["Lists"]
    named = [pattern.strip("^$").replace("\\", "").replace("[^.]+", "NAME") for pattern in lists["patternProperties"]]
    known = {*lists["properties"], *named}
    assert known == {key.path for key in experiment_keys()} - {"sweep", "zip", "quick", *OF_STUDY}


def test_null_which_toml_does_not_have_is_nowhere_in_a_schema() -> None:
    assert [kind for kind in KINDS if "null" in schema_text(kind)] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[topology]\ncores = 0\n", "$.topology.cores"),
        ("[topology]\ncores = 2\n[costs]\nsame_nod = 3\n", "$.costs"),
        ("[topology]\ncores = 2\n[sources]\nmemory = 'x'\n", "$.sources"),
        ("[topology]\ncores = 2\n[costs]\nsmt_slowdown = 20.0\n", "$.costs.smt_slowdown"),
    ],
)
def test_a_wrong_machine_is_shown(text: str, place: str) -> None:
    (error,) = told("machine", text)
    assert error.startswith(place)


def test_another_kind_is_refused_and_a_file_that_is_there_is_kept(slabdes: Slabdes, tmp_path: Path) -> None:
    assert said_in_one_line(slabdes("schema", "machin")).endswith("allowed: experiment, machine\n")
    assert slabdes("schema", "machine", "--out", "m.json").out.endswith("#:schema m.json\n")
    (tmp_path / "m.json").write_text("mine")
    assert slabdes("schema", "machine", "--out", "m.json").code == 2
    assert (tmp_path / "m.json").read_text() == "mine"
