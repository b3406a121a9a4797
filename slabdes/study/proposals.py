# SPDX-License-Identifier: GPL-2.0-only
"""Which settings to try next: spread evenly at first, then as Optuna's tree of Parzen estimators proposes (TPE).

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
    """How many settings are tried before anything is learnt (a choice)."""
    return 4 + 3 * len(knobs)


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
    found: list[Settings] = []
    for front in (False, True):
        wanted = fronts.count(front)
        tried = [dict(one.settings) for one in known] + found
        asked = _asked(knobs, known, number_of(seed, turn, front), front, allowed, tried) if wanted else iter(())
        for _number, settings in zip(range(wanted), asked, strict=False):
            found.append(settings)
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
