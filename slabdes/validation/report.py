# SPDX-License-Identifier: GPL-2.0-only
"""Runs targets of validation and tells what came out: as plain values for programs, as tables for people.

Leaves out drawing: charts are made from the plain values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from slabdes.config import TimingRule
from slabdes.errors import InputError, nearest
from slabdes.printable import json_text
from slabdes.results.text import NOTHING, WIDTH, Sheet, share_text
from slabdes.units import percent
from slabdes.validation.simulate import Progress, simulate_all
from slabdes.validation.target import Check, Outcome, Row, Target
from slabdes.validation.targets import TARGETS

REPORT: Final = "report.json"
MOST_VERDICT: Final = 10
"""Lines of the verdict."""
BLIND: Final = "blind"
FITTED: Final = "calibrated on"
PREDICTED: Final = "predicted"


@dataclass(frozen=True)
class TargetReport:
    """One target and what its comparison found."""

    target: Target
    outcome: Outcome

    @property
    def holds(self) -> bool:
        """Whether every stated tolerance is kept."""
        return all(check.holds for check in self.outcome.checks)


@dataclass(frozen=True)
class Report:
    """What `validate` found; `left_out` are rules that were left out of every experiment."""

    targets: tuple[TargetReport, ...]
    left_out: tuple[TimingRule, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every target keeps its tolerances."""
        return all(report.holds for report in self.targets)

    def plain(self) -> dict[str, Any]:
        """Everything as JSON values; figures that are no number become None."""
        return {
            "holds": self.holds,
            "left_out": [rule.value for rule in self.left_out],
            "targets": [_plain_target(report) for report in self.targets],
        }


def target_names() -> tuple[str, ...]:
    """Names of all targets, in the order in which they are told."""
    return tuple(target.name for target in TARGETS)


def chosen(names: Sequence[str]) -> tuple[Target, ...]:
    """The targets of those names, all if there are none. Raises InputError for one that is not there."""
    known = target_names()
    for name in names:
        if name not in known:
            raise InputError(f"target {name!r}", f"there is none{nearest(name, known)}", allowed=", ".join(known))
    return tuple(target for target in TARGETS if not names or target.name in names)


def rule_of(name: str) -> TimingRule:
    """The rule of the clock of that name. Raises InputError if there is none that can be left out."""
    known = [rule.value for rule in TimingRule]
    if name not in known:
        raise InputError(f"--without {name}", f"no rule that can be left out{nearest(name, known)}", allowed=", ".join(known))
    return TimingRule(name)


def validate(
    names: Sequence[str] = (), *, left_out: Sequence[TimingRule] = (), jobs: int = 1, progress: Progress | None = None
) -> Report:
    """Simulate and compare the targets of those names, or all, without the rules `left_out`; `jobs` processes share the work.

    Raises InputError for a target that is not there.
    """
    targets = chosen(names)
    experiments: dict[str, Mapping[str, Any]] = {}
    named: dict[str, str] = {}
    keys: dict[str, dict[str, str]] = {}
    for target in targets:
        for name, raw in target.experiments().items():
            # What several targets compare is simulated once.
            key = named.setdefault(json_text(raw), f"{target.name}: {name}")
            experiments[key] = raw
            keys.setdefault(target.name, {})[name] = key
    results = simulate_all(experiments, jobs, progress, left_out)
    reports = []
    for target in targets:
        own = {name: results[key] for name, key in keys[target.name].items()}
        reports.append(TargetReport(target, target.compare(own)))
    return Report(tuple(reports), tuple(left_out))


def _plain_target(report: TargetReport) -> dict[str, Any]:
    target = report.target
    told = ("name", "title", "source", "simulated", "calibrated", "fitted_on", "assumed", "unit", "x")
    return {
        **{name: getattr(target, name) for name in told},
        "holds": report.holds,
        "rows": [_plain_row(row) for row in report.outcome.rows],
        "checks": [asdict(check) for check in report.outcome.checks],
        "notes": list(report.outcome.notes),
    }


def _plain_row(row: Row) -> dict[str, Any]:
    plain = asdict(row) | {"error": row.error, "status": status(row)}
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in plain.items()}


def status(row: Row) -> str:
    """What a row is worth: a figure that costs were calibrated on, a prediction, or a blind one."""
    if row.blind:
        return BLIND
    return FITTED if row.fitted else PREDICTED


def lines(report: TargetReport) -> tuple[str, ...]:
    """What stands above a target's tables."""
    target = report.target
    return (
        f"{target.name}: {target.title} ({target.unit})",
        f"measured: {target.source}",
        f"simulated: {target.simulated}",
        f"calibrated: {target.calibrated}",
        *(f"assumed: {text}" for text in target.assumed),
        *(f"note: {text}" for text in report.outcome.notes),
    )


def verdict(report: Report) -> list[str]:
    """The last word, of MOST_VERDICT lines at most: which targets miss what, which hold, and what nobody has checked."""
    checked = _checked(report)
    missed = [one for one in checked if not one.holds]
    first = f"verdict: {held_text(report)}"
    details = [
        f"MISSES: {one.target.name}: {check.what}: {check.found}; allowed: {check.allowed}"
        for one in missed
        for check in one.outcome.checks
        if not check.holds
    ]
    rest = list(_rest(report, checked))
    told = _wrapped([first, *details, *rest])
    if len(told) <= MOST_VERDICT:
        return told
    # Every target by name comes before what it misses.
    return _wrapped([first, f"MISSES: {', '.join(one.target.name for one in missed)}", *rest])[:MOST_VERDICT]


def _checked(report: Report) -> list[TargetReport]:
    return [one for one in report.targets if one.outcome.checks]


def held_text(report: Report) -> str:
    """How many targets hold, of those that allow something."""
    checked = _checked(report)
    return f"{sum(one.holds for one in checked)} of {len(checked)} target{'s' * (len(checked) != 1)} with tolerances hold"


def told_texts(report: Report) -> tuple[str, ...]:
    """What targets themselves say in the verdict."""
    return tuple(one.outcome.told for one in report.targets if one.outcome.told)


def counted_texts(report: Report) -> tuple[str, ...]:
    """How many figures there are of each kind, and the rules that were left out, if any."""
    statuses = [status(row) for one in report.targets for row in one.outcome.rows]
    predicted, fitted, blind = (statuses.count(kind) for kind in (PREDICTED, FITTED, BLIND))
    figures = f"figures: {predicted} predicted, {fitted} that costs were calibrated on, {blind} blind"
    return (figures, f"without: {', '.join(rule.value for rule in report.left_out)}") if report.left_out else (figures,)


def _rest(report: Report, checked: Sequence[TargetReport]) -> Iterator[str]:
    yield from told_texts(report)
    held = [one.target.name for one in checked if one.holds]
    if held:
        yield f"holds: {', '.join(held)}"
    unchecked = [one.target.name for one in report.targets if not one.outcome.checks]
    if unchecked:
        yield f"no tolerance is stated: {', '.join(unchecked)}"
    yield from counted_texts(report)


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in wrap(line, WIDTH, subsequent_indent="  ")]


def sheets(report: TargetReport) -> tuple[Sheet, ...]:
    """A target's figures, a row each, and its tolerances."""
    target, outcome = report.target, report.outcome
    heads = ("series", target.x, "measured", "simulated", "error", "replications", "")
    figures = Sheet(f"{target.name}: {target.unit}", heads, 2, tuple(_cells(row) for row in outcome.rows))
    if not outcome.checks:
        return (figures,)
    return figures, Sheet(
        f"{target.name}: tolerances", ("", "allowed", "found", "holds"), 3, tuple(_check_cells(check) for check in outcome.checks)
    )


def brief_sheet(report: Report) -> Sheet:
    """Every tolerance of every target, and what was found: how large the errors are, in one table."""
    rows = tuple((one.target.name, *_check_cells(check)) for one in report.targets for check in one.outcome.checks)
    return Sheet("errors", ("target", "", "allowed", "found", "holds"), 2, rows)


def _cells(row: Row) -> tuple[str, ...]:
    error = NOTHING if row.error is None or math.isnan(row.error) else percent(row.error, 1, signed=True)
    spread = f"+-{share_text(row.spread)}" if row.spread else NOTHING
    measured = NOTHING if row.measured is None else _digits(row.measured)
    return row.series, row.label or f"{row.x:g}", measured, _digits(row.simulated), error, spread, status(row)


def _digits(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _check_cells(check: Check) -> tuple[str, ...]:
    return check.what, check.allowed, check.found, "yes" if check.holds else "NO"


def save_report(plain: Mapping[str, Any], folder: Path, draw: Callable[[Mapping[str, Any], Path], object]) -> None:
    """Write `report.json` and what `draw` adds into `folder`, which is there. OSError is left to the caller."""
    (folder / REPORT).write_text(json_text(plain, indent=1) + "\n", encoding="utf-8")
    draw(plain, folder)
