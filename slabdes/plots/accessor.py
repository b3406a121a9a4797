# SPDX-License-Identifier: GPL-2.0-only
"""`run.plot`: a run's figures by name, for notebooks.

Each call draws a new Figure from the saved frames. Leaves out saving: `save.save_figures` and `Figure.savefig` do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slabdes.errors import InputError
from slabdes.results.response import RATE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from slabdes.results.run import Run


class RunPlots:
    """The figures of one run; matplotlib is loaded when the first is drawn."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def first(self) -> Figure:
        """The figure that shows what the run's answer says: of a sweep of rates `loads`, of another `scaling`, else `ccdf`."""
        if self._run.points.height == 1:
            return self.ccdf()
        rates = RATE in self._run.points.columns and self._run.responses.height
        return self.loads() if rates else self.scaling()

    def ccdf(
        self,
        points: Sequence[int] | None = None,
        *,
        beside: Run | Sequence[Run] = (),
        labels: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> Figure:
        """Latency tails by path, with bands; `points` of a sweep, default all, or each setting's one with its most CPUs.

        With `beside`, another run or several: this run and these on one axis, a line each, called by `labels` (this one first).
        """
        others = list(beside) if isinstance(beside, Sequence) else [beside]
        if others:
            from slabdes.plots.beside import beside_figure

            return beside_figure([self._run, *others], labels, confidence)
        from slabdes.plots.latency import ccdf_figure

        return ccdf_figure(self._run.frames, self._run.manifest, None if points is None else list(points), confidence)

    def tails(self, confidence: float = 0.95) -> Figure:
        """Latency tails of a sweep's points side by side, over all paths."""
        from slabdes.plots.tails import tails_figure

        return tails_figure(self._run.frames, self._run.manifest, confidence)

    def response(self, points: Sequence[int] | None = None, confidence: float = 0.95) -> Figure:
        """Tails of service and response times of operations that arrive; `points` as for `ccdf`."""
        from slabdes.plots.response import response_figure

        return response_figure(self._run.frames, self._run.manifest, None if points is None else list(points), confidence)

    def loads(self, confidence: float = 0.95) -> Figure:
        """Response times along a sweep of rates, the knee marked."""
        from slabdes.plots.response import loads_figure

        return loads_figure(self._run.frames, self._run.manifest, confidence)

    def scaling(self, confidence: float = 0.95, *, log: bool = False) -> Figure:
        """Throughput and waiting along the sweep; with `log` on logarithmic axes."""
        from slabdes.plots.scaling import scaling_figure

        return scaling_figure(self._run.frames, self._run.manifest, confidence, log=log)

    def nodes(self, points: Sequence[int] | None = None) -> Figure:
        """Lock waits and holds by node; `points` as for `ccdf`."""
        from slabdes.plots.nodes import nodes_figure

        return nodes_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def upkeep(self, points: Sequence[int] | None = None) -> Figure:
        """How long turns of cache_reap and other upkeep take, and what they hold; `points` as for `ccdf`."""
        from slabdes.plots.upkeep import upkeep_figure

        return upkeep_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def interrupts(self, confidence: float = 0.95) -> Figure:
        """Tails of how long interrupts were off at a time, and of how long they waited: a curve a point."""
        from slabdes.plots.tails import interrupts_figure

        return interrupts_figure(self._run.frames, self._run.manifest, confidence)

    def time(self) -> Figure:
        """Where the CPUs' time went."""
        from slabdes.plots.time_shares import time_figure

        return time_figure(self._run.frames, self._run.manifest)

    def waits(self, points: Sequence[int] | None = None) -> Figure:
        """Who waits for whom as a graph; `points` as for `ccdf`."""
        from slabdes.plots.structure import waits_figure

        return waits_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def memory(self, points: Sequence[int] | None = None) -> Figure:
        """Where objects and slabs are when a run ends; `points` as for `ccdf`."""
        from slabdes.plots.structure import memory_figure

        return memory_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def history(self, points: Sequence[int] | None = None) -> Figure:
        """How memory stood over time: objects by place, slabs by list, what part of it was used; `points` as for `ccdf`."""
        from slabdes.plots.history import history_figure

        return history_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def progress(self, points: Sequence[int] | None = None) -> Figure:
        """Operations a second and waiting over time, in the first replication; `points` as for `ccdf`."""
        from slabdes.plots.progress import progress_figure

        return progress_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def moves(self, points: Sequence[int] | None = None) -> Figure:
        """Cache lines that went from CPU to CPU, in the first replication; `points` as for `ccdf`."""
        from slabdes.plots.moves import moves_figure

        return moves_figure(self._run.frames, self._run.manifest, None if points is None else list(points))

    def queues(self, folder: Path | str, point: int | None = None) -> Figure:
        """How many CPUs wait for locks over time, of the log in the run's folder. Raises InputError where there is none."""
        from slabdes.plots.logs import logged, queues_figure

        return queues_figure(logged(self._run, Path(folder), point))

    def convoy(self, folder: Path | str, point: int | None = None) -> Figure:
        """The costliest convoy at a lock, hold by hold; `folder` and `point` as for `queues`."""
        from slabdes.plots.logs import convoy_figure, logged

        return convoy_figure(logged(self._run, Path(folder), point))

    def transfers(self, folder: Path | str, point: int | None = None) -> Figure:
        """How often locks went from CPU to CPU; `folder` and `point` as for `queues`."""
        from slabdes.plots.logs import logged, transfers_figure

        return transfers_figure(logged(self._run, Path(folder), point))

    def traffic(self, folder: Path | str, point: int | None = None) -> Figure:
        """The machine with lines as wide as what goes over them; `folder` and `point` as for `queues`.

        Raises InputError, too, for a machine of one node, or of which no layout was kept.
        """
        from slabdes.charts.traffic import traffic_of
        from slabdes.plots.logs import logged
        from slabdes.plots.traffic import traffic_figure

        run = self._run
        log, number = logged(run, Path(folder), point), run.point_number(point)
        chart = traffic_of(run.frames, run.manifest.machines, log, number)
        if chart is None:
            raise InputError("machine", "has one node, or its layout was not kept", allowed="a machine of several nodes")
        return traffic_figure(chart)

    def machine(self, name: str | None = None) -> Figure:
        """A machine of the run, the first one by default. Raises InputError if it is not there or its layout was not kept."""
        from slabdes.plots.machine import machine_figure

        machines = self._run.manifest.machines
        drawn = [known for known, machine in machines.items() if "layout" in machine]
        wanted = name if name is not None else (drawn or [""])[0]
        if wanted not in drawn:
            raise InputError("machine", f"no drawing of {wanted!r} in this run", allowed=", ".join(drawn) or "none is kept")
        return machine_figure(machines[wanted]["layout"])

    def save(
        self,
        folder: Path | str,
        points: Sequence[int] | None = None,
        *,
        log: bool = False,
        logged: Path | str | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[Path]:
        """Write all figures as PNG files into `folder` and return their paths; `points` as for `ccdf`, `log` as for `scaling`.

        `logged` is the run's own folder: where that has an event log, its figures, too. `progress` hears (what, done, total).
        """
        from slabdes.plots.save import save_figures

        chosen = None if points is None else list(points)
        where = None if logged is None else Path(logged)
        return save_figures(self._run.frames, self._run.manifest, Path(folder), progress, chosen, log=log, logged=where)
