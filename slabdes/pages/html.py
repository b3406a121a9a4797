# SPDX-License-Identifier: GPL-2.0-only
"""HTML from the templates that lie here: text escaped, style and scripts within, and a policy that lets nothing else in.

Leaves out what is on a page (`report`, `explorer`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart
from slabdes.pages.patterns import patterns
from slabdes.pages.script import vega_script

if TYPE_CHECKING:
    from jinja2 import Environment

    from slabdes.pages.drawing import Drawing

MOST_ROWS: Final = 500
"""Of a chart's frame, shown as a table (assumed: what is read)."""


def rendered(template: str, style: Iterable[str], script: str, policy: str = "", **told: Any) -> str:
    """A whole page: whatever text it is told is escaped. `style` and `script` name files here; `policy` lets in more."""
    from markupsafe import Markup

    from slabdes import __version__

    css = "".join(map(own, style))
    vega = vega_script().replace("</script", "<\\/script").replace("<!--", "<\\!--")
    scripts = (vega, own("charts.js"), own(script))
    return (
        _environment()
        .get_template(template)
        .render(
            **told,
            policy=f"{_policy((css,), scripts)}{policy}",
            version=__version__,
            css=Markup(css),
            patterns=patterns(),
            scripts=[Markup(text) for text in scripts],
        )
    )


def figure(chart: Chart, drawing: Drawing) -> str:
    """A chart's place on a page, with its controls."""
    module: Any = _environment().get_template("figure.html").module
    return str(module.drawn(figure_of(chart, drawing)))


def figure_of(chart: Chart, drawing: Drawing) -> dict[str, Any]:
    """What the template of a figure is told."""
    return vars(drawing) | {"name": chart.name, "title": chart.title, "reading": chart.reading}


def drawn(chart: Chart, drawing: Drawing) -> dict[str, Any]:
    """What the page's script draws a chart from, as JSON."""
    from slabdes.pages.table import columns

    told = {"title": chart.title, "spec": drawing.spec, "zooms": drawing.zooms}
    return told | {"table": columns(chart.frame)}


def settings() -> Mapping[str, Any]:
    """What all drawings of a page share, likewise."""
    from slabdes.pages.drawing import CONFIG, EVERY

    return {"config": dict(CONFIG), "most_rows": MOST_ROWS, "every": EVERY}


def own(name: str) -> str:
    """A file that lies here."""
    return files("slabdes.pages").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader

    return Environment(autoescape=True, trim_blocks=True, loader=FunctionLoader(own))


def _policy(styles: Iterable[str], scripts: Iterable[str]) -> str:
    """A content security policy: nothing but these, and nothing from anywhere."""
    allowed = {"script-src": scripts, "style-src": styles}
    told = [f"{name} {' '.join(map(_hash, texts))}" for name, texts in allowed.items()]
    return "; ".join(["default-src 'none'", *told, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
