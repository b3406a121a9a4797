# SPDX-License-Identifier: GPL-2.0-only
"""Recorded trace folders of 7.3: those committed, those of the shared folder, and copies of them that say something else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.conformance.kernel_trace.compare import FILES

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "tests/kernel73/traces"
SHARED = ROOT.parent / "shared/kernel73/traces"

Edit = Callable[[str], str]


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Path]:
    """A function that finds a recorded folder by name, or skips the test."""

    def find(name: str) -> Path:
        for folder in (COMMITTED / name, SHARED / name):
            if folder.is_dir():
                return folder
        pytest.skip(f"../shared/kernel73/traces/{name} is not here")

    return find


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A function that copies the smaller committed folder, its texts changed by `dumps` and `trace`."""

    def change(dumps: Edit = str, trace: Edit = str) -> Path:
        for name, edit in zip(FILES, (dumps, trace), strict=True):
            text = gzip.decompress((COMMITTED / "1n1c/tmpfs1" / f"{name}.gz").read_bytes()).decode()
            (tmp_path / name).write_text(edit(text))
        return tmp_path

    return change
