# SPDX-License-Identifier: GPL-2.0-only
"""A run's tables for a terminal 100 columns wide, and for a notebook: figures rounded for people, with units.

Shows what `metrics` computed. Leaves out colour as the only carrier of meaning, and anything that a program should parse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import MAX_LINE, shown
from slabdes.results import metrics
from slabdes.results.frames import IRQ_WAIT, IRQS_OFF
from slabdes.results.run import Run

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

WIDTH: Final = 100
"""Columns that the tables fit in."""

NOTHING: Final = "-"
_TIMES: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_COUNTS: Final = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""From which count on it is divided by what and followed by which letter."""
_THOUSAND: Final = 1e3
_ROUNDS_UP: Final = 0.9995
"""Three digits of this much of a unit and more would be shown as a whole one: 999.6 ns is 1.00 µs."""
_LEAST_SHARE: Final = 0.001


@dataclass(frozen=True)
class Sheet:
    """A table as text: title, column heads, how many of the first columns are names (the rest are figures), rows.

    Whatever it is made with, it holds printable text of bounded length only.
    """

    title: str
    heads: tuple[str, ...]
    names: int
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", shown(self.title, MAX_LINE))
        object.__setattr__(self, "heads", tuple(map(shown, self.heads)))
        object.__setattr__(self, "rows", tuple(tuple(map(shown, row)) for row in self.rows))


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


def _digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def sheets(run: Run) -> list[Sheet]:
    """The run's tables: rates and times, where the time went, the allocator's counts, locks, waits, interrupts; none empty."""
    made = (times_sheet(run), spent_sheet(run), counts_sheet(run), locks_sheet(run), waits_sheet(run), interrupts_sheet(run))
    return [sheet for sheet in made if sheet.rows]


def times_sheet(run: Run) -> Sheet:
    """Rates and latencies, a row a point and operation."""
    heads, table = _labelled(run, run.summary())
    figures = ("op", "op/s", "mean", "p50", "p99", "p99.9", "max", "waiting")
    rows = []
    previous: int | None = None
    for row in table.iter_rows(named=True):
        label = _label(row, heads)
        # The second operation of a point repeats what belongs to the point: say it once.
        first = row["point"] != previous
        shown = label if first else ("",) * len(label)
        rate, waiting = (count_text(row["operations_per_s"]), share_text(row["share_waiting"])) if first else ("", "")
        times = (time_text(row[name]) for name in ("mean_ns", *metrics.QUANTILES, "max_ns"))
        rows.append((*shown, row["op"], rate, *times, waiting))
        previous = row["point"]
    return Sheet(_title(run, "operations and their latency"), (*_short(heads), *figures), len(heads) + 1, tuple(rows))


def spent_sheet(run: Run) -> Sheet:
    """Where the time of operations went, at the points that stand for a sweep; parts that are nowhere are left out."""
    import polars as pl

    focus = _focus(run)
    heads, table = _labelled(run, run.where_operations_went().filter(pl.col("point").is_in(focus)))
    parts = [part for part in _SPENT_HEADS if table.height and table[part].sum() > 0]
    rows = ((*_label(row, heads), row["op"], *(share_text(row[part]) for part in parts)) for row in table.iter_rows(named=True))
    columns = ("op", *(_SPENT_HEADS[part] for part in parts))
    title = _title(run, f"where the time of operations went{_some(run, focus)}")
    return Sheet(title, (*_short(heads), *columns), len(heads) + 1, tuple(rows) if parts else ())


_SPENT_HEADS: Final = {
    "lock_wait": "waiting",
    "handoff": "hand-off",
    "line": "lines",
    "local_memory": "memory",
    "remote_memory": "remote",
    "pages": "pages",
    "first_touch": "touch",
    "work": "work",
    "interrupts": "interrupts",
}
"""Short heads of the parts of Spent, in the order of the table."""
MOST_POINTS: Final = 4
"""Points of which such a table shows all (assumed)."""


def _focus(run: Run) -> list[int]:
    """The points that tables with many rows a point show: all of a small sweep along which CPUs do not vary."""
    points = run.points
    if points["cpus"].n_unique() == 1 and points.height <= MOST_POINTS:
        return sorted(points["point"].to_list())
    return metrics.focus_points(run.frames)


def _some(run: Run, focus: Sequence[int]) -> str:
    if run.points.height == len(focus):
        return ""
    all_with_most = run.points["cpus"].n_unique() > 1 and len(focus) < metrics.MOST_FOCUS
    return " (the points with the most CPUs)" if all_with_most else " (some of the points)"


def counts_sheet(run: Run) -> Sheet:
    """What the allocator did, a row a point; no rows without an allocator."""
    import polars as pl

    names = ("refills", "grows", "retries", "failed", "remote_frees")
    summary = run.summary().filter(pl.col("op") != "section")
    keys = metrics.labels(run.frames).columns
    operations = [pl.col("operations").filter(pl.col("op") == op).sum().alias(op) for op in ("alloc", "free")]
    table = summary.group_by(keys, maintain_order=True).agg(*operations, *(pl.col(name).max() for name in names))
    heads, table = _labelled(run, table)
    shown = ("alloc", "free", *names)
    rows = ((*_label(row, heads), *(count_text(row[name]) for name in shown)) for row in table.iter_rows(named=True))
    columns = ("allocs", "frees", "refills", "grows", "retries", "failed", "remote frees")
    repeated = f" (means over {run.manifest.replications} replications)" if run.manifest.replications > 1 else ""
    return Sheet(_title(run, f"the allocator{repeated}"), (*_short(heads), *columns), len(heads), tuple(rows))


def locks_sheet(run: Run) -> Sheet:
    """Locks by node, at the points that stand for a sweep; no rows where no lock was taken."""
    import polars as pl

    focus = _focus(run)
    table = run.per_node().filter(pl.col("point").is_in(focus)).join(metrics.labels(run.frames), on="point")
    heads, table = _labelled(run, table)
    rows = []
    for row in table.sort("point", "node", "kind").iter_rows(named=True):
        node = str(row["node"]) if row["node"] >= 0 else NOTHING
        shares = (share_text(row["contended_share"]), share_text(row["bounced_share"]))
        times = (time_text(row[name]) for name in ("mean_wait_ns", "max_wait_ns", "mean_hold_ns", "max_hold_ns"))
        lock = (row["kind"].removesuffix(" lock"), node, count_text(row["acquisitions"]))
        rows.append((*_label(row, heads), *lock, *shares, *times))
    columns = ("lock", "node", "taken", "contended", "bounced", "wait", "max wait", "hold", "max hold")
    return Sheet(_title(run, f"locks by node{_some(run, focus)}"), (*_short(heads), *columns), len(heads) + 1, tuple(rows))


def waits_sheet(run: Run) -> Sheet:
    """Who waits for whom, at the points that stand for a sweep; no rows where nobody waited for a lock."""
    import polars as pl

    focus = _focus(run)
    table = run.waits_for().filter(pl.col("point").is_in(focus)).join(metrics.labels(run.frames), on="point")
    heads, table = _labelled(run, table)
    rows = tuple(
        (*_label(row, heads), row["kind"].removesuffix(" lock"), row["waiter"], row["holder"], count_text(row["waits"]),
         share_text(row["share"]))
        for row in table.iter_rows(named=True)
    )  # fmt: skip
    columns = ("lock", "waiting in", "for one taken in", "waits", "share")
    return Sheet(_title(run, f"who waits for whom{_some(run, focus)}"), (*_short(heads), *columns), len(heads) + 3, rows)


def interrupts_sheet(run: Run) -> Sheet:
    """How long interrupts were off and had to wait; no rows without a source of interrupts."""
    import polars as pl

    heads, table = _labelled(run, run.interrupt_summary().filter(pl.col("handled") > 0))
    names = {IRQS_OFF: "off at a time", IRQ_WAIT: "waited for"}
    rows = tuple(
        (
            *_label(row, heads),
            names[row["what"]],
            count_text(row["count"]),
            *(time_text(row[name]) for name in ("mean_ns", *metrics.QUANTILES, "max_ns")),
            count_text(row["lost"]) if row["what"] == IRQ_WAIT else "",
        )
        for row in table.iter_rows(named=True)
    )
    columns = ("interrupts", "times", "mean", "p50", "p99", "p99.9", "max", "lost")
    return Sheet(_title(run, "interrupts"), (*_short(heads), *columns), len(heads) + 1, rows)


def _labelled(run: Run, table: pl.DataFrame) -> tuple[list[str], pl.DataFrame]:
    """The label columns that a table of this run needs, and the table in order of its points."""
    varying = [metrics.x_key(run.frames), *metrics.series_keys(run.frames)] if run.points.height > 1 else []
    heads = [name for name in ("machine", "cpus", *run.frames.swept_keys()) if name in varying]
    return heads, table.sort("point", maintain_order=True)


def _label(row: dict[str, Any], heads: Sequence[str]) -> tuple[str, ...]:
    return tuple(NOTHING if row[head] is None else str(row[head]) for head in heads)


def _short(heads: Sequence[str]) -> tuple[str, ...]:
    """Column heads for label columns: a dotted key's last word, unless two end alike."""
    last = [head.rpartition(".")[2] for head in heads]
    named = (head if last.count(word) > 1 else word for head, word in zip(heads, last, strict=True))
    return tuple("CPUs" if head == "cpus" else head for head in named)


def _title(run: Run, what: str) -> str:
    return f"{run.manifest.name}: {what}"


def about(run: Run) -> list[str]:
    """Where the run comes from, a printable line each: workload and machine, replications and seed, digest."""
    points = run.points
    machines = shown(", ".join(shown(name) for name in dict.fromkeys(points["machine"].to_list())), MAX_LINE)
    fewest, most = points.select(fewest=points["cpus"].min(), most=points["cpus"].max()).row(0)
    cpus = f"{most} CPU{'s' if most != 1 else ''}" if fewest == most else f"{fewest} to {most} CPUs"
    times = run.manifest.replications
    repeated = f"{times} replication{'s' if times != 1 else ''}"
    caveat = ": nothing is concluded from a single one" if times == 1 else ""
    lines = (
        f"{run.manifest.workload or 'several workloads'} on {machines}, {cpus}; engine {run.manifest.engine}",
        f"{repeated} of seed {run.manifest.seed}{caveat}",
        f"digest {run.digest}",
    )
    return [shown(line, 2 * MAX_LINE) for line in lines]


def warnings(run: Run) -> list[str]:
    """What the run warns of, a printable line each."""
    return [f"warning: {shown(warning, MAX_LINE)}" for warning in run.warnings]


def table(run: Run) -> Group:
    """Everything for a terminal: where the run comes from, its tables, its warnings; a rich renderable."""
    from rich.console import Group

    parts: list[Table | Text] = [_plain("\n".join(about(run)))]
    parts += [rich_table(sheet) for sheet in sheets(run)]
    parts += [_plain(warning, "yellow") for warning in warnings(run)]
    return Group(*parts)


def as_plain(run: Run) -> dict[str, Any]:
    """The run for a program: plain JSON values, times in ns, a list of rows for each table."""
    manifest = run.manifest
    return {
        "name": manifest.name,
        "digest": run.digest,
        "engine": manifest.engine,
        "seed": manifest.seed,
        "replications": manifest.replications,
        "points": run.points.to_dicts(),
        "summary": run.summary().to_dicts(),
        "locks": run.per_node().to_dicts(),
        "waits_for": run.waits_for().to_dicts(),
        "time": run.where_time_went().to_dicts(),
        "operations_time": run.where_operations_went().to_dicts(),
        "interrupts": run.interrupt_summary().to_dicts(),
        "warnings": list(run.warnings),
    }


def rich_table(sheet: Sheet) -> Table:
    """One sheet as a rich table. Names are never read as rich's markup."""
    from rich import box
    from rich.table import Table

    # Rich has another box for terminals without lines; the command line's streams have a plain line for ours.
    kept = box.Box(str(box.SIMPLE_HEAD), ascii=True)
    result = Table(title=_plain(sheet.title), title_justify="left", box=kept, pad_edge=False, padding=(0, 1, 0, 0))
    for number, head in enumerate(sheet.heads):
        name = number < sheet.names
        result.add_column(_plain(head), justify="left" if name else "right", no_wrap=number >= sheet.names - 1, overflow="fold")
    for row in sheet.rows:
        result.add_row(*(_plain(cell) for cell in row))
    return result


def _plain(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)


def html(run: Run) -> str:
    """The same for a notebook; HTML in which every text is escaped."""
    parts = [f"<p>{'<br>'.join(escape(line) for line in about(run))}</p>"]
    parts += [html_table(sheet) for sheet in sheets(run)]
    if run.warnings:
        parts.append(f"<ul>{''.join(f'<li>{escape(warning)}</li>' for warning in warnings(run))}</ul>")
    return "\n".join(parts)


def html_table(sheet: Sheet) -> str:
    """One sheet as HTML in which every text is escaped."""
    aligned = ["left" if number < sheet.names else "right" for number in range(len(sheet.heads))]

    def line(tag: str, cells: Sequence[str]) -> str:
        styled = (f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in zip(aligned, cells, strict=True))
        return f"<tr>{''.join(styled)}</tr>"

    body = "".join(line("td", row) for row in sheet.rows)
    return f"<table><caption>{escape(sheet.title)}</caption><thead>{line('th', sheet.heads)}</thead><tbody>{body}</tbody></table>"
