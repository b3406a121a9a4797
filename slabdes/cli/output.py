# SPDX-License-Identifier: GPL-2.0-only
"""What commands print: lines, tables, JSON, a progress bar, and errors in one line.

The one place that text goes to a terminal from: nothing that is not printable gets through, and a terminal without a character
gets what stands for it.
"""

from __future__ import annotations

import codecs
import io
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from slabdes.activity import Activity
from slabdes.errors import shown
from slabdes.printable import json_text, plain_for, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from slabdes.results.text import Sheet

TABLE_WIDTH = 160
"""Columns of tables about machines and geometry where there is no terminal to ask."""
PARAGRAPH_WIDTH = 100
"""Columns of a text to read."""
_WIDEST = 1000
"""Columns of a terminal that are made use of."""
_ERRORS = "slabdes-plain"
_BAR = 20
"""Columns of a bar: its details stand beside it."""
_MOST_LINE = 350
"""Characters of an error: those of `errors.MAX_LINE` and what stands between its parts."""


def prepare_streams() -> None:
    """Have both streams take all text; one that was closed before we began takes it and drops it."""
    codecs.register_error(_ERRORS, plain_for)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 -- open until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


_watched: list[Activity] = []
"""What shows that a command is at work, until something else is seen."""


@contextmanager
def watched(name: str) -> Iterator[None]:
    """Show on the error stream that the command `name` is at work, if it takes long."""
    with Activity(sys.stderr, name) as activity:
        _watched[:] = [activity]
        yield


def _hush() -> None:
    for activity in _watched:
        activity.hush()


def say(text: str, end: str = "\n") -> None:
    """Lines for a person."""
    _hush()
    print(printable(text), end=end)


def say_error(text: str) -> None:
    """A line on the error stream, now."""
    _hush()
    print(printable(text), file=sys.stderr, flush=True)


def print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    """A table of rows with the same keys; nothing without any."""
    from slabdes.results.text import Sheet

    if not rows:
        return
    cells = tuple(tuple("-" if value in (None, "") else str(value) for value in row.values()) for row in rows)
    print_sheet(Sheet(title, tuple(rows[0]), 1, cells))


def print_sheet(sheet: Sheet) -> None:
    """A table."""
    from slabdes.results.text import rich_table

    print_rich(rich_table(sheet), TABLE_WIDTH)


def print_rich(what: RenderableType, width: int) -> None:
    """Something rich can draw, `width` columns wide where there is no terminal to ask."""
    _hush()
    _console(sys.stdout, width).print(what)


def print_told(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Lines of a name, a figure and a text that may be long: it is wrapped under itself."""
    import textwrap

    rows = [(shown(name), shown(figure), printable(text)) for name, figure, text in rows]
    names, figures = (max(len(row[column]) for row in rows) for column in (0, 1))
    indent = names + figures + 4
    width = _columns(sys.stdout, TABLE_WIDTH)
    say(title)
    for name, figure, text in rows:
        wrapped = textwrap.wrap(text, max(width - indent, 20)) or [""]
        say(f"{name:<{names}}  {figure:>{figures}}  " + f"\n{'':{indent}}".join(wrapped))


def say_paragraph(text: str, indent: int = 0, before: str = "") -> None:
    """A text that may be long, wrapped to the terminal; each line is indented, or begins with `before`."""
    import textwrap

    before = before or " " * indent
    width = min(_columns(sys.stdout, PARAGRAPH_WIDTH), PARAGRAPH_WIDTH)
    say(textwrap.fill(printable(text), max(width, 20 + len(before)), initial_indent=before, subsequent_indent=before))


def print_json(value: Any, indent: int | None = 2) -> None:
    """JSON, for a person to read as well; in one line without an indent. What is not a finite number is null."""
    _hush()
    print(json_text(_finite(value), indent=indent, ascii_only=not _is_unicode(sys.stdout)))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with an estimate on the terminal's error stream, one line where that is none; remarks on it in a line each."""
    with _remarks(), _bar() as report:
        yield report


@contextmanager
def _remarks() -> Iterator[None]:
    """Print what rooms `tell` meanwhile (of a worker that was killed, say)."""
    import logging

    class Line(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say_error(shown(record.getMessage(), _MOST_LINE))

    handler = Line()
    log = logging.getLogger("slabdes")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    if not sys.stderr.isatty():
        yield _told
        return
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    turning = SpinnerColumn("dots" if _is_unicode(sys.stderr) else "line")
    columns = (turning, TextColumn("{task.description}", markup=False), BarColumn(_BAR), TaskProgressColumn())
    console = _console(sys.stderr, TABLE_WIDTH)
    _hush()
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        # There also where nothing is told for a while: it turns until the end.
        bar.add_task("at work", total=None)
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            # One bar for what is done, however its details change.
            name, _, details = what.partition(": ")
            told = shown(name) + (f"\n  {shown(details)}" if details else "")
            if name not in tasks:
                tasks[name] = bar.add_task(told, total=total)
            bar.update(tasks[name], description=told, completed=done, total=total)

        yield report


def _told(what: str, done: int, total: int) -> None:
    for activity in _watched:
        activity.report(what, done, total)


def fail(line: str, code: int) -> NoReturn:
    """End with an error, also where nobody can be told."""
    with suppress(OSError):
        say_error(f"slabdes: {shown(line, _MOST_LINE)}")
    sys.exit(code)


def _console(stream: TextIO, width: int) -> Console:
    from rich.console import Console

    # Rich is not to ask for the size: from the environment it takes numbers that Python's int() refuses.
    return Console(file=stream, width=_columns(stream, width), height=_size(stream).lines, highlight=False)


def _columns(stream: TextIO, otherwise: int) -> int:
    return min(_size(stream).columns, _WIDEST) if stream.isatty() else otherwise


def _size(stream: TextIO) -> os.terminal_size:
    """As the terminal says, where COLUMNS does not."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # no terminal
        columns, lines = TABLE_WIDTH, 24
    with suppress(KeyError, ValueError):
        columns = int(os.environ["COLUMNS"])
    return os.terminal_size((columns if columns > 0 else TABLE_WIDTH, lines))


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
