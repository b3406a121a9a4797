# SPDX-License-Identifier: GPL-2.0-only
"""What a target of validation is, and the arithmetic of errors and tolerances.

A target says which experiments stand for a measurement and which figures are compared. Leaves out simulating and showing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from slabdes.engine.records import Records
from slabdes.units import percent
from slabdes.validation.measures import Measure
from slabdes.validation.simulate import Results


@dataclass(frozen=True)
class Row:
    """One figure, simulated, and measured where that is known.

    `series` is the line of a chart that it belongs to, `x` its place there, `label` what x is called where it is no number.
    `spread` is how far a replication is from their mean at most, as a share of it. `fitted`: costs were fitted to `measured`.
    `noise` is how far a run of the measurement is from their mean, likewise, where several are known.
    """

    series: str
    x: float
    simulated: float
    measured: float | None = None
    spread: float = 0.0
    fitted: bool = False
    label: str = ""
    noise: float = 0.0

    @property
    def blind(self) -> bool:
        """Whether this is a prediction of what nobody here has seen measured."""
        return self.measured is None

    @property
    def error(self) -> float | None:
        """Simulated beside measured, as a share: 0.1 is 10 % too much. None where nothing was measured."""
        return None if self.measured is None else self.simulated / self.measured - 1


@dataclass(frozen=True)
class Check:
    """One tolerance: what it is about, what is allowed, what was found, and whether it holds."""

    what: str
    allowed: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Outcome:
    """What a target's comparison found; `notes` say what tables do not, `told` is a line of the verdict."""

    rows: tuple[Row, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    told: str = ""


@dataclass(frozen=True)
class Target:
    """One published measurement and its simulation.

    `experiments` makes mappings as experiment files have them, by name; `compare` reads their records. `unit` is what
    figures are in, `x` what series run along. `calibrated` says which costs were fitted to which data, `fitted_on` the same
    in the few words that a table has room for, `assumed` what of the experiment no source tells.
    """

    name: str
    title: str
    source: str
    simulated: str
    calibrated: str
    fitted_on: str
    assumed: tuple[str, ...]
    unit: str
    x: str
    experiments: Callable[[], Mapping[str, Mapping[str, Any]]]
    compare: Callable[[Results], Outcome]


def row(
    records: Sequence[Records],
    measure: Measure,
    *,
    series: str,
    x: float,
    measured: float | None = None,
    scale: float = 1.0,
    fitted: bool = False,
    label: str = "",
) -> Row:
    """The mean of a measure over replications, times `scale`, beside what was measured in the same unit."""
    values = [measure(one) * scale for one in records]
    mean = fmean(values)
    spread = max(abs(value / mean - 1) for value in values) if mean else 0.0
    return Row(series, x, mean, measured, spread, fitted, label)


def absolute_errors(rows: Sequence[Row]) -> list[float]:
    """The errors of those rows that were measured, without their signs; one that cannot be told counts as infinite."""
    errors = [abs(row.error) for row in rows if row.error is not None]
    return [math.inf if math.isnan(error) else error for error in errors]


def errors_text(rows: Sequence[Row]) -> str:
    """The median and the largest error of those rows that were measured, and of how many."""
    errors = absolute_errors(rows)
    if not errors:
        return "nothing measured"
    return f"median {percent(median(errors), 1)}, worst {percent(max(errors), 1)} of {len(errors)}"


def within(what: str, rows: Sequence[Row], median_at_most: float, worst_at_most: float) -> Check:
    """Whether the errors of `rows` have at most this median and none is larger than that, as shares."""
    errors = absolute_errors(rows)
    return Check(
        what,
        f"median {percent(median_at_most)}, worst {percent(worst_at_most)}",
        errors_text(rows),
        bool(errors) and median(errors) <= median_at_most and max(errors) <= worst_at_most,
    )


def ratios_within(what: str, rows: Sequence[Row], median_at_most: float, factor: float) -> Check:
    """Whether the errors have at most this median and every figure is within a factor of what was measured, either way."""
    pairs = [(row.simulated, row.measured) for row in rows if row.measured]
    allowed = f"median {percent(median_at_most)}, all within {factor:g}x"
    if not pairs:
        return Check(what, allowed, "nothing measured", False)
    middle = median(absolute_errors(rows))
    worst = max(max(simulated / measured, measured / simulated) for simulated, measured in pairs)
    outside = sum(max(simulated / measured, measured / simulated) > factor for simulated, measured in pairs)
    found = f"median {percent(middle, 1)}, worst {worst:.2f}x, {outside} of {len(pairs)} outside"
    return Check(what, allowed, found, middle <= median_at_most and not outside)


def agree(rows: Sequence[Row], at_most: float) -> Check:
    """Whether no replication is further from the mean of all than this share of it."""
    worst = max(rows, key=lambda row: row.spread)
    found = f"{percent(worst.spread, 1)} at {worst.series}, {worst.label or f'{worst.x:g}'}"
    return Check("replications agree", f"within {percent(at_most)} of their mean", found, worst.spread <= at_most)
