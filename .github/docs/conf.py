# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx: the API from docstrings, beside the documents that lie where they are read. Built, never committed.

From the folder of README.md: .venv/bin/pip install -e '.[docs]' && .venv/bin/sphinx-build -W .github/docs OUT
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

import slabdes

ROOT = Path(__file__).parents[2]
FROM = {
    "guide": "slabdes/GUIDE.md",
    "trust": "slabdes/TRUST.md",
    "design": "slabdes/DESIGN.md",
    "semantics": "slabdes/SEMANTICS.md",
    "glossary": "slabdes/GLOSSARY.md",
    "experiments": "experiments/README.md",
    "changes": ".github/CHANGELOG.md",
    "contributing": ".github/CONTRIBUTING.md",
}
"""Pages that are files of the repository."""

project = "slabdes"
author = "the developers of slabdes"
copyright = f"{author}, GPL-2.0-only"
version = release = slabdes.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode", "myst_parser"]
html_theme = "furo"
html_title = "slabdes"
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True, "inherited-members": "BaseModel,tuple,Exception,IntEnum"}
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]
"""Links between documents are those of the repository."""


def _page(_app: Sphinx, name: str, source: list[str]) -> None:
    """Fill a page that is a file of the repository; pictures beside that file are found."""
    if name in FROM:
        path = ROOT / FROM[name]
        beside = path.parent.relative_to(ROOT)
        source[0] = re.sub(r"(!\[[^\]]*\]\()(?!https?:|/)", rf"\1../../{beside}/", path.read_text(encoding="utf-8"))


def _plain(_app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Docstrings are plain text: a star is a star, and code in backticks is code."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+)", line)
        parts[::2] = [re.sub(r"([*|\\_])", r"\\\1", part) for part in parts[::2]]
        parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
        lines[number] = "".join(parts)


def setup(app: Sphinx) -> None:
    """Sphinx calls this when it begins."""
    app.connect("source-read", _page)
    app.connect("autodoc-process-docstring", _plain)
