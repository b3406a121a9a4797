# SPDX-License-Identifier: GPL-2.0-only
"""What is told of a study while it runs: cells, their pace, time left, and the rate of operations with its interval."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.config import EngineName, parse_experiment
from slabdes.measures.names import alone
from slabdes.results.rows import replicated
from slabdes.results.text import share_text, time_text
from slabdes.stats.intervals import mean_interval
from slabdes.study.pace import Estimate, Pace
from slabdes.study.plan import plan
from slabdes.study.run import Task, run_study


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def in_all(picoseconds: int) -> Any:
    return SimpleNamespace(elapsed=picoseconds, operations=500)


def test_cells_their_pace_the_time_left_and_the_rate_with_its_interval_are_told() -> None:
    heard: list[tuple[str, int, int]] = []
    clock, point = Clock(), SimpleNamespace(index=3, operations=500)
    gathering: Any = SimpleNamespace(points=2, wanted=20, have=8, there=4000, total=10_000)
    pace = Pace(gathering, lambda *told: heard.append(told), Estimate("operations/s"), clock)
    pace.report()
    for number, elapsed in enumerate((10**9, 2 * 10**9)):
        clock.now = 15.0 * (number + 1)
        gathering.have += 1
        pace.ended(point, in_all(elapsed))
        pace.report()
    # 500 operations in 1 and in 2 ms: 500 and 250 thousand a second, half an interval t(0.975, 1) = 12.71 times 125 thousand.
    told = "10 of 20 cells, 4 a minute, 2 min left, point 3: 375 k operations/s ± "
    share = f"{12.706 * 125 / 375:.1%}".replace("%", " %")
    assert heard == [
        ("simulating", 4000, 10_000),
        ("simulating: 9 of 20 cells, 4 a minute, 3 min left, point 3: 500 k operations/s", 4500, 10_000),
        (f"simulating: {told}{share}", 5000, 10_000),
    ]
    clock.now += 0.1
    pace.within_round()(250)
    assert heard[-1][0] == heard[-2][0]
    assert heard[-1][1] == 5250


def test_nothing_is_worked_out_where_nobody_is_told() -> None:
    Pace(SimpleNamespace(), None, Estimate("alloc.p99")).report()  # type: ignore[arg-type]


def test_the_first_measure_asked_for_is_told_with_its_interval_as_the_results_have_it() -> None:
    raw = small_experiment() | {"replications": 4, "measures": ["alloc.p99", "waiting"]}
    heard: list[str] = []
    clock = Clock()
    frames = run_study(parse_experiment(raw, "small")).frames
    points = plan(parse_experiment(raw, "small"), Path())
    estimate = Estimate("alloc.p99")
    gathering: Any = SimpleNamespace(points=1, wanted=4, have=4, there=0, total=10)
    pace = Pace(gathering, lambda what, _done, _total: heard.append(what), estimate, clock)
    for number in range(4):
        clock.now += 1.0
        pace.ended(points[0], replicated(Task(points[0], number, EngineName.REFERENCE).run(lambda _done: None)))
        pace.report()
    interval = mean_interval([*alone(frames, "alloc_p99_ns")[0].values()])
    assert interval.half_width is not None
    told = f"alloc.p99 {time_text(interval.value)} ± {share_text(interval.half_width / interval.value)}"
    assert heard[-1].endswith(f", {told}") and "±" not in heard[0]
