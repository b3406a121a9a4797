# SPDX-License-Identifier: GPL-2.0-only
"""The one exception family of slabdes, and how an error reads.

Every error is one line that names the place, the value and what is allowed; the command line prints it and exits
with `exit_code`. Bugs are not in this family: they keep their traceback.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from slabdes.printable import escaped

MAX_LINE: Final = 300
"""Characters of an error: what does not fit is shown by its beginning and its length (a choice: three lines of a terminal)."""
MAX_SHOWN: Final = 120
"""Characters of a single name, key or value, where none is said (a choice)."""


def shown(value: object, most: int = MAX_SHOWN) -> str:
    r"""Text that came from anywhere, as a person may see it: printable characters only, the beginning of it if it is long.

    What is not printable (control characters, escape sequences, overrides of direction, halves of characters) is escaped.

    >>> shown("red\x1b[31m")
    'red\\x1b[31m'
    >>> shown("x" * 5000, 40)
    'xxxxxxxxxxxxxxxx... (5,000 characters)'
    """
    try:
        text = str(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; a list in a list in a list
        return "a value too large to show"
    # Escapes only make text longer, so its beginning is enough to work on.
    clean = "".join(letter if letter.isprintable() else escaped(letter) for letter in text[: most + 1])
    if len(text) <= most and len(clean) <= most:
        return clean
    length = f"... ({len(text):,} characters)"
    return clean[: max(most - len(length), 0)] + length


def one_line(parts: list[str], most: int = MAX_LINE) -> list[str]:
    """Parts of a line, white space folded and shown so that all together are `most` characters: the longest are cut first."""
    folded = [" ".join(part[: 4 * MAX_LINE].split()) + part[4 * MAX_LINE :] for part in parts]
    left, room = most, most
    for number, length in enumerate(sorted(len(shown(part, most)) for part in folded)):
        room = left // (len(folded) - number)
        if length > room:
            break
        left -= length
    else:
        room = most
    return [shown(part, room) for part in folded]


def tell(line: str) -> None:
    """One line to whoever runs this, about something that changes no result: on the error stream, unless logging is set up."""
    logging.getLogger("slabdes").warning("slabdes: %s", "".join(one_line([line])))


class SlabdesError(Exception):
    """Whatever slabdes tells its user in one line. `exit_code` is the command line's."""

    exit_code = 2

    def __str__(self) -> str:
        """The one line."""
        return "".join(one_line([super().__str__()]))


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
        where, problem, allowed = one_line([self.where, self.problem, self.allowed or ""])
        return f"{where}: {problem}" + (f"; allowed: {allowed}" if allowed else "")


class Unmeasured(InputError):
    """What was run lacks what is asked of it, and more of the same would: nothing of it is kept to go on with."""


class Impossible(InputError):
    """What an experiment asks for cannot be done, on any computer and at any time: nothing else went wrong.

    What the system refused (a file that cannot be read, a full disk) lies behind no such error; `refusing` tells them apart.
    """


@contextmanager
def refusing() -> Iterator[None]:
    """Make an InputError an Impossible unless an OSError lies behind it."""
    try:
        yield
    except InputError as error:
        behind: BaseException | None = error
        while behind is not None:
            if isinstance(behind, OSError):
                raise
            behind = behind.__context__
        raise Impossible(*error.args) from None


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
    close = nearest_of(word, known)
    return f" (did you mean {shown(close)}?)" if close else ""


def nearest_of(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The one of `known` that an unknown `word` is near to, at least `cutoff` of 1, or an empty string."""
    if len(word) > MAX_SHOWN:  # comparing takes the product of both lengths
        return ""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return match[0] if match else ""
