# SPDX-License-Identifier: GPL-2.0-only
"""Runs the command line inside a test, and small experiments for it: shared by the tests of cli, api and study."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slabdes import cli

SMALL = """\
name = "small"
replications = 2

[machine]
preset = "numa-2x4"
cpus = 4
placement = "spread"

[[cache]]
name = "size-256"
size = 256

[workload]
kind = "burst"
objects = 150
"""
SWEPT = SMALL + '\n[sweep]\n"machine.cpus" = [1, 2, 4]\n'


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Slabdes = Callable[..., Outcome]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Slabdes:
    """A function that gives its arguments to the command line and returns what came of it."""

    def slabdes(*arguments: str | int | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["slabdes", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        captured = capsys.readouterr()
        assert isinstance(exit_info.value.code, int)
        return Outcome(exit_info.value.code, captured.out, captured.err)

    return slabdes


def said_in_one_line(outcome: Outcome) -> str:
    """The one line that a command refuses bad input with; asserts that it is all there is."""
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("slabdes: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    return outcome.err


def files_in(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, with its content: to see that nothing was made or changed."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def run_content(folder: Path) -> dict[str, Any]:
    """Everything below a run folder, but for when, where and how long it was run."""
    found: dict[str, Any] = files_in(folder)
    manifest = json.loads(found["manifest.json"])
    manifest["provenance"] = manifest["provenance"]["read"]
    sums = {name: digest for name, digest in json.loads(found["frames/sha256.json"]).items() if name != "manifest.json"}
    return found | {"manifest.json": manifest, "frames/sha256.json": sums}


def small_experiment(**workload: Any) -> dict[str, Any]:
    """`SMALL` as a mapping, with changes to its workload."""
    return {
        "name": "small",
        "replications": 2,
        "machine": {"preset": "numa-2x4", "cpus": 4, "placement": "spread"},
        "cache": [{"name": "size-256", "size": 256}],
        "workload": {"kind": "burst", "objects": 150} | workload,
    }
