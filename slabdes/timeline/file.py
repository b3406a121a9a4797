# SPDX-License-Identifier: GPL-2.0-only
"""Writes a timeline's file: whole under its name or not at all, a part at a time. Leaves out the formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slabdes.errors import InputError
from slabdes.files import check_place, is_there, new_file
from slabdes.timeline.chrome import chrome_json
from slabdes.timeline.perfetto import perfetto_trace
from slabdes.timeline.spans import Timeline

JSON: Final = ".json"
PERFETTO: Final = (".pftrace", ".perfetto-trace")
"""How names of Perfetto's own files end."""


def check_target(path: Path) -> None:
    """Raise InputError unless a timeline can be written at `path`, before anything is run."""
    if path.suffix not in (JSON, *PERFETTO):
        raise InputError(str(path), "no format that a timeline has", allowed=f"a name that ends in {JSON} or {PERFETTO[0]}")
    if is_there(path):
        raise InputError(str(path), "is there already", allowed="a new file")
    check_place(path, "a new file")


def write_timeline(path: Path, runs: Sequence[Timeline], told: Mapping[str, Any]) -> None:
    """Write the timelines of one run or more to the new file `path`, as its name says. Raises InputError if that cannot be."""
    with new_file(path) as file:
        if path.suffix in PERFETTO:
            file.writelines(perfetto_trace(runs))
        else:
            file.writelines(part.encode("utf-8") for part in chrome_json(runs, told))
