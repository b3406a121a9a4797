# SPDX-License-Identifier: GPL-2.0-only
"""What terminals and programs are given of text that came from anywhere."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slabdes.printable import escaped, json_text, plain_for, printable

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
"""Halves of characters too."""


@settings(deadline=None)
@given(ANY_TEXT)
def test_all_but_line_ends_is_printable(text: str) -> None:
    assert all(line.isprintable() for line in printable(text).split("\n"))
    assert printable(text).count("\n") == text.count("\n")


@settings(deadline=None)
@given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.lists(ANY_TEXT)), st.sampled_from([None, 2]), st.booleans())
def test_json_is_printable_and_comes_back_as_it_was(value: dict[str, object], indent: int | None, ascii_only: bool) -> None:
    text = json_text(value, indent=indent, ascii_only=ascii_only)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.isascii() or not ascii_only
    assert json.loads(text) == value


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text([float("nan")])


def test_a_terminal_without_a_character_gets_what_stands_for_it_or_its_escape() -> None:
    wrong = UnicodeEncodeError("ascii", "µ─é\U0001f600", 0, 4, "")
    assert plain_for(wrong) == (r"u-\xe9\U0001f600", 4)


def test_every_character_that_we_print_ourselves_has_something_to_stand_for_it() -> None:
    """Of all text in the package but docstrings and what goes into figures."""
    package = Path(__file__).parents[1] / "slabdes"
    for path in sorted(package.rglob("*.py")):
        if "plots" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said_of = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said_of:
                for letter in {letter for letter in node.value if letter.isprintable() and not letter.isascii()}:
                    stands = plain_for(UnicodeEncodeError("ascii", letter, 0, 1, ""))[0]
                    assert stands.isascii() and stands != escaped(letter), (path.name, letter)
