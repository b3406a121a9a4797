# SPDX-License-Identifier: GPL-2.0-only
"""The operations of a complete trace of 7.3: kmem events, and what has no tracepoint from the lines that begin with SLT.

A bulk call's lines are one operation, and an allocation from a prefilled sheaf, which has an event too, is one. The kmalloc of a
new sheaf is an operation marked `inner`. Leaves out what operations do to the allocator: see replay.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from slabdes.conformance.kernel_trace.events import MAX_EVENTS, MarkedReader, level_and_task, traced_event
from slabdes.workload.programs import ANY_NODE
from slabdes.workload.trace.events import MAX_CPU, MAX_NAME, NO_POINTER, KmemEvent, KmemKind

SHEAF_SITE: Final = "__alloc_empty_sheaf"
"""The call site of a sheaf's kmalloc."""
_SLT: Final = re.compile(
    rb"\[(\d{1,9})\][ \t]+\S+[ \t]+\d+: [^ \t:]+: SLT (ab\+?|fb\+?|pf|pa|px|pr|r|cb|cbflush) ([\x20-\x7e]{1,300}?)\s*$"
)
_SLT_ANY: Final = re.compile(rb": SLT ")
_FORMS: Final = {
    "ab": r"(?P<name>.+) n=(?P<count>\d{1,7})",
    "fb": r"(?P<name>.+) n=(?P<count>\d{1,7})",
    "ab+": r"(?P<pointer>[0-9a-f]{1,16})",
    "fb+": r"(?P<pointer>[0-9a-f]{1,16})",
    "pf": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) want=(?P<want>\d{1,7}) size=(?P<count>-?\d{1,7})",
    "pa": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) (?P<pointer>[0-9a-f]{1,16})",
    "px": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) want=(?P<want>\d{1,7})(?: size=(?P<count>-?\d{1,7}))?",
    "pr": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) size=(?P<count>\d{1,7})",
    "r": r"(?P<name>.+) (?P<pointer>[0-9a-f]{1,16})",
    "cb": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) size=(?P<count>\d{1,7})",
    "cbflush": r"(?P<name>.+) (?P<sheaf>[0-9a-f]{1,16}) size=(?P<count>\d{1,7})",
}
LINES: Final = "SLT lines as kernel73/README describes them: ab fb ab+ fb+ pf pa px pr r cb cbflush"


class Kind(Enum):
    """What an operation does; the values are the SLT lines' words."""

    ALLOC = "alloc"
    FREE = "free"
    BULK_ALLOC = "ab"
    BULK_FREE = "fb"
    PREFILL = "pf"
    FROM_SHEAF = "pa"
    REFILL = "px"
    RETURN = "pr"
    RCU = "r"
    CALLBACK = "cb"
    FLUSHING = "cbflush"


BEFORE: Final = frozenset({Kind.FREE, Kind.BULK_FREE, Kind.REFILL, Kind.RETURN, Kind.CALLBACK, Kind.FLUSHING})
"""Those that are logged before they are done."""


class Context(NamedTuple):
    """Who ran: a task, on whatever CPU, or an interrupt of a CPU."""

    level: int
    owner: int


class Operation(NamedTuple):
    """One operation. `name` is the cache's, as far as its line has it; `pointers` its objects, `sheaf` its sheaf's address.

    `size` is a sheaf's recorded size, `want` how many objects it is to hold. Of a kmalloc `bytes_alloc` and `kind_of_kmalloc`
    tell the cache; both are nothing else's.
    """

    kind: Kind
    cpu: int
    context: Context
    name: str
    pointers: tuple[int, ...]
    sheaf: int = 0
    want: int = 0
    size: int = 0
    node: int = ANY_NODE
    flags: int = 0
    bytes_alloc: int = 0
    kind_of_kmalloc: str = ""
    inner: bool = False


@dataclass(frozen=True)
class SlubTrace:
    """A whole trace: operations in file order; those of `operations[begin:end]` lie between the two dumps."""

    path: Path
    operations: tuple[Operation, ...]
    begin: int
    end: int
    clock: str


@dataclass
class _Bulk:
    """A bulk call whose objects are being read."""

    kind: Kind
    name: str
    count: int
    pointers: list[int]


class _SlubReader(MarkedReader):
    """A reader that makes operations of a trace's lines, as far as they are complete."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.operations: list[Operation] = []
        self._bulks: dict[Context, _Bulk] = {}
        self._handed: dict[Context, int] = {}
        """Objects of prefilled sheaves whose event is still to come."""

    @property
    def place(self) -> int:
        return len(self.operations)

    def read(self, before: str, after: str) -> SlubTrace:
        """The trace, cut where the dumps were taken."""
        for kmem in self:
            self._keep(self._kmem(kmem, self.line))
        for bulk in self._bulks.values():
            raise self.lines.error(f"{bulk.kind.value} n={bulk.count} has {len(bulk.pointers)} objects", allowed=LINES)
        begin, end = self.begin_and_end(before, after)
        clock = self.clock.value if self.clock else "none"
        return SlubTrace(self.lines.path, tuple(self.operations), begin, end, clock)

    def _keep(self, operation: Operation | None) -> None:
        if operation is None:
            return
        if len(self.operations) >= MAX_EVENTS:
            raise self.lines.error("one operation too many", allowed=f"{MAX_EVENTS}")
        self.operations.append(operation)

    def _kmem(self, kmem: KmemEvent, line: bytes) -> Operation | None:
        event = traced_event(kmem, line)
        context = _context(event.level, event.task, kmem.cpu)
        if kmem.kind is KmemKind.FREE:
            return Operation(Kind.FREE, kmem.cpu, context, event.name, (kmem.pointer,))
        if self._handed.get(context) == kmem.pointer:
            del self._handed[context]
            return None
        return Operation(
            Kind.ALLOC,
            kmem.cpu,
            context,
            kmem.name,
            (kmem.pointer,),
            node=kmem.node,
            flags=kmem.flags,
            bytes_alloc=kmem.bytes_alloc if kmem.is_kmalloc else 0,
            kind_of_kmalloc=event.kind_of_kmalloc,
            inner=kmem.call_site.startswith(SHEAF_SITE),
        )

    def _other_line(self, line: bytes) -> None:
        super()._other_line(line)
        if not _SLT_ANY.search(line):
            return
        match = _SLT.search(line)
        word = match[2].decode() if match else ""
        said = re.fullmatch(_FORMS[word], match[3].decode()) if match else None
        if match is None or said is None or int(match[1]) > MAX_CPU:
            raise self.lines.error(f"an SLT line that says nothing known: {self._shown(line.strip()[-60:])!r}", allowed=LINES)
        cpu = int(match[1])
        context = _context(*level_and_task(line), cpu)
        self._keep(self._slt(word, cpu, context, said.groupdict()))

    def _slt(self, word: str, cpu: int, context: Context, said: dict[str, str | None]) -> Operation | None:
        pointer, sheaf = (int(said.get(key) or "0", 16) for key in ("pointer", "sheaf"))
        want, count = (int(said.get(key) or "0") for key in ("want", "count"))
        name = (said.get("name") or "")[:MAX_NAME]
        if word in ("ab", "fb"):
            if count:
                self._bulks[context] = _Bulk(Kind(word), name, count, [])
            return None
        if word in ("ab+", "fb+"):
            return self._of_bulk(word, cpu, context, pointer)
        if word == "pa" and pointer != NO_POINTER:
            self._handed[context] = pointer
        return Operation(Kind(word), cpu, context, name, (pointer,), sheaf=sheaf, want=want, size=count)

    def _of_bulk(self, word: str, cpu: int, context: Context, pointer: int) -> Operation | None:
        bulk = self._bulks.get(context)
        if bulk is None or bulk.kind.value != word[:-1]:
            raise self.lines.error(f"{word} without its {word[:-1]}", allowed=LINES)
        bulk.pointers.append(pointer)
        if len(bulk.pointers) < bulk.count:
            return None
        del self._bulks[context]
        return Operation(bulk.kind, cpu, context, "" if bulk.name == "-" else bulk.name, tuple(bulk.pointers))


def _context(level: int, task: int, cpu: int) -> Context:
    return Context(level, -1 - cpu if level or not task else task)


def read_slub_trace(path: Path, before: str, after: str) -> SlubTrace:
    """The trace, cut where the dumps labelled `before` and `after` were taken. InputError if it lacks them or lost events."""
    return _SlubReader(path).read(before, after)


def sheaves_behind(trace: SlubTrace) -> tuple[dict[Context, deque[int]], dict[int, deque[int]]]:
    """Positions of the sheaves' kmallocs: before a context's first operation, and behind each operation."""
    first: dict[Context, deque[int]] = {}
    behind: dict[int, deque[int]] = {}
    last: dict[Context, int] = {}
    for position in range(trace.begin, trace.end):
        operation = trace.operations[position]
        if not operation.inner:
            last[operation.context] = position
        elif operation.context in last:
            behind.setdefault(last[operation.context], deque()).append(position)
        else:
            first.setdefault(operation.context, deque()).append(position)
    return first, behind
