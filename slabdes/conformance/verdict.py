# SPDX-License-Identifier: GPL-2.0-only
"""The outcome of comparing one recording with what happens here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


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
