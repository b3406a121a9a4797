# SPDX-License-Identifier: GPL-2.0-only
"""Steps on disk: a file of fixed-size records for each traced CPU, and one of the order in which they came; written and read.

Leaves out what steps are made from (`spool`, `scan.steps`), and what they mean.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RECORD: Final = struct.Struct("<qqhhBB")
"""A step on disk: time in ns since the trace's first event, slot, cache, node, op, flags."""
STEP_BYTES: Final = RECORD.size
FIELDS: Final = [("time", "<i8"), ("slot", "<i8"), ("cache", "<i2"), ("node", "<i2"), ("op", "u1"), ("flags", "u1")]
ORDER: Final = "<u2"
"""The file of order: the CPU of each record, in the trace's order."""
_CACHE_AT: Final = 16
"""Offset of a record's cache, bytes."""
_CACHE: Final = struct.Struct("<h")
_BUFFERED_BYTES: Final = 4 << 20
"""Bytes of records that all CPUs together hold before they are written (assumed)."""


def steps_file(folder: Path, cpu: int) -> Path:
    """The file of a CPU's steps."""
    return folder / f"cpu{cpu}.steps"


def order_file(folder: Path) -> Path:
    """The file of the order of all steps."""
    return folder / "order"


def read_records(path: Path, record: npt.DTypeLike, count: int) -> Iterator[tuple[npt.NDArray[Any], int]]:
    """A file's records, up to `count` at a time, and how many were before.

    Between chunks the file is closed: a run reads as many of them side by side as it has CPUs, more than may be open at once.
    """
    import numpy as np

    dtype = np.dtype(record)
    first = 0
    while len(chunk := np.fromfile(path, dtype, count, offset=first * dtype.itemsize)):
        yield chunk, first
        first += len(chunk)


class StepWriter:
    """Appends records to CPUs' files; buffers are bounded together, and no file stays open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffers: dict[int, bytearray] = {}
        self._written: dict[int, int] = {}
        self._order = array("H")
        order_file(folder).write_bytes(b"")
        self._buffered = 0
        self._corrections: dict[int, list[tuple[int, int]]] = {}
        self._uncorrected = 0

    @property
    def cpus(self) -> list[int]:
        """CPUs that have a file, in order."""
        return sorted(self._buffers)

    def append(self, cpu: int, record: bytes) -> int:
        """Add a record; its offset in the CPU's file."""
        self._order.append(cpu)
        return self._append(cpu, record)

    def _append(self, cpu: int, records: bytes) -> int:
        buffer = self._buffers.get(cpu)
        if buffer is None:
            buffer = self._buffers[cpu] = bytearray()
            self._written[cpu] = 0
            steps_file(self._folder, cpu).write_bytes(b"")
        offset = self._written[cpu] + len(buffer)
        buffer += records
        self._buffered += len(records)
        if self._buffered > _BUFFERED_BYTES:
            self.flush()
        return offset

    def append_all(self, cpus: npt.NDArray[np.int64], columns: Sequence[npt.NDArray[np.int64]]) -> None:
        """Add records of many CPUs, in this order, from the columns of a record."""
        import numpy as np

        records = np.empty(len(cpus), FIELDS)
        for (name, _kind), column in zip(FIELDS, columns, strict=True):
            records[name] = column
        self._order.frombytes(cpus.astype(ORDER).tobytes())
        by_cpu = np.argsort(cpus, kind="stable")
        present, begins = np.unique(cpus[by_cpu], return_index=True)
        for cpu, (begin, end) in zip(present.tolist(), pairwise([*begins.tolist(), len(cpus)]), strict=True):
            self._append(cpu, records[by_cpu[begin:end]].tobytes())

    def correct(self, cpu: int, offset: int, cache: int) -> None:
        """Give the record at `offset` another cache."""
        self._corrections.setdefault(cpu, []).append((offset, cache))
        self._uncorrected += RECORD.size
        if self._uncorrected > _BUFFERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write everything that is held."""
        import numpy as np

        for cpu, buffer in self._buffers.items():
            corrections = self._corrections.get(cpu, ())
            if not buffer and not corrections:
                continue
            with steps_file(self._folder, cpu).open("r+b") as stream:
                stream.seek(self._written[cpu])
                stream.write(buffer)
                for offset, cache in corrections:
                    stream.seek(offset + _CACHE_AT)
                    stream.write(_CACHE.pack(cache))
            self._written[cpu] += len(buffer)
            buffer.clear()
        with order_file(self._folder).open("ab") as stream:
            stream.write(np.array(self._order, ORDER).tobytes())
        del self._order[:]
        self._corrections.clear()
        self._buffered = self._uncorrected = 0
