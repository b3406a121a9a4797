"""What commands print: tables, JSON, a progress bar, and errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from slabdes.results.text import Sheet

TABLE_WIDTH = 160
"""Columns of tables about machines and geometry where there is no terminal to ask."""


def print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    """A table of rows with the same keys."""
    from slabdes.results.text import Sheet

    cells = tuple(tuple("-" if value in (None, "") else str(value) for value in row.values()) for row in rows)
    print_sheet(Sheet(title, tuple(rows[0]), 1, cells))


def print_sheet(sheet: Sheet) -> None:
    """A table."""
    from rich.console import Console

    from slabdes.results.text import rich_table

    Console(width=None if sys.stdout.isatty() else TABLE_WIDTH, highlight=False).print(rich_table(sheet))


def print_told(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Lines of a name, a figure and a text that may be long: it is wrapped under itself."""
    import shutil
    import textwrap

    names, figures = (max(len(row[column]) for row in rows) for column in (0, 1))
    indent = names + figures + 4
    width = shutil.get_terminal_size((TABLE_WIDTH, 0)).columns if sys.stdout.isatty() else TABLE_WIDTH
    print(title)
    for name, figure, text in rows:
        wrapped = textwrap.wrap(text, max(width - indent, 20)) or [""]
        print(f"{name:<{names}}  {figure:>{figures}}  " + f"\n{'':{indent}}".join(wrapped))


def print_json(value: Any) -> None:
    """JSON, for a person to read as well."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar with an estimate on the terminal's error stream; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield report


def fail(line: str, code: int) -> NoReturn:
    """End with an error."""
    print(f"slabdes: {line}", file=sys.stderr)
    sys.exit(code)
