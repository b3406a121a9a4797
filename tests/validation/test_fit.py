# SPDX-License-Identifier: GPL-2.0-only
"""Fits find costs again that figures were simulated with, say when they are poor, and refuse bad tables in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.machine.costs import value_of
from slabdes.validation.fit import Fit, _half_widths, fit_table, fitted_machine, write_fitted
from slabdes.validation.fit_table import parse_fit_table
from slabdes.validation.measures import MEASURES
from slabdes.validation.simulate import simulate_all

BURSTS = (10, 200, 500, 1000)
TRUE = {"alloc_hit": 20.0, "list_move": 30.0}


def table(figures: dict[int, dict[str, float]], free: str = '"alloc_hit", "list_move"', extra: str = "") -> str:
    rows = "\n".join(
        f'[[row]]\nset = {{ "workload.objects" = {burst} }}\nmeasured = {{ {", ".join(f"{k} = {v}" for k, v in given.items())} }}'
        for burst, given in figures.items()
    )
    return (
        f'machine = "uma-4"\nfree = [{free}]\ndata = "simulated with known costs.csv"\n{extra}\n'
        "[experiment]\nseed = 5\nmachine = { cpus = 1 }\n"
        'cache = [{ name = "c", size = 256 }]\nworkload = { kind = "burst", objects = 1, rounds = 3, barrier = true }\n' + rows
    )


def figures(costs: dict[str, float], seed: int = 7) -> dict[int, dict[str, float]]:
    """What bursts cost with these costs and other random numbers than the fit has, measured 3 % too high and too low in turn."""
    raw = {
        str(burst): {
            "seed": seed,
            "machine": {"preset": "uma-4", "cpus": 1, "costs": costs},
            "cache": [{"name": "c", "size": 256}],
            "workload": {"kind": "burst", "objects": burst, "rounds": 3, "barrier": True},
        }
        for burst in BURSTS
    }
    results = simulate_all(raw)
    return {
        burst: {
            name: MEASURES[name](results[str(burst)][0]) * (1 + error * (-1) ** turn)
            for name, error in (("alloc", 0.03), ("free", -0.03))
        }
        for turn, burst in enumerate(BURSTS)
    }


@pytest.fixture(scope="module")
def found() -> Fit:
    return fit_table(parse_fit_table(table(figures(TRUE)), "known.toml"))


def test_costs_that_figures_were_simulated_with_are_found_again_within_their_intervals(found: Fit) -> None:
    assert found.costs == pytest.approx(TRUE, rel=0.1)
    for free in found.free:
        (name,) = free.names
        assert free.low[0] <= TRUE[name] <= free.high[0], f"{name}: {free.low} to {free.high}"
        assert free.before == (value_of(load_machine("uma-4").costs, name),)
    assert not found.poor
    assert max(found.errors()) < 0.1


def test_a_fit_that_no_cost_can_mend_says_that_it_is_poor_and_where() -> None:
    # Hits cost the same in every burst: figures that say otherwise cannot be met.
    wrong = figures(TRUE)
    wrong[10] = {name: value * 30 for name, value in wrong[10].items()}
    poor = fit_table(parse_fit_table(table(wrong, free='"alloc_hit+free_hit"'), "wrong.toml")).poor
    assert any(reason.endswith("is poor)") for reason in poor)
    assert any("objects" in reason and "is off by" in reason for reason in poor)


def test_a_number_that_nothing_depends_on_is_said_to_be_undetermined() -> None:
    fit = fit_table(parse_fit_table(table(figures({}), free='"alloc_hit", "ipi"'), "blind.toml"))
    assert any(reason.startswith("ipi is hardly determined") for reason in fit.poor)


def test_intervals_are_those_of_a_straight_line_through_the_origin() -> None:
    # One number, Jacobian (1, 1, 1, 1, 1), residuals (1, -1, 1, -1, 0): variance 4 / 4 = 1, over 5 figures 1 / 5; t(4) = 2.776.
    import numpy as np

    (half,) = _half_widths(np.ones((5, 1)), np.array([1.0, -1.0, 1.0, -1.0, 0.0]))
    assert half == pytest.approx(2.7764 / 5**0.5, rel=1e-3)


def test_the_fitted_machine_records_the_data_and_the_command_and_is_a_machine(found: Fit, tmp_path: Path) -> None:
    read = parse_fit_table(table(figures(TRUE)), "known.toml")
    path = write_fitted(tmp_path / "fitted.toml", fitted_machine(read, found, "slabdes fit known.toml"))
    machine = load_machine(path)
    for name, value in found.costs.items():
        assert value_of(machine.costs, name) == pytest.approx(value, abs=0.001)
        assert "calibrated on known by `slabdes fit known.toml`; 95 % interval" in dict(machine.costs.sources)[name]
    calibration = tomllib.loads(path.read_text(encoding="utf-8"))["calibration"]
    assert calibration["data"] == "simulated with known costs.csv"
    assert len(calibration["measured_ns"]) == 2 * len(BURSTS)
    with pytest.raises(InputError, match="is there already"):
        write_fitted(path, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table({10: {"alloc": 1.0}}, free='"alloc_hit", "list_move", "free_hit", "lock_op"'), "free"),
        (table({10: {"alloc": 1.0}}, free='"alloc_hitt"'), "did you mean alloc_hit"),
        (table({10: {"alloc": 1.0}}, free='"alloc_hit", "alloc_hit+free_hit"'), "twice"),
        (table({10: {"alloc": 1.0}}, free='"alloc_hit"'), "1 figures for 1 free numbers"),
        (table({10: {"aloc": 1.0, "free": 1.0}}, free='"alloc_hit"'), "did you mean alloc"),
        (table({10: {"alloc": 0.0, "free": 1.0}}, free='"alloc_hit"'), "row.0.measured.alloc"),
        (table({10: {"alloc": 1.0}}, extra="colour = 3"), "colour"),
        (table({10: {"alloc": 9.0}}) + "\nclock = 9", "allowed: more than the clock's own 9"),
        (table({10: {"alloc": 9.0}}) + "\nclock = -1", "row.0.clock"),
        ("machine = ", "not TOML"),
        ("machine = " + "[" * 3000, "not TOML: nested too deeply"),
        ("free = 0x" + "f" * 5000, "free: too long a number"),
        (table({10: {"alloc": 1.0}}).replace('"uma-4"', f'"{"m" * 5000}"'), "neither a preset nor a file that is there"),
        (table({10: {"alloc": 1.0}}).replace('"uma-4"', '"a\\u0000.toml"'), "machine"),
        (table({10: {"alloc": 1.0}}).replace("machine = { cpus = 1 }", "machine = 1"), "experiment.machine: 1 is no table"),
        (table({10: {"alloc": 1.0}}).replace('"workload.objects"', '""'), "bad.toml: 10: '' has an empty part"),
        (table({10: {"alloc": 1.0}}).replace('"workload.objects"', '"seed.x"'), "bad.toml: x 10: 'x' is inside a value"),
        (table({10: {"alloc": 1.0}}).replace("seed = 5", "seed = 5\nsweep = { seed = [1] }"), "experiment.sweep: a sweep"),
        (table({10: {"alloc": 1.0}}) + "\n[[row]]\nmeasured = {}" * 300, "row: "),
        ("free = []", "bad.toml: machine: missing"),
        (
            table(
                {10: {"alloc": 1.0}},
                extra='[csv]\nname = "hackbench_ia64_local_memory"\nset = { config = ["seed"] }\nmeasured = {}',
            ),
            "csv: config: '100pct_CLM' is no number; allowed: a column of numbers",
        ),
        (
            table({10: {"alloc": 1.0, "free": 1.0}}, free='"alloc_hit"', extra='[csv]\nname = "nope"\nset = {}\nmeasured = {}'),
            "nope",
        ),
    ],
)
def test_a_bad_table_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_fit_table(text, "bad.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_reading_the_clock_added_is_no_part_of_what_is_fitted_in_any_unit() -> None:
    text = table({10: {"alloc": 12.0, "free": 13.0, "pair": 20.0}}) + "\nclock = 2.5"
    assert parse_fit_table(text, "ns.toml").cases[0].measured == {"alloc": 9.5, "free": 10.5, "pair": 17.5}
    cycles = text.replace("data =", 'unit = "cycles"\ndata =')
    assert parse_fit_table(cycles, "cycles.toml").cases[0].measured["alloc"] == pytest.approx(9.5 / 4.0)  # at uma-4's 4 GHz


def test_a_cost_that_is_nothing_has_no_factor() -> None:
    text = table({10: {"alloc": 1.0, "free": 1.0}}, free='"lock_op"').replace('"uma-4"', '"xeon-vm-1cpu"')
    with pytest.raises(InputError, match="lock_op is 0"):
        fit_table(parse_fit_table(text, "zero.toml"))


def test_a_fit_whose_machine_is_no_table_is_refused() -> None:
    text = table({10: {"alloc": 1.0, "free": 1.0}}, free='"alloc_hit"').replace("machine = { cpus = 1 }", "machine = 3")
    with pytest.raises(InputError, match=r"experiment\.machine: 3 is no table"):
        parse_fit_table(text, "bad.toml")


def test_a_fit_on_a_trace_is_refused() -> None:
    text = table({10: {"alloc": 1.0, "free": 1.0}}, free='"alloc_hit"').replace("workload.objects", "seed")
    text = text.replace("machine = { cpus = 1 }", "").replace(
        'kind = "burst", objects = 1, rounds = 3, barrier = true', 'kind = "trace", file = "t"'
    )
    with pytest.raises(InputError, match="a trace, which has no such measures"):
        parse_fit_table(text, "bad.toml")


def test_a_figure_that_never_happens_in_the_experiment_is_told() -> None:
    text = table({10: {"alloc": 1.0, "section": 1.0}}, free='"alloc_hit"')
    with pytest.raises(InputError, match="section: takes no time in this experiment, or never happens"):
        fit_table(parse_fit_table(text, "never.toml"))
