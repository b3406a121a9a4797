# SPDX-License-Identifier: GPL-2.0-only
"""Traces written by hand, and the real ones: committed with the experiments, or in the folder that is shared with the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WriteTrace = Callable[..., Path]


@pytest.fixture
def write_trace(tmp_path: Path) -> WriteTrace:
    """A function that writes its lines to a new trace file and returns the path."""

    def write(*lines: str, name: str = "trace.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def unix_dgram() -> Path:
    """A two-CPU capture of Linux 6.18 (ftrace); see ../shared/traces/README.md."""
    return _real(ROOT / "experiments/traces/unix_dgram_6.18.txt.gz")


@pytest.fixture(scope="session")
def unix4() -> Path:
    """An eight-CPU capture of Linux 6.1 with SLAB (ftrace, no name= on allocations); see ../shared/kernel61/README.md."""
    return _real(ROOT / "experiments/traces/slab_6.1_8cpu_2node_unix4.txt.gz")


@pytest.fixture(scope="session")
def shared_file() -> Callable[[str], Path]:
    """A function that finds a file of the shared folder, or skips the test."""
    return lambda name: _real(ROOT.parent / "shared" / name)


def _real(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    return path
