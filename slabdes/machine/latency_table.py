# SPDX-License-Identifier: GPL-2.0-only
"""The text of a core-to-core latency table, whatever tool wrote it, as latencies by pair of CPUs.

Squares and halves of squares, with or without a header and an index; lists of pairs; the console's `41±2`. Leaves out what
latencies mean, and every other figure (deviations, least and most).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from slabdes.config import MAX_CPUS
from slabdes.errors import InputError, shown
from slabdes.machine.costs import MAX_COST_NS, check_counted
from slabdes.machine.prompts import is_prompt

NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?")
BLANKS: Final = frozenset({"", "-", "--", "x", "*", "nan", "na", "n/a", "null", "none"})
"""What stands for nothing, in lower case: on the diagonal, or in the half that was not measured."""
SEPARATORS: Final = ";\t,|"
"""Before white space. A comma may be a decimal one beside any of the others."""
COMMENT: Final = re.compile(r"\s*(?:#|//|%)")
DEVIATION: Final = re.compile(r"(?:±|\+/-|\+-)\s*[\d.,]*")
"""Not the white space before it: a search would try each of its many beginnings to the end."""
WHOLE: Final = re.compile(r"\d{1,4}")
MAX_LINES: Final = MAX_CPUS * MAX_CPUS
"""One a pair."""
MOST_SAMPLED: Final = 64
"""Lines that are looked at for the separator (a choice)."""

Entries = list[list[float | None]]
"""[row][column], ns, None where nothing is told; rows may end early."""


@dataclass
class _Row:
    """A line with something in it: its number in the file, and its cells as text."""

    number: int
    cells: list[str]


def read_entries(text: str, where: str) -> Entries:
    """Latencies in ns, a CPU a row and a column, in the order of the table's labels. Raises InputError with line and column."""
    lines, console = _lines(text, where)
    separator = None if console else _separator([line for _number, line in lines[:MOST_SAMPLED]])
    rows = [_Row(number, _cells(line, separator, f"{where}: line {number}")) for number, line in lines]
    if entries := _of_pairs(rows, where):
        return entries
    return _of_square(rows, where)


def prompt_lines(text: str) -> list[int]:
    """Numbers of the lines before and after a table that are a shell's prompt, which are left out of it."""
    lines = text.removeprefix("\ufeff").rstrip("\r\n ").split("\n")
    places = [place for place, line in enumerate(lines) if line.strip()]
    ends = dict.fromkeys((*places[:1], *places[-1:]))
    return [place + 1 for place in ends if is_prompt(lines[place], "cat")]


def _lines(text: str, where: str) -> tuple[list[tuple[int, str]], bool]:
    """The lines that are part of the table, with their numbers; and whether a console's prose was left out around them."""
    text = text.removeprefix("\ufeff").rstrip("\r\n ")
    prompted = set(prompt_lines(text))
    if text.count("\n") >= MAX_LINES:
        raise InputError(where, f"{text.count(chr(10)) + 1} lines", allowed=f"2 to {MAX_CPUS} rows, one a CPU, or a line a pair")
    told = ((number, line.rstrip("\r ")) for number, line in enumerate(text.split("\n"), 1) if number not in prompted)
    lines = [(number, line) for number, line in told if not COMMENT.match(line)]
    if not DEVIATION.search(text):
        return lines, False
    table = [(number, line) for number, line in lines if line.strip() and not re.search(r"[^\d.,\s|]", DEVIATION.sub(" ", line))]
    heads = [place for place, (_number, line) in enumerate(table) if _is_axis(line.split())]
    # A console tells one benchmark after the other, each under a header: the first is taken.
    first = table[: heads[1]] if len(heads) > 1 else table
    return [(number, DEVIATION.sub(" ", line)) for number, line in first], True


def _separator(lines: Sequence[str]) -> str | None:
    """The mark between cells; None for white space."""
    half = (sum(1 for line in lines if line.strip()) + 1) // 2
    for mark in SEPARATORS:
        if sum(mark in line for line in lines) >= max(half, 1):
            decimal = mark == "," and all(re.fullmatch(r"(?:\d+(?:,\d+)?\s+)+\d+(?:,\d+)?|\s*", line.strip()) for line in lines)
            return None if decimal else mark
    return None


def _cells(line: str, separator: str | None, place: str) -> list[str]:
    if not line.strip(" "):
        return []
    if separator is None:
        cells = line.split()
    elif '"' in line or "'" in line:
        quote = '"' if '"' in line else "'"
        try:
            cells = next(csv.reader([line], delimiter=separator, quotechar=quote, skipinitialspace=True))
        except csv.Error as error:
            raise InputError(
                place, f"not CSV: {str(error).partition(' - ')[0]}", allowed="cells that are latencies, or nothing"
            ) from None
    else:
        cells = line.split(separator)
    return [cell.strip() for cell in cells]


def _is_blank(cell: str) -> bool:
    return cell.lower() in BLANKS


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell.replace(",", ".")) is not None


def _is_label(cell: str) -> bool:
    return not _is_blank(cell) and not _is_number(cell) and re.match(r"[-+]?(?:\d|inf)", cell) is None


def _is_axis(cells: Sequence[str]) -> bool:
    """Whether that is what CPUs are called: numbers that count up from 0 or 1, or words."""
    if len(cells) < 2:
        return False
    if all(map(_is_label, cells)):
        return True
    if not all(WHOLE.fullmatch(cell) for cell in cells):
        return False
    numbers = list(map(int, cells))
    return numbers[0] in (0, 1) and all(one < other for one, other in pairwise(numbers))


# A square, or half of one.


def _of_square(rows: list[_Row], where: str) -> Entries:
    rows, header = _without_header(rows)
    filled = [row for row in rows if row.cells]
    if _has_index(filled, header):
        filled = [_Row(row.number, row.cells[1:]) for row in filled]
    elif not header and rows and not rows[0].cells:  # the lower half alone begins with a row of nothing
        filled.insert(0, rows[0])
    for row in filled:
        if len(row.cells) > MAX_CPUS + 1:
            raise InputError(f"{where}: line {row.number}", f"{len(row.cells)} columns", allowed=f"at most {MAX_CPUS}")
    if not 2 <= len(filled) <= MAX_CPUS:
        rows_told = f"{len(filled)} row{'s' if len(filled) != 1 else ''}"
        raise InputError(where, rows_told, allowed=f"2 to {MAX_CPUS}, one a CPU")
    return [
        [_latency(cell, f"{where}: line {row.number}: column {column}") for column, cell in enumerate(row.cells, 1)]
        for row in filled
    ]


def _without_header(rows: list[_Row]) -> tuple[list[_Row], bool]:
    filled = [row for row in rows if row.cells]
    if not filled:
        return rows, False
    first, others = filled[0], filled[1:]
    inner = first.cells[1:] if not WHOLE.fullmatch(first.cells[0]) else first.cells
    named = _is_axis(inner) if inner is not first.cells else _is_axis(first.cells) and len(others) == len(first.cells)
    if named or (any(map(_is_label, first.cells)) and len(others) > 1):
        return [row for row in rows if row is not first], True
    return rows, False


def _has_index(rows: Sequence[_Row], header: bool) -> bool:
    """Whether each row begins with what its CPU is called."""
    column = [row.cells[0] for row in rows]
    if len(column) > 1 and all(map(_is_label, column)):
        return True
    return _is_axis(column) and (header or any(len(row.cells) > len(rows) for row in rows) or _counts_below(rows))


def _counts_below(rows: Sequence[_Row]) -> bool:
    """Whether rows of a lower half each begin with their own number: `0`, `1 41`, `2 42 43`."""
    return len(rows) > 2 and [row.cells[0] for row in rows] == [str(number) for number in range(len(rows))]


def _latency(cell: str, where: str) -> float | None:
    if _is_blank(cell):
        return None
    plain = cell.replace(",", ".")
    value = float(plain) if NUMBER.fullmatch(plain) else -1.0
    if not 0 <= value <= MAX_COST_NS:
        raise InputError(where, f"{shown(cell, 40)!r} is not a latency", allowed=f"0 to {MAX_COST_NS:g} ns, or nothing")
    check_counted(value, where)
    return value


# A list of pairs.


def _of_pairs(rows: list[_Row], where: str) -> Entries | None:
    """The square of a list of `CPU, CPU, ns`; None if that is no such list."""
    filled = [row for row in rows if row.cells]
    header = bool(filled) and len(filled[0].cells) >= 3 and all(map(_is_label, filled[0].cells))
    data = filled[1:] if header else filled
    value = _value_column(filled[0].cells) if header else 2
    if not data or not all(len(row.cells) > value and _is_pair(row.cells) for row in data):
        return None
    if (not header and any(len(row.cells) != 3 for row in data)) or (len(data) == 3 and not _is_triangle(data)):
        return None
    numbers = sorted({int(cell) for row in data for cell in row.cells[:2]})
    if len(numbers) > MAX_CPUS:
        raise InputError(where, f"{len(numbers)} CPUs", allowed=f"2 to {MAX_CPUS}")
    return _filled_in(data, value, {number: place for place, number in enumerate(numbers)}, where)


def _filled_in(data: Sequence[_Row], value: int, places: dict[int, int], where: str) -> Entries:
    entries: Entries = [[None] * len(places) for _number in places]
    for row in data:
        one, other = (places[int(cell)] for cell in row.cells[:2])
        if entries[one][other] is not None:
            pair = " and ".join(row.cells[:2])
            raise InputError(f"{where}: line {row.number}", f"CPUs {pair} again", allowed="a line a pair and direction")
        entries[one][other] = _latency(row.cells[value], f"{where}: line {row.number}: column {value + 1}")
    return entries


def _value_column(header: Sequence[str]) -> int:
    """Where the latency stands: the first column after the CPUs whose name says so, or the third."""
    return next((place for place in range(2, len(header)) if re.search(r"lat|ns\b|mean|median", header[place], re.I)), 2)


def _is_pair(cells: Sequence[str]) -> bool:
    return all(WHOLE.fullmatch(cell) for cell in cells[:2]) and (_is_number(cells[2]) or _is_blank(cells[2]))


def _is_triangle(data: Sequence[_Row]) -> bool:
    """Whether three lines are the pairs of three CPUs, and not a square of three: they differ, and no diagonal is 0."""
    pairs = {frozenset(row.cells[:2]) for row in data}
    return len(pairs) == len(data) == 3 and all(len(pair) == 2 for pair in pairs) and len(frozenset.union(*pairs)) == 3


def looks_like_latencies(lines: Iterable[str]) -> bool:
    """Whether a file that begins so may be a table: in two of its lines at least two cells, and half of all, are latencies."""
    found = 0
    for line in lines:
        cells = [cell.strip(" \"'") for cell in re.split(r"[;\t|]|,(?!\d+[;\t|\s])|\s+", DEVIATION.sub(" ", line.strip()))]
        numbers = sum(map(_is_number, cells))
        found += numbers > 1 and numbers + sum(map(_is_blank, cells)) >= len(cells) / 2
        if found == 2:
            return True
    return False
