# SPDX-License-Identifier: GPL-2.0-only
"""Published figures as they were found: one CSV a source, whose first line says what was measured, where and by whom.

Leaves out what they are compared with.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from slabdes.errors import InputError, nearest, shown

DATA: Final = "data"


@dataclass(frozen=True)
class Published:
    """One source's table: `source` is its first line, `rows` map columns to text; an empty field was not measured."""

    name: str
    source: str
    rows: tuple[Mapping[str, str], ...]

    def numbers(self, column: str) -> dict[int, float]:
        """A column by the number in the first one, without what was not measured."""
        first = next(iter(self.rows[0]))
        return {int(row[first]): float(row[column]) for row in self.rows if row[column]}


def published(name: str) -> Published:
    """The table `name`, without .csv. Raises InputError if it does not come with slabdes or is not such a table."""
    known = published_names()
    if name not in known:
        raise InputError(
            f"published table {name!r}", f"does not come with slabdes{nearest(name, known)}", allowed=", ".join(known)
        )
    return parse_published(name, files(__package__).joinpath(DATA, f"{name}.csv").read_text(encoding="utf-8"))


def parse_published(name: str, text: str) -> Published:
    """The table in `text`. Raises InputError, with the line, for one without a source or with rows of another length."""
    first, _newline, rest = text.partition("\n")
    if not first.startswith("#"):
        raise InputError(f"{name}.csv: line 1", f"{shown(first, 60)!r} is no source", allowed="a line that begins with #")
    reader = csv.reader(rest.splitlines())
    rows = []
    try:
        heads = next(reader, [])
        for number, fields in enumerate(reader, start=3):
            if len(fields) != len(heads):
                raise InputError(f"{name}.csv: line {number}", f"{len(fields)} fields", allowed=f"{len(heads)}, as in line 2")
            rows.append(dict(zip(heads, fields, strict=True)))
    except csv.Error as error:
        raise InputError(
            f"{name}.csv: line {reader.line_num + 1}", f"not CSV: {error}", allowed="fields with commas between"
        ) from None
    if not rows:
        raise InputError(f"{name}.csv", "no rows")
    return Published(name, first.lstrip("# ").strip(), tuple(rows))


def published_names() -> tuple[str, ...]:
    """Names of the tables that come with slabdes, in alphabetical order."""
    found = (entry.name for entry in files(__package__).joinpath(DATA).iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in found if name.endswith(".csv")))
