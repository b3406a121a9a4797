# SPDX-License-Identifier: GPL-2.0-only
"""The outcome of comparing one recording with what happens here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Outcome(Protocol):
    """What comparing any kind of recording ends in."""

    @property
    def holds(self) -> bool:
        """Whether what was recorded was reproduced."""
        ...

    def lines(self) -> Iterator[str]:
        """The outcome for people."""
        ...

    def as_plain(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        ...


class _CacheOfTrace(Protocol):
    """What comparing a trace found of one cache."""

    @property
    def active(self) -> bool: ...

    @property
    def allocs(self) -> int: ...

    @property
    def differing(self) -> int: ...


OfCache = TypeVar("OfCache", bound=_CacheOfTrace)


class Judged(Generic[OfCache]):
    """What comparing a trace folder found, cache by cache, of any allocator; `reasons` say why its rule does not hold."""

    caches: tuple[OfCache, ...]
    reasons: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the rule of the folder's kind holds."""
        return not self.reasons

    @property
    def active(self) -> tuple[OfCache, ...]:
        """The caches that the trace, or a counter, says were used."""
        return tuple(cache for cache in self.caches if cache.active)

    @property
    def allocs(self) -> int:
        """Objects handed out whose pointers were compared."""
        return sum(cache.allocs for cache in self.caches)

    @property
    def differing(self) -> int:
        """Of those, pointers that differ: so often was the replay resynchronised."""
        return sum(cache.differing for cache in self.caches)


@dataclass(frozen=True)
class Verdict:
    """One recording's comparison. `difference` holds the first records that differ, (ours, recorded), or None.

    `compared` says in words what the records are, if their kind has more to say than its name does.
    """

    name: str
    matched: int
    total: int
    difference: tuple[Any, Any] | None
    compared: str = ""

    @property
    def holds(self) -> bool:
        """Whether every record was matched and none is missing or left over."""
        return self.difference is None and self.matched == self.total

    def lines(self) -> Iterator[str]:
        """`name: matched/total`, and the first difference with both records and the fields in which they differ."""
        yield f"{self.name}: {self.matched}/{self.total}{f' {self.compared}' if self.compared else ''}"
        if self.difference is not None:
            ours, recorded = self.difference
            yield f"  first difference{_fields_that_differ(ours, recorded)}"
            yield f"    ours:     {_record_text(ours)}"
            yield f"    recorded: {_record_text(recorded)}"

    def as_plain(self) -> dict[str, Any]:
        """The same as JSON values."""
        ours, recorded = self.difference or (None, None)
        plain = {"name": self.name, "matched": self.matched, "total": self.total, "ours": ours, "recorded": recorded}
        return plain | ({"compared": self.compared} if self.compared else {})


def _fields_that_differ(ours: Any, recorded: Any) -> str:
    if not (isinstance(ours, dict) and isinstance(recorded, dict)):
        return ""
    names = [name for name in ours | recorded if (name in ours, ours.get(name)) != (name in recorded, recorded.get(name))]
    return f", in {', '.join(names)}"


def _record_text(record: Any) -> str:
    if record is None:
        return "(none)"
    return record if isinstance(record, str) else json.dumps(record, separators=(",", ":"))
