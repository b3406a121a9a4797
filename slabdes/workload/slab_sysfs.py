# SPDX-License-Identifier: GPL-2.0-only
"""Reads a copy of /sys/kernel/slab, a folder or a tar file: how a SLUB kernel laid its caches out, and their settings.

Nothing is unpacked. A link counts only if it names a cache beside it, as the kernel's own do (kmalloc-256 -> :0000256). Leaves
out counters, and files that no experiment has a key for.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from slabdes.config import CacheFlag
from slabdes.config.allocators import AllocatorVersion, slub_tunables
from slabdes.config.fields import MAX_OBJECT_SIZE
from slabdes.config.slub import MOST_IN_SHEAF
from slabdes.errors import InputError, nearest, shown
from slabdes.files import is_folder, open_regular
from slabdes.workload.slabinfo import MAX_ROW_NAME, MAX_ROWS, spellings

if TYPE_CHECKING:
    from slabdes.config import CacheConfig

TREE: Final = "a copy of /sys/kernel/slab, a folder or a tar file (plain or gzip): CACHE/object_size, CACHE/order, ..."
PLACES: Final = ("", "slab", "kernel/slab", "sys/kernel/slab")
"""Where in a folder the caches may lie."""
MOST: Final[Mapping[str, int]] = {
    "object_size": MAX_OBJECT_SIZE,
    "slab_size": 2 * MAX_OBJECT_SIZE,
    "objs_per_slab": 1 << 15,
    "order": 10,
    "align": 4096,
    "hwcache_align": 1,
    "destroy_by_rcu": 1,
    "reclaim_account": 1,
    "sheaf_capacity": MOST_IN_SHEAF,
    "cpu_partial": 1 << 20,
    "min_partial": 1 << 20,
    "remote_node_defrag_ratio": 100,
}
"""Files that are read, each with the greatest number that it may hold."""
NEEDED: Final = ("object_size", "slab_size", "objs_per_slab", "order")
ASKING: Final = ("vm_area_struct", "maple_node")
"""Caches that have sheaves in 6.18, where the others have none (from reading)."""
CTOR: Final = "ctor"
"""Empty, or the name of a function."""
_FLAGS: Final = {
    "hwcache_align": CacheFlag.HWCACHE_ALIGN,
    "destroy_by_rcu": CacheFlag.TYPESAFE_BY_RCU,
    "reclaim_account": CacheFlag.RECLAIM_ACCOUNT,
}
MAX_FILE_BYTES: Final = 4096
"""A file of sysfs is a page at most."""
MAX_MEMBERS: Final = 1 << 20
MAX_BYTES: Final = 1 << 30
"""Members and bytes of a tar file, unpacked: 250 caches have some 15,000 files, each padded to a page (a choice)."""
_NUL: Final = "\0"


@dataclass(frozen=True)
class SysfsCache:
    """One cache: numbers by file name (`MOST`), as far as the kernel has them, and whether it has a constructor."""

    name: str
    numbers: Mapping[str, int]
    ctor: bool

    def tuned(self, config: CacheConfig, version: AllocatorVersion, cpu_slabs: bool | None = None) -> CacheConfig:
        """`config` with this cache's size, flags, and what the allocator `version` has of its settings, where it says none."""
        given = config.model_fields_set
        numbers = self.numbers
        known: dict[str, object] = {"size": numbers["object_size"], "ctor": self.ctor}
        flags = {flag for file, flag in _FLAGS.items() if numbers.get(file)}
        if version.is_slub and numbers.get("sheaf_capacity") == 0 and "sheaf_capacity" not in given:
            # Its kernel gave it none, though to others: sysfs does not tell which flag forbade them.
            flags.add(CacheFlag.NOLEAKTRACE)
        known["flags"] = tuple(sorted(flags))
        align = numbers.get("align", 0)
        known["align"] = align if not align & (align - 1) else 0
        if version.is_slub:
            known["order"] = numbers["order"]
            known |= {
                key: numbers[key]
                for key in slub_tunables(version, cpu_slabs)
                if numbers.get(key) or (key in numbers and key != "sheaf_capacity")
            }
        return config.model_copy(update={key: value for key, value in known.items() if key not in given})


@dataclass(frozen=True)
class SlabSysfs:
    """A whole copy, by cache name; `links` are other names. `notes` are for the user: one line each."""

    path: Path
    caches: Mapping[str, SysfsCache]
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        """All that was read, for comparing copies."""
        caches = {name: (sorted(cache.numbers.items()), cache.ctor) for name, cache in self.caches.items()}
        return json.dumps([caches, self.links], sort_keys=True).encode()

    def find(self, name: str) -> SysfsCache | None:
        """The cache of this name in any of its spellings, or under a link's; None if there is none."""
        for spelt in spellings(name):
            if found := self.caches.get(self.links.get(spelt, spelt)):
                return found
        return None

    def cache(self, name: str) -> SysfsCache:
        """The same. Raises InputError, with the nearest name, if there is none."""
        if found := self.find(name):
            return found
        names = [*self.caches, *self.links]
        raise InputError(str(self.path), f"no cache {name!r}{nearest(name, names)}", allowed=f"one of its {len(names)} names")


def read_slab_sysfs(path: Path) -> SlabSysfs:
    """Read a copy of /sys/kernel/slab. Raises InputError, one line, for what is none.

    Caches that lack a file which their layout needs, or have a number there that no cache has, are left out and noted, unless
    nothing else is there.
    """
    copied = _Copied(path)
    copied.read_folder() if is_folder(path) else copied.read_tar()
    return copied.made()


class _Copied:
    """What has been read of a copy so far: texts by cache and file, links, and what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.texts: dict[str, dict[str, str]] = {}
        self.links: dict[str, str] = {}
        self.outside = 0

    def read_folder(self) -> None:
        """Take up the files of a folder; none of them is a link."""
        for place in PLACES:
            for name, entry in _entries(self.path / place):
                if entry.is_symlink():
                    self.link(name, _target(entry))
                elif entry.is_dir():
                    for file in (*MOST, CTOR):
                        self._read_file(name, file, entry / file)
            if self.texts:
                return

    def _read_file(self, cache: str, file: str, path: Path) -> None:
        if path.is_symlink():
            self.outside += 1
        elif path.exists():
            with open_regular(path, "a file of sysfs") as opened:
                self.add(cache, file, opened.read(MAX_FILE_BYTES))

    def read_tar(self) -> None:
        """Take up the files of a tar file, wherever in it the caches lie."""
        try:
            with open_regular(self.path, TREE) as file:
                bounded = cast("BinaryIO", _Bounded(self.path, file))
                with tarfile.open(fileobj=bounded, mode="r|") as tar:
                    for number, member in enumerate(tar):
                        if number >= MAX_MEMBERS:
                            raise InputError(str(self.path), "too many files in it", allowed=f"at most {MAX_MEMBERS:,}")
                        self._member(tar, member)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError):
            raise InputError(str(self.path), "no tar file, or a damaged one", allowed=TREE) from None
        except OSError as error:
            raise InputError(str(self.path), error.strerror or str(error), allowed=TREE) from None

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = member.name.split("/")
        if member.issym():
            if parts[-1] in (*MOST, CTOR):
                self.outside += 1
            else:
                self.link(parts[-1], member.linkname)
        elif member.isreg() and len(parts) > 1 and parts[-1] in (*MOST, CTOR):
            content = tar.extractfile(member)
            if content is not None:
                self.add(parts[-2], parts[-1], content.read(MAX_FILE_BYTES))

    def link(self, name: str, target: str) -> None:
        """Another name of a cache; one that leads anywhere else is not followed."""
        if "/" in target or target in ("", ".", ".."):
            self.outside += 1
        elif len(self.links) < MAX_ROWS:
            self.links[name] = target

    def add(self, cache: str, file: str, content: bytes) -> None:
        """Take up a file's text; tar pads what sysfs says is a page with zeros."""
        if cache not in self.texts and len(self.texts) >= MAX_ROWS:
            raise InputError(str(self.path), "one cache too many", allowed=f"{MAX_ROWS}")
        if len(cache) <= MAX_ROW_NAME and cache.isprintable():
            self.texts.setdefault(cache, {})[file] = content.decode("ascii", "replace").rstrip(_NUL).strip()

    def made(self) -> SlabSysfs:
        """All of it."""
        caches: dict[str, SysfsCache] = {}
        odd: list[InputError] = []
        for name, texts in self.texts.items():
            try:
                numbers = {file: self._number(name, file, texts[file]) for file in MOST if file in texts}
                self._check(name, numbers)
            except InputError as error:
                odd.append(error)
                continue
            caches[name] = SysfsCache(name, numbers, bool(texts.get(CTOR)))
        if not caches:
            raise odd[0] if odd else InputError(str(self.path), "no cache in it", allowed=TREE)
        notes = [f"{odd[0].where}: left out: {odd[0].problem}{_more(len(odd))}"] if odd else []
        if self.outside:
            notes.append(f"{self.path}: {self.outside} links that lead elsewhere are not followed")
        return SlabSysfs(self.path, _believed(caches, self.links), self.links, tuple(notes))

    def _check(self, cache: str, numbers: Mapping[str, int]) -> None:
        for file in NEEDED:
            if file not in numbers:
                raise InputError(f"{self.path}: {cache}", f"no file {file}", allowed=TREE)
        if not numbers["object_size"]:
            raise InputError(f"{self.path}: {cache}/object_size", "'0'", allowed=f"1 to {MOST['object_size']}")

    def _number(self, cache: str, file: str, text: str) -> int:
        most = MOST[file]
        word = text.partition(" ")[0]
        if not (word.isascii() and word.isdecimal()) or len(word) > len(str(most)) or int(word) > most:
            raise InputError(f"{self.path}: {cache}/{file}", f"{shown(text, 40)!r}", allowed=f"0 to {most}")
        return int(word)


def _more(count: int) -> str:
    return f" ({count - 1} caches more likewise)" if count > 1 else ""


def _believed(caches: Mapping[str, SysfsCache], links: Mapping[str, str]) -> Mapping[str, SysfsCache]:
    """The same without settings that the kernel prints as 0 where it has none: no sheaves, no partial slabs of a CPU's in any.

    Where all caches have sheaves but those that may not (7.0), a capacity of 0 is one of these, and says so.
    """
    asking = {links.get(name, name) for name in ASKING} | set(ASKING)
    all_have = any(cache.numbers.get("sheaf_capacity") for name, cache in caches.items() if name not in asking)
    none = {"sheaf_capacity": [name for name, cache in caches.items() if not (all_have or cache.numbers.get("sheaf_capacity"))]}
    none["cpu_partial"] = [] if any(cache.numbers.get("cpu_partial") for cache in caches.values()) else list(caches)
    made = {}
    for name, cache in caches.items():
        without = [file for file, names in none.items() if name in names]
        numbers = {file: number for file, number in cache.numbers.items() if file not in without}
        made[name] = SysfsCache(name, numbers, cache.ctor)
    return made


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    try:
        entries = sorted(folder.iterdir()) if not folder.is_symlink() else []
    except OSError:
        return
    yield from ((entry.name, entry) for entry in entries)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


class _Bounded:
    """A file, unpacked if it is gzip, of which no more than MAX_BYTES are read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        magic = file.read(2)
        file.seek(0)
        self._path = path
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file, mode="rb") if magic == b"\x1f\x8b" else file
        self._left = MAX_BYTES

    def read(self, size: int) -> bytes:
        """At most `size` bytes. Raises InputError when all that may be read has been."""
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(str(self._path), "larger than 1 GiB, unpacked", allowed=TREE)
        return data
