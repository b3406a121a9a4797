# SPDX-License-Identifier: GPL-2.0-only
"""What users hold: runs, studies, comparisons and decisions, with figures, and with what notebooks show of them.

Leaves out how they come about (`api`), and what is in them (`results`, `measures`, `study`).
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.answers import screen
from slabdes.answers.answer import answer
from slabdes.answers.comparison import comparison_answer
from slabdes.answers.decision import decision_answer, decision_sheet, differing_beside
from slabdes.answers.named import measure_name
from slabdes.answers.sides import pair_name
from slabdes.answers.tables import view_of
from slabdes.charts.chart import Chart
from slabdes.charts.decided import decided
from slabdes.display import Display, Shows
from slabdes.errors import InputError, nearest, shown
from slabdes.measures import compare
from slabdes.measures.estimates import quantile
from slabdes.measures.scaling import laws, scaling
from slabdes.plots.accessor import RunPlots
from slabdes.results import run as results_run
from slabdes.results.pandas import to_pandas
from slabdes.results.text import html_table
from slabdes.stats.intervals import CONFIDENCE, Interval
from slabdes.stats.laws import Fitted
from slabdes.study import decide, trace_info

if TYPE_CHECKING:
    import polars as pl

TABLES: Final = (
    "summary", "per_node", "per_lock", "per_path", "per_cache", "waits_for", "ccdf", "where_time_went", "where_operations_went",
    "interrupt_summary", "reap_summary", "upkeep_summary", "per_upkeep", "response_times", "loads",
)  # fmt: skip
"""The methods of a run that make tables."""


class Run(results_run.Run, Shows):
    """One experiment's results, with `plot` and tables for notebooks: see `slabdes.results.run.Run`."""

    @property
    def plot(self) -> RunPlots:
        """The run's figures: `run.plot.ccdf()`, `.nodes()`, `.time()`, `.machine()`, `.scaling()`, `.save(folder)`."""
        return RunPlots(self)

    def display(self) -> Display:
        """The answer, the chart that shows it, and the tables."""
        view = view_of(self)
        words = f"Of {shown(self.manifest.name)}: {'a sweep' if self.points.height > 1 else 'latency by path'}"
        return Display(answer(view), self.plot.first, words, screen.beneath_html(view))

    def replication(self, point: int | None = None, replication: int = 0) -> Run:
        """One replication of `point`, or of the only point, as a run of its own. Raises InputError for what is not there."""
        return with_plots(super().replication(point, replication))

    def quantile(
        self,
        q: float,
        op: str | None = None,
        *,
        path: str | None = None,
        cache: str | None = None,
        point: int | None = None,
        confidence: float = CONFIDENCE,
        response: bool = False,
    ) -> Interval:
        """The time in ns that a share `q` of operations does not exceed, with its interval over replications.

        Of all operations, or of those of one `op` ("alloc", "free"), `path` or `cache`; with `response` the time counts from
        when they arrive. Raises InputError for what is not there.
        """
        frames = self.frames.of_points([self.point_number(point)])
        if response and not frames.response.height:
            raise InputError("response", "no operation arrives at a time of its own", allowed='workload.kind = "arrivals"')
        latency = frames.response if response else frames.latency
        for name, wanted in (("op", op), ("path", path), ("cache", cache)):
            known = latency[name].unique().sort().to_list()
            if wanted is not None and wanted not in known:
                raise InputError(name, f"{shown(wanted)!r} is not in this run{nearest(wanted, known)}", allowed=", ".join(known))
            latency = latency if wanted is None else latency.filter(latency[name] == wanted)
        return quantile(latency, q, confidence)

    def to_pandas(self, what: str = "summary") -> Any:
        """A frame or a table as a `pandas.DataFrame`: "latency", "locks", "summary", "per_node" and so on.

        Raises InputError for another name, and, with what to install, where there is no pandas.
        """
        frames = dict(self.frames.items())
        if what not in frames and what not in TABLES:
            names = (*frames, *TABLES)
            raise InputError("to_pandas", f"no frame {shown(what)!r}{nearest(what, names)}", allowed=", ".join(names))
        return to_pandas(frames[what] if what in frames else getattr(self, what)())

    @staticmethod
    def load(folder: Path | str) -> Run:
        """Read a run folder, as a Study if it is a sweep's. Raises InputError, in one line, if it is not one."""
        return with_plots(results_run.Run.load(folder))


class Comparison(compare.Comparison, Shows):
    """What two sides differ in, in words and tables when printed or shown: see `slabdes.measures.compare.Comparison`."""

    def __str__(self) -> str:
        """The answer, what is compared, and the tables, 100 columns wide."""
        return screen.comparison_text(self)

    def figure(self) -> Any:
        """How many times as long each percentile is on the second side; None where none is known of both."""
        from slabdes.plots.beside import ratios_figure

        return ratios_figure(self, [pair_name(self, pair) for pair in self.pairs])

    def display(self) -> Display:
        """The answer, the percentiles' ratios as a chart, and the tables."""
        words = f"How many times as long percentiles are: {' against '.join(self.sides[::-1])}"
        return Display(comparison_answer(self), self.figure, words, screen.comparison_beneath_html(self))


class Decided(decide.Decided, Shows):
    """Which of two settings is better, in words when printed or shown: see `slabdes.study.decide.Decided`."""

    def __str__(self) -> str:
        """The answer."""
        return "\n".join(self._answer())

    def comparison(self) -> Comparison:
        """Both sides in every measure, at the level of the looks."""
        return Comparison(**vars(self.compared))

    def difference(self, measure: str = "") -> Interval:
        """How much the second side exceeds the first in a measure that was decided (the first of them), with its interval."""
        return self.compared.difference(measure or self.measure)

    def display(self) -> Display:
        """The answer, the percentiles' ratios as a chart, and every measure."""
        compared = self.comparison()
        words = f"How many times as long percentiles are: {' against '.join(compared.sides[::-1])}"
        return Display(self._answer(), compared.figure, words, html_table(decision_sheet(self.compared, self.outcomes)))

    def chart(self) -> Chart:
        """Every measure as a ratio with its interval, and what was decided of it."""
        names = {row.measure: measure_name(row.measure) for row in self.compared.rows}
        return decided(self.compared, self.outcomes, differing_beside(self.compared, self.outcomes), names)

    def plain(self) -> dict[str, Any]:
        """All of it as plain values: answer, what it came to, what was asked, and a row a measure."""
        outcomes = {measure: outcome.value for measure, outcome in self.outcomes.items()}
        asked = {"most": self.looks.most, "by": self.looks.indifference}
        told = {"answer": self._answer(), "outcome": self.outcome.value, "outcomes": outcomes, **asked}
        return {**told, "measures": self.compared.frame().to_dicts()}

    def _answer(self) -> list[str]:
        return decision_answer(self.compared, self.outcomes, self.looks)


class Study(results_run.Study, Run):
    """The results of a sweep, with `plot`: see `slabdes.results.run.Study`."""

    def scaling(self, confidence: float = CONFIDENCE) -> pl.DataFrame:
        """Throughput and waiting, a row a point, with the half widths of their intervals (null for one replication)."""
        return scaling(self.frames, confidence)

    def laws(self, confidence: float = CONFIDENCE) -> dict[tuple[Any, ...], Fitted]:
        """The Universal Scalability Law of each line of a sweep by CPUs, by what tells the lines apart; see `stats.laws`.

        Raises InputError for a sweep with fewer than five numbers of CPUs.
        """
        return laws(self.frames, confidence)

    def point(self, number: int) -> Run:
        """One point as a run of its own. Raises InputError if there is none."""
        return with_plots(super().point(number))


def with_plots(run: results_run.Run) -> Run:
    """A run as users hold it, a Study if it is one."""
    return (Study if isinstance(run, results_run.Study) else Run)(run.manifest, run.frames)


class TraceInfo(trace_info.TraceInfo, Shows):
    """What is in a kmem trace, in words when printed or shown: see `slabdes.study.trace_info.TraceInfo`."""

    def __str__(self) -> str:
        """The sentences."""
        return "\n".join(self.sentences())

    def frame(self) -> pl.DataFrame:
        """A row a cache, those with most traffic first; columns are fields of `CacheInfo`."""
        import polars as pl

        columns = ("name", "size", "allocs", "frees", "share", "remote_frees", "most_live", "never_freed")
        whole = dict.fromkeys(columns, pl.Int64)
        rows = [tuple(getattr(cache, column) for column in columns) for cache in self.caches]
        return pl.DataFrame(rows, whole | {"name": pl.String, "share": pl.Float64}, orient="row")

    def display(self) -> Display:
        """The sentences, and what to run next."""
        commands = "".join(f"<pre>{escape(command)}</pre>" for command in self.commands())
        return Display(self.sentences(), beneath=commands, heading="what to run next")
