# SPDX-License-Identifier: GPL-2.0-only
"""What a study of sensitivity says: which knobs matter, by how much, which are not told from chance, what not to conclude.

Leaves out how that was worked out (`study.sensitivity`), and sees of it only what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from slabdes.answers.figures import listed, spread_text
from slabdes.answers.named import measure_name, side_text
from slabdes.answers.steady import all_settled
from slabdes.measures.names import SHARES, text_of
from slabdes.results.run import Run
from slabdes.results.text import Sheet, share_text
from slabdes.stats.intervals import Interval

METHOD_NAMES: Final = {"morris": "Morris' elementary effects", "sobol": "Sobol's indices"}
_PARTS: Final = {"morris": "trajectories", "sobol": "samples"}


class Acting(Protocol):
    """What a knob does (`study.sensitivity.Effect`)."""

    @property
    def key(self) -> str: ...  # noqa: D102 -- told there
    @property
    def total(self) -> Interval: ...  # noqa: D102
    @property
    def own(self) -> float: ...  # noqa: D102
    @property
    def varies(self) -> float: ...  # noqa: D102
    @property
    def matters(self) -> bool: ...  # noqa: D102


class Studied(Protocol):
    """A study of sensitivity (`study.sensitivity.Sensitivity`)."""

    @property
    def method(self) -> str: ...  # noqa: D102 -- told there
    @property
    def samples(self) -> int: ...  # noqa: D102
    @property
    def measure(self) -> str: ...  # noqa: D102
    @property
    def effects(self) -> Sequence[Acting]: ...  # noqa: D102
    @property
    def chance(self) -> Acting: ...  # noqa: D102
    @property
    def mean(self) -> float: ...  # noqa: D102
    @property
    def settings(self) -> int: ...  # noqa: D102
    @property
    def run(self) -> Run: ...  # noqa: D102


def sensitivity_answer(told: Studied) -> list[str]:
    """Three sentences or four."""
    name = measure_name(told.measure)
    matter = [one for one in told.effects if one.matters]
    others = [knob_name(one.key, told) for one in told.effects if not one.matters]
    chance = f"chance, which is other random numbers and nothing else, {_does(told, told.chance)}"
    if matter:
        first, *rest = matter
        which = f"{knob_name(first.key, told)} matters most to {name}: over its range it {_does(told, first)}"
        more = "".join(f", {knob_name(one.key, told)} {_does(told, one)}" for one in rest)
        answer = [f"{which}{more}; {chance}."]
    else:
        answer = [f"No knob is told from chance in {name} over these ranges: {chance}."]
    if others:
        answer.append(f"Not told from chance: {listed(others)}.")
    mean = side_text(told.measure, Interval(told.mean, None, 1, told.chance.total.confidence))
    level = share_text(told.chance.total.confidence)
    how = f"{METHOD_NAMES[told.method]}, {told.samples} {_PARTS[told.method]}, {told.settings} settings"
    answer.append(f"By {how}, with {level} intervals by bootstrap; the mean of all settings is {mean}.")
    return [
        *answer,
        *all_settled(told.run.frames),
        "Not to be concluded: anything beyond these ranges; an order of knobs whose intervals overlap.",
    ]


def _does(told: Studied, effect: Acting) -> str:
    if told.method == "sobol":
        return f"accounts for {total_text(told, effect.total)} of the variance"
    return f"moves it by {total_text(told, effect.total)}"


def total_text(told: Studied, interval: Interval) -> str:
    """An effect with its interval, in the measure's unit or as a share of the variance."""
    if told.method == "sobol" or told.measure in SHARES:
        half = "" if not interval.half_width else f" ±{100 * interval.half_width:.1f}"
        return f"{100 * interval.value:.1f}{half} {'points' if told.method != 'sobol' else '%'}"
    return f"{text_of(told.measure)(interval.value)} {spread_text(interval)}".strip()


def knob_name(key: str, told: Studied) -> str:
    """A knob's last word, or its key where several end alike."""
    last = key.rpartition(".")[2]
    return key if sum(one.key.rpartition(".")[2] == last for one in told.effects) > 1 else last


def effects_words(told: Studied) -> tuple[str, str]:
    """What the bars of a figure are, and what stands above it."""
    name, level = measure_name(told.measure), share_text(told.chance.total.confidence)
    label = f"part of the variance of {name}" if told.method == "sobol" else f"change of {name} along the whole range"
    return label, f"Which knob matters to {name}; bars: {level} intervals by bootstrap"


def sensitivity_sheet(told: Studied) -> Sheet:
    """Every knob, the one that does most first, then chance."""
    rows = (
        (one.key, total_text(told, one.total), _number(told, one.own), _number(told, one.varies), "yes" if one.matters else "no")
        for one in (*told.effects, told.chance)
    )
    if told.method == "sobol":
        heads, title = ("knob", "in all", "alone", "with others", "matters"), "parts of the variance"
    else:
        heads, title = ("knob", "size", "with sign", "varies by", "matters"), "mean change along the whole range"
    return Sheet(f"{title} (matters: more than other random numbers do)", heads, 1, tuple(rows))


def _number(told: Studied, value: float) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}{total_text(told, Interval(abs(value), None, 1, told.chance.total.confidence))}"
