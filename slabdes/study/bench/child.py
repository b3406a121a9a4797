# SPDX-License-Identifier: GPL-2.0-only
"""What a process of its own does for the bench: one measurement, told as JSON. Leaves out which measurements are made."""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Do what the two arguments say: which measurement, and its parameters as JSON."""
    what, given = sys.argv[1], json.loads(sys.argv[2])
    sys.stdout.write(json.dumps(_CHILDREN[what](**given)))


def _growth(**given: Any) -> dict[str, Any]:
    from slabdes.study.bench.growth import grow

    return grow(**given)


def _start(**given: Any) -> dict[str, Any]:
    from slabdes.study.bench.start import first_run

    return first_run(**given)


_CHILDREN = {"growth": _growth, "start": _start}
