# SPDX-License-Identifier: GPL-2.0-only
"""What knobs do to a measure, beside what chance does, and the measure at every setting that was run.

Leaves out how effects are worked out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Protocol

from slabdes.charts.chart import Chart, unit_of
from slabdes.measures.names import alone
from slabdes.results.text import setting_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames
    from slabdes.stats.intervals import Interval

MATTERS: Final = "matters"
UNTOLD: Final = "not told from chance"
CHANCE: Final = "chance: other random numbers"
KINDS: Final = (MATTERS, UNTOLD, CHANCE)


class Acting(Protocol):
    """What a knob does (`study.sensitivity.Effect`)."""

    @property
    def total(self) -> Interval: ...  # noqa: D102 -- told there
    @property
    def matters(self) -> bool: ...  # noqa: D102


class Turned(Protocol):
    """A knob (`config.knobs.Knob`)."""

    @property
    def key(self) -> str: ...  # noqa: D102 -- told there
    @property
    def values(self) -> Sequence[Any]: ...  # noqa: D102
    def at(self, share: float) -> Any: ...  # noqa: D102
    def share_of(self, value: Any) -> float: ...  # noqa: D102


def effects(knobs: Mapping[str, Acting], chance: Acting, label: str, unit: str, title: str) -> Chart:
    """A row a knob, by its name in `knobs`, chance last: `knob`, `kind` (KINDS), `total`, `low` and `high`.

    `label` says what a bar's length is, in `unit`.
    """
    import polars as pl

    rows = [
        {"knob": name, "kind": kind, "total": one.total.value, "low": one.total.low or 0.0, "high": one.total.high or 0.0}
        for name, kind, one in (
            *((name, MATTERS if one.matters else UNTOLD, one) for name, one in knobs.items()),
            ("chance", CHANCE, chance),
        )
    ]
    reading = (
        "A bar is how much a knob does over its range; the thin line at its end is the interval. A knob matters if that lies "
        "beyond the dashed line, as far as other random numbers alone reach."
    )
    return Chart("effects", title, reading, pl.DataFrame(rows), label, unit)


def settings(frames: Frames, knobs: Mapping[str, Turned], measure: str, name: str) -> Chart:
    """A row a setting that was run and knob: `knob`, `place` (0 to 1, from its first value to its last), `word`, `value`.

    `knobs` are by what they are called; `value` is the mean of `measure`, which is called `name`. `least`, `middle` and `most`
    are the knob's values at 0, a half and 1; middle is empty where there is none.
    """
    import polars as pl

    means = {point: fmean(found.values()) for point, found in alone(frames, measure).items()}
    rows: list[dict[str, Any]] = []
    for called, knob in knobs.items():
        marks = dict(zip(("least", "middle", "most"), _marks(knob), strict=True))
        for point, value in frames.points.select("point", knob.key).iter_rows():
            place = knob.values.index(value) / (len(knob.values) - 1) if knob.values else knob.share_of(value)
            rows.append({"knob": called, "place": place, "word": setting_text(value), "value": means[point], **marks})
    reading = (
        "A dot is a setting, at the chosen knob's value from the first of its range to the last; all other knobs differ between "
        "dots. Where the cloud bends or widens, what the knob does depends on where one is, or on the others."
    )
    title = f"{name} at all {len(means)} settings that were run, along one knob"
    return Chart("settings", title, reading, pl.DataFrame(rows), name, unit_of(measure))


def _marks(knob: Turned) -> tuple[str, str, str]:
    """The values at 0, a half and 1; of an even list none is in the middle."""
    middle = "" if knob.values and not len(knob.values) % 2 else setting_text(knob.at(0.5))
    return setting_text(knob.at(0.0)), middle, setting_text(knob.at(1.0))
