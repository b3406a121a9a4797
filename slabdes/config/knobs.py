# SPDX-License-Identifier: GPL-2.0-only
"""Knobs: keys of an experiment that are free within a list or a range, as `--over KEY=8..480` says it; and whether they may be.

Leaves out who turns them (`study.tune`, `study.sensitivity`).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from slabdes.config.arrays import plain
from slabdes.config.fields import SHOWN
from slabdes.config.files import apply_values
from slabdes.config.models import OF_STUDY, Experiment
from slabdes.config.refusals import validate
from slabdes.config.replays import values_of
from slabdes.config.written import toml_value
from slabdes.errors import InputError, shown

MOST_KNOBS: Final = 16
"""Of one search (assumed: more take more runs than anybody has)."""
MOST_VALUES: Final = 1000
"""In a knob's list (assumed)."""
_RANGE: Final = re.compile(r"\s*([^.,:\s]+(?:\.\d+)?)\s*\.\.\s*([^,:\s]+?)\s*(?::\s*(log))?\s*")
_BYTES: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(|b|kib|mib|gib)\s*", re.IGNORECASE)
_UNITS: Final = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_EXAMPLE: Final = "KEY=8..480, KEY=8..480:log, or KEY=60,120,240"
_NO_KNOBS: Final = ("name", "seed", "replications", "engine", "log", "debug", "sweep", "zip", *OF_STUDY)
"""Keys that change no result, or only which random numbers there are."""
_MOST_CORNERS: Final = 5
"""Knobs of which all ends are tried with all ends of the others; of more, the first ones together and the last ones."""


@dataclass(frozen=True)
class Knob:
    """A key and what it may be: one of `values`, or, without those, from `low` to `high`, both whole or both real numbers.

    Numbers in `values` rise. With `log` a range is gone through by equal ratios.
    """

    key: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether a range is one of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ordered(self) -> bool:
        """Whether values lie between others: numbers do, words do not."""
        return all(map(_is_number, self.values))

    @property
    def count(self) -> float:
        """How many values there are; infinitely many of real numbers."""
        if self.values:
            return len(self.values)
        return self.high - self.low + 1 if self.whole else math.inf

    @property
    def ends(self) -> tuple[Any, Any]:
        """The first and the last value."""
        return (self.values[0], self.values[-1]) if self.values else (self.low, self.high)

    def at(self, share: float) -> Any:
        """The value at a share (0 to 1) of the way from the first to the last."""
        if self.values:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        return min(max(round(value) if self.whole else value, self.low), self.high)

    def share_of(self, value: Any) -> float:
        """Where a value that it may have lies (0 to 1) on the way from the first to the last: about the share that gives it."""
        if self.values:
            return (self.values.index(value) + 0.5) / len(self.values)
        ends = (self.low, self.high, value)
        low, high, place = map(math.log, ends) if self.log else ends
        return (place - low) / (high - low) if high > low else 0.5

    def holds(self, value: Any) -> bool:
        """Whether it may be this value."""
        if self.values:
            return value in self.values
        return _is_number(value) and self.low <= value <= self.high and (isinstance(value, int) or not self.whole)

    def plain(self) -> dict[str, Any]:
        """What it may be, for a file."""
        if self.values:
            return {"values": list(self.values)}
        return {"from": self.low, "to": self.high, "log": self.log}

    def typed(self) -> str:
        """As it is typed behind `--over`: `KEY=8..480:log`."""
        if self.values:
            return f"{self.key}={','.join(map(toml_value, self.values))}"
        ends = (str(one) if self.whole else _digits(one) for one in (self.low, self.high))
        return f"{self.key}={'..'.join(ends)}{':log' if self.log else ''}"


def knob_of_plain(key: str, told: Any) -> Knob:
    """The knob of which a file has `Knob.plain`. Raises InputError for anything else."""
    match told:
        case {"values": list(values)}:
            return _knob(key, values)
        case {"from": low, "to": high, "log": bool(log)} if _is_number(low) and _is_number(high):
            return _of_ends(key, low, high, log, f"--over {shown(key, SHOWN)}")
    raise InputError(f"--over {shown(key, SHOWN)}", f"{shown(repr(told), SHOWN)} is no range and no list", allowed=_EXAMPLE)


def knob_of(said: str) -> Knob:
    """A knob as it is typed: `KEY=8..480`, with `:log` behind it by equal ratios, or `KEY=60,120,240`. Raises InputError."""
    key, equals, text = (part.strip() for part in said.partition("="))
    if not equals or not key or not text:
        raise InputError(f"--over {shown(said)}", "not of the form key=values", allowed=_EXAMPLE)
    return _knob(key, text)


def knobs_of(over: Mapping[str, Any] | Sequence[str]) -> list[Knob]:
    """Knobs as they are typed, or by key: a text as it is typed behind `=`, a pair of numbers in a tuple, or a list of values."""
    if isinstance(over, Mapping):
        return [_knob(key, said) for key, said in over.items()]
    return [knob_of(said) for said in over]


def _knob(key: str, said: Any) -> Knob:
    where = f"--over {shown(key, SHOWN)}"
    if isinstance(said, str):
        if ".." in said and "," not in said:  # files in a list may begin with it
            return _range(key, said, where)
        said = values_of(said, where)
    elif isinstance(said, tuple) and len(said) == 2 and all(map(_is_number, said)):
        return _of_ends(key, *said, log=False, where=f"{where}={said[0]}..{said[1]}")
    values = plain(said)
    if not isinstance(values, list):
        raise InputError(where, f"{shown(repr(said), SHOWN)} is no range and no list", allowed=_EXAMPLE)
    kept = list(dict.fromkeys(map(_hashable, values)))
    kept = sorted(kept) if all(map(_is_number, kept)) else kept
    if not 2 <= len(kept) <= MOST_VALUES:
        what = "one value is not free" if len(kept) == 1 else f"{len(kept):,} values"
        raise InputError(where, what, allowed=f"2 to {MOST_VALUES:,} values, or a range such as 8..480")
    return Knob(key, tuple(kept))


def _range(key: str, said: str, where: str) -> Knob:
    place = f"{where}={shown(said, SHOWN)}"
    match = _RANGE.fullmatch(said)
    ends = [_number(match[number]) for number in (1, 2)] if match else [None, None]
    if match is None or None in ends:
        raise InputError(place, "is no range", allowed="LOW..HIGH or LOW..HIGH:log, numbers such as 8..480")
    low, high = ends
    assert low is not None and high is not None
    return _of_ends(key, low, high, match[3] is not None, place)


def _of_ends(key: str, low: float, high: float, log: bool, where: str) -> Knob:
    if low >= high:
        what = f"from {low:g} to {high:g} is {'one value' if low == high else 'the wrong way round'}"
        raise InputError(where, what, allowed=f"{key}={high:g}..{low:g}" if low > high else "a low end below the high one")
    if log and low <= 0:
        raise InputError(where, f"{low:g} has no logarithm", allowed="a range above 0, or one without :log")
    whole = isinstance(low, int) and isinstance(high, int)
    return Knob(key, (), low if whole else float(low), high if whole else float(high), log)


def bytes_of(said: str | float, where: str) -> float:
    """Bytes as people type them: `64MiB`, `512KiB`, a number. Raises InputError for anything else, and for none at all."""
    match = _BYTES.fullmatch(str(said))
    value = float(match[1]) * _UNITS[match[2].lower()] if match else 0.0
    if not 0 < value < math.inf:
        raise InputError(
            f"{where} {shown(said, SHOWN)}", "is no amount of memory", allowed="above 0, such as 64MiB, 512KiB or 2GiB"
        )
    return value


def check_knobs(experiment: Experiment, knobs: Sequence[Knob], command: str) -> None:
    """Raise InputError, one line, unless `command` may turn these knobs of the experiment: free, none swept, none refused."""
    if not knobs:
        raise InputError(command, "no knob is free", allowed="--over KEY=LOW..HIGH, such as --over cache.0.limit=8..480")
    if len(knobs) > MOST_KNOBS:
        raise InputError("--over", f"{len(knobs)} knobs", allowed=f"at most {MOST_KNOBS}")
    swept = [*experiment.sweep, *experiment.zip]
    seen: set[str] = set()
    for knob in knobs:
        where = f"--over {shown(knob.key, SHOWN)}"
        if knob.key in seen:
            raise InputError(where, "is given twice", allowed="once a key")
        seen.add(knob.key)
        if knob.key in swept:
            allowed = f"--set {knob.key}=VALUE, which ends the sweep and says where {command} begins"
            raise InputError(where, "the experiment sweeps this key", allowed=allowed)
        if knob.key.partition(".")[0] in _NO_KNOBS:
            raise InputError(where, "is no knob: it changes no result", allowed="a key of the machine, a cache, the workload ...")
    if swept:
        allowed = "one setting: --set KEY=VALUE ends a sweep"
        raise InputError(command, f"the experiment sweeps {shown(', '.join(swept), 80)}", allowed=allowed)
    for knob in knobs:
        for value in knob.values or knob.ends:
            _check_value(experiment, knob, value, [one for one in knobs if one is not knob])


def refusal(experiment: Experiment, settings: Mapping[str, Any], where: str) -> InputError | None:
    """Why an experiment cannot have these settings; None where it can."""
    raw = experiment.model_dump(mode="json", exclude_unset=True, exclude={"sweep", "zip"})
    try:
        apply_values(raw, settings, where)
        validate(raw, where)
    except InputError as error:
        return error
    return None


def _check_value(experiment: Experiment, knob: Knob, value: Any, others: Sequence[Knob]) -> None:
    """Raise InputError for a value that is refused whatever the other knobs are."""
    first = None
    for rest in _corners(others):
        error = refusal(experiment, {**rest, knob.key: value}, f"--over {shown(knob.key, SHOWN)}")
        if error is None:
            return
        first = first or error
    assert first is not None
    raise first


def _corners(knobs: Sequence[Knob]) -> Iterator[dict[str, Any]]:
    """Settings of the other knobs: as written, then at their ends."""
    yield {}
    keys = [knob.key for knob in knobs]
    ends = [knob.ends for knob in knobs]
    every = itertools.product(*ends) if len(knobs) < _MOST_CORNERS else zip(*ends, strict=True)
    for values in every if keys else ():
        yield dict(zip(keys, values, strict=True))


def _number(text: str) -> float | None:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else None
    return None


def _digits(value: float) -> str:
    """A real number that reads as the same one, without an exponent."""
    told = f"{Decimal(repr(value)):f}"
    return told if "." in told else f"{told}.0"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
