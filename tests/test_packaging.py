# SPDX-License-Identifier: GPL-2.0-only
"""What pyproject.toml promises about versions: each requirement has a bound below, numba one above, and CI tries the lowest."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import numba
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_lowest_versions_are_those_that_the_requirements_allow() -> None:
    done = subprocess.run([sys.executable, ".ci/lowest.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    lowest = dict(line.split("==") for line in done.stdout.splitlines())
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]):
        requirement = Requirement(text)
        version = Version(lowest[requirement.name])
        assert version in requirement.specifier
        assert {str(version)} <= {clause.version for clause in requirement.specifier if clause.operator == ">="}


def test_the_command_that_is_installed_is_the_one_that_hears_of_signals() -> None:
    (script,) = [entry for entry in entry_points(group="console_scripts") if entry.name == "slabdes"]
    assert script.value == PROJECT["scripts"]["slabdes"] == "slabdes.__main__:main"


def test_numba_is_let_in_up_to_a_version_that_was_tried_and_no_further() -> None:
    (numbas,) = [Requirement(text) for text in PROJECT["dependencies"] if text.startswith("numba>")]
    assert Version(numba.__version__) in numbas.specifier
    assert [clause.operator for clause in numbas.specifier if clause.operator in ("<", "<=", "~=", "==")]


def test_nothing_lies_at_the_top_but_what_belongs_there() -> None:
    files = {path.name for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert files <= {"LICENSE", "README.md", "pyproject.toml"}
