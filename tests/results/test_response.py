# SPDX-License-Identifier: GPL-2.0-only
"""Response times count from arrivals, in records, frames, tables and figures: what a closed loop never sees."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from example import example_frames, example_manifest

from slabdes import Run, Study, compare, simulate, sweep
from slabdes.answers.answer import answer
from slabdes.answers.tables import TABLES, view_of
from slabdes.errors import InputError
from slabdes.measures.causes import causes
from slabdes.measures.estimates import Estimated
from slabdes.measures.knee import load_lines
from slabdes.measures.names import intervals, measure_of
from slabdes.plots.response import loads_figure, response_figure
from slabdes.results import metrics
from slabdes.results.response import growing

HOLD_NS, CPUS = 100.0, 4
BASE: dict[str, Any] = {"machine": {"preset": "uma-4"}, "engine": "reference", "replications": 2, "warm_up": "none"}
SECTIONS = {"kind": "arrivals", "of": "critical_section", "operations": 120, "rate": 2e6, "hold_ns": HOLD_NS}
RATES = [5e5, 1e6, 2e6, 3e6, 2e7]
"""A second; a hold and handing it over take about 200 ns, so that some 4 M can be served."""


@pytest.fixture(scope="module")
def loads() -> Study:
    """One lock at several loads, up to more than it carries."""
    run = sweep({**BASE, "workload": SECTIONS}, {"workload.rate": RATES})
    assert isinstance(run, Study)
    return run


def test_response_and_service_time_differ_by_how_late_operations_begin(loads: Study) -> None:
    for point in range(len(RATES)):
        one = loads.point(point)
        late = one.cpus["late_total_ns"].sum()
        assert one.responses["count"].sum() == one.operations["count"].sum() == 2 * CPUS * 120
        assert one.responses["total_ns"].sum() - one.operations["total_ns"].sum() == pytest.approx(late, rel=1e-9)
        assert one.check() == []
    table = loads.response_times()
    assert (table["late_ns"] >= 0).all() and table["p99_ns"].to_list() == sorted(table["p99_ns"].to_list())


def test_what_a_closed_loop_shows_of_the_same_demand_omits_the_waiting(loads: Study) -> None:
    """Each CPU asks for the lock every 1.33 us in either: but in the closed loop only once it has had it."""
    demand = RATES[3]
    think = 1e9 * CPUS / demand
    closed = simulate(
        {**BASE, "workload": {"kind": "critical_section", "operations": 120, "think_ns": think, "hold_ns": HOLD_NS}}
    )
    arriving = loads.point(RATES.index(demand))
    shown, felt = metrics.quantile(closed.latency, 0.99), metrics.quantile(arriving.response, 0.99)
    assert felt > 2 * shown
    # And beyond what can be served, a closed loop looks calm, whatever is asked for.
    crowded = loads.point(len(RATES) - 1)
    assert metrics.quantile(crowded.response, 0.99) > 20 * metrics.quantile(crowded.latency, 0.99)


def test_a_sweep_of_rates_has_a_knee_and_says_from_where_on_the_backlog_grows(loads: Study) -> None:
    (line,) = load_lines(Estimated(loads.frames))
    assert [row["offered_per_s"] for row in line.rows] == RATES
    powers = [row["operations_per_s"] / row["mean_ns"] for row in line.rows]
    assert powers[line.knee] == max(powers) and line.low <= line.knee <= line.high
    assert line.is_within
    assert line.carried == 3
    told = " ".join(answer(view_of(loads)))
    assert "Counted from when operations arrive, with rate 20 M/s: p99 of section is " in told
    assert "Response times bend at " in told and "at 20.0 M the backlog grows, as at most " in told
    assert "is the fastest" not in told
    for name in ("response", "loads"):
        rows = TABLES[name](view_of(loads)).rows
        assert len(rows) == len(RATES) and all("±" in cell for row in rows for cell in row[2:3])


def test_one_point_beyond_what_is_served_says_so(loads: Study) -> None:
    assert "More arrives than is served: the backlog grows to the end in 2 of 2 replications" in " ".join(
        answer(view_of(loads.point(len(RATES) - 1)))
    )
    assert "More arrives" not in " ".join(answer(view_of(loads.point(0))))


def queues(rho: float, operations: int, cpus: int) -> Any:
    """The share of 60 replications said to grow; each CPU a queue of its own (Lindley's recursion), times exponential."""
    draws = np.random.default_rng(7)
    shape = (operations, 60, cpus)
    gaps, served = draws.exponential(1 / rho, shape), draws.exponential(1, shape)
    late, most = np.zeros(shape[1:]), np.zeros(shape[1:])
    for gap, before in zip(gaps[1:], served, strict=False):
        late = np.maximum(0, late + before - gap)
        most = np.maximum(most, late)
    ends = (gaps.sum(axis=0) + late + served[-1]).max(axis=1)
    every = [(run, cpu) for run in range(60) for cpu in range(cpus)]
    made = pl.DataFrame({"point": 0, "replication": [run for run, _ in every], "allocs": operations})
    made = made.with_columns(frees=0, skipped=0, sections=0, late_last_ns=late.ravel(), late_most_ns=most.ravel())
    runs = pl.DataFrame({"point": 0, "replication": range(60), "elapsed_ns": ends})
    return growing(SimpleNamespace(cpus=made, runs=runs))["growing"].item()  # type: ignore[arg-type]


@pytest.mark.parametrize("cpus", [8, 48])
@pytest.mark.parametrize("operations", [1000, 2000])
def test_a_queue_that_is_served_is_hardly_ever_said_to_grow_and_one_that_is_not_nearly_always(operations: int, cpus: int) -> None:
    assert max(queues(rho, operations, cpus) for rho in (0.8, 0.9)) < 0.05
    assert queues(1.2, operations, cpus) > 0.9


def test_a_closed_run_has_none_and_says_nothing_of_them() -> None:
    frames = example_frames()
    assert not frames.response.height and not frames.responses.height
    assert Estimated(frames).rows("response") == Estimated(frames).rows("loads") == load_lines(Estimated(frames)) == []
    assert "arrive" not in " ".join(answer(view_of(Run(example_manifest(frames), frames))))


def test_they_are_kept_in_a_run_folder_and_asked_for_by_quantile(loads: Study, tmp_path: Path) -> None:
    again = Run.load(loads.save(tmp_path / "run"))
    assert again.response.equals(loads.response) and again.responses.equals(loads.responses)
    mine = again.quantile(0.5, "section", point=1, response=True)
    assert mine.value > again.quantile(0.5, "section", point=1).value
    closed = simulate({**BASE, "replications": 1, "workload": {"kind": "critical_section", "operations": 3}})
    with pytest.raises(InputError, match=r"response: no operation arrives at a time of its own; allowed: workload\.kind"):
        closed.quantile(0.5, response=True)


def test_figures_show_both_tails_and_mark_the_knee(loads: Study) -> None:
    tails = response_figure(loads.frames, loads.manifest)
    for axes in tails.axes:
        assert [line.get_label() for line in axes.lines] == ["from its begin (service time)", "from its arrival (response time)"]
    figure = loads_figure(loads.frames, loads.manifest)
    knee = load_lines(Estimated(loads.frames))[0]
    marked = [line for axes in figure.axes for line in axes.lines if line.get_label() == "knee"]
    assert [line.get_xdata()[0] * 1e6 for line in marked] == pytest.approx(
        [knee.rows[knee.knee]["operations_per_s"], knee.rows[knee.knee]["offered_per_s"]]
    )


def test_response_times_are_measures_that_are_compared_and_asked_for_by_name(loads: Study) -> None:
    assert measure_of("section-response.p99") == "section-response_p99_ns"
    told = intervals(loads.frames, "section-response_p99_ns")
    assert [told[point].value for point in told] == loads.response_times()["p99_ns"].to_list()
    compared = compare(loads.point(0), loads.point(3))
    change = compared.difference("section-response_mean_ns")
    because = causes(*compared.pairs[0].spent, "section", arrived=True)
    assert because.mean.change == pytest.approx(change.value) and because.parts[0].name in ("late", "lock_wait")
    assert change.value == pytest.approx(told_mean(loads, 3) - told_mean(loads, 0))
    closed = intervals(example_frames(), "alloc-response_p99_ns")
    assert closed == {}


def told_mean(loads: Study, point: int) -> float:
    """The mean response time of a point."""
    return float(loads.response_times().filter(point=point)["mean_ns"].item())
