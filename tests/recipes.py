# SPDX-License-Identifier: GPL-2.0-only
"""The recipes of CONTRIBUTING.md, applied to a copy of the package: marked blocks are whole files, diffs are lines to put in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from readme import ROOT, blocks

CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
NEW = "new: "


def apply_recipes(folder: Path) -> None:
    """Copy the package into `folder` and do to it what every block says. AssertionError for lines that are not there once."""
    shutil.copytree(ROOT / "slabdes", folder / "slabdes", ignore=shutil.ignore_patterns("__pycache__"))
    text = CONTRIBUTING.read_text(encoding="utf-8")
    for block in blocks(text):
        if block.mark.startswith(NEW):
            path = folder / block.mark.removeprefix(NEW)
            assert not path.exists(), f"{block.mark}: is there"
            path.write_text(block.body, encoding="utf-8")
        elif block.language == "diff":
            for file, diff in diffs(block.body):
                path = folder / file
                where = f"{CONTRIBUTING.name}, {recipe_at(text, block.start)!r}: {file}"
                path.write_text(changed(path.read_text(encoding="utf-8"), diff, where), encoding="utf-8")


def diffs(body: str) -> Iterator[tuple[str, str]]:
    """What a block changes, file by file: each begins with a line `+++ FILE`."""
    before, *parts = re.split(r"^\+\+\+ (.*)\n", body, flags=re.MULTILINE)
    assert parts and not before, f"+++ FILE comes first:\n{body}"
    return zip(parts[::2], parts[1::2], strict=True)


def recipe_at(text: str, start: int) -> str:
    """The title of the section of `text` that `start` is in."""
    return text[:start].rpartition("\n### ")[2].partition("\n")[0]


def changed(text: str, diff: str, where: str) -> str:
    """A file's text with a block's lines put in; parts, each with lines that tell where, are kept apart by @@."""
    for part in diff.split("@@\n"):
        lines = part.splitlines()
        assert all(line[:1] in (" ", "+", "-", "") for line in lines), f"{where}: {part}"
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        found = [match.start() for match in re.finditer(f"^{re.escape(before)}", text, re.MULTILINE)]
        problem = f"these lines are there {len(found)} times in a row, not once; say in the recipe what they are now"
        assert len(found) == 1, f"{where}: {problem}:\n{before}"
        text = text[: found[0]] + after + text[found[0] + len(before) :]
    return text
