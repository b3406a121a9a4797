# SPDX-License-Identifier: GPL-2.0-only
"""The glossary: each word is tied to the code that models or measures it, and that code is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from slabdes.cli.glossary import words

PACKAGE = Path(__file__).parents[2] / "slabdes"
CODE = re.compile(r"([\w/]+\.py): (\w+(?:, \w+)*)")
WORDS = words()


def defined_in(file: Path) -> set[str]:
    """The functions, methods and classes of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("word", WORDS)
def test_each_word_names_code_that_is_there(word: str) -> None:
    named = CODE.findall(WORDS[word])
    assert named and len(named) == WORDS[word].count(".py")
    for file, things in named:
        assert set(things.split(", ")) <= defined_in(PACKAGE / file)


@pytest.mark.parametrize("word", WORDS)
def test_what_a_word_sends_to_is_a_word_itself(word: str) -> None:
    _meaning, _see, others = WORDS[word].rpartition(" See ")
    sent = others.removesuffix(".").split(", ") if _see else []
    known = {name for entry in WORDS for name in entry.split(", ")}
    assert set(sent) <= known
