# SPDX-License-Identifier: GPL-2.0-only
"""Which settings to try next: spread evenly at first, then beside the best and as Optuna's tree of Parzen estimators has it.

What is proposed depends on nothing but the seed, the round and what earlier rounds found, so that a search that was interrupted
goes on as it would have. Leaves out trying them.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slabdes.config.knobs import Knob

if TYPE_CHECKING:
    import optuna

ROUND: Final = 4
"""Settings that are tried together, whoever shares the work: results do not depend on it (a choice)."""
_FOR_FRONT: Final = 3
"""Which of a round's is chosen for what it holds, too (a choice: one of four)."""
_BESIDE: Final = 2
"""How many of a round's differ from the best in one knob only: where settings near each other are not alike, trees alone are left
beside it (a choice: measured on five measures of three workloads)."""
_STEPS: Final = (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""By how much of its range: the smallest that give another value."""
_NEXT: Final = 2
"""So many values to either side are next to the best's."""
_ASKED: Final = 60
"""How often a proposal that was tried already, or is refused, is asked for again, for each that is wanted."""
MOST_LISTED: Final = 500
"""Settings of a space that is gone through to see whether any is left."""
_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
"""Bases of Halton's sequence, one a knob."""

Settings = dict[str, Any]
Allowed = Callable[[Settings], bool]


@dataclass(frozen=True)
class Known:
    """A setting that was tried: what is to be small, and the bytes it holds. Only their order matters, not their size."""

    settings: Mapping[str, Any]
    score: float
    held: float


def first_round(knobs: Sequence[Knob]) -> int:
    """How many settings are tried before anything is learnt (a choice, measured likewise)."""
    return 2 + 2 * len(knobs)


def spread(knobs: Sequence[Knob], count: int, seed: int, allowed: Allowed) -> list[Settings]:
    """Up to `count` different settings that fill the space evenly: Halton's sequence, shifted by the seed."""
    shifts = [number_of(seed, "shift", key.key) / 2**32 for key in knobs]
    found: list[Settings] = []
    for number in range(1, _ASKED * count + 1):
        shares = [(_reversed(number, base) + shift) % 1 for base, shift in zip(_PRIMES, shifts, strict=False)]
        settings = {knob.key: knob.at(share) for knob, share in zip(knobs, shares, strict=True)}
        if settings not in found and allowed(settings):
            found.append(settings)
        if len(found) == count:
            break
    return found


def proposed(knobs: Sequence[Knob], known: Sequence[Known], count: int, seed: int, turn: int, allowed: Allowed) -> list[Settings]:
    """Up to `count` settings that were not tried yet, from what is known; fewer where nearly all were."""
    if not _left(knobs, [dict(one.settings) for one in known], allowed):
        return []
    fronts = [number % ROUND == _FOR_FRONT for number in range(count)]
    found = _beside(knobs, known, min(_BESIDE, fronts.count(False)), number_of(seed, turn, "beside"), allowed)
    del fronts[: len(found)]
    for front in (False, True):
        wanted = fronts.count(front)
        tried = [dict(one.settings) for one in known] + found
        asked = _asked(knobs, known, number_of(seed, turn, front), front, allowed, tried) if wanted else iter(())
        for _number, settings in zip(range(wanted), asked, strict=False):
            found.append(settings)
    return found


def _beside(knobs: Sequence[Knob], known: Sequence[Known], count: int, seed: int, allowed: Allowed) -> list[Settings]:
    """Up to `count` settings next to the best that were not tried, one knob a step away: any of them, as the seed has it."""
    best = dict(min(known, key=lambda one: one.score).settings)
    tried = [dict(one.settings) for one in known]
    beside = []
    for knob in knobs:
        near = [best | {knob.key: value} for value in _next_to(knob, best[knob.key])]
        beside += [one for one in near if one not in tried and allowed(one)]
    return sorted(beside, key=lambda one: number_of(seed, sorted(one.items())))[:count]


def _next_to(knob: Knob, value: Any) -> list[Any]:
    """The _NEXT values to either side; none of words, and of a value that the knob cannot have."""
    if not knob.ordered or not knob.holds(value):
        return []
    place, found = knob.share_of(value), []
    for way in (-1, 1):
        shares = (place + way * step for step in _STEPS)
        others = dict.fromkeys([value, *(knob.at(share) for share in shares if 0 <= share <= 1)])
        found += [*others][1 : 1 + _NEXT]
    return found


def _left(knobs: Sequence[Knob], tried: Sequence[Settings], allowed: Allowed) -> bool:
    """Whether a setting is left that was not tried; where there are many, one surely is."""
    if math.prod(knob.count for knob in knobs) > MOST_LISTED:
        return True
    every = itertools.product(*(knob.values or range(int(knob.low), int(knob.high) + 1) for knob in knobs))
    settings = (dict(zip((knob.key for knob in knobs), values, strict=True)) for values in every)
    return any(one not in tried and allowed(one) for one in settings)


def _asked(
    knobs: Sequence[Knob], known: Sequence[Known], seed: int, front: bool, allowed: Allowed, tried: list[Settings]
) -> Iterator[Settings]:
    """New settings, as long as some come up; with `front` for both the score and what is held."""
    import optuna
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {knob.key: _distribution(knob) for knob in knobs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that multivariate sampling may change some day
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True)
        study = optuna.create_study(directions=["minimize"] * (2 if front else 1), sampler=sampler)
    for one in known:
        if all(knob.holds(one.settings[knob.key]) for knob in knobs):
            params = {knob.key: _told(knob, one.settings[knob.key]) for knob in knobs}
            values = [float(one.score), float(one.held)] if front else [float(one.score)]
            study.add_trial(create_trial(params=params, distributions=spaces, values=values))
    worst = [float(max(one.score for one in known)), float(max(one.held for one in known))][: 2 if front else 1]
    for _attempt in range(_ASKED * ROUND):
        trial = study.ask(spaces)
        settings = {knob.key: _meant(knob, trial.params[knob.key]) for knob in knobs}
        if settings in tried:
            continue
        if not allowed(settings):
            study.tell(trial, worst)
            continue
        tried.append(settings)
        yield settings


def number_of(*what: Any) -> int:
    """32 bits that depend on all of `what`, and look as if by chance."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:4])


def _reversed(number: int, base: int) -> float:
    """The digits of a number behind the point, the last first (van der Corput)."""
    result, part = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        part /= base
        result += digit * part
    return result


def _distribution(knob: Knob) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if knob.values:
        numbers = range(len(knob.values))
        return IntDistribution(0, len(numbers) - 1) if knob.ordered else CategoricalDistribution(list(numbers))
    if knob.whole:
        return IntDistribution(int(knob.low), int(knob.high), log=knob.log)
    return FloatDistribution(knob.low, knob.high, log=knob.log)


def _told(knob: Knob, value: Any) -> Any:
    """A value as Optuna has it: of a list, its number."""
    return knob.values.index(value) if knob.values else value


def _meant(knob: Knob, param: Any) -> Any:
    return knob.values[param] if knob.values else param
