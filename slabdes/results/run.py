# SPDX-License-Identifier: GPL-2.0-only
"""What users hold: a `Run` (its frames and where they come from) and a `Study`, the run of a sweep.

Both are read-only views of a manifest and frames. Leaves out figures: `plots.accessor` draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from slabdes.errors import MAX_LINE, InputError, shown
from slabdes.results import accounting, breakdown, contention, metrics, response, upkeep
from slabdes.results.folder import read_run, write_run
from slabdes.results.frames import Frames
from slabdes.results.lock_stat import lock_classes, lock_stat_text
from slabdes.results.manifest import Manifest
from slabdes.results.slabinfo import slabinfo_rows, slabinfo_text
from slabdes.results.slub import slub_stats_text

if TYPE_CHECKING:
    import polars as pl


class Run:
    """One experiment's results: tidy Polars frames, times in ns (see `results.frames.COLUMNS`), and what is made of them."""

    def __init__(self, manifest: Manifest, frames: Frames) -> None:
        self.manifest = manifest
        self.frames = frames

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the records: the same for the same experiment and seed on any machine."""
        return self.manifest.digest

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run warns of."""
        return self.manifest.warnings

    @property
    def latency(self) -> pl.DataFrame:
        """Latency histograms: a row a bucket of an operation's path."""
        return self.frames.latency

    @property
    def operations(self) -> pl.DataFrame:
        """Operations by path: exact count, total, least and greatest time."""
        return self.frames.operations

    @property
    def response(self) -> pl.DataFrame:
        """Response times, from an operation's arrival to its end: a row a bucket of its path. No rows where none arrives."""
        return self.frames.response

    @property
    def responses(self) -> pl.DataFrame:
        """The same by path: exact count, total, least and greatest."""
        return self.frames.responses

    @property
    def spent(self) -> pl.DataFrame:
        """Where the time of operations went: a row a path."""
        return self.frames.spent

    @property
    def locks(self) -> pl.DataFrame:
        """A row a lock: acquisitions, waits, holds."""
        return self.frames.locks

    @property
    def lock_times(self) -> pl.DataFrame:
        """Histograms of waits and holds: a row a bucket of a lock kind, cache and node."""
        return self.frames.lock_times

    @property
    def contention_points(self) -> pl.DataFrame:
        """Which function waited for a lock, and which one had taken it: a row a lock and pair of them."""
        return self.frames.contention_points

    @property
    def upkeep_locks(self) -> pl.DataFrame:
        """A row a kind of upkeep and lock: its holds, and waits of others behind them."""
        return self.frames.upkeep_locks

    @property
    def interrupts(self) -> pl.DataFrame:
        """How long interrupts were off, those handled waited and turns of upkeep took: exact count, total, least and greatest."""
        return self.frames.interrupts

    @property
    def interrupt_times(self) -> pl.DataFrame:
        """Histograms of how long interrupts were off at a time, of how long they had to wait, and of turns of upkeep."""
        return self.frames.interrupt_times

    @property
    def cpus(self) -> pl.DataFrame:
        """A row a CPU: what it did and where its time went."""
        return self.frames.cpus

    @property
    def caches(self) -> pl.DataFrame:
        """A row a cache: the kernel's own statistics."""
        return self.frames.caches

    @property
    def slabs(self) -> pl.DataFrame:
        """A row a cache and node: where its objects lie when the run ends."""
        return self.frames.slabs

    @property
    def slub(self) -> pl.DataFrame:
        """A row a SLUB cache: its tunables and SLUB_STATS, all CPUs together; none where the allocator is SLAB."""
        return self.frames.slub

    @property
    def slub_cpus(self) -> pl.DataFrame:
        """A row a CPU of a SLUB cache that counted anything: its SLUB_STATS."""
        return self.frames.slub_cpus

    @property
    def samples(self) -> pl.DataFrame:
        """A row a moment, cache and node of each point's first replication: how memory stood then, warm-up included."""
        return self.frames.samples

    @property
    def progress(self) -> pl.DataFrame:
        """A row a moment of each point's first replication: operations that had ended by then, and the CPUs' waits for locks.

        lock_wait_ns has hand-offs and waits under way, too, unlike that of `cpus`.
        """
        return self.frames.progress

    @property
    def moves(self) -> pl.DataFrame:
        """A row a pair of CPUs of each point's first replication: how many cache lines went from `giver` to `taker`."""
        return self.frames.moves

    @property
    def runs(self) -> pl.DataFrame:
        """A row a replication: digest, simulated time, warnings."""
        return self.frames.runs

    @property
    def points(self) -> pl.DataFrame:
        """A row a point: machine, CPUs, swept keys, digest."""
        return self.frames.points

    def summary(self) -> pl.DataFrame:
        """Rates, times and counts, a row a point and operation; see `metrics.summary`."""
        return metrics.summary(self.frames)

    def response_times(self) -> pl.DataFrame:
        """Response times beside service times, a row a point and operation; see `response.response`."""
        return response.response(self.frames)

    def loads(self) -> pl.DataFrame:
        """Response times along a sweep of rates, a row a point, all operations together; see `response.loads`."""
        return response.loads(self.frames)

    def per_node(self) -> pl.DataFrame:
        """Lock figures, a row a point, node and lock kind; see `metrics.per_node`."""
        return metrics.per_node(self.frames)

    def waits_for(self) -> pl.DataFrame:
        """Who waits for whom in time lost, a row a point, lock and pair of functions; see `contention.waits_for`."""
        return contention.waits_for(self.frames)

    def per_lock(self) -> pl.DataFrame:
        """Lock figures and time lost, a row a point, kind, cache and node; see `contention.locks`."""
        return contention.locks(self.frames)

    def per_path(self) -> pl.DataFrame:
        """Operations by how they were served, a row a point, operation and path; see `breakdown.paths`."""
        return breakdown.paths(self.frames)

    def per_cache(self) -> pl.DataFrame:
        """Operations and what they cost, a row a point and cache; see `breakdown.caches`."""
        return breakdown.caches(self.frames)

    def ccdf(self) -> pl.DataFrame:
        """Tail curves of latency by path; see `metrics.ccdf`."""
        return metrics.ccdf(self.frames)

    def where_time_went(self) -> pl.DataFrame:
        """Shares of the CPUs' time, a row a point; see `metrics.where_time_went`."""
        return metrics.where_time_went(self.frames)

    def interrupt_summary(self) -> pl.DataFrame:
        """How long interrupts were off and had to wait; see `metrics.interrupt_summary`."""
        return metrics.interrupt_summary(self.frames)

    def reap_summary(self) -> pl.DataFrame:
        """How often CPUs reaped, how long that took and what it gave back; see `upkeep.reap_summary`."""
        return upkeep.reap_summary(self.frames)

    def upkeep_summary(self) -> pl.DataFrame:
        """The same for every kind of upkeep; see `upkeep.turns`."""
        return upkeep.turns(self.frames)

    def per_upkeep(self) -> pl.DataFrame:
        """What turns of upkeep hold, and who waits behind them, a row a point, kind of upkeep and lock; see `upkeep.locks`."""
        return upkeep.locks(self.frames)

    def where_operations_went(self) -> pl.DataFrame:
        """Shares of the time of operations, a row a point and operation; see `metrics.where_operations_went`."""
        return metrics.where_operations_went(self.frames)

    def slabinfo(self, point: int | None = None, replication: int = 0) -> str:
        """What /proc/slabinfo would show when one replication has ended, statistics included.

        `point` may be left out where there is only one. Raises InputError for one that is not there.
        """
        one = self.replication(point, replication)
        return slabinfo_text(slabinfo_rows(one.caches, one.slabs))

    def slub_stats(self, point: int | None = None, replication: int = 0) -> str:
        """What `grep . */*` would show of SLUB_STATS in /sys/kernel/slab; see `slabinfo`. Nothing where the allocator is SLAB."""
        one = self.replication(point, replication)
        return slub_stats_text(one.slub, one.slub_cpus)

    def lock_stat(self, point: int | None = None, replication: int = 0) -> str:
        """What /proc/lock_stat would show of one replication; see `slabinfo`."""
        one = self.replication(point, replication)
        return lock_stat_text(lock_classes(one.locks, one.contention_points, slub=bool(one.slub.height)))

    def replication(self, point: int | None = None, replication: int = 0) -> Run:
        """One replication of `point`, or of the only point, as a run of its own. Raises InputError for what is not there."""
        frames = self.frames.replication(self.point_number(point), replication)
        return Run(replace(self._manifest_of(frames), replications=1), frames)

    def point_number(self, point: int | None) -> int:
        """`point`, or the only point where none is given. Raises InputError where there are several."""
        numbers = self.frames.point_numbers()
        if point is None and len(numbers) > 1:
            raise InputError("point", f"none is given, and this run has {len(numbers)}", allowed=f"{numbers[0]} to {numbers[-1]}")
        return numbers[0] if point is None else point

    def _manifest_of(self, single: Frames) -> Manifest:
        """The manifest of a part of this run that has one point."""
        settings = {key: single.points[key].item() for key in single.swept_keys()}
        number, machines = single.points["point"].item(), single.points["machine"].to_list()
        return replace(
            self.manifest,
            experiment=self.manifest.experiment | {"sweep": {key: [value] for key, value in settings.items()}, "zip": {}},
            digest=single.digest(),
            machines={name: machine for name, machine in self.manifest.machines.items() if name in machines},
            points=tuple(point for point in self.manifest.points if point["point"] == number),
            warnings=tuple(single.warnings()),
        )

    def of_points(self, points: Sequence[int]) -> Run:
        """The run of some of its points, which keep their numbers. Raises InputError for one that is not there."""
        some = self.frames.of_points(points)
        told = tuple(point for point in self.manifest.points if point["point"] in points)
        manifest = replace(self.manifest, digest=some.digest(), points=told, warnings=tuple(some.warnings()))
        return type(self)(manifest, some)

    def check(self) -> list[str]:
        """What does not add up, one sentence each; an empty list when all is well. See `accounting.check_accounting`."""
        return accounting.check_accounting(self.frames)

    def save(self, folder: Path | str, extra: Callable[[Path], object] | None = None) -> Path:
        """Write the run folder, see `folder.write_run`. Raises InputError if the folder holds anything."""
        return write_run(Path(folder), self.manifest, self.frames, extra)

    @staticmethod
    def load(folder: Path | str) -> Run:
        """Read a run folder, as a Study if it is a sweep's. Raises InputError, in one line, if it is not one."""
        return run_of(*read_run(Path(folder)))

    def __repr__(self) -> str:
        """One line: what was run, and the digest's first digits."""
        what = f"{self.manifest.name!r}, {self.manifest.workload or 'several workloads'}"
        size = f"points={self.points.height}, replications={self.manifest.replications}"
        return shown(f"{type(self).__name__}({what}, {size}, digest={self.digest[:12]})", MAX_LINE)


class Study(Run):
    """The results of a sweep."""

    def scaling(self) -> pl.DataFrame:
        """Throughput and waiting, a row a point: means and standard deviations over replications; see `metrics.scaling`.

        `slabdes.measures.scaling.scaling(study.frames)` adds confidence intervals.
        """
        return metrics.scaling(self.frames)

    def point(self, number: int) -> Run:
        """One point as a run of its own, with the digest that it has when run alone. Raises InputError if there is none."""
        frames = self.frames.of_points([number])
        manifest, single = self._manifest_of(frames), frames.renumbered(0)
        points = tuple(point | {"point": 0} for point in manifest.points)
        return Run(replace(manifest, digest=single.digest(), points=points), single)


def run_of(manifest: Manifest, frames: Frames) -> Run:
    """A Study if the experiment is a sweep, else a Run."""
    return Study(manifest, frames) if manifest.experiment.get("sweep") or frames.points.height > 1 else Run(manifest, frames)
