# SPDX-License-Identifier: GPL-2.0-only
"""Prints pip constraints: each package that pyproject.toml names, extras' too, at the lowest version that it allows.

Leaves out what those packages require in turn: pip takes the newest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path


def constraints(project: dict[str, list[str] | dict[str, list[str]]]) -> Iterator[str]:
    """The lines, for a pyproject's table [project]. ValueError for a requirement without a lower bound."""
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    for requirement in [*project["dependencies"], *(one for some in extras.values() for one in some)]:
        found = re.match(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
        if found is None:
            raise ValueError(f"{requirement!r} has no lower bound")
        yield "{}=={}".format(*found.groups())


if __name__ == "__main__":
    told = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    print("\n".join(sorted(set(constraints(told["project"])))))
