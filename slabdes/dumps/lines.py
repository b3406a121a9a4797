# SPDX-License-Identifier: GPL-2.0-only
"""Lines of dumps of any allocator: DUMP to ENDDUMP, each with its reader; numbers and addresses in them, checked and bounded.

Leaves out what the lines between say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

from slabdes.errors import InputError
from slabdes.files import MAX_DIGITS
from slabdes.workload.trace.events import MAX_NAME
from slabdes.workload.trace.lines import TraceLines

MAX_DUMPS: Final = 16
MAX_CACHES: Final = 4096
MAX_SLABS: Final = 1 << 19
"""Slabs accepted in one file (assumed; a kernel under load has some ten thousand)."""
MAX_LISTED: Final = 1 << 24
"""Objects in arrays, or sheaves, and free indexes of slabs accepted in one file (assumed)."""
_WORD: Final = re.compile(r"[a-z]\w{0,31}")
MAX_COUNT: Final = (1 << 32) - 1
"""Largest count: the kernel's are unsigned ints, or as small."""


class Malformed(Exception):
    """What is wrong with a line; the reader adds where."""


@dataclass
class Totals:
    """What all dumps of a file have so far."""

    slabs: int = 0
    listed: int = 0

    def add(self, slabs: int, listed: int) -> None:
        """Count so many more. Raises Malformed beyond what a file may have."""
        self.slabs += slabs
        self.listed += listed
        if self.slabs > MAX_SLABS:
            raise Malformed(f"more than {MAX_SLABS} slabs in the file")
        if self.listed > MAX_LISTED:
            raise Malformed(f"more than {MAX_LISTED} objects in arrays and free indexes in the file")


DumpT = TypeVar("DumpT")
Draft = TypeVar("Draft")
Made = TypeVar("Made", covariant=True)


class DumpReader(Protocol[Made]):
    """What takes one dump's lines."""

    label: str

    def line(self, word: str, rest: str) -> None:
        """Take one line between DUMP and ENDDUMP, its first word and the rest. Raises Malformed."""
        ...

    def finished(self) -> Made:
        """The dump, at its ENDDUMP. Raises Malformed."""
        ...


def framed(path: Path, begin: Callable[[str], DumpReader[DumpT]], allowed: str) -> Iterator[DumpT]:
    """Every dump of a file, plain or gzip; `begin` makes a reader of what stands behind DUMP.

    Raises InputError, with the line's number, for what is none; it says that `allowed` is.
    """
    lines = TraceLines(path)
    reader: DumpReader[DumpT] | None = None
    count = 0
    for raw in lines:
        text = raw.decode("ascii", "replace").rstrip()
        try:
            word, _, rest = text.partition(" ")
            if not text or word == ">":
                continue
            if word == "DUMP":
                if reader is not None:
                    raise Malformed(f"a new DUMP before the ENDDUMP of {reader.label!r}")
                if count >= MAX_DUMPS:
                    raise Malformed(f"more than {MAX_DUMPS} dumps")
                count += 1
                reader = begin(rest)
            elif reader is None:
                raise Malformed(f"{quoted(text)} outside DUMP and ENDDUMP")
            elif word == "ENDDUMP":
                yield reader.finished()
                reader = None
            else:
                reader.line(word, rest)
        except Malformed as problem:
            raise lines.error(str(problem), allowed=allowed) from None
    if reader is not None:
        raise InputError(f"{path}: line {lines.number}", f"dump {reader.label!r} has no ENDDUMP: cut short", allowed=allowed)
    if not count:
        raise InputError(str(path), "no DUMP in it", allowed=allowed)


def line_of_cache(parts: Mapping[str, Callable[[Draft, str], None]], draft: Draft | None, word: str, rest: str) -> None:
    """Have the part of a reader that `word` names take a line of the cache being read. Raises Malformed."""
    part = parts.get(word)
    if part is None:
        raise Malformed(f"{quoted(word)} begins no line of a dump")
    if draft is None:
        raise Malformed(f"{word} before any CACHE")
    part(draft, rest)


def cache_words(rest: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """The name and the key=value words of a CACHE line, unless `known` has the name. Raises Malformed."""
    match = re.fullmatch(r"name=(.+) (object_size=.*)", rest)
    if match is None or len(match[1]) > MAX_NAME or not match[1].isprintable():
        raise Malformed(f"CACHE {quoted(rest)}")
    if match[1] in known:
        raise Malformed(f"a second CACHE {match[1]!r}")
    if len(known) >= MAX_CACHES:
        raise Malformed(f"more than {MAX_CACHES} caches")
    return match[1], dict(word.partition("=")[::2] for word in match[2].split())


def counters_of(kind: str, rest: str, most: int) -> dict[str, int]:
    """The key=count words behind `kind`, up to `most` each. Raises Malformed."""
    counters: dict[str, int] = {}
    for word in rest.split():
        key, _, value = word.partition("=")
        if not _WORD.fullmatch(key):
            raise Malformed(f"{kind} {quoted(word)}")
        counters[key] = whole_number(value, key, most=most)
    return counters


def locks_of(rest: str) -> dict[str, tuple[int, int]]:
    """Of an LK line, how often each site took its lock, and how often it had to wait. Raises Malformed."""
    locks: dict[str, tuple[int, int]] = {}
    for word in rest.split():
        match = re.fullmatch(rf"({_WORD.pattern})=(\d{{1,18}})/(\d{{1,18}})", word)
        if match is None:
            raise Malformed(f"LK {quoted(word)}")
        locks[match[1]] = (int(match[2]), int(match[3]))
    return locks


def whole_number(text: str, what: str, most: int = MAX_COUNT) -> int:
    """The number that `text` is. Raises Malformed for none, or one above `most`."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        raise Malformed(f"{what} {quoted(text)} is no number")
    if (value := int(text)) > most:
        raise Malformed(f"{what} {value} is more than {most}")
    return value


def pointer_of(text: str) -> int:
    """The address that `text` is. Raises Malformed for none."""
    try:
        value = int(text, 16) if len(text) <= MAX_DIGITS else -1
    except ValueError:
        value = -1
    if not 0 < value < 1 << 64:
        raise Malformed(f"{quoted(text)} is no address")
    return value


def quoted(text: str) -> str:
    """The beginning of a text as an error shows it."""
    return repr("".join(character if character.isprintable() else "?" for character in text[:60]))
