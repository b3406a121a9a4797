# SPDX-License-Identifier: GPL-2.0-only
"""A run's caches as /proc/slabinfo: read back by a reader of the format, and laid out as the real kernel lays values out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from example import example_frames, example_manifest, section_records
from proc_files import parse_slabinfo

from slabdes.errors import InputError
from slabdes.results.frames import Point, frames_of
from slabdes.results.run import Run, run_of
from slabdes.results.slabinfo import HEADER, SlabinfoRow, slabinfo_rows, slabinfo_text

KERNEL61 = Path(__file__).parents[1] / "kernel61"
SHARED = Path(__file__).parents[3] / "shared" / "kernel61" / "traces"
RECORDED = (
    KERNEL61 / "boot_slabinfo_8cpu_2node.txt.gz",
    KERNEL61 / "tmpfs8_slabinfo.txt.gz",
    *(SHARED / name / "slabinfo.later.gz" for name in ("1cpu_local_fork1", "1cpu_local_unix1", "8cpu_2node_counter_unix4")),
)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_kernels_own_rows_come_out_byte_for_byte(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the recordings are not beside the repository")
    text = gzip.decompress(path.read_bytes()).decode()
    rows = [SlabinfoRow(**row) for row in parse_slabinfo(text)]
    assert len(rows) > 90
    assert slabinfo_text(rows) == text


def test_a_run_is_read_back_as_its_records_have_it() -> None:
    frames = example_frames()
    (row,) = parse_slabinfo(Run(example_manifest(frames), frames).slabinfo())
    (cache,) = frames.caches.to_dicts()
    slabs = frames.slabs
    used = slabs["slabs_partial"].sum() + slabs["slabs_full"].sum()
    total = used + slabs["slabs_free"].sum()
    same = ("name", "grown", "reaped", "limit", "batchcount", "allochit", "allocmiss", "freehit", "freemiss")
    assert {name: row[name] for name in same} == {name: cache[name] for name in same}
    assert row["objsize"] == 256 and row["objperslab"] == 15 and row["pagesperslab"] == 1
    assert (row["active_slabs"], row["num_slabs"], row["num_objs"]) == (used, total, 15 * total)
    assert row["active_objs"] == 15 * total - slabs["free_objects"].sum()
    assert row["active_objs"] == sum(slabs[place].sum() for place in ("in_arrays", "in_shared", "in_alien", "in_use"))
    assert row["sharedavail"] == slabs["in_shared"].sum()
    renamed = {"listallocs": "num_allocations", "maxobjs": "high_mark", "maxfreeable": "max_freeable", "error": "errors"}
    renamed |= {"nodeallocs": "node_allocs", "remotefrees": "node_frees", "alienoverflow": "node_overflow"}
    assert {name: row[name] for name in renamed} == {name: cache[column] for name, column in renamed.items()}


def test_caches_are_listed_newest_first() -> None:
    frames = example_frames()
    other = frames.caches.with_columns(cache=frames.caches["cache"] + 1, name=frames.caches["name"] + "-2")
    caches = frames.caches.vstack(other)
    slabs = frames.slabs.vstack(frames.slabs.with_columns(cache=frames.slabs["cache"] + "-2"))
    assert [row.name for row in slabinfo_rows(caches, slabs)] == ["objects-2", "objects"]


def test_a_high_mark_below_zero_is_printed_as_the_unsigned_long_that_it_is() -> None:
    frames = example_frames()
    below = frames.caches.with_columns(high_mark=-3 + 0 * frames.caches["high_mark"])
    (row,) = parse_slabinfo(slabinfo_text(slabinfo_rows(below, frames.slabs)))
    assert row["maxobjs"] == 2**64 - 3


def test_a_run_without_an_allocator_has_the_header_alone() -> None:
    frames = frames_of(Point(0, "m", 4), [section_records()])
    assert run_of(example_manifest(frames), frames).slabinfo() == HEADER


def test_a_run_folder_has_the_first_replication_of_each_point(tmp_path: Path) -> None:
    frames = example_frames((1, 4), replications=2)
    study = run_of(example_manifest(frames), frames)
    text = study.save(tmp_path / "study") / "text"
    assert sorted(path.name for path in text.iterdir()) == ["point-0000", "point-0001"]
    for point in (0, 1):
        assert (text / f"point-000{point}" / "slabinfo").read_text() == study.slabinfo(point)
        assert (text / f"point-000{point}" / "lock_stat").read_text() == study.lock_stat(point)
    assert study.slabinfo(1) != study.slabinfo(0)
    assert study.slabinfo(1) != study.slabinfo(1, replication=1)


def test_a_run_of_one_point_has_its_text_at_once(tmp_path: Path) -> None:
    frames = example_frames()
    run = run_of(example_manifest(frames), frames)
    text = run.save(tmp_path / "run") / "text"
    assert {path.name: path.read_text() for path in text.iterdir()} == {"slabinfo": run.slabinfo(), "lock_stat": run.lock_stat()}


def test_a_point_or_replication_that_is_not_there_is_told() -> None:
    frames = example_frames((1, 4))
    study = run_of(example_manifest(frames), frames)
    with pytest.raises(InputError, match=r"^point: none is given, and this run has 2; allowed: 0 to 1$"):
        study.slabinfo()
    with pytest.raises(InputError, match=r"^point: 2 is not in this run; allowed: 0 to 1$"):
        study.lock_stat(2)
    with pytest.raises(InputError, match=r"^replication: 1 is not in this run; allowed: 0$"):
        study.slabinfo(0, replication=1)
