# SPDX-License-Identifier: GPL-2.0-only
"""Finds a few of a machine's costs from measured figures: least squares over the simulator itself.

What is squared are the logarithms of simulated over measured: relative errors, where small, and alike in both directions.
Random streams are the same at every try, so that tries differ by costs alone. Leaves out which costs are worth freeing:
the table says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from slabdes.errors import InputError
from slabdes.files import check_place, is_there, write_new
from slabdes.machine.costs import RATIOS, value_of
from slabdes.machine.toml_file import Calibration, to_toml
from slabdes.stats.intervals import CONFIDENCE, t_quantile
from slabdes.units import percent
from slabdes.validation.fit_table import Case, FitTable
from slabdes.validation.measures import MEASURES
from slabdes.validation.simulate import Progress, simulate_all

STEP: Final = 0.05
"""Relative step of the numerical derivative: large beside the noise that changed costs leave, small beside curvature (tried)."""
NEARER: Final = (0.04, 0.02, 0.01)
"""Relative steps of the search by single numbers that follows: figures may jump, where a derivative sees nothing."""
MOST_TRIES: Final = 12
"""Steps of least squares; each simulates every row once, and once more for each free number (tried: five usually do)."""
FURTHEST: Final = 20.0
"""How many times larger or smaller than it was a cost may become."""
POOR_MEDIAN: Final = 0.15
POOR_WORST: Final = 0.5
POOR_INTERVAL: Final = 3.0
"""A fit is called poor if its errors exceed these, or if an interval's ends are further apart than this factor (assumed)."""
_NO_END: Final = 100.0
"""Of a logarithm's deviation: a factor of e^100 is no end of an interval."""


@dataclass(frozen=True)
class Figure:
    """One measured figure of the table, and what the fitted machine gives; ns."""

    case: str
    measure: str
    measured: float
    simulated: float

    @property
    def error(self) -> float:
        """Simulated beside measured, as a share."""
        return self.simulated / self.measured - 1


@dataclass(frozen=True)
class Free:
    """One free number: its costs, what they were, what they are now with the ends of the interval; ns or a ratio."""

    names: tuple[str, ...]
    before: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Fit:
    """What was found. `poor` says in so many words why one should not trust it; empty if nothing speaks against it."""

    table: str
    data: str
    machine: str
    free: tuple[Free, ...]
    figures: tuple[Figure, ...]
    confidence: float
    tries: int
    poor: tuple[str, ...]

    @property
    def costs(self) -> dict[str, float]:
        """Every fitted cost by name, as machine files give it."""
        return {name: value for free in self.free for name, value in zip(free.names, free.values, strict=True)}

    def errors(self) -> list[float]:
        """The figures' errors without their signs."""
        return [abs(figure.error) for figure in self.figures]


def fit_table(table: FitTable, jobs: int = 1, progress: Progress | None = None) -> Fit:
    """Fit the table's free numbers. Raises InputError if one begins at zero, where it has no factor."""
    import numpy as np
    from scipy.optimize import least_squares

    costs = table.machine.build().costs
    before = [tuple(value_of(costs, name) for name in group) for group in table.free]
    for group, values in zip(table.free, before, strict=True):
        if not all(values):
            raise InputError(f"{table.name}: free", f"{'+'.join(group)} is 0 on {table.machine.name}", allowed="costs above 0")
    measured = [value for case in table.cases for value in case.measured.values()]
    tried = 0

    def simulated(factors: Sequence[float]) -> list[float]:
        nonlocal tried
        tried += 1
        if progress is not None:
            progress("fitting", tried, MOST_TRIES * (len(table.free) + 1) + 2 * len(NEARER) * len(table.free))
        return _simulate(table, _scaled(table, before, factors), jobs)

    def residuals(logs: Any) -> Any:
        return np.log(np.array(simulated([math.exp(value) for value in logs])) / measured)

    bounds = _bounds(table, before)
    # diff_step is relative to x, which is a logarithm: x is shifted by 1 so that the step is absolute near the start.
    found = least_squares(
        lambda x: residuals(x - 1.0),
        np.ones(len(before)),
        diff_step=STEP,
        max_nfev=MOST_TRIES,
        bounds=([low + 1.0 for low, _high in bounds], [high + 1.0 for _low, high in bounds]),
    )
    logs = _search_nearby(residuals, found.x - 1.0, found.fun, bounds)
    halves = _half_widths(found.jac, residuals(logs))
    freed = tuple(
        Free(
            group,
            values,
            tuple(value * math.exp(log) for value in values),
            tuple(value * math.exp(log - half) for value in values),
            tuple(value * math.exp(log + half) for value in values),
        )
        for group, values, log, half in zip(table.free, before, logs, halves, strict=True)
    )
    now = simulated([math.exp(value) for value in logs])
    figures = tuple(
        Figure(case.name, name, value, given)
        for (case, name, value), given in zip(
            ((case, name, value) for case in table.cases for name, value in case.measured.items()), now, strict=True
        )
    )
    fitted = Fit(table.name, table.data, table.machine.name, freed, figures, CONFIDENCE, tried, ())
    return replace(fitted, poor=_why_poor(fitted, logs, bounds))


def _search_nearby(residuals: Callable[[Any], Any], start: Any, there: Any, bounds: Sequence[tuple[float, float]]) -> Any:
    """The best place that steps of NEARER, one number at a time and both ways, lead to from `start`; logarithms of factors."""
    best, least = start.copy(), float(there @ there)
    for step in NEARER:
        for number, (low, high) in enumerate(bounds):
            for way in (-step, step):
                place = best.copy()
                place[number] = min(max(place[number] + way, low), high)
                found = residuals(place)
                if (squares := float(found @ found)) < least:
                    best, least = place, squares
    return best


def _scaled(table: FitTable, before: Sequence[Sequence[float]], factors: Sequence[float]) -> dict[str, float]:
    return {
        name: value * factor
        for group, values, factor in zip(table.free, before, factors, strict=True)
        for name, value in zip(group, values, strict=True)
    }


def _bounds(table: FitTable, before: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Logarithms of the least and the greatest factor of each free number; ratios stay within what a file may give."""
    bounds = []
    for group, values in zip(table.free, before, strict=True):
        low, high = 1 / FURTHEST, FURTHEST
        for name, value in zip(group, values, strict=True):
            if name in RATIOS:
                low, high = max(low, RATIOS[name][0] / value), min(high, RATIOS[name][1] / value)
        bounds.append((math.log(low) - 1e-6, math.log(high) + 1e-6 if high > 1 else 1e-6))
    return bounds


def _simulate(table: FitTable, costs: Mapping[str, float], jobs: int) -> list[float]:
    """Every figure of the table, in order, on its machine with these costs; ns."""
    experiments = {}
    for number, case in enumerate(table.cases):
        machine = case.experiment["machine"]
        experiments[str(number)] = {
            **case.experiment,
            "machine": {**machine, "costs": {**machine.get("costs", {}), **costs}},
        }
    results = simulate_all(experiments, jobs)
    return [
        _figure(table, case, name, fmean(MEASURES[name](one) for one in results[str(number)]))
        for number, case in enumerate(table.cases)
        for name in case.measured
    ]


def _figure(table: FitTable, case: Case, name: str, simulated: float) -> float:
    if not 0 < simulated < math.inf:
        where = f"{table.name}: {case.name}: {name}"
        raise InputError(where, "takes no time in this experiment, or never happens", allowed=", ".join(MEASURES))
    return simulated


def _half_widths(jacobian: Any, residuals: Any) -> list[float]:
    """Half widths of the intervals of the logarithms, from the linearised model; infinite where nothing determines one."""
    import numpy as np

    figures, numbers = jacobian.shape
    freedom = figures - numbers
    variance = float(residuals @ residuals) / freedom
    normal = jacobian.T @ jacobian
    if np.linalg.matrix_rank(normal) < numbers:
        return [math.inf] * numbers
    spread = np.sqrt(np.diag(np.linalg.inv(normal)) * variance)
    quantile = t_quantile((1 + CONFIDENCE) / 2, freedom)
    return [float(quantile * value) if value < _NO_END else math.inf for value in spread]


def _why_poor(fit: Fit, logs: Sequence[float], bounds: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    errors = fit.errors()
    reasons = []
    if median(errors) > POOR_MEDIAN:
        reasons.append(
            f"half of the figures are off by more than {percent(median(errors))} (more than {percent(POOR_MEDIAN)} is poor)"
        )
    if max(errors) > POOR_WORST:
        worst = max(fit.figures, key=lambda figure: abs(figure.error))
        off = f"{percent(worst.error, signed=True)} (more than {percent(POOR_WORST)} is poor)"
        reasons.append(f"{worst.measure} at {worst.case} is off by {off}")
    for free, log, (low, high) in zip(fit.free, logs, bounds, strict=True):
        name = "+".join(free.names)
        if free.high[0] > POOR_INTERVAL * free.low[0]:
            reasons.append(f"{name} is hardly determined: its interval is {free.low[0]:.3g} to {free.high[0]:.3g}")
        if min(log - low, high - log) < STEP / 10:
            reasons.append(f"{name} went as far as it may, to {free.values[0]:.3g}")
    return tuple(reasons)


def fitted_machine(table: FitTable, fit: Fit, command: str) -> str:
    """The machine with its fitted costs as TOML: every figure written out, the data and the command recorded in it."""
    sources = {}
    for free in fit.free:
        for name, low, high in zip(free.names, free.low, free.high, strict=True):
            sources[name] = (
                f"calibrated on {fit.table} by `{command}`; {percent(fit.confidence)} interval {low:.4g} to {high:.4g}"
                + (f"; one factor for {'+'.join(free.names)}" if len(free.names) > 1 else "")
                + ("; the fit is poor" if fit.poor else "")
            )
    description = table.machine.with_costs(fit.costs)
    description = replace(description, cost_sources={**description.cost_sources, **sources})
    errors = fit.errors()
    calibration = Calibration(
        command=command,
        data=fit.data,
        free=tuple("+".join(free.names) for free in fit.free),
        median_error=round(median(errors), 4),
        worst_error=round(max(errors), 4),
        poor=fit.poor,
        measured_ns=tuple((figure.case, figure.measure, round(figure.measured, 3)) for figure in fit.figures),
    )
    return to_toml(description.build(), calibration)


def check_new(path: Path) -> Path:
    """The path of a machine file to write. Raises InputError if it is there already, or is no .toml."""
    if path.suffix != ".toml":
        raise InputError(str(path), f"a machine named *{path.suffix}", allowed="a name that ends in .toml")
    if is_there(path):
        raise InputError(str(path), "is there already", allowed="a new file")
    check_place(path, allowed="a new file")
    return path


def write_fitted(path: Path, text: str) -> Path:
    """Write a machine file, a new one. Raises InputError if it is there or cannot be written."""
    write_new(check_new(path), text)
    return path
