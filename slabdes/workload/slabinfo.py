"""Reads /proc/slabinfo of SLAB kernels 2.6.0 to 6.7: each cache's counts and tunables, by name.

The values of `tunables` are always limit, batchcount, sharedfactor, whatever the header calls them. Leaves out what a SLUB
kernel prints there (0 0 0), which is told in one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slabdes.errors import InputError, nearest
from slabdes.workload.trace.events import MAX_NAME
from slabdes.workload.trace.lines import TraceLines

if TYPE_CHECKING:
    from slabdes.config import CacheConfig

MAX_ROWS: Final = 16384
"""Caches accepted in one file (assumed; a kernel with many memory cgroups has some thousands)."""
MAX_LIMIT: Final = 1 << 20
MAX_SHARED: Final = 1 << 10
"""Largest tunables that config.CacheConfig takes."""
COUNTS: Final = ("active_objs", "num_objs", "objsize", "objperslab", "pagesperslab")
SLABINFO: Final = "/proc/slabinfo of a SLAB kernel: name, five counts, : tunables, three values, : slabdata, three values"
_VERSION: Final = re.compile(r"slabinfo - version: (\d+)\.(\d+)\b")
_KMALLOC: Final = re.compile(r"(?:kmalloc|size)-(\d{1,9})(k|M)?")
_UNITS: Final = {None: 1, "k": 1 << 10, "M": 1 << 20}
_WRAP: Final = 1 << 64
_MAX_DIGITS: Final = 20
_MOST_VALUES: Final = 9
"""Most values in a section: globalstat's, since 2.6.17."""


@dataclass(frozen=True)
class SlabinfoRow:
    """One cache. `limit`, `batchcount` and `shared` are its tunables; `globalstat` and `cpustat` empty without statistics.

    `globalstat` has 7 to 9 values: allocations, high mark, grown, reaped, errors, most free slabs (2.6.0: free_limit), node
    allocations, node frees, alien overflows, as far as the kernel has them. `cpustat`: hits and misses, of allocations, of frees.
    """

    name: str
    active_objs: int
    num_objs: int
    objsize: int
    objperslab: int
    pagesperslab: int
    limit: int
    batchcount: int
    shared: int
    active_slabs: int
    num_slabs: int
    sharedavail: int
    globalstat: tuple[int, ...] = ()
    cpustat: tuple[int, ...] = ()


@dataclass(frozen=True)
class Slabinfo:
    """A whole file, by cache name, in the file's order. `notes` are for the user: one line each."""

    path: Path
    rows: Mapping[str, SlabinfoRow]
    notes: tuple[str, ...] = ()

    def row(self, name: str) -> SlabinfoRow:
        """The cache `name`. Raises InputError that suggests the nearest name there is."""
        known = next((spelt for spelt in spellings(name) if spelt in self.rows), None)
        if known is None:
            count = len(self.rows)
            raise InputError(str(self.path), f"no cache {name!r}{nearest(name, self.rows)}", allowed=f"one of its {count}")
        return self.rows[known]

    def __contains__(self, name: str) -> bool:
        """Whether there is a cache of this name, in any of its spellings."""
        return any(spelt in self.rows for spelt in spellings(name))

    def tuned(self, config: CacheConfig) -> CacheConfig:
        """`config` with the tunables of its cache here, where it says none. Raises InputError if there is none of its name."""
        row = self.row(config.name)
        known = {"limit": row.limit, "batchcount": row.batchcount, "shared": row.shared}
        return config.model_copy(update={key: value for key, value in known.items() if getattr(config, key) is None})


def read_slabinfo(path: Path) -> Slabinfo:
    """Read a dump of /proc/slabinfo, plain or gzip. Raises InputError, one line, for anything else, SLUB's included."""
    lines = TraceLines(path)
    rows: dict[str, SlabinfoRow] = {}
    notes: list[str] = []
    seen_version = False
    for raw in lines:
        text = raw.decode("ascii", "replace").strip()
        if not text:
            continue
        if text.startswith("#"):
            if "<batchcount> <limit>" in text:
                notes.append(f"{path}: header names <batchcount> <limit>; read as limit, batchcount, which every kernel prints")
            continue
        if match := _VERSION.match(text):
            if match[1] != "2":
                raise lines.error(f"slabinfo version {match[1]}.{match[2]}", allowed="2.0 or 2.1, which have tunables")
            seen_version = True
            continue
        try:
            row = parse_row(text)
        except ValueError as error:
            raise lines.error(str(error), allowed=SLABINFO) from None
        if row.name in rows:
            notes.append(f"{path}: {row.name!r} is there twice; the first one counts")
            continue
        if len(rows) >= MAX_ROWS:
            raise lines.error("one cache too many", allowed=f"{MAX_ROWS}")
        rows[row.name] = row
    if not rows:
        raise InputError(str(path), "no cache in it", allowed=SLABINFO)
    if not seen_version:
        notes.append(f"{path}: no `slabinfo - version` line; read as version 2.1")
    if all((row.limit, row.batchcount, row.shared) == (0, 0, 0) for row in rows.values()):
        raise InputError(str(path), "tunables 0 0 0 in every row: a SLUB kernel's, which has none", allowed=SLABINFO)
    _check_tunables(path, rows, notes)
    return Slabinfo(path, rows, tuple(notes))


def _check_tunables(path: Path, rows: Mapping[str, SlabinfoRow], notes: list[str]) -> None:
    refused = [
        row for row in rows.values() if not 1 <= row.batchcount <= row.limit <= MAX_LIMIT or not 0 <= row.shared <= MAX_SHARED
    ]
    if refused:
        row = refused[0]
        allowed = f"1 <= batchcount <= limit <= {MAX_LIMIT}, 0 <= shared <= {MAX_SHARED}"
        raise InputError(f"{path}: {row.name}", f"tunables {row.limit} {row.batchcount} {row.shared}", allowed)
    if any(row.objperslab < 1 or row.pagesperslab < 1 for row in rows.values()):
        notes.append(f"{path}: rows without objects or pages a slab: only their tunables are usable")


def spellings(name: str) -> Iterator[str]:
    """`name`, and for a kmalloc cache how other kernels write it.

    >>> list(spellings("kmalloc-1024")), list(spellings("dentry"))
    (['kmalloc-1024', 'kmalloc-1k', 'size-1024'], ['dentry'])
    """
    yield name
    match = _KMALLOC.fullmatch(name)
    if match is None:
        return
    size = int(match[1]) * _UNITS[match[2]]
    letters = (letter for letter in ("M", "k") if size and size % _UNITS[letter] == 0)
    short = next((f"{size // _UNITS[letter]}{letter}" for letter in letters), str(size))
    yield from (other for other in (f"kmalloc-{size}", f"kmalloc-{short}", f"size-{size}") if other != name)


def parse_row(text: str) -> SlabinfoRow:
    """One line. Names may hold spaces and digits: the five counts are those before the first colon. ValueError if none."""
    head, *rest = text.split(" : ")
    words = head.rsplit(None, len(COUNTS))
    if len(words) != 1 + len(COUNTS):
        raise ValueError(f"{text[:60]!r} has no name and five counts before the first colon")
    name = words[0].strip()
    if len(name) > MAX_NAME:
        raise ValueError(f"name {name[:20]!r}... of {len(name)} characters")
    active_objs, num_objs, objsize, objperslab, pagesperslab = _values(words[1:])
    sections = {}
    for part in rest:
        title, *values = part.split()[: 2 + _MOST_VALUES] or [""]
        sections[title] = _values(values)
    tunables, slabdata = sections.get("tunables", ()), sections.get("slabdata", ())
    globalstat, cpustat = sections.get("globalstat", ()), sections.get("cpustat", ())
    if len(tunables) != 3 or len(slabdata) != 3:
        raise ValueError(f"{text[:60]!r} without three tunables and three slabdata")
    if len(cpustat) not in (0, 4) or len(globalstat) not in (0, 7, 8, _MOST_VALUES):
        raise ValueError(f"{text[:60]!r} with {len(globalstat)} globalstat and {len(cpustat)} cpustat values")
    return SlabinfoRow(
        _printable(name),
        active_objs,
        num_objs,
        objsize,
        objperslab,
        pagesperslab,
        *tunables,
        *slabdata,
        globalstat=globalstat,
        cpustat=cpustat,
    )


def _values(words: list[str]) -> tuple[int, ...]:
    """Counts as the kernel prints unsigned longs: those that went below zero have wrapped, and are given back negative."""
    values = []
    for word in words:
        if not (word.isascii() and word.isdigit()) or len(word) > _MAX_DIGITS or int(word) >= _WRAP:
            raise ValueError(f"{word[:24]!r} is no count")
        value = int(word)
        values.append(value - _WRAP if value >= _WRAP // 2 else value)
    return tuple(values)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
