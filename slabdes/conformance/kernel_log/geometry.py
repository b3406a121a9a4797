# SPDX-License-Identifier: GPL-2.0-only
"""Geometry recorded from a real 6.1 kernel: of caches made for the purpose, and of all that it had at boot.

A boot row does not say which flags its cache was created with, so it matches if some flags give what was recorded, and its
free_limit depends on the CPUs that were up then: it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from slabdes.allocator.geometry import Geometry, Placement
from slabdes.allocator.geometry_indexes import indexes_geometry
from slabdes.allocator.tunables import alien_limit, default_tunables, free_limit
from slabdes.conformance.script import read_text, said
from slabdes.conformance.verdict import Verdict
from slabdes.errors import InputError
from slabdes.files import MAX_DIGITS
from slabdes.units import PAGE_SIZE

Row = dict[str, str]
PLACES = {Placement.IN_OBJECT: "obj", Placement.OFF_SLAB: "off", Placement.ON_SLAB: "on"}
MAX_ROWS = 1 << 15
"""GEOM rows in one file (assumed: a boot log has 200, one of made caches 1,200)."""
_PAIR = re.compile(r"\b(\w+)=(\S+)")
_WHOLE = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}")
SMP = 2
"""Any number of CPUs above one gives the same tunables."""


def geometry_row(geometry: Geometry, object_size: int, cpus: int = SMP) -> Row:
    """The keys that a geometry and a cache's first tunables decide, as the logs write them."""
    tunables = default_tunables(geometry.size, cpus)
    return {
        "object_size": str(object_size),
        "size": str(geometry.size),
        "align": str(geometry.align),
        "num": str(geometry.num),
        "order": str(geometry.gfporder),
        "colour": str(geometry.colour),
        "colour_off": str(geometry.colour_off),
        "freelist": PLACES[geometry.placement],
        "freelist_size": str(geometry.slab_size),
        "limit": str(tunables.limit),
        "batchcount": str(tunables.batchcount),
        "shared": str(tunables.shared),
        "sharedlimit": str(tunables.shared * tunables.batchcount),
    }


def is_geometry_log(text: str) -> bool:
    """Whether a log with this text records geometry only."""
    return next(said(text), "").startswith(("> geom", "GEOM "))


def compare_geometry(path: Path) -> Verdict:
    """Compare every GEOM row of a file. Raises InputError for a file without any."""
    matched = total = 0
    difference: tuple[Row, Row] | None = None
    cpus_on_node0 = None
    rows = list(_rows(path))
    # Only on one CPU do small objects get no shared array.
    unshared = (recorded.get("size", "") for _where, _asked, recorded in rows if recorded.get("shared") == "0")
    cpus = 1 if any(_WHOLE.fullmatch(size) and int(size) <= PAGE_SIZE for size in unshared) else SMP
    for where, asked, recorded in rows:
        total += 1
        try:
            if cpus_on_node0 is None:
                limit, num, batchcount = (_whole(recorded[key]) for key in ("node0_free_limit", "num", "batchcount"))
                cpus_on_node0 = (limit - num) // batchcount - 1
            ours = _made_row(asked, recorded, cpus, cpus_on_node0) if asked else _boot_row(recorded, cpus)
        except (KeyError, IndexError, ValueError, ZeroDivisionError):
            raise InputError(where, "not a GEOM row of a geometry log") from None
        except InputError as error:
            raise InputError(where, error.problem, error.allowed) from None
        theirs = {key: recorded.get(key, "") for key in ours}
        if ours == theirs:
            matched += 1
        elif difference is None:
            difference = (ours, theirs)
    if not total:
        raise InputError(str(path), "no GEOM row in it", allowed="a geometry log")
    return Verdict(path.name.removesuffix(".gz").removesuffix(".log").removesuffix(".txt"), matched, total, difference)


def _rows(path: Path) -> Iterator[tuple[str, list[str], Row]]:
    asked: list[str] = []
    rows = 0
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if words[:2] == [">", "geom"]:
            asked = words[2:]
        elif words[:1] == [">"]:
            asked = []
        elif words[:1] == ["GEOM"]:
            rows += 1
            if rows > MAX_ROWS:
                raise InputError(f"{path}:{number}", "one GEOM row too many", allowed=f"{MAX_ROWS} in a file")
            yield f"{path}:{number}", asked, dict(_PAIR.findall(line))


def _made_row(asked: list[str], recorded: Row, cpus: int, cpus_on_node0: int) -> Row:
    size, align = _whole(asked[0]), _whole(asked[1])
    flags = recorded.get("flags", asked[2] if len(asked) > 2 else "-")
    geometry = indexes_geometry(
        size, align, hwcache_align="h" in flags, reclaim_account="r" in flags, typesafe_by_rcu="t" in flags
    )
    row = geometry_row(geometry, size, cpus)
    limit = int(row["limit"])
    return {
        **row,
        "alienlimit": str(alien_limit(limit)) if recorded.get("alienlimit") != "0" else "0",
        "node0_free_limit": str(free_limit(cpus_on_node0, int(row["batchcount"]), geometry.num)),
    }


def _boot_row(recorded: Row, cpus: int) -> Row:
    size, align = _whole(recorded["object_size"]), _whole(recorded["align"])
    candidates = [
        geometry_row(indexes_geometry(size, align, reclaim_account=reclaim, typesafe_by_rcu=rcu, noleaktrace=noleak), size, cpus)
        for reclaim, rcu, noleak in product((False, True), repeat=3)
    ]
    return next((row for row in candidates if all(recorded.get(key) == value for key, value in row.items())), candidates[0])


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)
