# SPDX-License-Identifier: GPL-2.0-only
"""The notebook runs from its first cell to its last, and is committed without outputs."""

from __future__ import annotations

import json
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "first_look.ipynb"
LIMIT_S = 240
"""It takes well under a minute on an idle machine; tests may share theirs."""


def test_the_notebook_is_committed_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
def test_the_notebook_runs_and_shows_tables_and_figures(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=LIMIT_S, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 5
    assert kinds.count("text/html") >= 3
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    # The kernel cuts what is printed into pieces as time goes by.
    said = "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")
    assert "limit 120 instead of 12" in said
