# SPDX-License-Identifier: GPL-2.0-only
"""One lock whose holds arrive at given times: response times against queueing theory, on the compiled engine.

Leaves out the allocator, and what handing a lock over costs: nothing here but holds takes any time.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import Histogram
from slabdes.results.frames import Point, frames_of
from slabdes.results.metrics import RESOLUTION, quantile
from slabdes.units import PS_PER_NS
from slabdes.workload.synthetic import build_synthetic
from tests.verification.machines import uniform_machine
from tests.verification.theory import Estimate, estimate, interrupted_poisson_response, md1_response, mm1_response

LEVEL = 0.99
"""Of each interval. The seed is the default one: an interval that fails is looked into, not drawn again."""
REPLICATIONS = 10
OPERATIONS = 40_000
"""A replication, of all CPUs together: a start without waiters is some tens of them, and does not show."""
HOLD_NS = 100.0
RecordProperty = Callable[[str, object], None]


def responses(cpus: int, load: float, **workload: Any) -> tuple[Estimate, Estimate]:
    """Mean and 90th percentile of response times at one lock that is held for `load` of the time, ns."""
    raw = {
        "machine": {"preset": "uma-4", "cpus": cpus},
        "workload": {
            "kind": "arrivals",
            "of": "critical_section",
            "rate": load * 1e9 / HOLD_NS,
            "operations": OPERATIONS // cpus,
            "hold_ns": HOLD_NS,
            **workload,
        },
    }
    machine = uniform_machine(cpus, 0)
    experiment = parse_experiment(raw, "test")
    means, quantiles = [], []
    for replication in range(REPLICATIONS):
        records = run_compiled(experiment, machine, build_synthetic(experiment, machine, replication), replication)
        times = Histogram()
        for one in records.response.values():
            times.merge(one)
        means.append(times.total / times.count / PS_PER_NS)
        quantiles.append(quantile(frames_of(Point(0, "uniform", cpus), [records]).response, 0.9))
    return estimate(means, LEVEL), estimate(quantiles, LEVEL)


def told(record_property: RecordProperty, name: str, measured: Estimate, theory: float) -> None:
    """Write a figure beside theory down."""
    text = f"{measured.mean:.1f} +-{measured.half_width:.1f} ns, theory {theory:.1f}"
    record_property(name, text)
    print(f"{name}: {text}")


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_a_cpu_whose_holds_arrive_at_random_is_an_mm1_queue(load: float, record_property: RecordProperty) -> None:
    mean, ninetieth = responses(1, load)
    theory = mm1_response(HOLD_NS / load, HOLD_NS)
    told(record_property, f"M/M/1 mean at {load}", mean, theory)
    told(record_property, f"M/M/1 p90 at {load}", ninetieth, theory * log(10))
    assert mean.covers(theory)
    # A quantile is a bucket's middle.
    assert abs(ninetieth.mean - theory * log(10)) <= ninetieth.half_width + RESOLUTION * theory * log(10)


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_a_cpu_whose_holds_last_equally_long_is_an_md1_queue(load: float, record_property: RecordProperty) -> None:
    mean, _ninetieth = responses(1, load, hold="constant")
    theory = md1_response(HOLD_NS / load, HOLD_NS)
    told(record_property, f"M/D/1 mean at {load}", mean, theory)
    assert mean.covers(theory)


def test_the_holds_of_several_cpus_wait_as_long_on_average_as_those_of_one(record_property: RecordProperty) -> None:
    """Whatever order they are served in: there is work at the lock whenever there is an operation."""
    mean, _ninetieth = responses(4, 0.7)
    theory = mm1_response(HOLD_NS / 0.7, HOLD_NS)
    told(record_property, "M/M/1 mean of 4 CPUs", mean, theory)
    assert mean.covers(theory)


def test_holds_that_arrive_in_bursts_are_an_interrupted_poisson_process(record_property: RecordProperty) -> None:
    mean, ninetieth = responses(1, 0.5, arrivals="on_off", on_ns=1000.0, off_ns=1000.0)
    # All holds arrive in half of the time: 100 ns apart.
    theory = interrupted_poisson_response(HOLD_NS, 1000.0, 1000.0, HOLD_NS)
    told(record_property, "GI/M/1 mean", mean, theory)
    assert mean.covers(theory)
    assert abs(ninetieth.mean - theory * log(10)) <= ninetieth.half_width + RESOLUTION * theory * log(10)


def test_holds_that_arrive_evenly_and_end_before_the_next_wait_for_nothing() -> None:
    mean, ninetieth = responses(1, 0.9, arrivals="periodic", hold="constant")
    assert mean == Estimate(HOLD_NS, 0.0)
    assert ninetieth.mean == pytest.approx(HOLD_NS, rel=RESOLUTION)
