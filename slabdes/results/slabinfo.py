# SPDX-License-Identifier: GPL-2.0-only
"""What /proc/slabinfo would show after a run, of SLAB with statistics: version 2.1 text, from saved frames alone.

The counters are the simulated kernel's own; SLUB prints none there, and counts every slab as active. Leaves out caches that the
experiment does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, shown

if TYPE_CHECKING:
    import polars as pl

HEADER: Final = (
    "slabinfo - version: 2.1 (statistics)\n"
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
    " : tunables <limit> <batchcount> <sharedfactor>"
    " : slabdata <active_slabs> <num_slabs> <sharedavail>"
    " : globalstat <listallocs> <maxobjs> <grown> <reaped> <error> <maxfreeable> <nodeallocs> <remotefrees> <alienoverflow>"
    " : cpustat <allochit> <allocmiss> <freehit> <freemiss>\n"
)
"""The first two lines, as Linux 2.6.17 to 6.7 print them with statistics compiled in."""
_SLUB_HEADER: Final = HEADER[: HEADER.index(" : globalstat")].replace(" (statistics)", "") + "\n"
"""The same as SLUB prints them."""
_SLUB_COLUMNS: Final = 12
_PLACES: Final = ("free_objects", "in_arrays", "in_shared", "in_rcu", "in_use")
"""Where SLUB's objects lie: slabs may be of different sizes."""
UNSIGNED_LONG: Final = 1 << 64
"""The kernel's counters wrap here: a high mark restored from a 6.1 dump may be below zero."""
_ROW: Final = (
    "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables {:4} {:4} {:4} : slabdata {:6} {:6} {:6}"
    " : globalstat {:7} {:6} {:5} {:4} {:4} {:4} {:4} {:4} {:4} : cpustat {:6} {:6} {:6} {:6}\n"
)
_SLUB_ROW: Final = _ROW[: _ROW.index(" : globalstat")] + "\n"


@dataclass(frozen=True)
class SlabinfoRow:
    """One cache, in the columns' order and under the header's names."""

    name: str
    active_objs: int
    num_objs: int
    objsize: int
    objperslab: int
    pagesperslab: int
    limit: int
    batchcount: int
    sharedfactor: int
    active_slabs: int
    num_slabs: int
    sharedavail: int
    listallocs: int
    maxobjs: int
    grown: int
    reaped: int
    error: int
    maxfreeable: int
    nodeallocs: int
    remotefrees: int
    alienoverflow: int
    allochit: int
    allocmiss: int
    freehit: int
    freemiss: int


def slabinfo_rows(caches: pl.DataFrame, slabs: pl.DataFrame) -> Iterator[SlabinfoRow]:
    """Every cache at the end of one replication, given its frames: the newest first, as the kernel lists them.

    active_objs are objects that are not in slabs: those that CPUs', shared and alien arrays hold count, as in the kernel. Of SLUB
    they are those that are not free in slabs on partial lists: slabs of a CPU's own count as all active.
    """
    by_cache: dict[str, list[dict[str, Any]]] = {}
    for row in slabs.iter_rows(named=True):
        by_cache.setdefault(row["cache"], []).append(row)
    for cache in caches.sort("cache", descending=True).iter_rows(named=True):
        active, free, free_objects, shared = (
            sum(row[column] for row in by_cache[cache["name"]] for column in columns)
            for columns in (("slabs_partial", "slabs_full", "slabs_cpu"), ("slabs_free",), ("free_objects",), ("in_shared",))
        )
        objects = (active + free) * cache["num"]
        if not cache["limit"]:  # SLUB
            active, free, shared = active + free, 0, 0
            objects = sum(row[place] for row in by_cache[cache["name"]] for place in _PLACES)
            free_objects = sum(row["listed_free"] for row in by_cache[cache["name"]])
        yield SlabinfoRow(
            name=shown(cache["name"]),
            active_objs=objects - free_objects,
            num_objs=objects,
            objsize=cache["object_size"],
            objperslab=cache["num"],
            pagesperslab=1 << cache["gfporder"],
            limit=cache["limit"],
            batchcount=cache["batchcount"],
            sharedfactor=cache["shared"],
            active_slabs=active,
            num_slabs=active + free,
            sharedavail=shared,
            listallocs=cache["num_allocations"],
            maxobjs=cache["high_mark"] % UNSIGNED_LONG,
            grown=cache["grown"],
            reaped=cache["reaped"],
            error=cache["errors"],
            maxfreeable=cache["max_freeable"],
            nodeallocs=cache["node_allocs"],
            remotefrees=cache["node_frees"],
            alienoverflow=cache["node_overflow"],
            allochit=cache["allochit"],
            allocmiss=cache["allocmiss"],
            freehit=cache["freehit"],
            freemiss=cache["freemiss"],
        )


def slabinfo_text(rows: Iterable[SlabinfoRow]) -> str:
    """The file: a column is as wide as the kernel's, and wider where a number needs it."""
    rows = list(rows)
    if rows and not rows[0].limit:
        return _SLUB_HEADER + "".join(_SLUB_ROW.format(*astuple(row)[:_SLUB_COLUMNS]) for row in rows)
    return HEADER + "".join(_ROW.format(*astuple(row)) for row in rows)


MOST_WRITTEN: Final = 128
"""Bytes that the kernel takes at a time (MAX_SLABINFO_WRITE)."""
_IN_QUOTES: Final = str.maketrans({letter: f"\\{letter}" for letter in '\\"$`'})


def slabinfo_write(name: str, limit: int, batchcount: int, shared: int) -> str:
    """What a shell, as root, changes a cache's tunables with: the line that mm/slab.c's slabinfo_write reads.

    All three numbers are wanted, in this order. Raises InputError for what the kernel would not take: a name with a space, which
    ends it there, or a line of more than MOST_WRITTEN bytes; numbers that it silently leaves alone are those no experiment has.

    >>> slabinfo_write("size-256", 120, 60, 8)
    'echo "size-256 120 60 8" > /proc/slabinfo'
    """
    line = f"{name} {limit} {batchcount} {shared}"
    if " " in name or len(line.encode()) >= MOST_WRITTEN:
        allowed = f"a name without spaces, and {MOST_WRITTEN - 1} bytes in all"
        raise InputError(f"cache {shown(name)}", "its tunables cannot be written to /proc/slabinfo", allowed=allowed)
    return f'echo "{line.translate(_IN_QUOTES)}" > /proc/slabinfo'
