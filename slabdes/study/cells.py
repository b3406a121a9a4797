# SPDX-License-Identifier: GPL-2.0-only
"""What a cell is known by: the experiment of its point, what that reads, its replication, and slabdes; not which engine runs it.

Leaves out where cells are kept (`results/cells`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from slabdes.config.models import OF_STUDY
from slabdes.engine.records import Records
from slabdes.errors import InputError, shown
from slabdes.files import is_folder, is_there
from slabdes.folders import cache_base
from slabdes.results.cells import Cells
from slabdes.study.inputs import Inputs
from slabdes.study.plan import PlannedPoint

SWITCH: Final = "SLABDES_CELLS"
"""Environment variable: the folder of cells, or `off`."""
OFF: Final = "off"
_NOT_OF_A_CELL: Final = frozenset({"name", "replications", *OF_STUDY, "engine", "log", "sweep", "zip"})
"""Keys of an experiment that no replication depends on: engines give the same records, and a log is beside them."""


def kept_in(asked: Path | str | None) -> Path | None:
    """The folder of cells: as asked for, else as the environment says; None for `off`, and where neither says anything.

    Raises InputError for a place that is no folder.
    """
    given = str(asked or os.environ.get(SWITCH) or OFF)
    if given == OFF:
        return None
    folder = Path(given)
    if "\0" in given or (is_there(folder) and not is_folder(folder)):
        where = "cells" if asked else SWITCH
        raise InputError(f"{where}: {shown(given)}", "is no folder", allowed=f"a folder, or {OFF}")
    return folder


def usual_folder() -> str:
    """Where commands keep cells, unless told otherwise: as the environment says, or in the user's cache."""
    return os.environ.get(SWITCH) or str(cache_base("SLABDES_CACHE_DIR") / "cells")


class Known:
    """The cells of one study, of slabdes as `code` tells it: those that were run, and those that others are running.

    Without `cells` there are none. Points that keep an event log are run all the same: it is not in a cell.
    """

    def __init__(self, cells: Cells | None, code: Mapping[str, Any], inputs: Inputs) -> None:
        self._cells, self._inputs = cells, inputs
        self._code = hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()
        self._told: dict[int, str] = {}

    @property
    def kept(self) -> bool:
        """Whether any are."""
        return self._cells is not None

    def find(self, point: PlannedPoint, replication: int) -> tuple[Records, bytes] | None:
        """The records of a replication that was run, and as they are packed."""
        if self._cells is None or point.experiment.log:
            return None
        return self._cells.find(self._name(point, replication))

    def claim(self, point: PlannedPoint, replication: int) -> bool:
        """Whether it is for this process to run it: not while another one does."""
        return self._cells is None or point.experiment.log or self._cells.claim(self._name(point, replication))

    def release(self, point: PlannedPoint, replication: int, packed: bytes | None = None) -> None:
        """End a claim; keep what was run."""
        if self._cells is None:
            return
        name = self._name(point, replication)
        if packed is not None:
            self._cells.add(name, packed)
        self._cells.release(name)

    def _name(self, point: PlannedPoint, replication: int) -> str:
        told = self._told.get(point.index)
        if told is None:
            experiment = point.experiment.model_dump(mode="json", exclude=set(_NOT_OF_A_CELL))
            what = {"code": self._code, "experiment": experiment, "files": self._inputs.of(point.experiment)}
            told = self._told[point.index] = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        return hashlib.sha256(f"{told} {replication}".encode()).hexdigest()
