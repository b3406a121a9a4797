# SPDX-License-Identifier: GPL-2.0-only
"""What the README, the guide and what is said of trust show is run, and compared with what they say comes out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import readme

import slabdes
from slabdes.cli import app
from slabdes.config import parse_experiment
from slabdes.machine import load_machine

TEXTS = [path.read_text(encoding="utf-8") for path in readme.DOCUMENTS]
README, TEXT = TEXTS[0], "".join(TEXTS)
BLOCKS = [block for text in TEXTS for block in readme.blocks(text)]
CONSOLE = [block for block in BLOCKS if block.language == "console" and not block.mark]
PYTHON = [pair for text in TEXTS for pair in pairwise(readme.blocks(text)) if pair[0].language == "python"]


@pytest.mark.skipif(os.name != "posix", reason="console examples are for a POSIX shell")
@pytest.mark.parametrize("block", CONSOLE, ids=[readme.shown(block.body)[0][0][:40] for block in CONSOLE])
def test_a_console_example_prints_what_the_readme_shows(block: readme.Block, tmp_path: Path) -> None:
    readme.prepare(tmp_path)
    assert readme.ran(block, tmp_path) == block.body


@pytest.mark.parametrize(("program", "printed"), PYTHON)
def test_a_python_example_prints_what_the_readme_shows(program: readme.Block, printed: readme.Block, tmp_path: Path) -> None:
    assert printed.language == "text"
    assert readme.ran(program, tmp_path) == printed.body


@pytest.mark.skipif(os.name != "posix", reason="commands are for a POSIX shell")
def test_what_a_command_prints_is_renewed_between_its_marks_also_where_a_check_fails_but_not_by_an_error(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    text = "before\n<!-- printed: {} -->\n{}<!-- end -->\nbehind <!-- end -->\n"
    command = "echo new; echo aside >&2; exit 1"
    document.write_text(text.format(command, "old\n"), encoding="utf-8")
    readme.update_printed(document, tmp_path)
    assert document.read_text(encoding="utf-8") == text.format(command, "\nnew\n\n")
    refused = text.format("echo new; exit 2", "old\n")
    document.write_text(refused, encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        readme.update_printed(document, tmp_path)
    assert document.read_text(encoding="utf-8") == refused


def test_examples_import_nothing_but_slabdes_itself_and_what_is_not_ours() -> None:
    notebooks = "".join(path.read_text(encoding="utf-8") for path in (readme.ROOT / "notebooks").glob("*.ipynb"))
    programs = "".join(program.body for program, _printed in PYTHON)
    assert "import slabdes" in programs
    assert "import slabdes" in notebooks
    assert re.findall(r"(?:from|import) slabdes\.[\w.]+", TEXT + notebooks) == []
    used = set(re.findall(r"\bslabdes\.(\w+)\(", programs + notebooks))
    assert used <= set(slabdes.__all__)


def test_the_readme_has_examples_of_each_kind_a_picture_and_an_answer_on_its_first_screen() -> None:
    languages = [block.language for block in readme.blocks(README)]
    assert languages.count("console") >= 3 and languages.count("python") >= 1
    first = README.splitlines()[:25]
    assert any(line.startswith("![") for line in first) and "```console" in first
    assert len(README.splitlines()) < 250


def test_links_from_one_document_to_another_lead_somewhere() -> None:
    for path, text in zip(readme.DOCUMENTS, TEXTS, strict=True):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
            assert (path.parent / link).exists(), (path.name, link)


def test_the_experiment_file_shown_is_one() -> None:
    import tomllib

    shown = [block for block in BLOCKS if block.language == "toml" and not block.mark]
    names = [parse_experiment(tomllib.loads(block.body), "GUIDE").name for block in shown]
    assert names[0] == "my experiment" and len(names) == 3


def test_the_machine_file_shown_is_one(tmp_path: Path) -> None:
    readme.prepare(tmp_path)
    assert load_machine(tmp_path / "mine.toml").n_cpus == 64


def test_the_two_commands_are_one_line_each_and_use_only_what_is_in_the_checkout() -> None:
    main_job, tests = readme.marked("main job"), readme.marked("tests")
    assert main_job.startswith("python3 -m venv .venv && .venv/bin/pip install . && ")
    assert tests.startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && ")
    named = [word for command in (main_job, tests) for word in command.split() if word.startswith("experiments/")]
    assert len(named) == 2
    assert all((readme.ROOT / name).is_file() for name in named)


def test_every_experiment_and_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:experiments|slabdes|notebooks|tests)/[\w./-]+)`", TEXT))
    assert named
    assert [name for name in sorted(named) if not (readme.ROOT / name).exists()] == []


def test_every_command_is_in_the_guide_with_its_options_and_in_the_readme_by_name() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {"run", "replay", "plot", "conform", "geometry"} <= names
    assert [name for name in sorted(names) if f"`slabdes {name} " not in TEXTS[1]] == []
    said = README.partition("## What else it does\n")[2].partition("\n## ")[0]
    assert [name for name in sorted(names) if not re.search(rf"`(?:slabdes )?{name}`", said)] == []
