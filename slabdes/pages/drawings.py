# SPDX-License-Identifier: GPL-2.0-only
"""Which drawing belongs to which chart. Leaves out both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from slabdes.charts.chart import Chart
from slabdes.pages import curves, locks, logs, questions, structure, sweeps
from slabdes.pages.drawing import Drawing

DRAWINGS: Final[Mapping[str, Callable[[Chart], Drawing]]] = {
    **curves.DRAWINGS,
    **sweeps.DRAWINGS,
    **locks.DRAWINGS,
    **structure.DRAWINGS,
    **logs.DRAWINGS,
    **questions.DRAWINGS,
}
"""By the chart's name."""
