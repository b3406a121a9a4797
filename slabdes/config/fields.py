# SPDX-License-Identifier: GPL-2.0-only
"""What the models of an experiment are made from: limits, and kinds of values that several of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict

from slabdes.units import LEAST, told_from_nothing

MAX_CPUS = 1024
"""The packed event key (time, CPU) has room for this many (DESIGN, "Exactness")."""
MAX_OBJECT_SIZE = 1 << 22
"""KMALLOC_MAX_SIZE with MAX_ORDER 11 and 4 KiB pages: orders 0 to 10."""
MAX_CACHES: Final = 1024
"""Caches of one experiment: one for each CPU (`own_caches`)."""
MAX_POINTS: Final = 10_000
"""Points of one sweep (assumed; each is validated before the first runs)."""
MAX_TASKS: Final = 100_000
"""Points times replications of one study (assumed)."""
SHOWN: Final = 60
"""Characters of a refused value that an error shows (assumed)."""


class Frozen(BaseModel):
    """Base of every part of an experiment: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text[:SHOWN]!r} has a line break or a control character; allowed: printable characters")
    return text


def _told_from_nothing(value: float) -> float:
    if not told_from_nothing(value):
        raise ValueError(f"{value:g} is less than {LEAST:g}, the least that is told from 0; allowed: 0, or {LEAST:g} and more")
    return value


def _file_name(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError(f"{str(path)[:SHOWN]!r} has a NUL character; allowed: a file's name")
    return path


def sorted_set(value: Any) -> Any:
    """A list without repetitions, in the order of the alphabet, so that what is written of it never varies."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        return value
    # What is no text is left for the enum to refuse.
    return tuple(sorted(set(value))) if all(isinstance(entry, str) for entry in value) else tuple(value)


# Numbers and truth values are taken as they stand: "3" and true are no numbers, and 1 is not true.
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
COUNTED = AfterValidator(_told_from_nothing)
"""Stands after the range of nanoseconds, or of a ratio of times: a picosecond, or a thousandth, is the least that is not 0."""
Truth = Annotated[bool, Strict()]
Name = Annotated[str, AfterValidator(_printable)]
FileName = Annotated[Path, AfterValidator(_file_name)]
