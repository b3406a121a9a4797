# SPDX-License-Identifier: GPL-2.0-only
"""Writes a timeline's file: whole under its name or not at all, a part at a time. Leaves out the formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slabdes.files import new_file
from slabdes.timeline.chrome import chrome_json
from slabdes.timeline.spans import Timeline


def write_timeline(path: Path, runs: Sequence[Timeline], told: Mapping[str, Any]) -> None:
    """Write the timelines of one run or more to the new file `path`. Raises InputError if that cannot be."""
    with new_file(path) as file:
        for part in chrome_json(runs, told):
            file.write(part.encode("utf-8"))
