# SPDX-License-Identifier: GPL-2.0-only
"""Per cent is spelled in one way in all texts, `95 %`: only what people type for a share has no space, `--by 5%`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from slabdes.units import percent

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "slabdes").rglob("*.py"))
DOCUMENTS = sorted((*ROOT.glob("*.md"), *ROOT.glob("slabdes/*.md"), *ROOT.glob("experiments/*.md"), *ROOT.glob(".github/*.md")))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TYPED = re.compile(r"(?<![\d±.])[25]%|style=\"max-width:100%|0\.5 ?%")
"""Shares as people type them: examples in messages and helps, and a width of HTML."""
GLUED = re.compile(r"\d%(?![\w.])")
WRITES_A_COMMAND = {"slabdes/cli/again.py"}
"""Where a share is written as it is to be typed."""


def glued(text: str) -> list[str]:
    """Where a text has a per cent sign at its number."""
    return GLUED.findall(TYPED.sub("", text))


def spelled(module: str) -> Iterator[tuple[int, str]]:
    """The lines of a module, with what they have, whose strings spell it in another way."""
    for node in ast.walk(ast.parse(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and glued(node.value):
            yield node.lineno, node.value
        if isinstance(node, ast.JoinedStr):
            for one, after in zip(node.values, [*node.values[1:], None], strict=True):
                if not isinstance(one, ast.FormattedValue):
                    continue
                if one.format_spec is not None and ast.unparse(one.format_spec).rstrip("'\"").endswith("%"):
                    yield node.lineno, ast.unparse(one)
                if isinstance(after, ast.Constant) and str(after.value).startswith("%"):
                    yield node.lineno, ast.unparse(one)


def test_no_text_of_the_package_has_a_per_cent_sign_at_its_number() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), line, text[:80])
        for path in MODULES
        for line, text in spelled(path.read_text(encoding="utf-8"))
    }
    assert {one for one in found if one[0] not in WRITES_A_COMMAND} == set()


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_nor_has_a_document_or_a_notebook(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line[:120] for line in lines if glued(line) or re.search(r":[+.\d]*%\}", line)] == []


def test_what_is_looked_for_would_be_found() -> None:
    module = 'f"{share:.0%} of it"\nf"{number}%"\n"within 95%"\nf"±{number} % of {percent(share)}, --by 5%"\n'
    assert {line for line, _text in spelled(module)} == {1, 2, 3}
    assert glued("a p99 of 35.8 µs ±12%") and not glued("--precision 2% gives ±12 %")
    assert percent(0.125, 1) == "12.5 %"
