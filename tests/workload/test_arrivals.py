# SPDX-License-Identifier: GPL-2.0-only
"""When operations arrive: as often as asked for, however many CPUs there are, and in bursts where they are asked for."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from slabdes.config import Experiment, parse_experiment
from slabdes.errors import InputError
from slabdes.study.plan import machine_of
from slabdes.workload.arrivals import arrivals_of, times
from slabdes.workload.programs import Op
from slabdes.workload.synthetic import build_synthetic, known_span_ps


def experiment(**workload: Any) -> Experiment:
    raw = {
        "machine": {"preset": "uma-4"},
        "cache": [{"name": "a", "size": 64}],
        "workload": {"kind": "arrivals", "rate": 1e7, **workload},
    }
    return parse_experiment(raw, "test")


def gaps(count: int = 60_000, cpus: int = 4, **workload: Any) -> np.ndarray[Any, Any]:
    """Times between arrivals at one CPU, ns."""
    asked = experiment(**workload).workload
    assert asked.kind == "arrivals"
    return np.diff(list(islice(times(arrivals_of(asked, cpus), 7), count))) / 1000


BURSTS = {"arrivals": "on_off", "on_ns": 3000.0, "off_ns": 5000.0}


@pytest.mark.parametrize("how", [{"arrivals": "poisson"}, {"arrivals": "periodic"}, BURSTS])
def test_each_of_the_cpus_has_its_part_of_the_rate(how: dict[str, Any]) -> None:
    # 10 million a second over 4 CPUs: one each 400 ns on each of them. Gaps in bursts vary most: 5 % is some 4 errors of theirs.
    assert gaps(**how).mean() == pytest.approx(400, rel=0.05)
    assert gaps(cpus=8, **how).mean() == pytest.approx(800, rel=0.05)


def test_at_random_gaps_vary_as_exponentials_evenly_not_at_all_and_in_bursts_more() -> None:
    spread = {name: gaps(**how).std() for name, how in (("p", {}), ("e", {"arrivals": "periodic"}), ("b", BURSTS))}
    assert spread["p"] == pytest.approx(400, rel=0.05)
    assert spread["e"] == 0
    # A gap is longer than ten times those within a burst (150 ns) only where a pause lies in it.
    bursts = gaps(**BURSTS)
    assert spread["b"] > 2 * 400
    assert np.median(bursts) < 150
    assert bursts[bursts > 1500].mean() == pytest.approx(5000 + 1500, rel=0.3)


def test_cpus_do_not_arrive_together_and_a_replication_has_times_of_its_own() -> None:
    asked = experiment(arrivals="periodic", operations=3)
    first: set[int] = set()
    for replication in (0, 1):
        for program in build_synthetic(asked, machine_of(asked), replication).programs.values():
            steps = list(program())
            assert [after[0] - before[0] for before, after in pairwise(steps)] == [400_000, 400_000]
            first.add(steps[0][0])
    assert len(first) == 8 and max(first) < 400_000


def test_what_arrives_is_the_closed_workload_of_that_name_without_its_thoughts() -> None:
    for of, closed in (("mix", {"kind": "mix", "live": 9}), ("critical_section", {"kind": "critical_section", "hold_ns": 50.0})):
        made = {key: value for key, value in closed.items() if key != "kind"}
        arriving = experiment(of=of, operations=40, **made)
        thinking = parse_experiment(
            {"machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64}]}
            | {"workload": {**closed, "operations": 40, "think_ns": 0}},
            "test",
        )
        open_loop, closed_loop = (build_synthetic(one, machine_of(one), 0) for one in (arriving, thinking))
        assert open_loop.operations == closed_loop.operations == 160
        for cpu, program in open_loop.programs.items():
            steps = list(program())
            assert [step[1:] for step in steps] == [step[1:] for step in closed_loop.programs[cpu]()]
            assert {Op(step[1]) for step in steps} <= {Op.ALLOC, Op.FREE, Op.SECTION}


def test_a_run_takes_at_least_until_the_last_operation_arrives() -> None:
    assert known_span_ps(experiment(operations=50), 4) == 50 * 400_000


def test_bursts_in_which_hardly_anything_arrives_are_refused() -> None:
    sparse = experiment(rate=1e3, **BURSTS)
    with pytest.raises(InputError, match=r"workload.on_ns: 3000 with off_ns 5000: .* 4,000,000 ns apart; allowed: bursts that"):
        build_synthetic(sparse, machine_of(sparse), 0)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"rate": 0}, "workload.rate: 0 is out of range; allowed: 1 to 1000000000000.0"),
        ({"rate": -5.0}, "workload.rate: -5.0 is out of range; allowed: 1 to"),
        ({"rate": float("nan")}, "workload.rate: nan is not allowed; allowed: a finite number"),
        ({"rate": None}, "workload.rate: None is not allowed; allowed: a number"),
        ({"arrivals": "poison"}, "workload.arrivals: 'poison' is not one of them; allowed: 'poisson', 'periodic' or 'on_off'"),
        ({"arrivals": "on_off"}, "arrivals 'on_off' without on_ns; allowed: on_ns and off_ns, both more than 0"),
        ({"arrivals": "on_off", "on_ns": 5.0}, "arrivals 'on_off' without off_ns; allowed:"),
        ({"off_ns": 5.0}, "off_ns with arrivals 'poisson'; allowed: arrivals = \"on_off\", or no off_ns"),
        ({"think_ns": 100.0}, "think_ns with arrivals, which do not wait for the operation before; allowed: rate alone"),
        ({"hold_ns": 5.0}, "hold_ns with of 'mix', which has none; allowed: to leave hold_ns out"),
        ({"of": "critical_section", "live": 5}, "live with of 'critical_section', which has none"),
        ({"of": "pages"}, "workload.of: 'pages' is not allowed; allowed:"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line_that_says_what_does(said: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as error:
        experiment(**said)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rate_of_a_closed_workload_is_told_whose_key_it_is() -> None:
    with pytest.raises(InputError, match=r'workload.rate: unknown key \(workload.kind = "arrivals" has it\); allowed: kind, ope'):
        parse_experiment({"machine": {"preset": "uma-4"}, "workload": {"kind": "critical_section", "rate": 1e6}}, "test")


def test_an_open_loop_and_recorded_arrivals_are_the_same() -> None:
    trace = {"kind": "trace", "file": "t"}
    open_loop, recorded = (
        parse_experiment({"machine": {"preset": "uma-4"}, "workload": {**trace, **said}}, "test")
        for said in ({"loop": "open", "arrivals": "closed"}, {"arrivals": "recorded"})
    )
    assert open_loop.model_dump() == recorded.model_dump()


def test_recorded_arrivals_are_held_back_by_nothing() -> None:
    trace = {"kind": "trace", "file": "t"}
    for said, line in (
        (
            {"arrivals": "recorded", "loop": "traced"},
            "loop 'traced' with arrivals 'recorded', which nothing holds back; allowed:",
        ),
        ({"arrivals": "recorded", "in_flight": 3}, "in_flight 3 with arrivals 'recorded', which nothing holds back; allowed:"),
    ):
        with pytest.raises(InputError) as error:
            parse_experiment({"machine": {"preset": "uma-4"}, "workload": {**trace, **said}}, "test")
        assert line in str(error.value)
