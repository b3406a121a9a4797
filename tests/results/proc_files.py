# SPDX-License-Identifier: GPL-2.0-only
"""Readers of /proc/slabinfo 2.1 and /proc/lock_stat 0.4 written from the formats alone: nothing here imports slabdes.

slabinfo by the names of its own header (slabinfo(5)); lock_stat by the positions of its columns (Documentation/locking/lockstat).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Number = int | Decimal


def parse_slabinfo(text: str) -> list[dict[str, Any]]:
    """Each row as a mapping from the header's own names; the header says what comes in which place."""
    version, names, *rows = text.splitlines()
    assert version == "slabinfo - version: 2.1 (statistics)"
    assert names.startswith("# name ")
    columns = re.findall(r"<(\w+)>", names)
    sections = re.findall(r" : (\w+) ", names)
    parsed = []
    for row in rows:
        assert re.findall(r" : (\w+) ", row) == sections
        name, values = row[:17].rstrip(), row[17:].split()
        if row[17] != " ":  # a name that is longer than its column ends at the next blank
            name, *values = row.split()
        numbers = [int(value) for value in values if value != ":" and value not in sections]
        parsed.append({"name": name} | dict(zip(columns, numbers, strict=True)))
    return parsed


def parse_lock_stat(text: str) -> list[dict[str, str | Number]]:
    """The classes' lines, in order, as mappings from the header's names; `parse_contention_points` reads what lies between."""
    version, rule, header, _rule, blank, *lines = text.splitlines()
    assert (version, blank) == ("lock_stat version 0.4", "")
    assert rule == "-" * 221
    names = header[41:].split()
    assert header[:40].strip() == "class name" and len(names) == 12
    parsed = []
    for line in lines:
        if len(line) < 41 or line[40] != ":":
            continue
        cells = [line[41 + 15 * number : 55 + 15 * number] for number in range(len(names))]
        assert " ".join(cells) == line[41:]
        values = [Decimal(cell) if "." in cell else int(cell) for cell in cells]
        parsed.append({"class name": line[:40].lstrip()} | dict(zip(names, values, strict=True)))
    return parsed


@dataclass(frozen=True)
class PointLine:
    """A contention point as printed: class, waits, address, symbol with offset and size."""

    name: str
    count: int
    address: str
    symbol: str

    @property
    def function(self) -> str:
        """The symbol without its offset and size; the address where there is no symbol."""
        return self.symbol.partition("+")[0]


def parse_contention_points(text: str) -> dict[str, tuple[list[PointLine], list[PointLine]]]:
    """By class that has any, where waits began, and where those waited for had taken the lock; each line in its exact columns.

    A block begins with a rule as long as the class's name, the second one ends with a blank line, a dotted one and a blank one.
    It is not there if the kernel knows no holder (a lock never acquired while statistics were on).
    """
    found: dict[str, tuple[list[PointLine], list[PointLine]]] = {}
    lines = text.splitlines()[5:]
    classes = [number for number, line in enumerate(lines) if line[40:41] == ":"]
    for begin, end in zip(classes, [*classes[1:], len(lines)], strict=True):
        between = lines[begin + 1 : end]
        if not between:
            continue
        name = lines[begin][:40].lstrip()
        ends = between[-3:] == ["", "." * 221, ""]
        blocks: list[list[PointLine]] = []
        for line in between[:-3] if ends else between:
            if line == f"{'-' * len(name):>40}":
                blocks.append([])
            else:
                blocks[-1].append(_point_line(line))
        assert len(blocks) == (2 if ends else 1)
        found[name] = (blocks[0], blocks[1] if ends else [])
    return found


def _point_line(line: str) -> PointLine:
    assert {line[40], line[55], line[85]} == {" "}
    address = re.fullmatch(r"\[<([0-9a-f]{16})>\]", line[56:85].lstrip())
    assert address is not None and re.fullmatch(r"\w[\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+|0x[0-9a-f]+", line[86:]), line
    return PointLine(line[:40].lstrip(), int(line[41:55]), address[1], line[86:])


def class_lines(text: str) -> str:
    """What is left of a real lock_stat when contention points and the rules around them are taken out: header and classes."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:5], *(line for line in lines[5:] if line[40:41] == ":" and not line[:40].isspace())])
