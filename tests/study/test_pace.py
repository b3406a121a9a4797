# SPDX-License-Identifier: GPL-2.0-only
"""What is told of a study while it runs: cells, their pace, time left, and the rate of operations with its interval."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slabdes.study.pace import Pace


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def replicated(picoseconds: int) -> Any:
    return SimpleNamespace(elapsed=picoseconds, operations=500)


def test_cells_their_pace_the_time_left_and_the_rate_with_its_interval_are_told() -> None:
    heard: list[tuple[str, int, int]] = []
    clock, point = Clock(), SimpleNamespace(index=3, operations=500)
    gathering: Any = SimpleNamespace(points=2, wanted=20, have=8, there=4000, total=10_000)
    pace = Pace(gathering, lambda *told: heard.append(told), clock)
    pace.report()
    for number, elapsed in enumerate((10**9, 2 * 10**9)):
        clock.now = 15.0 * (number + 1)
        gathering.have += 1
        pace.ended(point, replicated(elapsed))
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
    Pace(SimpleNamespace(), None).report()  # type: ignore[arg-type]
