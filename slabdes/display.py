# SPDX-License-Identifier: GPL-2.0-only
"""How what users hold shows itself in a notebook: what it says, the chart that shows it, and tables to open; every text escaped.

Leaves out words and charts: `answers` and `plots` have them.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Display:
    """What a notebook shows: sentences, a chart with what stands for it in words, and HTML beneath.

    The chart is drawn when it is asked for; None is no chart. `beneath` is escaped already, and folded up under its heading.
    """

    sentences: Sequence[str]
    figure: Callable[[], Any] | None = None
    alternative: str = ""
    beneath: str = ""
    heading: str = "tables"

    def html(self) -> str:
        """All of it as HTML in which every text is escaped."""
        parts = [f"<p>{escape(' '.join(self.sentences))}</p>"]
        if (picture := self.figure and self.figure()) is not None:
            data = base64.b64encode(picture._repr_png_()).decode()
            parts.append(f'<img alt="{escape(self.alternative)}" style="max-width:100%" src="data:image/png;base64,{data}">')
        if self.beneath:
            parts.append(f"<details><summary>{escape(self.heading)}</summary>{self.beneath}</details>")
        return "\n".join(parts)


class Shows(ABC):
    """What shows itself in a notebook as its `display` says, and in a console without pictures by its sentences."""

    @abstractmethod
    def display(self) -> Display:
        """What is shown."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter asks for."""
        told = self.display()
        return {"text/plain": "\n".join(told.sentences), "text/html": told.html()}
