# SPDX-License-Identifier: GPL-2.0-only
"""What tables and figures show, made from frames: quantiles, rates, shares, tail curves. Sees no live object.

Everything averaged is averaged here. Leaves out intervals and comparisons over replications: `stats` has those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from slabdes.results.frames import IRQ_WAIT, IRQS_OFF, OPERATIONS, SPENT_PARTS, Frames
from slabdes.results.quantiles import QUANTILES as QUANTILES  # handed on, as all that tables have
from slabdes.results.quantiles import RESOLUTION as RESOLUTION
from slabdes.results.quantiles import TOO_FEW as TOO_FEW
from slabdes.results.quantiles import cumulated, not_told, quantiles, within_times
from slabdes.results.quantiles import quantile as quantile
from slabdes.stats.samples import least_tail

if TYPE_CHECKING:
    import polars as pl

NS_PER_S: Final = 1e9
TIME_PARTS: Final = (
    "think", "lock_wait", "handoff", "slot_wait", "partner_wait", "line", "local_memory", "remote_memory", "pages", "first_touch",
    "work",
)  # fmt: skip
"""The parts of a CPU's time at work, as CpuRecord explains them; together with `idle` they are all of its time."""

ALL_PATHS: Final = "all"
"""The path label under which `ccdf` gives an operation's paths together."""

MOST_FOCUS: Final = 8
"""Points that tables and figures with much about each show (assumed: a page)."""
_KIND: Final = "workload.kind"
_ONE_THING: Final = ({"cpus", "machine.cpus"}, {"machine", "machine.preset", "machine.file"})
"""Columns of points that are two words for one thing."""
Value = TypeVar("Value")

_RUN: Final = ("point", "replication")


def labels(frames: Frames) -> pl.DataFrame:
    """What names each point in tables and figures: point, machine, cpus, replications, then one column a swept key."""
    return frames.points.drop("elapsed_ns", "digest")


def rates(frames: Frames) -> pl.DataFrame:
    """A row a replication: point, replication, operations, operations_per_s (simulated), share_waiting.

    share_waiting is the waiting for locks, hand-off included, of CPUs that have a program over their time at work; 0 where
    no CPU has one.
    """
    import polars as pl

    operations = frames.operations.group_by(_RUN, maintain_order=True).agg(pl.col("count").sum().alias("operations"))
    spans = (
        at_work(frames)
        .group_by(_RUN, maintain_order=True)
        .agg((pl.col("lock_wait_ns") + pl.col("handoff_ns")).sum().alias("waiting"), pl.col("span").sum())
    )
    joined = frames.runs.join(operations, on=_RUN, how="left").join(spans, on=_RUN, how="left").fill_null(0).sort(_RUN)
    return joined.select(
        *_RUN,
        "operations",
        ratio("operations", "elapsed_ns", NS_PER_S).alias("operations_per_s"),
        ratio("waiting", "span").alias("share_waiting"),
    )


def by_replication(frames: Frames) -> pl.DataFrame:
    """`rates`, with alloc_mean_ns and free_mean_ns: the mean times of a replication's allocations and frees; 0 without any."""
    import polars as pl

    means = (
        frames.operations.filter(pl.col("op").is_in(["alloc", "free"]))
        .group_by(*_RUN, "op", maintain_order=True)
        .agg((pl.col("total_ns").sum() / pl.col("count").sum()).alias("mean"))
    )
    table = rates(frames)
    for op in ("alloc", "free"):
        of_op = means.filter(pl.col("op") == op).select(*_RUN, pl.col("mean").alias(f"{op}_mean_ns"))
        table = table.join(of_op, on=list(_RUN), how="left")
    return table.with_columns(pl.col("alloc_mean_ns", "free_mean_ns").fill_null(0.0)).sort(_RUN)


def at_work(frames: Frames) -> pl.DataFrame:
    """The CPUs that did any operation, with `span`: their time from first to last operation without what they were idle."""
    import polars as pl

    did = sum((pl.col(name) for name in ("allocs", "frees", "skipped", "sections")), pl.lit(0))
    return frames.cpus.filter(did > 0).with_columns((pl.col("end_ns") - pl.col("start_ns") - pl.col("idle_ns")).alias("span"))


def ratio(numerator: str, denominator: str | pl.Expr, scale: float = 1.0) -> pl.Expr:
    """A quotient of columns, 0 where the denominator is."""
    import polars as pl

    whole = pl.col(denominator) if isinstance(denominator, str) else denominator
    return pl.when(whole > 0).then(pl.col(numerator) * scale / whole).otherwise(0.0)


def summary(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point and operation: the point's labels, op, operations, rates, times, and what the allocator did.

    operations_per_s and share_waiting are the point's, all operations together, means over replications. operations and the
    counts are means over replications too. Times (mean_ns exact, p50_ns, p99_ns, p999_ns within 0.4 %, max_ns exact) are over
    all replications. refills, grows, grows_failed, retries and failed belong to `alloc`, remote_frees to `free`; elsewhere they
    are null.
    not_told: see QUANTILES, as of `every`.
    """
    import polars as pl

    key = ["point", "op"]
    times = frames.operations.group_by(key, maintain_order=True).agg(
        pl.col("count").sum().alias("all"),
        pl.col("total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"),
        pl.col("greatest_ns").max().alias("max_ns"),
    )
    per_point = rates(frames).group_by("point", maintain_order=True).agg(pl.col("operations_per_s", "share_waiting").mean())
    table = labels(frames).join(times, on="point").join(quantiles(frames.latency, key, every), on=key)
    table = table.join(per_point, on="point").join(_counts(frames), on=key)
    ordered = table.with_columns(
        *within_times(),
        not_told(),
        (pl.col("all") / pl.col("replications")).alias("operations"),
        (pl.col("total_ns") / pl.col("all")).alias("mean_ns"),
        pl.col("op").replace_strict(list(OPERATIONS), list(range(len(OPERATIONS))), return_dtype=pl.Int32).alias("order"),
    ).sort("point", "order")
    named = ["operations", "operations_per_s", "mean_ns", *QUANTILES, "max_ns", "share_waiting"]
    counts = ["refills", "grows", "grows_failed", "retries", "failed", "remote_frees"]
    return ordered.select(*labels(frames).columns, "op", *named, *counts, "not_told")


def _counts(frames: Frames) -> pl.DataFrame:
    """The allocator's counts, a row a point and operation, means over replications; null where of another operation."""
    import polars as pl

    key = ["point", "op"]
    replications = frames.points.select("point", "replications")
    caches = frames.caches.group_by("point", maintain_order=True).agg(
        pl.col("refills", "retries", "grows_failed").sum(),
        pl.col("grown").sum().alias("grows"),
        pl.col("node_frees").sum().alias("remote_frees"),
    )
    failed = frames.cpus.group_by("point", maintain_order=True).agg(pl.col("failed").sum())
    table = frames.operations.select(key).unique().join(replications, on="point")
    table = table.join(caches, on="point", how="left").join(failed, on="point", how="left")
    columns = []
    for op, names in (("alloc", ("refills", "grows", "grows_failed", "retries", "failed")), ("free", ("remote_frees",))):
        mean = [pl.col(name).fill_null(0) / pl.col("replications") for name in names]
        columns += [pl.when(pl.col("op") == op).then(one).alias(name) for one, name in zip(mean, names, strict=True)]
    return table.select(*key, *columns)


def per_node(frames: Frames) -> pl.DataFrame:
    """A row a point, node and lock kind: acquisitions (mean over replications), contended_share, bounced_share, times in ns.

    mean_wait_ns is over contended acquisitions, mean_hold_ns over all; the greatest are over all replications. Waits are null
    if no acquisition was contended. Node -1 stands for locks of no node. Locks never taken have no row.
    """
    import polars as pl

    key = ["point", "node", "kind"]
    summed = ["acquisitions", "contended", "bounces", "wait_total_ns", "hold_total_ns"]
    table = frames.locks.group_by(key, maintain_order=True).agg(
        pl.col(summed).sum(), pl.col("wait_max_ns").max().alias("max_wait_ns"), pl.col("hold_max_ns").max().alias("max_hold_ns")
    )
    table = table.filter(pl.col("acquisitions") > 0).join(frames.points.select("point", "replications"), on="point")
    taken = pl.col("acquisitions")
    return table.sort(key).select(
        *key,
        (taken / pl.col("replications")).alias("acquisitions"),
        (pl.col("contended") / taken).alias("contended_share"),
        (pl.col("bounces") / taken).alias("bounced_share"),
        pl.when(pl.col("contended") > 0).then(pl.col("wait_total_ns") / pl.col("contended")).alias("mean_wait_ns"),
        pl.when(pl.col("contended") > 0).then(pl.col("max_wait_ns")),
        (pl.col("hold_total_ns") / taken).alias("mean_hold_ns"),
        "max_hold_ns",
    )


def lock_quantiles(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point, node, lock kind and what (wait or hold): p50_ns, p99_ns, p999_ns over all replications, not_told.

    See QUANTILES, as of `every`.
    """
    key = ["point", "node", "kind", "what"]
    return quantiles(frames.lock_times, key, every).with_columns(not_told())


def ccdf(frames: Frames) -> pl.DataFrame:
    """Tail curves: point, op, path, latency_ns, fraction (greater than it), at_least (it or greater), told, a row a bucket.

    Both are shares of all of the point's operations of that kind, over replications and caches; so a path's curve begins at the
    path's share, and the curves of all paths add up to the one named `all`. latency_ns is a bucket's middle. `told`: whether so
    many operations tell where the tail has the share at_least (`stats.samples.least_tail`).
    """
    import polars as pl

    one_by_one = frames.latency.select("point", "op", "path", "low_ns", "high_ns", "count")
    together = one_by_one.with_columns(pl.lit(ALL_PATHS).alias("path"))
    by = ["point", "op", "path"]
    curves = cumulated(pl.concat([together, one_by_one]), by).with_columns(
        pl.col("count").sum().over(by).alias("on_path"),
        pl.col("count").filter(pl.col("path") == ALL_PATHS).sum().over("point", "op").alias("of_op"),
    )
    greater = pl.col("on_path") - pl.col("reached")
    least = {n: least_tail(n) for n in curves["of_op"].unique().to_list()}
    return (
        curves.select(
            *by,
            pl.col("middle_ns").alias("latency_ns"),
            (greater / pl.col("of_op")).alias("fraction"),
            ((greater + pl.col("count")) / pl.col("of_op")).alias("at_least"),
            pl.col("of_op").replace_strict(list(least), list(least.values()), return_dtype=pl.Float64).alias("least"),
        )
        .with_columns((pl.col("at_least") >= pl.col("least")).alias("told"))
        .drop("least")
    )


def scaling(frames: Frames) -> pl.DataFrame:
    """A row a point: its labels, then mean and standard deviation (null for one replication) of the two rates.

    Columns operations_per_s, operations_per_s_sd, share_waiting, share_waiting_sd. `measures.scaling` adds their intervals.
    """
    import polars as pl

    names = ("operations_per_s", "share_waiting")
    spread = [pl.col(name).mean() for name in names] + [pl.col(name).std(ddof=1).alias(f"{name}_sd") for name in names]
    table = (
        labels(frames)
        .join(rates(frames).group_by("point", maintain_order=True).agg(spread), on="point", how="left")
        .sort("point")
    )
    return table.select(*labels(frames).columns, *(column for name in names for column in (name, f"{name}_sd")))


def where_time_went(frames: Frames) -> pl.DataFrame:
    """A row a point: its labels, then each of TIME_PARTS as a share of the time at work of all CPUs that have a program.

    The shares of a row add up to 1, or are all 0 where no CPU did anything. Idle time is none of them.
    """
    import polars as pl

    columns = [pl.col(f"{part}_ns").sum().alias(part) for part in TIME_PARTS]
    sums = at_work(frames).group_by("point", maintain_order=True).agg(*columns, pl.col("span").sum())
    table = labels(frames).join(sums, on="point", how="left").with_columns(pl.col(*TIME_PARTS, "span").fill_null(0))
    return table.sort("point").select(*labels(frames).columns, *(ratio(part, "span").alias(part) for part in TIME_PARTS))


def where_operations_went(frames: Frames) -> pl.DataFrame:
    """A row a point and operation: the point's labels, op, then each of frames.SPENT_PARTS as a share of its operations' time.

    The shares of a row add up to 1, or are all 0 where operations took no time.
    """
    import polars as pl

    columns = [pl.col(f"{part}_ns").sum().alias(part) for part in SPENT_PARTS]
    sums = (
        frames.spent.group_by("point", "op", maintain_order=True)
        .agg(columns)
        .with_columns(pl.sum_horizontal(SPENT_PARTS).alias("total"))
    )
    table = labels(frames).join(sums, on="point").sort("point", pl.col("op").cast(pl.Enum(OPERATIONS)))
    return table.select(*labels(frames).columns, "op", *(ratio(part, "total").alias(part) for part in SPENT_PARTS))


def interrupt_summary(frames: Frames, every: bool = False) -> pl.DataFrame:
    """A row a point and `off` (how long interrupts were off at a time) or `wait` (how long those handled waited), if any were.

    Columns after the point's labels: what, count (a replication's mean), mean_ns, p50_ns, p99_ns, p999_ns and max_ns, over all
    replications; handled and lost, means of a replication's interrupts; not_told (see QUANTILES, as of `every`).
    """
    import polars as pl

    by = ["point", "what"]
    are = (pl.col("count") > 0) & pl.col("what").is_in([IRQS_OFF, IRQ_WAIT])
    sums = frames.interrupts.filter(are).group_by(by, maintain_order=True).agg(
        pl.col("count").sum().alias("all"), pl.col("total_ns").sum(),
        pl.col("least_ns").min().alias("min_ns"), pl.col("greatest_ns").max().alias("max_ns"),
    )  # fmt: skip
    counts = frames.cpus.group_by("point", maintain_order=True).agg(
        pl.col("interrupts").sum().alias("handled"), pl.col("interrupts_lost").sum().alias("lost")
    )
    times = quantiles(frames.interrupt_times, by, every)
    table = labels(frames).join(sums, on="point").join(times, on=by).join(counts, on="point").sort("point", "what")
    each = [(pl.col(name) / pl.col("replications")).alias(name) for name in ("handled", "lost")]
    return table.select(
        *labels(frames).columns, "what", (pl.col("all") / pl.col("replications")).alias("count"),
        (pl.col("total_ns") / pl.col("all")).alias("mean_ns"), *within_times(), "max_ns", *each, not_told(),
    )  # fmt: skip


def focus_points(frames: Frames) -> list[int]:
    """The points that stand for a sweep where there is room for few: each machine's first one with its most CPUs.

    At most MOST_FOCUS of them, from the first to the last.
    """
    import polars as pl

    groups = (series_keys(frames) or ["replications"]) if _along_changes(x_key(frames)) else ["machine"]
    best = frames.points.sort("cpus", "point", descending=[True, False]).group_by(groups, maintain_order=True)
    return spread(sorted(best.agg(pl.col("point").first())["point"].to_list()), MOST_FOCUS)


def spread(values: Sequence[Value], most: int) -> list[Value]:
    """At most `most` (2 or more) of `values`, evenly from the first to the last.

    >>> spread([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(values) <= most:
        return list(values)
    return [values[number * (len(values) - 1) // (most - 1)] for number in range(most)]


def numbers(settings: pl.Series) -> bool:
    """Whether settings lie along a scale: all are numbers, none is left as the kernel has it (null)."""
    return settings.dtype.is_numeric() and not settings.null_count()


def x_key(frames: Frames) -> str:
    """The column of `points` along x in a sweep's figures: `cpus` if it varies, else a varying swept key, numbers first.

    Of several kinds of workload the kind, if nothing else varies: their keys are of one kind each.
    """
    varying = [name for name in ("cpus", *frames.swept_keys()) if frames.points[name].n_unique() > 1]
    if _KIND in varying:
        varying = [name for name in varying if not name.startswith("workload.")] or [_KIND]
    numeric = [name for name in varying if numbers(frames.points[name])]
    return (numeric or varying or ["cpus"])[0]


def series_keys(frames: Frames, along: str | None = None) -> list[str]:
    """The columns of `points` that tell a sweep's lines apart: machine and swept keys that vary, without x and what goes with it.

    x is `along` if it is given, else `x_key`.
    """
    x = along or x_key(frames)
    # Machines of so many CPUs each are along x if something else has lines: one a machine would be a mark each.
    varying = [name for name in frames.swept_keys() if frames.points[name].n_unique() > 1]
    others = [name for name in varying if not _same_grouping(frames.points, name, x)]
    lines = x == "cpus" and others and _same_grouping(frames.points, "machine", x)
    said = ["machine"] if frames.points["machine"].n_unique() > 1 and not lines and not _along_changes(x) else []
    for name in frames.swept_keys():
        # A key that says the same as one already taken (machine.preset, machine.cpus) would label a line twice.
        doubles = _same_grouping(frames.points, name, x) or any(_says_the_same(frames.points, name, other) for other in said)
        if frames.points[name].n_unique() > 1 and not doubles:
            said.append(name)
    return _beside_kind(frames.points, said) if _KIND in said else said


def _beside_kind(points: pl.DataFrame, keys: Sequence[str]) -> list[str]:
    """`keys` without those of a workload that its kind, and keys before them, tell already."""
    said = [key for key in keys if key == _KIND or not key.startswith("workload.")]
    for key in keys:
        if key not in said and points.select(*said, key).n_unique() > points.select(said).n_unique():
            said.append(key)
    return said


def companions(frames: Frames) -> list[str]:
    """The swept keys that go along with `x_key`, each value with one of its: a setting is named by all of them."""
    x = x_key(frames)
    return [
        name
        for name in frames.swept_keys()
        if frames.points[name].n_unique() > 1
        and _same_grouping(frames.points, name, x)
        and not _says_the_same(frames.points, name, x)
        and not (x == "cpus" and name in ("machine.preset", "machine.file"))
    ]


def along_x(values: pl.Series) -> list[Any]:
    """The values along x, each once: numbers rising, after what is left as the kernel has it (null); words as they come."""
    found = list(dict.fromkeys(values.to_list()))
    return sorted(found, key=lambda value: (value is not None, value or 0)) if values.dtype.is_numeric() else found


def _says_the_same(points: pl.DataFrame, one: str, other: str) -> bool:
    """Whether two columns are two words for one thing, and tell the same points apart."""
    alike = one == other or any({one, other} <= words for words in _ONE_THING)
    return alike and _same_grouping(points, one, other)


def _along_changes(key: str) -> bool:
    """Whether x is a key that changes one machine: each point then has a machine of its own, which is no line."""
    return key.startswith("machine.") and key not in ("machine.preset", "machine.file")


def _same_grouping(points: pl.DataFrame, one: str, other: str) -> bool:
    """Whether two columns always vary together, so that either tells the same points apart."""
    if one == other:
        return True
    return points.select(one, other).n_unique() == points[one].n_unique() == points[other].n_unique()
