# SPDX-License-Identifier: GPL-2.0-only
"""What a comparison's sides and points are called, and how one measure of a pair is judged. Leaves out sentences."""

from __future__ import annotations

from math import inf
from typing import Any

from slabdes.answers.figures import short
from slabdes.errors import shown
from slabdes.measures.compare import Compared, Comparison, Pair
from slabdes.measures.names import HIGHER_IS_BETTER
from slabdes.results.text import setting_text


def verdict(row: Compared) -> int:
    """1 where the second side is better by more than chance, -1 where it is worse, 0 where that is not told."""
    change = row.difference
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        return 0
    return 1 if (change.low > 0) == (row.measure in HIGHER_IS_BETTER) else -1


def side_names(compared: Comparison, pair: Pair) -> tuple[str, str]:
    """What sentences call the sides of a pair."""
    if not compared.key:
        return compared.sides
    word = short([compared.key])[0]
    return f"{word} {compared.sides[0]}", f"{word} {plain(pair.label.get(compared.key, compared.sides[1]))}"


def label_keys(compared: Comparison) -> list[str]:
    """The label columns that tell pairs apart."""
    labels = [pair.label for pair in compared.pairs]
    varying = [key for key in labels[0] if len({str(label[key]) for label in labels}) > 1]
    doubles = {"machine": ("machine.preset", "machine.file"), "cpus": ("machine.cpus",)}
    return [key for key in varying if not any(key in of and first in varying for first, of in doubles.items())]


def pair_name(compared: Comparison, pair: Pair, without: str = "") -> str:
    """What tells a pair from the others: `48 CPUs`, `limit 60`; without one key, if it is so said."""
    keys = [key for key in label_keys(compared) if key != without]
    words: list[str] = []
    for word, key in zip(short(keys), keys, strict=True):
        cell = plain(pair.label[key])
        if word == "CPUs":
            cell += f" CPU{'s' * (cell != '1')}"
        words.append(cell if key in ("machine", "cpus") else f"{word} {cell}")
    return ", ".join(words)


def crossed(compared: Comparison) -> bool:
    """Whether some point has several likes at one value of the key, as points of another allocator have keys of their own."""
    found = {(*pair.points, str(pair.label.get(compared.key))) for pair in compared.pairs}
    return len(found) > min(len({(pair[side], pair[2]) for pair in found}) for side in (0, 1))


def size_of(pair: Pair, measure: str) -> float:
    """How much a pair differs in a measure, in proportion."""
    row = pair.row(measure)
    ratio = row.ratio.value if row is not None and row.ratio is not None else 1.0
    return max(ratio, 1 / ratio) if ratio else inf


def rows_of(compared: Comparison, *measures: str) -> list[Compared]:
    """These measures at every point that has them."""
    return [row for row in compared.rows if row.measure in measures]


def plain(value: Any) -> str:
    """A setting's value as people read it."""
    return shown(setting_text(value))
