# SPDX-License-Identifier: GPL-2.0-only
"""Does everything that went in come out? Conservation of objects, time and counts, and Little's law, of any run's frames.

Each check holds exactly, since records count integers: as far as frames keep them. Leaves out whether a number is plausible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from slabdes.engine.records import Histogram, Records, bucket_bounds
from slabdes.results.frames import IRQ_WAIT, SPENT_PARTS, Frames, Point, frames_of
from slabdes.results.metrics import TIME_PARTS
from slabdes.results.rows import SLUB_STATS
from slabdes.units import ns_to_ps

if TYPE_CHECKING:
    import polars as pl

_RUN: Final = ("point", "replication")
_PLACES: Final = ("free_objects", "in_arrays", "in_shared", "in_alien", "in_rcu", "in_use", "descriptors")
"""Where objects are."""
_AT_MOST_TAKEN: Final = ("contended", "bounces", "con_bounces", "acq_bounces")


def check_accounting(run: Records | Frames) -> list[str]:
    """What does not add up in a run, one sentence each; empty when all is well.

    Objects: allocations - failures - frees of a cache, with those that a warm-up left, are its objects in use (and its slabs'
    objects are all somewhere).
    Counters of SLUB: those of a cache are its CPUs'.
    Time: the parts of each CPU's time are all of it, those of each path all of its latencies; histograms of operations count
    the CPUs' operations; lock waits of locks are the CPUs' lock_wait and handoff; a lock is held by one CPU at a time,
    and its queue holds as many waiters over time as waits last (Little).
    """
    found = list(_histograms(run)) if isinstance(run, Records) else []
    frames = frames_of(Point(0, "", 0), [run]) if isinstance(run, Records) else run
    several = frames.runs.height > 1
    for point, replication in frames.runs.select(_RUN).iter_rows():
        one = {name: _of_run(frame, point, replication) for name, frame in frames.items() if name != "points"}
        place = f"point {point}, replication {replication}: " if several else ""
        for check in (_cpus, _operations, _spent, _interrupts, _locks, _lock_times, _objects, _counters):
            found += [place + sentence for sentence in check(one)]
    return found


def _of_run(frame: pl.DataFrame, point: int, replication: int) -> pl.DataFrame:
    import polars as pl

    return frame.filter((pl.col("point") == point) & (pl.col("replication") == replication))


def _ps(nanoseconds: float) -> int:
    """The integer picoseconds that a frame's float stands for (exact up to 2**51 ps, 37 minutes)."""
    return ns_to_ps(nanoseconds)


def _total(times: Iterable[float]) -> int:
    """The sum of a frame's times, in picoseconds."""
    return sum(map(_ps, times))


def _differ(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two lists of a frame's times cannot have the same sum.

    A float of nanoseconds was rounded when picoseconds were divided, and is when it is multiplied, each time by 2**-53 of it.
    """
    slack = sum((_ps(time) + (1 << 51)) >> 52 for time in (*one, *other))
    return abs(_total(one) - _total(other)) > slack


def _histograms(records: Records) -> Iterator[str]:
    named = {f"latency of cache {cache}, path {path.label}": one for (cache, path), one in records.latency.items()}
    named |= {f"response of cache {cache}, path {path.label}": one for (cache, path), one in records.response.items()}
    for lock in records.locks:
        named |= {f"wait of {lock.name}": lock.wait, f"hold of {lock.name}": lock.hold}
    named |= {"interrupts off": records.irqs_off, "waits of interrupts": records.irq_wait}
    named |= {f"turns of {upkeep.label}": times for upkeep, times in records.turns.items()}
    for name, histogram in named.items():
        yield from (f"{name}: {problem}" for problem in _histogram(histogram))


def _histogram(histogram: Histogram) -> Iterator[str]:
    counted = sum(histogram.buckets.values())
    if counted != histogram.count:
        yield f"buckets count {counted}, the histogram {histogram.count}"
    bounds = [(*bucket_bounds(bucket), count) for bucket, count in histogram.buckets.items()]
    least = sum(low * count for low, _high, count in bounds)
    greatest = sum((high - 1) * count for _low, high, count in bounds)
    if not least <= histogram.total <= greatest:
        yield f"total {histogram.total} ps is outside the buckets' {least} to {greatest}"
    if bounds and not min(bounds)[0] <= histogram.least <= histogram.greatest < max(bounds)[1]:
        yield f"least {histogram.least} and greatest {histogram.greatest} ps are outside the buckets"


def _cpus(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    until = _ps(run["runs"]["warm_up_ns"].item()) + _ps(run["runs"]["elapsed_ns"].item())
    for cpu in run["cpus"].iter_rows(named=True):
        parts = [cpu[f"{part}_ns"] for part in (*TIME_PARTS, "idle")]
        start, end = _ps(cpu["start_ns"]), _ps(cpu["end_ns"])
        if _differ([cpu["start_ns"], *parts], [cpu["end_ns"]]):
            told = f"the parts of its time are {_total(parts)} ps, from its start to its end it is {end - start}"
            yield f"CPU {cpu['cpu']}: {told}"
        if not 0 <= start <= end <= until:
            yield f"CPU {cpu['cpu']}: from {start} to {end} ps is not within the run's {until}"


def _operations(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    counted: dict[str, int] = dict(run["operations"].group_by("op", maintain_order=True).agg(_sum("count")).iter_rows())
    for op, name in (("alloc", "allocs"), ("free", "frees"), ("section", "sections")):
        done = run["cpus"][name].sum()
        if counted.get(op, 0) != done:
            yield f"{op}: latencies count {counted.get(op, 0)} operations, the CPUs {done}"
    failed = run["operations"].filter(_is("path", "fail"))["count"].sum()
    if failed != run["cpus"]["failed"].sum():
        yield f"latencies count {failed} failed allocations, the CPUs {run['cpus']['failed'].sum()}"
    buckets = run["latency"]["count"].sum()
    if buckets != run["operations"]["count"].sum():
        yield f"latency buckets count {buckets} operations, their paths {run['operations']['count'].sum()}"
    responded = run["responses"]["count"].sum()
    if run["response"]["count"].sum() != responded:
        yield f"response buckets count {run['response']['count'].sum()} operations, their paths {responded}"
    # What handlers do arrives at no time.
    if responded > run["operations"]["count"].sum() or (
        responded and not run["cpus"]["interrupts"].sum() and responded != buckets
    ):
        yield f"responses count {responded} operations, latencies {buckets}"


def _spent(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    told = {(row["op"], row["path"]): [row[f"{part}_ns"] for part in SPENT_PARTS] for row in _rows(run["spent"])}
    took: dict[tuple[str, str], list[float]] = {}
    for row in _rows(run["operations"]):
        took.setdefault((row["op"], row["path"]), []).append(row["total_ns"])
    for op, path in sorted(took.keys() | told.keys()):
        whole, parts = took.get((op, path), []), told.get((op, path), [])
        if _differ(whole, parts) or not (whole and parts):
            yield f"{op} {path}: took {_total(whole)} ps, the parts of its time are {_total(parts)}"
    for row in _rows(run["spent"]):
        yield from (
            f"{row['op']} {row['path']}: {part} is {row[f'{part}_ns']} ns" for part in SPENT_PARTS if row[f"{part}_ns"] < 0
        )


def _interrupts(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    handled = run["cpus"]["interrupts"].sum()
    waited = run["interrupts"].filter(_is("what", IRQ_WAIT))["count"].sum()
    if waited != handled:
        yield f"{waited} interrupts waited, the CPUs handled {handled}"


def _rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    return frame.iter_rows(named=True)


def _locks(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    elapsed = _ps(run["runs"]["elapsed_ns"].item())
    for lock in run["locks"].iter_rows(named=True):
        name, taken = lock["lock"], lock["acquisitions"]
        if any(lock[counter] > taken for counter in _AT_MOST_TAKEN):
            counted = ", ".join(f"{lock[counter]} {counter}" for counter in _AT_MOST_TAKEN)
            yield f"{name}: {counted}, but only {taken} acquisitions"
        # Holds and waits count where they end: one of each CPU may have begun before the warm-up ended.
        if _ps(lock["hold_total_ns"]) > elapsed + (_ps(lock["hold_max_ns"]) if _cut(run) else 0):
            yield f"{name}: held for {_ps(lock['hold_total_ns'])} ps of a run of {elapsed}"
        area, waited = lock["queue_area_ns"], lock["wait_total_ns"]
        if _differ([area], [waited]):
            yield f"{name}: {_ps(area)} waiter-picoseconds in its queue, but waits of {_ps(waited)} ps (Little's law)"
    yield from _contention_points(run)
    yield from _upkeep(run)
    waits = run["locks"]["wait_total_ns"].to_list()
    told = [time for part in ("lock_wait_ns", "handoff_ns") for time in run["cpus"][part]]
    if _differ(waits, told):
        yield f"locks were waited for {_total(waits)} ps, the CPUs waited {_total(told)}"


def _contention_points(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Waits are counted where they begin and when they end: each CPU may be in one when the run ends."""
    begun: Counter[str] = Counter()
    for point in _rows(run["contention_points"]):
        begun[point["lock"]] += point["count"]
    for lock in _rows(run["locks"]):
        name, began = lock["lock"], begun[lock["lock"]]
        before = run["cpus"].height if _cut(run) else 0
        if not max(lock["contended"] - before, lock["con_bounces"]) <= began <= lock["acquisitions"]:
            told = ", ".join(f"{lock[counter]} {counter}" for counter in ("contended", "con_bounces", "acquisitions"))
            yield f"{name}: {began} waits began at its contention points, but {told}"
    unfinished = begun.total() - run["locks"]["contended"].sum()
    if unfinished > run["cpus"].height:
        yield f"{unfinished} waits for locks began and did not end, but there are {run['cpus'].height} CPUs"


def _upkeep(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Holds and waits of upkeep are some of their lock's: no more, and no longer."""
    of = ("kind", "cache", "node", "other")
    locks = {tuple(row[name] for name in of): row for row in _rows(run["locks"])}
    some: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in _rows(run["upkeep_locks"]):
        some.setdefault(tuple(row[name] for name in of), []).append(row)
    for key, rows in some.items():
        lock = locks[key]
        for part, whole in (("holds", "acquisitions"), ("waits", "contended")):
            if (told := sum(row[part] for row in rows)) > lock[whole]:
                yield f"{lock['lock']}: upkeep tells {told} {part}, the lock {lock[whole]} {whole}"
        for part, whole in (("held_total_ns", "hold_total_ns"), ("wait_total_ns", "wait_total_ns")):
            if (took := _total(row[part] for row in rows)) > _ps(lock[whole]):
                yield f"{lock['lock']}: upkeep's {part} are {took} ps, the lock's {whole} {_ps(lock[whole])}"


def _lock_times(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Times are counted when they end: a CPU that reaps may hold a lock when the run ends, which is with the last program."""
    for what, counter, unended in (("wait", "contended", 0), ("hold", "acquisitions", run["cpus"].height)):
        counted, told = run["lock_times"].filter(_is("what", what))["count"].sum(), run["locks"][counter].sum()
        if not told - unended <= counted <= told:
            yield f"lock {what} times are {counted}, locks say {told} {counter}"


def _cut(run: dict[str, pl.DataFrame]) -> bool:
    """Whether a warm-up was left out."""
    return bool(run["runs"]["warm_up_ns"].item() > 0)


def _objects(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    caches = {row["name"]: row for row in run["caches"].iter_rows(named=True)}
    less = {
        row["cache"]: row["fallback_slabs"] * (caches[row["cache"]]["num"] - row["min_objects"])
        for row in run["slub"].iter_rows(named=True)
    }
    totals = {name: _totals(run["slabs"].filter(_is("cache", name))) for name in caches}
    for name, cache in caches.items():
        total = totals[name]
        # A run ends with its last program: a CPU that reaps or shrinks may then have slabs in hand, still to be destroyed.
        in_hand = cache["slabs_created"] - cache["slabs_destroyed"] - total["slabs"]
        if in_hand < 0 or (in_hand and run["cpus"].height == 1):
            made = f"{cache['slabs_created']} slabs created, {cache['slabs_destroyed']} destroyed"
            yield f"{name}: {made}, but {total['slabs']} on its lists"
        room = total["slabs"] * cache["num"] - less.get(name, 0)
        lying = sum(total[place] for place in _PLACES)
        if room != lying:
            yield f"{name}: {total['slabs']} slabs have {room} objects, but {lying} are somewhere"
        held = cache["in_use_before"] + _net(run["operations"].filter(_is("cache", name)))
        if held != total["in_use"]:
            yield f"{name}: allocations - failures - frees are {held}, but {total['in_use']} objects are in use"


def _counters(run: dict[str, pl.DataFrame]) -> Iterator[str]:
    if not run["slub_cpus"].height:  # a run of an earlier version
        return
    sums = run["slub_cpus"].group_by("cache", maintain_order=True).agg(_sum(name) for name in SLUB_STATS)
    counted = {row["cache"]: row for row in sums.iter_rows(named=True)}
    for row in run["slub"].iter_rows(named=True):
        for name in SLUB_STATS:
            mine = counted.get(row["cache"], {}).get(name, 0)
            if mine != row[name]:
                yield f"{row['cache']}: {name} is {row[name]}, but its CPUs counted {mine}"


def _totals(slabs: pl.DataFrame) -> dict[str, int]:
    sums = {name: int(slabs[name].sum()) for name in slabs.columns if slabs[name].dtype.is_integer()}
    return sums | {"slabs": sums["slabs_partial"] + sums["slabs_full"] + sums["slabs_free"] + sums["slabs_cpu"]}


def _net(operations: pl.DataFrame) -> int:
    def count(rows: pl.DataFrame) -> int:
        return int(rows["count"].sum())

    served = operations.filter(_is("op", "alloc") & ~_is("path", "fail"))
    return count(served) - count(operations.filter(_is("op", "free")))


def _sum(column: str) -> pl.Expr:
    import polars as pl

    return pl.col(column).sum()


def _is(column: str, value: str) -> pl.Expr:
    import polars as pl

    return pl.col(column) == value
