# SPDX-License-Identifier: GPL-2.0-only
"""How large the errors were, as a Markdown table of a row a target, for documents to hold.

Leaves out single figures, and why something is off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from slabdes.validation.report import FITTED, PREDICTED, Report, TargetReport, counted_texts, held_text, status, told_texts
from slabdes.validation.target import Check, errors_text

HEADS: Final = ("measured", "calibrated on", "found")
MISSES: Final = "**misses**"
NO_TOLERANCE: Final = "no tolerance stated"
_SPECIAL: Final = re.compile(r"[\\`*\[\]<|~]")
"""What would end a cell, or begin something other than text within one."""


def table_text(report: Report) -> str:
    """The table, and beneath it what the verdict says of all targets together, in one sentence."""
    lines = [_line(HEADS), _line("---" for _head in HEADS), *(_row(one) for one in report.targets)]
    told = "; ".join((held_text(report), *told_texts(report), *counted_texts(report)))
    return "\n".join((*lines, "", f"{_escaped(told)}."))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(report: TargetReport) -> str:
    return _line((_escaped(report.target.title), _escaped(report.target.fitted_on), _found(report)))


def _found(report: TargetReport) -> str:
    """The first check, each other that is missed, and how many others hold; errors by kind of figure where nothing is checked."""
    if not report.outcome.checks:
        kinds = {kind: [row for row in report.outcome.rows if status(row) == kind] for kind in (PREDICTED, FITTED)}
        return "; ".join((*(f"{kind}: {errors_text(rows)}" for kind, rows in kinds.items() if rows), NO_TOLERANCE))
    first, *others = report.outcome.checks
    parts = [_told(check) for check in (first, *(check for check in others if not check.holds))]
    if held := sum(check.holds for check in others):
        parts.append(f"{held} further check{'s hold' if held > 1 else ' holds'}")
    return "; ".join(parts)


def _told(check: Check) -> str:
    text = f"{_escaped(check.what)}: {_escaped(check.found)} (allowed: {_escaped(check.allowed)})"
    return text if check.holds else f"{text} {MISSES}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))
