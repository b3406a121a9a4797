"""Rules of the clock that validation can leave out, to see what each of them contributes.

A rule is left out of an experiment by what its file could say too. Leaves out rules that cannot be switched off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from slabdes.errors import InputError, nearest


class Rule(StrEnum):
    """A rule of DESIGN, "Time"."""

    SPINNERS = "spinners"
    """Spinning waiters slow the holder."""
    POSTED_WRITES = "posted_writes"
    """A hold pays only the dearest of its writes to neighbours on a list."""
    SMT = "smt"
    """Two busy threads of a core slow each other down."""
    FIRST_TOUCH = "first_touch"
    """A cold object or descriptor costs its first touch."""
    JITTER = "jitter"
    """Local work varies."""


def rule_of(name: str) -> Rule:
    """The rule of that name. Raises InputError if there is none."""
    try:
        return Rule(name)
    except ValueError:
        known = [rule.value for rule in Rule]
        raise InputError(
            f"--without {name}", f"no rule that can be left out{nearest(name, known)}", allowed=", ".join(known)
        ) from None


_LEFT_OUT: Final[Mapping[Rule, tuple[tuple[str, ...], Any]]] = {
    Rule.SPINNERS: (("timing", "spinners_slow_holder"), False),
    Rule.POSTED_WRITES: (("timing", "posted_neighbour_writes"), False),
    Rule.SMT: (("machine", "costs", "smt_slowdown"), 1.0),
    Rule.FIRST_TOUCH: (("machine", "costs", "first_touch"), 0.0),
    Rule.JITTER: (("timing", "jitter"), 0.0),
}


def without(raw: Mapping[str, Any], rules: Iterable[Rule]) -> dict[str, Any]:
    """The experiment `raw` with some rules left out; `raw` stays as it is."""
    changed: dict[str, Any] = _copy(raw)
    for rule in rules:
        keys, value = _LEFT_OUT[rule]
        put(changed, keys, value)
    return changed


def put(raw: dict[str, Any], keys: Iterable[str], value: Any) -> None:
    """Set an entry of nested tables, making those that are not there."""
    *outer, last = keys
    place = raw
    for key in outer:
        place = place.setdefault(key, {})
    place[last] = value


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(entry) for key, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list | tuple) else value
