# SPDX-License-Identifier: GPL-2.0-only
"""Reads /proc/slabinfo of SLAB kernels 2.4 to 6.7 (versions 1.1 to 2.1): each cache's counts and tunables, by name.

The values of `tunables` are always limit, batchcount, sharedfactor, whatever the header calls them; those that a SLUB kernel
prints (0 0 0) are none. Leaves out columns of kernels with patches of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slabdes.config import MAX_OBJECT_SIZE
from slabdes.errors import InputError, nearest, shown
from slabdes.workload.trace.lines import TraceLines

if TYPE_CHECKING:
    from slabdes.config import CacheConfig

MAX_ROWS: Final = 16384
"""Caches accepted in one file (assumed; a kernel with many memory cgroups has some thousands)."""
MAX_LINES: Final = 4 * MAX_ROWS
"""Lines accepted, empty ones and comments included."""
MAX_BYTES: Final = 16 << 20
"""Bytes accepted, unpacked: so many caches with statistics have 5 MB (assumed)."""
MAX_LIMIT: Final = 1 << 20
MAX_SHARED: Final = 1 << 10
"""Largest tunables that config.CacheConfig takes."""
COUNTS: Final = ("active_objs", "num_objs", "objsize", "objperslab", "pagesperslab")
COUNTS_OF_2_4: Final = ("active_objs", "num_objs", "objsize", "active_slabs", "num_slabs", "pagesperslab")
SLABINFO: Final = "/proc/slabinfo of a SLAB kernel: name, five counts, : tunables, 3 values, : slabdata, 3 values"
_OLD_VERSIONS: Final = ("1.1", "1.2")
VERSIONS: Final = (*_OLD_VERSIONS, "2.0", "2.1")
"""1.1 is Linux 2.4's, which prints limit and batchcount on SMP only and has no shared arrays (slabinfo(5)); 1.2 is 2.5's."""
_SECTIONS: Final = ("tunables", "slabdata", "globalstat", "cpustat")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
MAX_ROW_NAME: Final = 256
"""Characters of a cache's name: a memory cgroup's is in it (assumed)."""
_STATISTICS: Final = " (statistics)"
_VERSION: Final = re.compile(r"slabinfo - version: (\d{1,9}\.\d{1,9})\b")
_KMALLOC: Final = re.compile(r"(?:kmalloc|size)-(\d{1,9})(k|M)?")
_UNITS: Final = {None: 1, "k": 1 << 10, "M": 1 << 20}
_WRAP: Final = 1 << 64
_MAX_DIGITS: Final = 20
_PAGES: Final = frozenset(1 << order for order in range(11))
"""Of a slab: orders 0 to 10, as an experiment may say."""
_MOST_VALUES: Final = 9
"""Most values in a section: globalstat's, since 2.6.17."""


@dataclass(frozen=True)
class SlabinfoRow:
    """One cache. `limit`, `batchcount` and `shared` are its tunables, None where a 1.1 file has none.

    `globalstat` and `cpustat` are empty without statistics, and for 1.1.

    `globalstat` has 7 to 9 values: allocations, high mark, grown, reaped, errors, most free slabs (2.6.0: free_limit), node
    allocations, node frees, alien overflows, as far as the kernel has them. `cpustat`: hits and misses, of allocations, of frees.
    """

    name: str
    active_objs: int
    num_objs: int
    objsize: int
    objperslab: int
    pagesperslab: int
    limit: int | None
    batchcount: int | None
    shared: int | None
    active_slabs: int
    num_slabs: int
    sharedavail: int
    globalstat: tuple[int, ...] = ()
    cpustat: tuple[int, ...] = ()


@dataclass(frozen=True)
class Slabinfo:
    """A whole file, by cache name, in the file's order. `notes` are for the user: one line each; `of_slub`: of a SLUB kernel."""

    path: Path
    rows: Mapping[str, SlabinfoRow]
    notes: tuple[str, ...] = ()
    of_slub: bool = False

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

    def tuned(self, config: CacheConfig, slub: bool = False) -> CacheConfig:
        """`config` with the size of its cache here, where it says none; likewise with SLAB's tunables, or on `slub` the order.

        An order is taken from a SLUB kernel's file alone.
        Raises InputError if there is none of its name, and for a size that no cache can have.
        """
        row = self.row(config.name)
        if config.size is None and not 1 <= row.objsize <= MAX_OBJECT_SIZE:
            where = f"{self.path}: {row.name}"
            raise InputError(where, f"{row.objsize} bytes is no object size", allowed=f"1 to {MAX_OBJECT_SIZE}")
        known: dict[str, int | None] = {"size": row.objsize}
        if not slub:
            known |= {"limit": row.limit, "batchcount": row.batchcount, "shared": row.shared}
        elif self.of_slub and row.pagesperslab in _PAGES:
            known["order"] = row.pagesperslab.bit_length() - 1
        return config.model_copy(update={key: value for key, value in known.items() if getattr(config, key) is None})


def read_slabinfo(path: Path) -> Slabinfo:
    """Read a dump of /proc/slabinfo, plain or gzip. Raises InputError, one line, for anything else.

    A row that a mail program has wrapped is put together again. What is no row (a prompt, say) is left out and noted, unless it
    is more than what is one. SLUB's file gives sizes, and a note that it has no tunables.
    """
    reading = _Reading(TraceLines(path, allowed=SLABINFO))
    for raw in reading.lines:
        reading.size += len(raw)
        if reading.lines.number > MAX_LINES or reading.size > MAX_BYTES:
            raise reading.lines.error("too long a file", allowed=f"at most {MAX_LINES} lines and {MAX_BYTES >> 20} MiB")
        if text := raw.removeprefix(_BYTE_ORDER_MARK).decode("ascii", "replace").strip():
            _read_line(reading, text)
    reading.leave_out_begun()
    notes, rows = reading.notes, reading.rows
    if reading.odd and len(reading.odd) >= len(rows):
        raise reading.odd[0]
    if not rows:
        raise InputError(str(path), "no cache in it", allowed=SLABINFO)
    if reading.odd:
        notes.append(f"{reading.odd[0].where}: left out: {reading.odd[0].problem}{_more(reading.odd, 'lines')}")
    if reading.doubled:
        notes.append(f"{path}: {reading.doubled[0]!r} is there twice; the first one counts{_more(reading.doubled, 'rows')}")
    if reading.version is None:
        notes.append(f"{path}: no `slabinfo - version` line; read as version 2.1")
    of_slub = all((row.limit, row.batchcount, row.shared) == (0, 0, 0) for row in rows.values())
    if of_slub:
        notes.append(f"{path}: a SLUB kernel's: sizes, and on SLUB orders, but no tunables, which it has not")
        rows = {name: replace(row, limit=None, batchcount=None, shared=None) for name, row in rows.items()}
    _check_tunables(path, rows, notes)
    return Slabinfo(path, rows, tuple(notes), of_slub)


class _Reading:
    """What has been read of a file so far."""

    def __init__(self, lines: TraceLines) -> None:
        self.lines = lines
        self.size = 0
        self.version: str | None = None
        self.statistics = False
        self.rows: dict[str, SlabinfoRow] = {}
        self.doubled: list[str] = []
        self.odd: list[InputError] = []
        self.notes: list[str] = []
        self.begun = ""
        """A line that is no row, unless the next one goes on with it."""
        self._why: InputError | None = None

    def row(self, text: str) -> SlabinfoRow:
        """A row of this version. ValueError if it is none."""
        if self.version in _OLD_VERSIONS:
            return parse_row_of_2_4(text)
        row = parse_row(text)
        if self.statistics and not (row.globalstat and row.cpustat):
            raise ValueError(f"{shown(text, 40)!r} without the statistics that the first line announces")
        return row

    def begin(self, text: str, why: ValueError) -> None:
        """Keep a line that is no row until the next one is known."""
        self.leave_out_begun()
        self.begun, self._why = text, self.lines.error(str(why), allowed=SLABINFO)

    def leave_out_begun(self) -> None:
        """Nothing goes on with it."""
        if self._why is not None:
            self.odd.append(self._why)
        self.begun, self._why = "", None

    def add(self, row: SlabinfoRow) -> None:
        """Take up a row, the first of its name."""
        self.begun, self._why = "", None
        if row.name in self.rows:
            self.doubled.append(row.name)
            return
        if len(self.rows) >= MAX_ROWS:
            raise self.lines.error("one cache too many", allowed=f"{MAX_ROWS}")
        self.rows[row.name] = row


def _read_line(reading: _Reading, text: str) -> None:
    if text.startswith("#"):
        note = f"{reading.lines.path}: header names <batchcount> <limit>; read as limit, batchcount, which every kernel prints"
        if "<batchcount> <limit>" in text and note not in reading.notes:
            reading.notes.append(note)
    elif match := _VERSION.match(text):
        reading.version, reading.statistics = match[1], _STATISTICS in text
        if reading.version not in VERSIONS:
            raise reading.lines.error(f"slabinfo version {reading.version}", allowed=", ".join(VERSIONS))
    else:
        _read_row(reading, text)


def _read_row(reading: _Reading, text: str) -> None:
    try:
        row = reading.row(text)
    except ValueError as why:
        if reading.begun:
            with suppress(ValueError):
                reading.add(reading.row(f"{reading.begun} {text}"))
                return
        reading.begin(text, why)
        return
    reading.leave_out_begun()
    reading.add(row)


def _more(what: Sequence[object], of: str) -> str:
    return f" ({len(what) - 1} {of} more likewise)" if len(what) > 1 else ""


def _check_tunables(path: Path, rows: Mapping[str, SlabinfoRow], notes: list[str]) -> None:
    refused = [row for row in rows.values() if not _usable(row)]
    if refused:
        row = refused[0]
        allowed = f"1 <= batchcount <= limit <= {MAX_LIMIT}, 0 <= shared <= {MAX_SHARED}"
        raise InputError(f"{path}: {row.name}", f"tunables {row.limit} {row.batchcount} {row.shared}", allowed)
    if any(row.objperslab < 1 or row.pagesperslab < 1 for row in rows.values()):
        notes.append(f"{path}: rows without objects or pages a slab: only their tunables are usable")


def _usable(row: SlabinfoRow) -> bool:
    if row.limit is not None and row.batchcount is not None and not 1 <= row.batchcount <= row.limit <= MAX_LIMIT:
        return False
    return row.shared is None or 0 <= row.shared <= MAX_SHARED


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
    name, (active_objs, num_objs, objsize, objperslab, pagesperslab) = _head(head, COUNTS)
    sections = {}
    for part in rest:
        title, *values = part.split()[: 2 + _MOST_VALUES] or [""]
        if title in _SECTIONS:  # others are of kernels with patches of their own: `shrinker stat`
            sections[title] = _values(values)
    tunables, slabdata = sections.get("tunables", ()), sections.get("slabdata", ())
    globalstat, cpustat = sections.get("globalstat", ()), sections.get("cpustat", ())
    if len(tunables) != 3 or len(slabdata) != 3:
        raise ValueError(f"{shown(text, 40)!r} without three tunables and three slabdata")
    if len(cpustat) not in (0, 4) or len(globalstat) not in (0, 7, 8, _MOST_VALUES):
        raise ValueError(f"{shown(text, 40)!r} with {len(globalstat)} globalstat and {len(cpustat)} cpustat values")
    return SlabinfoRow(
        name,
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


def parse_row_of_2_4(text: str) -> SlabinfoRow:
    """One line of version 1.1: name, six counts, then on SMP `: limit batchcount`, 0 0 for a cache that has no arrays.

    Statistics are read over. ValueError if it is none.
    """
    head, *rest = f"{text} ".split(" : ")
    name, (active_objs, num_objs, objsize, active_slabs, num_slabs, pagesperslab) = _head(head, COUNTS_OF_2_4)
    sections = [_values(part.split()[: 1 + _MOST_VALUES]) for part in rest]
    if any(len(section) not in (2, 4, 5) for section in sections):
        raise ValueError(f"{shown(text, 40)!r} with {', '.join(str(len(section)) for section in sections)} values between colons")
    limit, batchcount = next((section for section in sections if len(section) == 2 and any(section)), (None, None))
    return SlabinfoRow(
        name=name,
        active_objs=active_objs,
        num_objs=num_objs,
        objsize=objsize,
        objperslab=num_objs // num_slabs if num_slabs else 0,
        pagesperslab=pagesperslab,
        limit=limit,
        batchcount=batchcount,
        shared=None,
        active_slabs=active_slabs,
        num_slabs=num_slabs,
        sharedavail=0,
    )


def _head(text: str, counts: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """The name, which may hold spaces and digits, and the counts behind it."""
    words = text.rsplit(None, len(counts))
    if len(words) != 1 + len(counts):
        raise ValueError(f"{shown(text, 40)!r} has no name and {len(counts)} counts before the first colon")
    name = words[0].strip()
    if len(name) > MAX_ROW_NAME:
        raise ValueError(f"name {shown(name, 40)!r} has more than {MAX_ROW_NAME} characters")
    return _printable(name), _values(words[1:])


def _values(words: list[str]) -> tuple[int, ...]:
    """Counts as the kernel prints unsigned longs: those that went below zero have wrapped, and are given back negative."""
    values = []
    for word in words:
        if not (word.isascii() and word.isdigit()) or len(word) > _MAX_DIGITS or int(word) >= _WRAP:
            raise ValueError(f"{shown(word, 40)!r} is no count")
        value = int(word)
        values.append(value - _WRAP if value >= _WRAP // 2 else value)
    return tuple(values)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
