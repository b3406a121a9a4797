"""The outcome of comparing one recording with what happens here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """One recording's comparison. `difference` holds the first records that differ, (ours, recorded), or None."""

    name: str
    matched: int
    total: int
    difference: tuple[Any, Any] | None

    @property
    def holds(self) -> bool:
        """Whether every record was matched and none is missing or left over."""
        return self.difference is None and self.matched == self.total
