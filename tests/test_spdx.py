# SPDX-License-Identifier: GPL-2.0-only
"""Each file that was written here says under which licence it is, in its first line or after its interpreter's or schema's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("slabdes", "tests", "experiments", ".ci", ".github")
SAYS = "SPDX-License-Identifier: GPL-2.0-only"
COMMENTS = {
    ".py": f"# {SAYS}",
    ".toml": f"# {SAYS}",
    ".c": f"// {SAYS}",
    ".h": f"// {SAYS}",
    ".md": f"<!-- {SAYS} -->",
    "": f"# {SAYS}",
}
"""By a file's ending; those without one are scripts for a shell. Others hold data, or have no comments."""
RECORDED = ("tests/golden", "tests/kernel61", "tests/campaigns/seeds")
"""What was recorded, and text that readers are tried with: data."""


def files() -> Iterator[Path]:
    yield from (file for file in ROOT.iterdir() if file.suffix in (".md", ".toml"))
    for folder in FOLDERS:
        yield from (file for file in (ROOT / folder).rglob("*") if file.is_file() and file.suffix in COMMENTS)


WRITTEN = sorted(
    file
    for file in files()
    if "__pycache__" not in file.parts and not any(file.is_relative_to(ROOT / folder) for folder in RECORDED)
)


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_file_says_its_licence_first(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()[:2]
    first = lines[1] if lines[0].startswith(("#!", "#:schema ")) else lines[0]
    assert first == COMMENTS[file.suffix]


def test_files_of_each_kind_are_looked_at() -> None:
    assert {file.suffix for file in WRITTEN} >= {".py", ".toml", ".md", ""}
