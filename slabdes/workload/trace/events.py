# SPDX-License-Identifier: GPL-2.0-only
"""kmem events of a trace: one KmemEvent a line, from ftrace, perf script or trace-cmd report, of kernels 2.6.3x to 6.18.

Fields are read as key=value, wherever they stand. Other events and comments are skipped; what was lost is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, IntEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from slabdes.errors import InputError, shown
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.gfp import step_flags
from slabdes.workload.trace.lines import TRACES, Progress, TraceLines

MAX_CPU: Final = 8191
"""Highest CPU number accepted: x86 kernels have at most 8,192 (CONFIG_NR_CPUS_RANGE_END)."""
MAX_NODE: Final = 1023
"""Highest node number accepted: kernels have at most 1,024 (CONFIG_NODES_SHIFT 10)."""
ZERO_SIZE_PTR: Final = 16
"""What kmalloc(0) returns (include/linux/slab.h); frees of it and of NULL do nothing."""
MAX_NAME: Final = 64
"""Characters of a cache's name that are kept (config.CacheConfig takes no more)."""
MAX_SITE: Final = 256
"""Characters of a call site that are kept (assumed; kernel symbols are shorter)."""
MAX_WORDS: Final = 1 << 16
"""Distinct names and call sites accepted in one trace (assumed; a kernel has some thousand call sites)."""
NS_DIGITS: Final = 9
_POINTER_DIGITS: Final = len("0x") + 16
"""Characters of a pointer that is a number; what is longer is a name like any other."""
MAX_MASK: Final = 1024
"""Characters of gfp flags that are read (assumed; all names that kernels have, joined, are fewer)."""

NO_POINTER: Final = 0
"""The pointer of NULL, ZERO_SIZE_PTR and failed allocations."""
UNKNOWN_POINTER: Final = -1
"""The pointer of a line that hides it: `(____ptrval____)`, printed before the kernel has random numbers to hash with."""

_NO_NODE: Final = b"0xffffffff"
"""-1 under the option `fields`."""
_NULLS: Final = frozenset((b"", b"(nil)", b"(null)"))
_HIDDEN: Final = b"ptrval"
_OPAQUE: Final = 1 << 64
"""Added to hashes of pointers that are not numbers, so that they meet no real one."""

_EVENT_NAME: Final = rb"(?:kmem:)?(kmem_cache_alloc_node|kmem_cache_alloc|kmem_cache_free|kmalloc_node|kmalloc|kfree)"
_FIELDS: Final = rb":[ \t]+(?:\([^()]*\)[ \t]+)?(?=\w+=)"
"""trace-cmd and older perf print the call site once more, in brackets, before the fields."""
_SINCE: Final = rb"(?:\(\+\d+(?:\.\d+)?\)[ \t]+)?"
"""trace-cmd report --ts-diff: the time since the line before."""
_LINE: Final = re.compile(
    rb"\[(\d+)\](?:[ \t]+[^\s\[\]]+)?[ \t]+(\d+)(?:\.(\d+))?:[ \t]+" + _SINCE + rb"(?:\d+[ \t]+)?" + _EVENT_NAME + _FIELDS
)
"""[cpu], flags or none, time, what --ts-diff adds or perf's period or none, event. Task names stand before and may hold anything:
at 15 characters none is long enough to look like all of this."""
_DUMPED: Final = re.compile(rb"[ \t](\d+)[A-Za-z.][\w.]{0,7}[ \t]+(\d+)us[ !+#*@$~]?:[ \t]+" + _EVENT_NAME + _FIELDS)
"""ftrace's latency format, in which it dumps its buffer on an oops: CPU and flags without brackets, time in us."""
_LATENCY: Final = re.compile(
    rb"-\d+[ \t]+(\d+)[ \t]?[A-Za-z.][\w.]{0,9}[ \t]+(\d+)\.(\d+):[ \t]+" + _SINCE + _EVENT_NAME + _FIELDS
)
"""The same as trace-cmd report -l prints it: task-pid, CPU and flags, time in seconds."""
_NAMED: Final = re.compile(_EVENT_NAME + rb":[ \t]")
_JOINED: Final = b"\\n\\"
"""What ends each line where a whole trace is a string of a script (systrace's HTML)."""
_EVENT: Final = re.compile(rb"(?<![\w:])" + _EVENT_NAME + _FIELDS)
"""An event, whatever stands before it: when _LINE does not match, a line that cannot be used."""
_KEY_VALUE: Final = re.compile(rb"\b(\w+)=(\S*(?: \[\w+\])?)")
"""A call site in a module is followed by its name in square brackets."""
_WRITTEN: Final = re.compile(rb"#\s*entries-in-buffer/entries-written:\s*(\d+)/(\d+)")
_LOST: Final = re.compile(rb"^\s*CPU:\s*\d+ \[(?:LOST )?(?:(\d+) )?EVENTS(?: DROPPED)?\]|PERF_RECORD_LOST\S{0,64}\s+lost\s+(\d+)")
"""ftrace's `CPU:1 [LOST 5 EVENTS]`, trace-cmd's `CPU:1 [5 EVENTS DROPPED]` (both also without a number), perf script's record."""


class KmemKind(IntEnum):
    """What an event did with its object."""

    ALLOC = 0
    FREE = 1


class Clock(Enum):
    """What a trace's timestamps count."""

    SECONDS = "seconds"
    COUNTER = "counter"


class KmemEvent(NamedTuple):
    """One event. `time` in nanoseconds, or in ticks where the clock is a counter; `node` ANY_NODE if none is asked for.

    `flags` are MAY_WAIT and THISNODE; sizes are 0 and flags nothing for frees. `pointer` is NO_POINTER or UNKNOWN_POINTER
    where there is no object to follow.
    """

    cpu: int
    time: int
    kind: KmemKind
    is_kmalloc: bool
    pointer: int
    bytes_req: int
    bytes_alloc: int
    flags: int
    node: int
    name: str
    """The cache's, or empty where the trace does not say."""
    call_site: str


class Parts(NamedTuple):
    """Of a line with an event: where its fields begin, CPU, time before and behind its point, the event's name."""

    fields_at: int
    cpu: bytes
    whole: bytes
    fraction: bytes | None
    event: bytes


def _parts(line: bytes) -> Parts | None:
    if line.startswith(b"#"):
        return None
    if match := _LINE.search(line):
        return Parts(match.end(), *match.groups())
    if not _NAMED.search(line):
        return None
    if match := _LATENCY.search(line):
        return Parts(match.end(), *match.groups())
    if b"us" in line and (match := _DUMPED.search(line)):
        cpu, microseconds, event = match.groups()
        return Parts(match.end(), cpu, microseconds[:-6] or b"0", microseconds[-6:].rjust(6, b"0"), event)
    return None


def _names_event(part: bytes) -> bool:
    return _NAMED.search(part) is not None


class KmemReader:
    """The kmem events of the file `path`, in file order; iterate once. Afterwards `lost`, `clock` and the like are known.

    Raises InputError, with the line's number, for a kmem event without CPU, time or the fields it needs.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.lines = TraceLines(path, progress, matters=_names_event)
        self.events = 0
        self.lost = 0
        """Events that the trace says were overwritten or dropped."""
        self.lost_uncounted = False
        """Whether it also says that an unknown number was."""
        self.clock: Clock | None = None
        self._words: dict[bytes, str] = {}

    def __iter__(self) -> Iterator[KmemEvent]:
        for line in self.lines:
            if event := self.read_line(line):
                yield event
        self.check_events()

    def read_line(self, line: bytes) -> KmemEvent | None:
        """The event of a line, if it has one; else what it says of lost events is counted."""
        if line[-1:] == b"\\":
            line = line.removesuffix(_JOINED)
        if parts := _parts(line):
            self.events += 1
            return self._event(line, parts)
        self._other_line(line)
        return None

    def check_events(self) -> None:
        """Raise InputError, at the end, if there was no event."""
        if not self.events:
            raise InputError(str(self.lines.path), f"no kmem event in {self.lines.number} lines", allowed=TRACES)

    def _other_line(self, line: bytes) -> None:
        if line.startswith(b"#"):
            if match := _WRITTEN.match(line):
                self.lost += max(0, int(match[2][:18]) - int(match[1][:18]))
            return
        if _EVENT.search(line):
            beginning = self._shown(line.strip()[:60])
            raise self.lines.error(
                f"kmem event without [cpu] and time: {beginning!r}", allowed="task-pid [cpu] seconds: event: ..."
            )
        if (b"LOST" in line or b"DROPPED" in line) and (match := _LOST.search(line)):
            count = match[1] or match[2]
            self.lost += int(count[:18]) if count else 0
            self.lost_uncounted |= not count

    def _event(self, line: bytes, parts: Parts) -> KmemEvent:
        start, cpu_text, whole, fraction, event = parts
        fields = dict(_KEY_VALUE.findall(line, start))
        cpu = self._number(cpu_text, "CPU", 0, MAX_CPU)
        pointer = self._pointer(fields.get(b"ptr"), event)
        time = self._time(whole, fraction)
        name = self._word(fields.get(b"name", b"")[:MAX_NAME])
        call_site = self._word(fields.get(b"call_site", b"")[:MAX_SITE])
        is_kmalloc = event[:5] != b"kmem_"
        if event[-4:] == b"free":
            return KmemEvent(cpu, time, KmemKind.FREE, is_kmalloc, pointer, 0, 0, 0, ANY_NODE, name, call_site)
        try:
            bytes_req, bytes_alloc = fields[b"bytes_req"], fields[b"bytes_alloc"]
        except KeyError as error:
            raise self.lines.error(f"{event.decode()} event without {error.args[0].decode()}=") from None
        return KmemEvent(
            cpu,
            time,
            KmemKind.ALLOC,
            is_kmalloc,
            pointer,
            self._number(bytes_req, "bytes_req", 0, _OPAQUE - 1),
            self._number(bytes_alloc, "bytes_alloc", 1, _OPAQUE),
            self._flags(fields.get(b"gfp_flags", b"")[:MAX_MASK]),
            self._node(fields.get(b"node", b"-1")),
            name,
            call_site,
        )

    def _time(self, whole: bytes, fraction: bytes | None) -> int:
        clock = Clock.COUNTER if fraction is None else Clock.SECONDS
        if clock is not self.clock:
            if self.clock is not None:
                raise self.lines.error(f"a time in {clock.value} after times in {self.clock.value}", allowed="one clock a trace")
            self.clock = clock
        if len(whole) > 20:
            raise self.lines.error(f"time {shown(self._shown(whole), 60)} is too great", allowed="at most 20 digits")
        if fraction is None:
            return int(whole)
        return int(whole + fraction[:NS_DIGITS].ljust(NS_DIGITS, b"0"))

    def _number(self, text: bytes, what: str, least: int, greatest: int) -> int:
        try:
            # Hexadecimal under the option `fields`.
            value = int(text, 16 if text[:2] == b"0x" else 10) if len(text) <= 20 else None
        except ValueError:
            value = None
        if value is None or not least <= value <= greatest:
            raise self.lines.error(f"{what} {shown(repr(self._shown(text)), 60)}", allowed=f"a number from {least} to {greatest}")
        return value

    def _node(self, text: bytes) -> int:
        return ANY_NODE if text == _NO_NODE else self._number(text, "node", ANY_NODE, MAX_NODE)

    def _pointer(self, text: bytes | None, event: bytes) -> int:
        if text is None:
            raise self.lines.error(f"{event.decode()} event without ptr=")
        try:
            pointer = int(text, 16) if len(text) <= _POINTER_DIGITS else _OPAQUE
        except ValueError:
            pointer = _OPAQUE
        if pointer < _OPAQUE:
            return pointer if pointer > ZERO_SIZE_PTR else NO_POINTER
        if text in _NULLS:
            return NO_POINTER
        if _HIDDEN in text:
            return UNKNOWN_POINTER
        return _OPAQUE | int.from_bytes(blake2b(text, digest_size=8).digest(), "little")

    def _word(self, raw: bytes) -> str:
        word = self._words.get(raw)
        if word is None:
            if len(self._words) >= MAX_WORDS:
                raise self.lines.error("one name or call site too many", allowed=f"{MAX_WORDS} different ones a trace")
            word = self._words[raw] = self._shown(raw)
        return word

    def _flags(self, raw: bytes) -> int:
        return step_flags(raw)

    @staticmethod
    def _shown(raw: bytes) -> str:
        """`raw` as text that does nothing to a terminal."""
        text = raw.decode("ascii", "replace")
        return text if text.isprintable() else "".join(character if character.isprintable() else "?" for character in text)
