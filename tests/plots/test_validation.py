# SPDX-License-Identifier: GPL-2.0-only
"""Charts of validation: every target of a report has one, which shows what was measured and what is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slabdes.errors import InputError
from slabdes.plots.validation import save_validation, validation_figure


def row(series: str, x: float, simulated: float | None, measured: float | None = None, **more: Any) -> dict[str, Any]:
    return {"series": series, "x": x, "simulated": simulated, "measured": measured, "fitted": False, "label": "", **more}


def target(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "made-up",
        "title": "Made up for $1",
        "unit": "cycles",
        "x": "size",
        "rows": list(rows),
        "checks": [{"what": "x"}],
        "holds": True,
        **more,
    }


def test_lines_of_a_family_share_a_panel_and_the_legend_has_each_once() -> None:
    rows = [row(f"{op}, {stage}", x, 10.0 * x, 11.0 * x) for op in ("alloc", "free") for stage in ("a", "b") for x in (1, 2)]
    figure = validation_figure(target(*rows))
    assert [axes.get_title() for axes in figure.axes] == ["alloc", "free"]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == ["measured, a", "measured, b", "simulated, a", "simulated, b"]


def test_a_figure_that_nobody_measured_is_a_line_without_marks() -> None:
    figure = validation_figure(target(row("alloc", 1, 5.0), row("alloc", 2, 6.0)))
    assert [line.get_label() for line in figure.axes[0].lines] == ["simulated"]


def test_what_costs_were_calibrated_on_has_filled_marks() -> None:
    figure = validation_figure(target(row("alloc", 1, 5.0, 5.0, fitted=True), row("alloc", 2, 6.0, 6.0)))
    filled = {line.get_label(): line.get_markerfacecolor() for line in figure.axes[0].lines[1:]}
    assert filled["measured"] == "white"
    assert filled["measured, calibrated on"] != "white"


def test_the_title_says_whether_tolerances_were_kept() -> None:
    rows = (row("alloc", 1, 5.0, 5.0),)
    assert "; tolerances kept" in validation_figure(target(*rows)).get_suptitle()
    assert "NOT all tolerances kept" in validation_figure(target(*rows, holds=False)).get_suptitle()
    assert "tolerances" not in validation_figure(target(*rows, checks=[])).get_suptitle()
    assert r"\$1" in validation_figure(target(*rows)).get_suptitle()


def test_places_with_names_are_labelled_and_not_joined_and_a_missing_figure_leaves_a_gap() -> None:
    rows = [row("hit", x, None if x == 1 else 5.0, 4.0, label=f"case {x}") for x in range(3)]
    (axes,) = validation_figure(target(*rows)).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["case 0", "case 1", "case 2"]
    assert axes.lines[0].get_linestyle() == "None"
    assert list(axes.lines[0].get_xdata()) == [0, 2]


def test_charts_are_files_by_target_and_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (path,) = save_validation({"targets": [target(row("alloc", 1, 5.0, 5.0))]}, tmp_path / "charts")
    assert path == tmp_path / "charts" / "made-up.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        save_validation({"targets": []}, tmp_path / "file")
    assert "\n" not in str(caught.value)
