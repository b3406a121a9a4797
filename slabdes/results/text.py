# SPDX-License-Identifier: GPL-2.0-only
"""Figures rounded for people, with units, and tables for a terminal 100 columns wide and for a notebook.

Leaves out which tables there are (`answers`), and anything that a program should parse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Final

from slabdes.errors import MAX_LINE, shown

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group
    from rich.table import Table
    from rich.text import Text

WIDTH: Final = 100
"""Columns that the tables fit in."""
MOST_FOLDED: Final = 24
"""Columns that a word of a name may keep in a table that is too wide (a choice)."""

NOTHING: Final = "-"
BY_DEFAULT: Final = "by default"
"""What a setting is called that is left as the kernel has it."""
_TIMES: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_COUNTS: Final = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""From which count on it is divided by what and followed by which letter."""
_THOUSAND: Final = 1e3
_ROUNDS_UP: Final = 0.9995
"""Three digits of this much of a unit and more would be shown as a whole one: 999.6 ns is 1.00 µs."""
_LEAST_SHARE: Final = 0.001


@dataclass(frozen=True)
class Sheet:
    """A table as text: title, column heads, how many of the first columns are names (the rest are figures), rows, remarks.

    Whatever it is made with, it holds printable text of bounded length only.
    """

    title: str
    heads: tuple[str, ...]
    names: int
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    """What stands beneath it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", shown(self.title, MAX_LINE))
        object.__setattr__(self, "heads", tuple(map(shown, self.heads)))
        object.__setattr__(self, "rows", tuple(tuple(map(shown, row)) for row in self.rows))
        object.__setattr__(self, "remarks", tuple(shown(remark, MAX_LINE) for remark in self.remarks))


def time_text(nanoseconds: float | None) -> str:
    """A time with three digits and its unit.

    >>> time_text(1234.5), time_text(0.0), time_text(None)
    ('1.23 µs', '0 ns', '-')
    """
    if nanoseconds is None:
        return NOTHING
    for scale, unit in _TIMES:
        if nanoseconds >= scale * _ROUNDS_UP:
            return f"{_digits(nanoseconds / scale)} {unit}"
    return f"{nanoseconds:.2g} ns"


def count_text(count: float | None) -> str:
    """A count, or a mean of counts, in full up to 9,999, then with three digits and k, M or G.

    >>> count_text(512), count_text(12.5), count_text(1_234_567)
    ('512', '12.5', '1.23 M')
    """
    if count is None:
        return NOTHING
    for least, divisor, unit in _COUNTS:
        if count >= least * _ROUNDS_UP:
            return f"{_digits(count / divisor)} {unit}"
    return f"{count:,.0f}" if count == round(count) or count >= _THOUSAND else _digits(count)


def bytes_text(count: float | None) -> str:
    """So many bytes with three digits and their unit.

    >>> bytes_text(512), bytes_text(247296), bytes_text(64 << 20), bytes_text(None)
    ('512 B', '242 KiB', '64.0 MiB', '-')
    """
    if count is None:
        return NOTHING
    for scale, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(count) >= scale * _ROUNDS_UP:
            return f"{'-' if count < 0 else ''}{_digits(abs(count) / scale)} {unit}"
    return f"{count:,.0f} B"


def load_text(load: float) -> str:
    """A multiple of the recorded load.

    >>> load_text(3.26), load_text(1000.4)
    ('3.3x', '1,000x')
    """
    return f"{load:,.0f}x" if load >= 9.5 else f"{load:.1f}x"


def share_text(share: float | None) -> str:
    """A share in per cent; one that is not zero is never shown as if it were.

    >>> share_text(0.1234), share_text(0.0), share_text(0.00001)
    ('12.3 %', '0 %', '<0.1 %')
    """
    if share is None:
        return NOTHING
    if 0 < share < _LEAST_SHARE:
        return "<0.1 %"
    return f"{share * 100:.1f} %" if share else "0 %"


def numbers_text(numbers: Sequence[int]) -> str:
    """Rising numbers with those in a row together, at most MOST_RANGES of such.

    >>> numbers_text([0, 1, 2, 3, 7, 9]), numbers_text([4])
    ('0 to 3, 7, 9', '4')
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    told = [" to ".join(map(str, one)) for one in ranges[:MOST_RANGES]]
    return ", ".join([*told, "..."] if len(ranges) > MOST_RANGES else told)


MOST_RANGES: Final = 10


def setting_text(value: object) -> str:
    """A setting's value as people read it, lists and tables without marks; those may be given as JSON.

    >>> setting_text([1.0, 8.0]), setting_text("[60, 120]"), setting_text({"limit": 60}), setting_text(None), setting_text(True)
    ('1 8', '60 120', 'limit=60', 'by default', 'true')
    """
    if value is None:
        return BY_DEFAULT
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            return setting_text(json.loads(value))
    if isinstance(value, list | tuple):
        return " ".join(map(setting_text, value)) or NOTHING
    if isinstance(value, dict):
        return " ".join(f"{key}={setting_text(entry)}" for key, entry in value.items()) or NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def rich_table(sheet: Sheet) -> Group:
    """One sheet for rich: its title, then its table. Names are never read as rich's markup.

    A table wider than the terminal goes on beneath, under the same names.
    """
    from rich.console import Group

    return Group(plain_text(sheet.title), _Drawn(sheet), *(plain_text(f"{fill(remark, WIDTH)}\n") for remark in sheet.remarks))


class _Drawn:
    """A sheet's table, as wide as where it is drawn."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Rich's hook: the parts of the table."""
        for columns in parts_of(self._sheet, options.max_width):
            yield _table(self._sheet, columns)


def parts_of(sheet: Sheet, width: int) -> list[list[int]]:
    """The columns of a sheet, by number, in as many parts as it takes for each to fit `width`: the names are in all of them.

    Names may be folded between words, figures may not.

    >>> parts_of(Sheet("", ("name", "one", "two"), 1, (("a b", "1234", "5678"),)), 14)
    [[0, 1], [0, 2]]
    """
    if _closed_up(sheet, range(len(sheet.heads))) <= width:
        return [[*range(len(sheet.heads))]]
    names = [*range(max(sheet.names, 1))]
    room = width - sum(_least(sheet, column) + _APART for column in names)
    parts: list[list[int]] = [[]]
    left = room
    for column in range(len(names), len(sheet.heads)):
        needed = max(map(len, _column(sheet, column))) + _APART
        if parts[-1] and needed > left:
            parts.append([])
            left = room
        parts[-1].append(column)
        left -= needed
    return [[*names, *columns] for columns in parts]


def _column(sheet: Sheet, number: int) -> list[str]:
    return [sheet.heads[number], *(row[number] for row in sheet.rows)]


_APART: Final = 2
"""Columns between two columns, if they do not close up."""


def _closed_up(sheet: Sheet, columns: Sequence[int]) -> int:
    """The width of some columns that have closed up."""
    return sum(max(map(len, _column(sheet, number))) for number in columns) + len(columns) + 1


def _least(sheet: Sheet, number: int) -> int:
    """The least width of a column of names: its longest word's, if that is not very long."""
    return min(MOST_FOLDED, max(len(word) for cell in _column(sheet, number) for word in cell.split() or [""]))


def _table(sheet: Sheet, columns: Sequence[int]) -> Table:
    from rich import box
    from rich.table import Table

    # Rich has another box for terminals without lines; the command line's streams have a plain line for ours.
    kept = box.Box(str(box.SIMPLE_HEAD), ascii=True)
    # Columns close up where that keeps a name from being folded.
    needed = _closed_up(sheet, columns)
    apart = 0 if needed <= WIDTH < needed + len(columns) - 1 else 1
    result = Table(box=kept, pad_edge=False, padding=(0, apart, 0, 0))
    for number in columns:
        name = number < sheet.names
        result.add_column(
            plain_text(sheet.heads[number]),
            justify="left" if name else "right",
            no_wrap=number >= max(sheet.names, 1),
            overflow="fold",
            min_width=_least(sheet, number) if name else None,
        )
    for row in sheet.rows:
        result.add_row(*(plain_text(row[number]) for number in columns))
    return result


def plain_text(text: str, style: str = "") -> Text:
    """A text for rich, never read as its markup."""
    from rich.text import Text

    return Text(text, style=style)


def html_table(sheet: Sheet) -> str:
    """One sheet as a table of HTML in which every text is escaped."""
    aligned = ["left" if number < sheet.names else "right" for number in range(len(sheet.heads))]

    def line(tag: str, cells: Sequence[str]) -> str:
        styled = (f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in zip(aligned, cells, strict=True))
        return f"<tr>{''.join(styled)}</tr>"

    body = "".join(line("td", row) for row in sheet.rows)
    beneath = "".join(f"<p>{escape(remark)}</p>" for remark in sheet.remarks)
    head = f"<caption>{escape(sheet.title)}</caption><thead>{line('th', sheet.heads)}</thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>{beneath}"
