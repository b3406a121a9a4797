# SPDX-License-Identifier: GPL-2.0-only
"""Conservation and Little's law: all is well with the example, and each planted error is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example import example_frames, example_records, section_records

from slabdes.engine.records import ContentionPoint, Histogram, Path, Records
from slabdes.results.accounting import check_accounting
from slabdes.results.frames import Point, frames_of


def test_consistent_records_and_frames_add_up() -> None:
    assert check_accounting(example_records(8, 4)) == []
    assert check_accounting(section_records()) == []
    assert check_accounting(example_frames((1, 4), replications=2)) == []


def with_cpu(records: Records, **changes: int) -> Records:
    first, *others = records.cpus
    return replace(records, cpus=(replace(first, **changes), *others))


def with_lock(records: Records, **changes: object) -> Records:
    first, *others = records.locks
    return replace(records, locks=(replace(first, **changes), *others))  # type: ignore[arg-type]


def with_slab(records: Records, **changes: int) -> Records:
    first, *others = records.slabs
    return replace(records, slabs=(replace(first, **changes), *others))


def with_latency(records: Records, path: Path, extra: int) -> Records:
    old = records.latency[0, path]
    changed = replace(old, buckets=dict(old.buckets))
    changed.add(extra)
    return replace(records, latency=records.latency | {(0, path): changed})


def with_more_waits(records: Records, waits: int) -> Records:
    """Waits for the first lock that began and did not end: as many as its last acquisitions, which did not wait."""
    first = records.locks[0]
    assert waits <= first.acquisitions - first.contended
    return with_lock(records, points=(*first.points, ContentionPoint("drain_array", "cache_flusharray", waits)))


RECORDS = example_records()
HITS = RECORDS.spent[Path.HIT]
FIRST = RECORDS.cpus[0]
SLAB = RECORDS.slabs[0]
PLANTED = {
    "the parts of its time": with_cpu(RECORDS, work=FIRST.work + 1),
    "is not within the run's": replace(RECORDS, elapsed=FIRST.start),
    "alloc: latencies count": with_cpu(RECORDS, allocs=FIRST.allocs + 1),
    "free: latencies count": with_latency(RECORDS, Path.FREE_HIT, 10_000),
    "failed allocations": with_cpu(RECORDS, failed=FIRST.failed + 1),
    "but only": with_lock(RECORDS, contended=10**6),
    "held for": replace(RECORDS, elapsed=1),
    "alloc hit: took": replace(RECORDS, spent=RECORDS.spent | {Path.HIT: replace(HITS, work=HITS.work + 1)}),
    "alloc hit: line is": replace(RECORDS, spent=RECORDS.spent | {Path.HIT: replace(HITS, work=HITS.work + 7, line=-7)}),
    "locks were waited for": with_cpu(RECORDS, lock_wait=FIRST.lock_wait + 5, think=FIRST.think - 5),
    "interrupts waited": with_cpu(RECORDS, interrupts=1),
    "Little's law": with_lock(RECORDS, queue_area=RECORDS.locks[0].queue_area + 1),
    "waits began": with_lock(RECORDS, points=RECORDS.locks[0].points[1:]),
    "did not end": with_more_waits(RECORDS, len(RECORDS.cpus) + 1),
    "lock wait times are": with_lock(RECORDS, contended=RECORDS.locks[0].contended - 1),
    "lock hold times are": with_lock(RECORDS, acquisitions=RECORDS.locks[0].acquisitions + len(RECORDS.cpus) + 1),
    "are somewhere": with_slab(RECORDS, in_shared=SLAB.in_shared + 1),
    "objects are in use": with_slab(RECORDS, in_use=SLAB.in_use + 1, in_shared=SLAB.in_shared - 1),
    "on its lists": with_slab(RECORDS, slabs_free=SLAB.slabs_free + 1),
    "buckets count": with_lock(RECORDS, hold=replace(RECORDS.locks[0].hold, buckets={})),
    "outside the buckets'": with_lock(RECORDS, hold=Histogram({1000: 1}, 1, 7, 1, 7)),
}


@pytest.mark.parametrize("told", PLANTED)
def test_a_planted_error_is_told(told: str) -> None:
    assert any(told in sentence for sentence in check_accounting(PLANTED[told]))


@pytest.mark.parametrize("more", range(4_461_786_281_928_100, 4_461_786_281_928_140))
def test_runs_of_hours_add_up_though_floats_of_nanoseconds_are_rounded(more: int) -> None:
    long = with_cpu(replace(RECORDS, elapsed=RECORDS.elapsed + more), think=FIRST.think + more, end=FIRST.end + more)
    assert check_accounting(long) == []
    assert "the parts of its time" in " ".join(check_accounting(with_cpu(long, work=FIRST.work + 9)))


def test_errors_in_frames_name_their_point_and_replication() -> None:
    frames = frames_of(Point(3, "m", 4), [RECORDS, PLANTED["are somewhere"]])
    (sentence,) = check_accounting(frames)
    assert sentence.startswith("point 3, replication 1: objects:")


def test_off_slab_descriptors_in_another_cache_are_told_apart_from_objects_in_use() -> None:
    large = replace(RECORDS.caches[0], cache=1, name="large", object_size=4096, num=1, slabs_created=2, slabs_destroyed=0)
    nothing = dict.fromkeys(("slabs_partial", "slabs_free", "free_objects", "in_arrays", "in_shared", "in_alien"), 0)
    held = replace(SLAB, cache=1, slabs_full=2, **nothing)
    # The large cache's two objects are in its user's hands: two of its allocations were never freed.
    two = Histogram()
    two.add(30_000)
    two.add(30_000)
    first = RECORDS.cpus[0]
    cpus = (replace(first, allocs=first.allocs + 2), *RECORDS.cpus[1:])
    records = replace(
        RECORDS,
        cpus=cpus,
        caches=(RECORDS.caches[0], large),
        latency=RECORDS.latency | {(1, Path.HIT): two},
        spent=RECORDS.spent | {Path.HIT: replace(HITS, work=HITS.work + 60_000)},
        slabs=(replace(SLAB, descriptors=2, in_arrays=SLAB.in_arrays - 2), *RECORDS.slabs[1:], replace(held, in_use=2)),
    )
    assert check_accounting(records) == []
    leaking = replace(records, slabs=(replace(SLAB, in_use=SLAB.in_use + 2, in_arrays=SLAB.in_arrays - 2), *records.slabs[1:]))
    (sentence,) = check_accounting(leaking)
    assert "objects are in use" in sentence
