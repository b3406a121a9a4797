"""Readers of /proc/slabinfo 2.1 and /proc/lock_stat 0.4 written from the formats alone: nothing here imports slabdes.

slabinfo by the names of its own header (slabinfo(5)); lock_stat by the positions of its columns (Documentation/locking/lockstat).
"""

from __future__ import annotations

import re
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
    """The classes' lines, in order, as mappings from the header's names; contention points are passed over."""
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


def class_lines(text: str) -> str:
    """What is left of a real lock_stat when contention points and the rules around them are taken out: header and classes."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:5], *(line for line in lines[5:] if line[40:41] == ":" and not line[:40].isspace())])
