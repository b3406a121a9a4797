# SPDX-License-Identifier: GPL-2.0-only
"""The command, and the experiment, that make a search, a decision or a study of sensitivity once more; its page tells them.

Leaves out the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from shlex import join
from typing import TYPE_CHECKING, Any, Protocol

from slabdes.config.written import toml_value
from slabdes.words import name_of

if TYPE_CHECKING:
    from slabdes.results.run import Run
    from slabdes.stats.deciding import Looks


class Turned(Protocol):
    """A knob (`config.knobs.Knob`)."""

    def typed(self) -> str: ...  # noqa: D102 -- told there


def without_sweep(run: Run) -> dict[str, Any]:
    """The experiment of one setting that a study took further."""
    return {key: value for key, value in run.manifest.experiment.items() if key not in ("sweep", "zip")}


def tune_command(file: str, knobs: Iterable[Turned], asked: Mapping[str, Any]) -> str:
    """`asked` as a search keeps it (`study.kept.search_asked`)."""
    wanted = "--maximise" if asked["maximise"] else "--minimise"
    held = () if asked["most_held"] is None else ("--max-held", f"{Decimal(repr(asked['most_held'])):f}")
    counts = ("--trials", str(asked["trials"]), "--most", str(asked["most"]))
    return join(["slabdes", "tune", file, wanted, name_of(asked["measure"]), *_over(knobs), *held, *counts])


def sensitivity_command(file: str, knobs: Iterable[Turned], measure: str, method: str, samples: int) -> str:
    """Of a study of sensitivity."""
    how = ("--measure", name_of(measure), "--method", method, "--samples", str(samples))
    return join(["slabdes", "sensitivity", file, *_over(knobs), *how])


def compare_command(file: str, sides: Mapping[str, Sequence[Any]], measures: Iterable[str], looks: Looks) -> str:
    """Of a decision between two `sides`, by key; one whose second side leaves a key out can only be run."""
    if any(second is None for _first, second in sides.values()):
        return join(["slabdes", "run", file])
    settings = [
        word for key, (first, _) in sides.items() if first is not None for word in ("--set", f"{key}={toml_value(first)}")
    ]
    settings += [word for key, (_, second) in sides.items() for word in ("--vs", f"{key}={toml_value(second)}")]
    by = ("--by", f"{Decimal(repr(100 * looks.indifference)):f}%") if looks.indifference else ()
    decided = ("--decide", ",".join(map(name_of, measures)), "--most", str(looks.most))
    return join(["slabdes", "compare", file, *settings, *decided, *by])


def _over(knobs: Iterable[Turned]) -> list[str]:
    return [word for knob in knobs for word in ("--over", knob.typed())]
