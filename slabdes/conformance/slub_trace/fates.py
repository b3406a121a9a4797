# SPDX-License-Identifier: GPL-2.0-only
"""Whether a search of other nodes was skipped by the cycle counter, which no trace shows: what is recorded decides.

A search is taken as done; if what an operation with a search gives then differs, the replay is begun again with the other fate,
which stays if the difference is gone. Leaves out fates that nothing recorded tells apart.
"""

from __future__ import annotations

from typing import Final

from slabdes.dumps.bounds import MAX_STEPS

USUALLY_SKIPPED: Final = False
"""What becomes of a search unless a recorded pointer says otherwise: 2.2 % are skipped (kernel73/README)."""
LEAST_DOUBTS: Final = 8
"""Times that a replay may be begun again, however long the trace (assumed; shorter ones may oftener, within MAX_STEPS)."""

MAX_VAIN: Final = 4
"""Searches whose other fate did not help, after which none is doubted any more: what differs has other reasons (assumed)."""


class Doubt(Exception):
    """An operation in which other nodes were searched gives something else than was recorded. `searches` are their numbers."""

    def __init__(self, searches: range) -> None:
        super().__init__()
        self.searches = searches


class Fates:
    """The fates of a trace's searches, as far as they are decided, for replays of so many `steps` each."""

    def __init__(self, steps: int) -> None:
        self._skipped: dict[int, bool] = {}
        self._doubts = max(LEAST_DOUBTS, MAX_STEPS // max(1, steps))
        self._vain = 0

    def is_skipped(self, number: int) -> bool:
        """Whether a search is, by its number."""
        return self._skipped.get(number, USUALLY_SKIPPED)

    def doubt(self, searches: range) -> None:
        """Raise Doubt if one of the searches of an operation that went wrong may have had another fate."""
        hopeful = self._doubts > 0 and self._vain < MAX_VAIN
        if hopeful and any(self._skipped.get(number, not USUALLY_SKIPPED) != USUALLY_SKIPPED for number in searches):
            raise Doubt(searches)

    def try_another(self, searches: range) -> None:
        """Give the next of these searches the other fate; one that has it already did not help, and gets its own again."""
        self._doubts -= 1
        for number in searches:
            if self.is_skipped(number) != USUALLY_SKIPPED:
                self._skipped[number] = USUALLY_SKIPPED
                self._vain += 1
        undecided = next((number for number in searches if number not in self._skipped), None)
        if undecided is not None:
            self._skipped[undecided] = not USUALLY_SKIPPED
