# SPDX-License-Identifier: GPL-2.0-only
"""The first operations of a spooled trace as a spool of their own: a trace that ends there.

Objects that are freed later stay allocated. Leaves out any part that begins later, whose objects would lack their allocation.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slabdes.workload.trace.caches import LEFT_OUT
from slabdes.workload.trace.exchange import in_order
from slabdes.workload.trace.spool import Spool, cannot_spool, spool_in
from slabdes.workload.trace.writer import FIELDS, ORDER, order_file, read_records, steps_file

if TYPE_CHECKING:
    import numpy.typing as npt

_CHUNK: Final = 1 << 16
"""Records copied at a time (assumed: some megabytes)."""


def first_of(spool: Spool, operations: int, folder: Path) -> Spool:
    """The first `operations` of `spool`, in the trace's order, in `folder`; `spool` itself if it has no more."""
    if operations >= spool.operations:
        return spool
    ends, objects = _ends(spool, operations)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for cpu, end in ends.items():
            _copy(steps_file(spool.folder, cpu), FIELDS, end, steps_file(folder, cpu))
        _copy(order_file(spool.folder), ORDER, ends.total(), order_file(folder))
    except OSError as error:
        raise cannot_spool(folder, error) from None
    return spool_in(folder, spool.index, spool.caches, sorted(ends), objects)


def _ends(spool: Spool, operations: int) -> tuple[Counter[int], int]:
    """How many records of each CPU come before the operation with that number, and below which number their slots are."""
    import numpy as np

    ends: Counter[int] = Counter()
    objects = 0
    for records, _places, cpus in in_order(spool.folder, sorted(spool.exchange.bases)):
        kept = records["cache"] != LEFT_OUT
        some = int(np.searchsorted(np.cumsum(kept), operations)) + 1
        ends.update(cpus[:some].tolist())
        objects = max(objects, int(records["slot"][:some].max()) + 1)
        operations -= int(kept[:some].sum())
        if not operations:
            break
    return ends, objects


def _copy(source: Path, record: npt.DTypeLike, count: int, target: Path) -> None:
    """The first `count` records of a file."""
    with target.open("wb") as stream:
        for chunk, first in read_records(source, record, _CHUNK):
            stream.write(chunk[: count - first].tobytes())
            if first + len(chunk) >= count:
                break
