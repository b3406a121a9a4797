# SPDX-License-Identifier: GPL-2.0-only
"""Targets: what they compare is what was published, and what they claim about it holds."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.machine import load_machine, preset_names
from slabdes.validation.fit_table import parse_fit_table
from slabdes.validation.published import published
from slabdes.validation.report import chosen, rule_of, target_names, validate
from slabdes.validation.simulate import simulate_all
from slabdes.validation.target import Row, Target
from slabdes.validation.targets import TARGETS, list_lock, one_cpu, pages, queue_lock, ratios, sheaves, ticket, two_cpus

TABLES = files("slabdes.validation") / "tables"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_tells_all_about_itself_and_its_experiments_are_ones(target: Target) -> None:
    assert all((target.title, target.source, target.simulated, target.calibrated, target.unit, target.x))
    for name, raw in target.experiments().items():
        assert parse_experiment(raw, name).machine.preset in preset_names()


def test_targets_have_names_of_their_own() -> None:
    assert len(set(target_names())) == len(TARGETS)


def test_a_target_or_a_rule_that_is_not_there_is_one_line() -> None:
    with pytest.raises(InputError, match="did you mean ticket"):
        chosen(["tickt"])
    with pytest.raises(InputError, match="did you mean jitter"):
        rule_of("jiter")


def test_nothing_after_the_2016_series_is_compared_with_a_measured_figure() -> None:
    experiments = list_lock.experiments()
    few = {name: {**raw, "replications": 1, "workload": {**raw["workload"], "objects": 300}} for name, raw in experiments.items()}
    outcome = list_lock.compare(simulate_all(few))
    blind = [one for one in outcome.rows if one.blind]
    assert {one.series for one in outcome.rows if not one.blind} == {"alloc, before", "free, before"}
    assert len(blind) == 4 * 2 * 8, "four steps, two operations, eight sizes"


def test_tables_of_fits_hold_what_was_published() -> None:
    measured = one_cpu.measured_ns()
    table = parse_fit_table((TABLES / "xeon-vm-1cpu.toml").read_text(encoding="utf-8"), "xeon-vm-1cpu.toml")
    clock = one_cpu.clock_ns(measured)
    expected = [
        value - (0 if path == "pair" else clock)
        for (case, path), value in measured.items()
        if case.startswith("u256_") and not case.endswith("-burst20000")
    ]
    assert sorted(value for case in table.cases for value in case.measured.values()) == pytest.approx(sorted(expected))
    two = two_cpus.measured_ns()
    table = parse_fit_table((TABLES / "xeon-vm-2cpu.toml").read_text(encoding="utf-8"), "xeon-vm-2cpu.toml")
    lines = parse_fit_table((TABLES / "copy-lines.toml").read_text(encoding="utf-8"), "copy-lines.toml")
    both = [value for case, value in two.items() if two_cpus.has_set_the_share(case)]
    assert sorted(case.measured["elapsed"] for case in lines.cases) == pytest.approx(sorted(both))
    alone = sorted(value for case, value in two.items() if case.threads == 1 and not case.think)
    assert sorted(case.measured["elapsed"] for case in table.cases) == pytest.approx(alone)


def test_the_ticket_table_is_the_column_beyond_its_knee() -> None:
    table = parse_fit_table((TABLES / "opteron-48-ticket.toml").read_text(encoding="utf-8"), "opteron-48-ticket.toml")
    speedups = {cpus: speedup for cpus, speedup in published("boydwickizer2012_fig8").numbers("t0.4").items() if cpus > 28}
    assert [case.experiment["machine"]["cpus"] for case in table.cases] == list(speedups)
    for case, speedup in zip(table.cases, speedups.values(), strict=True):
        # 100000 cycles a turn at 2.1 GHz.
        assert case.measured["section"] == pytest.approx(100_000 / 2.1 / speedup, rel=1e-3)


@pytest.mark.parametrize("name", ["garnier-2016", "i7-3770", "opteron-48-ticket", "xeon-vm-1cpu", "xeon-vm-2cpu"])
def test_a_calibrated_preset_tells_its_command_its_data_and_each_fitted_cost(name: str) -> None:
    preset = tomllib.loads((files("slabdes.machine") / "presets" / f"{name}.toml").read_text(encoding="utf-8"))
    calibration = preset["calibration"]
    assert calibration["command"].startswith("slabdes fit ")
    assert (TABLES / f"{name}.toml").is_file()
    assert ".csv" in calibration["data"]
    for group in calibration["free"]:
        for cost in group.split("+"):
            assert "calibrated on" in preset["sources"][cost], cost
            assert "interval" in preset["sources"][cost], cost


def test_think_times_of_two_threads_are_half_of_what_they_add_to_a_pair_on_one() -> None:
    none, some = (two_cpus.Case(1, "same", 120, 60, 8, 100, think) for think in (0, 50))
    both = two_cpus.Case(2, "same", 120, 60, 8, 100, 50)
    assert two_cpus.think_ns(both, {none: 5.0, some: 191.0}) == 93.0
    assert two_cpus.think_ns(none, {}) == 0.0


def test_threads_that_share_nothing_are_simulated_with_a_cache_each() -> None:
    apart = {name: raw for name, raw in two_cpus.experiments().items() if name.startswith("2 separate ")}
    rows = published("contention_two_cpus_256").rows
    assert len(apart) == sum(row["mode"] == "separate" and row["run"] == "1" for row in rows)
    assert all(len(raw["cache"]) == 2 and raw["workload"]["own_caches"] for raw in apart.values())


def test_bulk_calls_are_the_primitives_that_they_are_made_of_and_none_was_fitted_to_them() -> None:
    (one,) = validate(["fast_paths"]).targets
    rows = {row.x: row for row in one.outcome.rows if row.series == "alloc+free, in bulk calls"}
    primitives = {row["op"]: float(row["ns"]) for row in published("primitives_brouer2017").rows}
    single = 23.852  # slab_brouer2015_bulk.csv: alloc+free
    for objects in (1, 2, 16):
        expected = single - 2 * primitives["local_irq_save_restore"] + 2 * primitives["local_IRQ_disable_enable"] / objects
        assert rows[objects].simulated == pytest.approx(expected, rel=0.01)
    assert rows[1].measured == 10.715
    assert not any(row.fitted for row in rows.values())


def test_a_benchmarks_lengths_add_up_to_one_threads_turn() -> None:
    machine = load_machine(queue_lock.MACHINE)
    for benchmark in queue_lock.BENCHMARKS:
        think, hold = queue_lock.lengths_ns(benchmark, machine)
        rate = published("qspinlock_4x_E7-8895v3").numbers(benchmark.column)[1] * benchmark.per_us
        # locktorture of one thread holds its lock for 1000 ns on average: half of that in long holds, half in one of four short.
        held = 1000 if benchmark.name == queue_lock.TORTURE else hold
        assert think + held + machine.costs.lock_op / 1000 == pytest.approx(1000 / rate)
        assert min(think, hold) > 0


def test_locktorture_holds_its_lock_for_1000_ns_over_its_threads_on_average() -> None:
    (torture,) = (one for one in queue_lock.BENCHMARKS if one.name == queue_lock.TORTURE)
    for threads in (1, 10):
        workload = queue_lock.workload_of(torture, threads, load_machine(queue_lock.MACHINE))
        short = workload["hold_ns"] / workload["hold_one_in"]
        assert short + queue_lock.LONG_NS / threads == pytest.approx(1000 / threads)


def test_pairs_of_configurations_differ_in_what_their_question_says() -> None:
    pairs = ratios.pairs()
    assert {pair.question for pair in pairs} == {
        "limit 120 to 12",
        "shared 8 to 0",
        "one cache to one each,",
        "two together to one alone,",
    }
    names = [pair.name for pair in pairs]
    assert len(names) == len(set(names))
    for pair in pairs:
        assert (pair.one.burst, pair.one.think) == (pair.other.burst, pair.other.think)
        assert pair.other.threads == (1 if "alone" in pair.question else 2)


def test_a_wrong_direction_counts_beyond_the_measurements_own_noise_only() -> None:
    def wrong(measured: float, simulated: float, noise: float = 0.0) -> bool:
        return ratios.is_wrong(Row("line", 1, simulated, measured, noise=noise))

    assert wrong(1.3, 0.9) and wrong(0.7, 1.2)
    assert not wrong(1.3, 1.1) and not wrong(1.3, 0.9, noise=0.2)
    assert not wrong(1.3, 0.97), "hardly a direction"


def test_a_measured_difference_that_is_simulated_as_none_is_counted_as_that() -> None:
    def unseen(measured: float, simulated: float, noise: float = 0.0) -> bool:
        return ratios.is_unseen(Row("line", 1, simulated, measured, noise=noise))

    assert unseen(1.3, 0.97) and unseen(0.8, 1.03)
    assert not unseen(1.3, 0.9) and not unseen(1.3, 1.2) and not unseen(1.3, 1.0, noise=0.3) and not unseen(1.03, 1.0)


def test_a_factors_error_counts_beyond_what_the_measurements_runs_differ_by() -> None:
    for simulated, left in ((1.5, 0.2), (1.2, 0.0), (0.5, -0.2)):
        assert ratios.beyond_noise(Row("line", 1, simulated, 1.0, noise=0.3)).error == pytest.approx(left)


def test_a_factor_of_two_rows_that_costs_were_calibrated_on_is_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "_of_locks", lambda results: iter(()))
    monkeypatch.setattr(ratios, "_of_stages", lambda results: iter(()))
    few = {
        name: {**raw, "replications": 1, "workload": {**raw["workload"], "objects": 100, "rounds": 2}}
        for name, raw in two_cpus.experiments().items()
    }
    for raw in few.values():
        if raw["workload"]["kind"] == "producer_consumer":
            del raw["workload"]["rounds"]
    outcome = ratios.compare(simulate_all(few))
    calibrated = {one.label for one in outcome.rows if one.fitted}
    assert "limit 120 to 12, burst 300" in calibrated and "limit 120 to 12, burst 100" not in calibrated
    assert not any("think" in label or "one each" in label or "producer" in label for label in calibrated)
    asked = outcome.checks[1].found
    assert asked.endswith(f" of {sum(one.series == ratios.OF_TWO and not one.fitted for one in outcome.rows)}")


def test_what_two_targets_compare_is_simulated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def count(experiments: dict[str, object], *_rest: object) -> dict[str, object]:
        asked.append(len(experiments))
        raise InputError("counted", "")

    monkeypatch.setattr("slabdes.validation.report.simulate_all", count)
    for names in (["two_cpus"], ["two_cpus", "queue_lock", "ratios"]):
        with pytest.raises(InputError):
            validate(names)
    assert asked[1] < len(two_cpus.experiments()) + len(queue_lock.experiments()) + len(ratios.experiments())
    assert asked[1] >= len(ratios.experiments())


def test_a_fast_target_runs_from_end_to_end_and_its_calibrated_figures_come_out(tmp_path: Path) -> None:
    report = validate(["pages"])
    (one,) = report.targets
    figures = {(row.series, row.x): row for row in one.outcome.rows}
    # page_allocator_8cpu.csv: an order-0 pair is 349 cycles on one CPU, and the costs are split from it.
    assert figures["pair, 1 CPU", 0].simulated == pytest.approx(349, rel=0.03)
    assert figures["alloc, 1 CPU", 1].simulated == pytest.approx(576, rel=0.05)
    assert figures["alloc, 8 CPUs", 0].measured == 8873
    assert figures["alloc, 8 CPUs", 0].simulated > figures["alloc, 1 CPU", 0].simulated
    assert report.plain()["targets"][0]["rows"][0]["status"] == "calibrated on"
    assert report.holds, "no tolerance was stated"


def test_the_ticket_target_asks_the_engine_for_every_number_of_cpus() -> None:
    assert {f"{name}/{cpus}" for name in ticket.FRACTIONS for cpus in range(1, 49)} <= set(ticket.experiments())
    assert pages.TARGET.name in target_names()


def test_sheaves_are_calibrated_on_two_figures_and_the_other_two_are_predicted() -> None:
    # (h + 3.5) / (h + 2) = 115496906 / 97781102, with 14 and 8 cycles at 4 GHz for what the two hits differ in: h = 6.28 ns.
    assert sheaves.hit_ns() == pytest.approx(6.28, abs=0.005)
    (one,) = validate(["sheaves"]).targets
    rows = {(row.series, row.x): row for row in one.outcome.rows}
    fitted = [rows[series, 10] for series in sheaves.ALLOCATORS]
    assert all(row.fitted and abs(row.error or 0) < 0.001 for row in fitted)
    # A unit is what makes the first one come out; 151796052 of them are 25.7 ns where 115496906 are 19.6.
    predicted = rows["no sheaves", 100]
    assert predicted.measured == pytest.approx(fitted[0].simulated * 151796052 / 115496906)
    assert [row.x for row in rows.values() if row.blind] == [1, 1000] * 2
    assert one.holds
