"""The one exception family of slabdes, and how an error reads.

Every error is one line that names the place, the value and what is allowed; the command line prints it and exits
with `exit_code`. Bugs are not in this family: they keep their traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SlabdesError(Exception):
    """Whatever slabdes tells its user in one line. `exit_code` is the command line's."""

    exit_code = 2


class InputError(SlabdesError):
    """Input that cannot be used: `where` (file, key or line), what is wrong with which value, what is allowed.

    >>> print(InputError("run.toml: cache.size", "0 is too small", allowed="1 to 4194304 bytes"))
    run.toml: cache.size: 0 is too small; allowed: 1 to 4194304 bytes
    """

    def __init__(self, where: str, problem: str, allowed: str | None = None) -> None:
        # The parts are the exception's arguments, so that pickling and SimPy, which both make it anew, keep them.
        super().__init__(where, problem, allowed)
        self.where = where
        self.problem = problem
        self.allowed = allowed

    def __str__(self) -> str:
        """The one line."""
        text = f"{self.where}: {self.problem}" + (f"; allowed: {self.allowed}" if self.allowed else "")
        return " ".join(text.split())


class CheckFailed(SlabdesError):
    """A check that ran to its end and did not hold (a conformance difference, a broken invariant)."""

    exit_code = 1


class Stalled(SlabdesError):
    """A run in which every CPU waits for an object that nobody is going to hand over."""

    exit_code = 1


def nearest(word: str, known: Iterable[str]) -> str:
    """A `did you mean` clause for an unknown `word`, or an empty string when nothing in `known` is near.

    >>> nearest("batchcont", ["limit", "batchcount"])
    ' (did you mean batchcount?)'
    """
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {match[0]}?)" if match else ""
