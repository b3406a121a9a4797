# SPDX-License-Identifier: GPL-2.0-only
"""Whether a package's licence goes with GPL-2.0-only, judged by its metadata, and which packages a package cannot be without.

Leaves out what lies inside wheels, such as libraries that numpy brings along under terms of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import Message
from importlib.metadata import distribution
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

GOOD = frozenset({
    "0BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0",
    "Unlicense", "Zlib", "LGPL-2.1-only", "LGPL-2.1-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "MPL-2.0",
    "Apache-2.0 WITH LLVM-exception",
})  # fmt: skip
"""Licences by their SPDX names that may be combined with GPL-2.0-only (the FSF's list of compatible licences).

Not among them: Apache-2.0 (its patent terms are further restrictions; the LLVM exception lifts them), GPL-3.0 and LGPL-3.0.
What is not known is refused: read the licence, then add its name here.
"""
CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}
"""Older metadata names licences by classifiers."""
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


class Metadata(Protocol):
    """A package's metadata: `importlib.metadata`'s, or a message made up."""

    def get(self, name: str) -> str | None: ...
    def get_all(self, name: str) -> list[str] | None: ...


def goes_with_gpl2(expression: str) -> bool:
    """Whether an SPDX expression leaves a way to combine: every side of AND, one side of OR. ValueError if it is none."""
    tokens = _TOKEN.findall(expression)

    def either() -> bool:
        good = both()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            good = both() or good
        return good

    def both() -> bool:
        good = one()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            good = one() and good
        return good

    def one() -> bool:
        token = tokens.pop(0) if tokens else ""
        if token == "(":
            good = either()
            if not tokens or tokens.pop(0) != ")":
                raise ValueError(f"{expression!r}: a bracket is not closed")
            return good
        if not re.fullmatch(r"[A-Za-z0-9.+-]+", token) or token in ("AND", "OR", "WITH"):
            raise ValueError(f"{expression!r} is no licence expression")
        if tokens[:1] == ["WITH"] and len(tokens) > 1:
            token = f"{token} WITH {tokens.pop(1)}"
            tokens.pop(0)
        return token in GOOD

    good = either()
    if tokens:
        raise ValueError(f"{expression!r} is no licence expression")
    return good


def verdict(metadata: Metadata) -> str | None:
    """What is wrong with a package's licence; None if it goes with GPL-2.0-only."""
    if told := metadata.get("License-Expression"):
        return None if goes_with_gpl2(told) else told
    field = (metadata.get("License") or "").strip()
    found = [text.removeprefix("License :: ").removeprefix("OSI Approved :: ")
             for text in metadata.get_all("Classifier") or () if text.startswith("License :: ")]  # fmt: skip
    if found:
        names = [CLASSIFIERS.get(text, text.replace(" ", "-")) for text in found]
        # Several classifiers are a choice only where the package says so.
        choose = any if re.search(r"\bdual\b|\bor\b", field, re.IGNORECASE) else all
        return None if choose(name in GOOD for name in names) else "; ".join(found)
    try:
        good = goes_with_gpl2({"BSD": "BSD-3-Clause", "Apache 2.0": "Apache-2.0"}.get(field, field))
    except ValueError:
        good = False
    return None if good else field[:60] or "no licence is told"


Find = Callable[[str], tuple[Metadata, list[str]]]
"""A package's metadata and requirements, by its name."""


def installed(name: str) -> tuple[Metadata, list[str]]:
    """Those of a package that is installed here."""
    found = distribution(name)
    return found.metadata, found.requires or []


def closure(name: str, find: Find = installed) -> Iterator[tuple[str, Metadata]]:
    """The package and all that it cannot be without, extras apart, each once."""
    seen: set[str] = set()
    waiting = [canonicalize_name(name)]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        metadata, required = find(one)
        yield one, metadata
        for text in required:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))


def message(*fields: tuple[str, str]) -> Message:
    """Metadata with these fields."""
    made = Message()
    for name, value in fields:
        made[name] = value
    return made
