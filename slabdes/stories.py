# SPDX-License-Identifier: GPL-2.0-only
"""What users import to see a run's first operations step by step: story. Thin, as `api` is.

Leaves out telling (`engine.reference.story`) and the words (`explain`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from slabdes.activity import seen
from slabdes.api import NO_SETTINGS, experiment_of
from slabdes.config import Experiment
from slabdes.engine.story import Told
from slabdes.explain.text import lines
from slabdes.folders import scratch_folder
from slabdes.study.again import again_of, told
from slabdes.study.spools import Phase, Spools
from slabdes.units import ps_to_ns

if TYPE_CHECKING:
    import polars as pl


class Story(Sequence[Told]):
    """Operations as they went, step by step: a sequence of them, in words when printed or shown, in a table as `frame()`."""

    def __init__(self, operations: Sequence[Told]) -> None:
        self._operations = tuple(operations)

    @overload
    def __getitem__(self, place: int) -> Told: ...
    @overload
    def __getitem__(self, place: slice) -> Story: ...
    def __getitem__(self, place: int | slice) -> Told | Story:
        """One operation (its `path`, its `steps`), or a story of some."""
        return Story(self._operations[place]) if isinstance(place, slice) else self._operations[place]

    def __len__(self) -> int:
        """How many operations are told."""
        return len(self._operations)

    def __iter__(self) -> Iterator[Told]:
        """The operations, in the order in which they ended."""
        return iter(self._operations)

    def __str__(self) -> str:
        """Each operation, 100 columns wide, as `slabdes explain` prints it."""
        return "\n\n".join("\n".join(lines(one)) for one in self._operations)

    def frame(self) -> pl.DataFrame:
        """A row an operation: cpu, number (among its CPU's), op, path, cache, start_ns and took_ns, simulated."""
        import polars as pl

        rows = [
            (
                one.cpu, one.number, one.path.operation.label, one.path.label, one.cache, ps_to_ns(one.start),
                ps_to_ns(one.end - one.start),
            )
            for one in self._operations
        ]  # fmt: skip
        texts = dict.fromkeys(("op", "path", "cache"), pl.String)
        times = dict.fromkeys(("start_ns", "took_ns"), pl.Float64)
        return pl.DataFrame(rows, {"cpu": pl.Int64, "number": pl.Int64, **texts, **times}, orient="row")

    def _repr_html_(self) -> str:
        return f'<pre style="line-height:1.3">{escape(str(self))}</pre>'

    def __repr__(self) -> str:
        """One line: how many."""
        return f"Story({len(self)} operations)"


def story(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    settings: Mapping[str, Any] = NO_SETTINGS,
    *,
    first: int = 40,
    cpu: int | None = None,
    point: int | None = None,
    replication: int = 0,
    progress: Phase | None = None,
) -> Story:
    """The first operations of a run, of all CPUs or of one, step by step, as the model tells them while it runs.

    `experiment` and `settings` as in `simulate`; of a sweep `point` says which. Raises InputError.
    """
    loaded = experiment_of(experiment, settings)
    where = Path(experiment) if isinstance(experiment, Path | str) else Path(loaded.name)
    with scratch_folder() as scratch, seen(progress) as phase:
        return Story(told(again_of(loaded, where, point, replication, Spools(scratch), phase), first, cpu, phase))
