# SPDX-License-Identifier: GPL-2.0-only
"""The words of `slabdes/GLOSSARY.md`, looked up in any writing. Leaves out what they mean: that is text, and stands there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GLOSSARY: Final = Path(__file__).parents[1] / "GLOSSARY.md"
_ENTRY: Final = re.compile(r"^- \*\*(.+?)\*\*: (.+?)(?=^- |\Z)", re.MULTILINE | re.DOTALL)


def words() -> dict[str, str]:
    """What each word means, in the order of the alphabet. A word may have another beside it: `percentile, p99`."""
    return {word: " ".join(meaning.split()) for word, meaning in _ENTRY.findall(GLOSSARY.read_text(encoding="utf-8"))}


def words_like(word: str, known: Mapping[str, str]) -> list[str]:
    """What `word` may stand for: itself in any writing, or the words that it is a part of."""
    plain = _plain(word)
    exact = [entry for entry in known if plain in map(_plain, entry.split(", "))]
    return exact or [entry for entry in known if plain and plain in _plain(entry)]


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())
