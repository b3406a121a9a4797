# SPDX-License-Identifier: GPL-2.0-only
"""Amdahl's and the Universal Scalability Law: known parameters are found again, with intervals that hold."""

from __future__ import annotations

import math
from random import Random

import pytest

from slabdes.errors import InputError
from slabdes.stats.laws import Law, fit_amdahl, fit_usl, fitted

CPUS = (1, 2, 4, 8, 16, 32, 64)
LAW = Law(alone=1000.0, contention=0.05, crosstalk=0.0005)


def test_a_curve_without_noise_gives_its_parameters_back() -> None:
    found = fit_usl(CPUS, [LAW.throughput(n) for n in CPUS])
    assert (found.alone, found.contention, found.crosstalk) == pytest.approx((1000.0, 0.05, 0.0005))
    assert found.peak == pytest.approx(math.sqrt(0.95 / 0.0005))  # 43.6 CPUs


def test_amdahl_s_law_is_the_serial_share_and_has_no_peak() -> None:
    # A tenth one after the other: 10 CPUs are 1 / (0.1 + 0.9 / 10) = 5.26 times as fast, endless ones 10 times.
    found = fit_amdahl(CPUS, [1 / (0.1 + 0.9 / n) for n in CPUS])
    assert (found.contention, found.peak) == (pytest.approx(0.1), math.inf)
    assert found.throughput(10) == pytest.approx(5.263, abs=1e-3)
    assert found.most == pytest.approx(10.0)


def test_perfect_scaling_has_no_limit_and_no_part_below_nothing() -> None:
    found = fit_usl(CPUS, [n * 1.02 ** math.log2(n) for n in CPUS])  # even better than perfect
    assert (found.contention, found.crosstalk, found.peak, found.most) == (0.0, 0.0, math.inf, math.inf)


def test_a_curve_that_only_falls_has_its_peak_at_one_cpu() -> None:
    assert Law(1.0, 0.9, 0.5).peak == 1


def test_intervals_of_the_parameters_and_of_the_peak_hold_as_often_as_they_say() -> None:
    random = Random(17)
    names = ("alone", "contention", "crosstalk", "peak")
    held = dict.fromkeys(names, 0)
    for _ in range(1_000):
        curves = [[LAW.throughput(n) * random.gauss(1, 0.01) for n in CPUS] for _ in range(6)]
        found = fitted(CPUS, curves)
        for name in names:
            held[name] += getattr(found, name).contains(getattr(LAW, name))
    print({name: f"{count / 10:.1f} %" for name, count in held.items()})
    assert all(930 <= count <= 975 for count in held.values())


def test_a_peak_far_beyond_what_was_measured_is_not_told_as_a_number() -> None:
    found = fitted(CPUS, [[n / (1 + 0.01 * (n - 1)) for n in CPUS]] * 2)
    assert found.law.peak > 1e6
    assert found.peak.value == found.beyond == 128


@pytest.mark.parametrize(
    ("cpus", "throughput", "words"),
    [
        ((1, 2), (1.0, 2.0), "2 numbers of CPUs"),
        ((1, 2, 4), (1.0, 2.0), "3 CPU counts and 2"),
        ((1, 2, 4), (1.0, 0.0, 2.0), "0.0"),
    ],
)
def test_a_curve_that_tells_no_law_is_refused(cpus: tuple[int, ...], throughput: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit_usl(cpus, throughput)
    with pytest.raises(InputError, match="no replications"):
        fitted(CPUS, [])
