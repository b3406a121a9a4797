# SPDX-License-Identifier: GPL-2.0-only
"""The notebooks run from their first cells to their last, say nothing but what they mean to, and are committed without outputs.

What their text concludes they assert themselves.
"""

from __future__ import annotations

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
CHARTS = {
    "first_look": 6,
    "anatomy_of_a_refill": 0,
    "sheaves_and_barns": 3,
    "ticket_collapse": 3,
    "patch_review": 2,
    "real_trace": 3,
    "tuning": 2,
    "live_controls": 1,
}
"""Charts that each shows, alone or as what a run or a machine shows of itself."""
LIMIT_S = 240
"""Of a cell: each takes seconds on an idle machine; tests may share theirs."""


def source(name: str) -> dict[str, list[dict[str, object]]]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(CHARTS)


@pytest.mark.parametrize("name", CHARTS)
def test_a_notebook_is_committed_without_outputs_and_checks_what_it_says(name: str) -> None:
    cells = source(name)["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
    assert any(line.startswith("assert ") for cell in cells for line in cell["source"])  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("name", CHARTS)
def test_a_notebook_runs_and_shows_tables_and_charts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLABDES_PROGRESS", "off")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=LIMIT_S, resources={"metadata": {"path": str(FOLDER)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output["data"] for output in outputs if "data" in output]
    pictures = sum("image/png" in data or "data:image/png" in data.get("text/html", "") for data in shown)
    assert pictures == CHARTS[name]
