# SPDX-License-Identifier: GPL-2.0-only
"""The live page before anything has been run: its controls, and places for what comes. Leaves out what comes (`html.figure`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final, Protocol

from slabdes.answers.left_out import LEFT_OUT
from slabdes.errors import MAX_LINE, shown
from slabdes.pages.html import rendered, settings

_CONNECTS: Final = "; connect-src 'self'"
_GROUPS: Final = {
    "machine": "Machine", "allocator": "Kernel", "switches": "Kernel", "lock": "Kernel", "cache": "Cache", "workload": "Workload",
    "replications": "How often",
}  # fmt: skip
"""Headings of controls, by how their keys begin."""


class Control(Protocol):
    """What a page knows of a control: its key, and whatever its other fields say, which all go to the page."""

    key: str


def explorer_page(name: str, source: str, controls: Sequence[Any], cpus: Mapping[str, int]) -> str:
    """The page of an experiment's controls; `cpus` is how many each machine has. All text is escaped."""
    told = [asdict(control) | {"id": f"control-{number}"} for number, control in enumerate(controls)]
    groups = [
        (_heading(title, list(mine)), list(mine))
        for title, mine in (
            (title, list(some)) for title, some in groupby(told, lambda one: _GROUPS[one["key"].partition(".")[0]])
        )
    ]
    data = {"controls": told, "cpus": dict(cpus), **settings()}
    title, about = shown(name, MAX_LINE), shown(source, MAX_LINE)
    style = ["page.css", "explorer.css"]
    return rendered(
        "explorer.html", style, "explorer.js", _CONNECTS, title=title, about=about, groups=groups, data=data, left_out=LEFT_OUT
    )


def _heading(title: str, controls: Sequence[Mapping[str, Any]]) -> str:
    """With the cache's name, where the keys have it."""
    named = controls[0]["key"].split(".")[1] if title == "Cache" else ""
    return title if not named or named.isdecimal() else f"{title} {named}"
