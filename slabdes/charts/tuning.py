# SPDX-License-Identifier: GPL-2.0-only
"""What a search tried and what of it is worth having: a measure against the memory held, and the front of both.

Leaves out the search, and words for settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.charts.chart import Chart, unit_of

if TYPE_CHECKING:
    import polars as pl

TRIED: Final = "tried in the search"
FRONT: Final = "measured anew: front"
OTHER: Final = "measured anew"
WRITTEN: Final = "as written"
BEST: Final = "best"
KINDS: Final = (TRIED, FRONT, OTHER, WRITTEN, BEST)


def tuning(
    trials: pl.DataFrame, names: Sequence[str], best: int, measure: tuple[str, str], title: str, *, more: bool = False
) -> Chart:
    """A row a mark: `kind` (KINDS), `setting`, `held_bytes`, `value` with `low` and `high`, `replications` where it is tried.

    `trials` is `study.tune.trials_frame`, whose rows `names` tell; `best` is the trial that is chosen, `measure` what is tuned,
    and what that is called; with `more`, more of it is better. What is written comes once more as WRITTEN, what is chosen as
    BEST, if it is another. The ends are null where they are not known.
    """
    import polars as pl

    every = [row | {"setting": name} for row, name in zip(trials.iter_rows(named=True), names, strict=True)]
    rows = [_row(TRIED, one, "", "held_bytes") for one in every if one["value"] is not None]
    anew = sorted((one for one in every if one["new_value"] is not None), key=lambda one: one["new_held_bytes"])
    rows += [_row(FRONT if one["front"] else OTHER, one, "new_", "new_held_bytes") for one in anew]
    written = every[0]["trial"]
    rows += [_row(WRITTEN, one, "new_", "new_held_bytes") for one in anew if one["trial"] == written]
    rows += [_row(BEST, one, "new_", "new_held_bytes") for one in anew if one["trial"] == best != written]
    kinds: dict[str, Any] = {"kind": pl.String, "setting": pl.String, "held_bytes": pl.Float64, "value": pl.Float64}
    kinds |= {"low": pl.Float64, "high": pl.Float64, "replications": pl.Int64}
    reading = (
        f"A mark is a setting: {'higher' if more else 'lower'} is better, and further left holds less memory; the line joins "
        "those that no other one measured beats in both. The small marks are what the search saw in a few replications, the best "
        "of them partly by luck: judge by those measured anew, and take two whose bars overlap for alike."
    )
    return Chart("tuning", title, reading, pl.DataFrame(rows, kinds), measure[1], unit_of(measure[0]))


def _row(kind: str, told: dict[str, Any], prefix: str, held: str) -> dict[str, Any]:
    """A mark; replications are those of the search."""
    values = {name: told[f"{prefix}{name}"] for name in ("value", "low", "high")}
    count = told["replications"] if kind == TRIED else None
    return {"kind": kind, "setting": told["setting"], "held_bytes": told[held], **values, "replications": count}
