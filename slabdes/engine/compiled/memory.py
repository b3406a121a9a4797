# SPDX-License-Identifier: GPL-2.0-only
"""A run's arrays, at addresses that its record holds, which is all that compiled code is given.

Leaves out what is put there (`pack`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slabdes.engine.compiled.layout import Array, blank
from slabdes.engine.compiled.run_layout import Run


class Memory:
    """All arrays of a run by the names of their pointers, and the record that compiled code finds them through."""

    def __init__(self, run: type = Run) -> None:
        self.kind = run
        """The class of that record."""
        self.run = blank(run, 1)
        self._arrays: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def put(self, name: str, values: Any) -> Array:
        """Make an array of records or integers known under `name`. Empty ones get one entry, so that every address is valid."""
        of_records = isinstance(values, np.ndarray) and values.dtype.names
        array: Array = np.ascontiguousarray(values, None if of_records else "i8")
        if not array.size:
            array = np.zeros(1, array.dtype)
        self._arrays[name] = array
        self.run[0][name] = array.ctypes.data
        return array

    def grow(self, name: str, room: int, fill: int) -> None:
        """Make an array longer; new entries of plain integers are `fill`."""
        old = self._arrays[name]
        array = np.zeros(room, old.dtype) if old.dtype.names else np.full(room, fill, old.dtype)
        array[: len(old)] = old
        self.put(name, array)

    def set(self, **values: int) -> None:
        """Set fields of the run's record."""
        for name, value in values.items():
            self.run[0][name] = value

    def get(self, name: str) -> int:
        """A field of the run's record."""
        return int(self.run[0][name])
