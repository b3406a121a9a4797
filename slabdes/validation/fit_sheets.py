# SPDX-License-Identifier: GPL-2.0-only
"""A fit as tables: each free number with its interval, each figure with the error that is left.

Leaves out finding them.
"""

from __future__ import annotations

from slabdes.results.text import Sheet
from slabdes.units import percent
from slabdes.validation.fit import Fit


def fit_sheets(fit: Fit) -> tuple[Sheet, ...]:
    """The free numbers, and the figures; ns, but for ratios."""
    costs = tuple(
        (name, f"{before:.4g}", f"{value:.4g}", f"{low:.4g} to {high:.4g}")
        for free in fit.free
        for name, before, value, low, high in zip(free.names, free.before, free.values, free.low, free.high, strict=True)
    )
    figures = tuple(
        (
            figure.case,
            figure.measure,
            f"{figure.measured:.4g}",
            f"{figure.simulated:.4g}",
            percent(figure.error, 1, signed=True),
        )
        for figure in fit.figures
    )
    return (
        Sheet(f"{fit.machine}: costs", ("cost", "before", "fitted", f"{percent(fit.confidence)} interval"), 1, costs),
        Sheet(f"{fit.table}: ns", ("case", "measure", "measured", "fitted", "error"), 2, figures),
    )
