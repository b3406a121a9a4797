# SPDX-License-Identifier: GPL-2.0-only
"""/proc/slabinfo of real SLAB kernels, and what is told of files that are none."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.config import CacheConfig
from slabdes.errors import InputError
from slabdes.workload.slabinfo import parse_row, read_slabinfo

SHARED = Path(__file__).parents[3] / "shared"
HEADER = "slabinfo - version: 2.1\n# name <active_objs> : tunables <limit> <batchcount> <sharedfactor> : slabdata\n"
DENTRY = "dentry 100 105 192 21 1 : tunables 120 60 8 : slabdata 5 5 60\n"

OLD = "slabinfo - version: 1.1 (SMP)\n"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "slabinfo"
        path.write_text(text)
        return path

    return written


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/{name} is not here")
    return path


@pytest.mark.parametrize(
    ("name", "caches", "cache", "tunables"),
    [
        ("slabinfo/slab_2.6.0-test6_UP_DEBUGSLAB_globalstat_cpustat.txt", 63, "tcp_tw_bucket", (32, 16, 0)),
        ("slabinfo/slab_arm_smp_xilinx-innofirmware_4.4.txt", 84, "can_gw", (54, 27, 8)),
        ("slabinfo/slab_up_RandolphWang1-D2000.txt", 126, "tipc_queue_items", (120, 60, 0)),
        ("slabinfo/slab_x86_64_3.4.0-rc6_SMP_desktop12GB.txt", 56, "nfs_write_data", (54, 27, 8)),
        ("kernel61/boot_slabinfo_8cpu_2node.txt", 94, "kmalloc-1k", (54, 27, 8)),
    ],
)
def test_every_row_of_a_real_dump_is_read(name: str, caches: int, cache: str, tunables: tuple[int, int, int]):
    slabinfo = read_slabinfo(_shared(name))
    row = slabinfo.row(cache)
    assert len(slabinfo.rows) == caches
    assert (row.limit, row.batchcount, row.shared) == tunables


def test_a_slub_kernels_real_dump_tells_sizes_and_no_tunables():
    slabinfo = read_slabinfo(_shared("slabinfo/slub_coreos-sosreport.txt"))
    assert "SLUB" in slabinfo.notes[0] and len(slabinfo.rows) > 50
    assert slabinfo.row("dentry").objsize == 208
    assert all((row.limit, row.batchcount, row.shared) == (None, None, None) for row in slabinfo.rows.values())


def test_zero_tunables_throughout_are_a_slub_kernels_which_tells_sizes_alone(write: Write):
    slabinfo = read_slabinfo(write(HEADER + DENTRY.replace("120 60 8", "0 0 0")))
    assert "SLUB" in slabinfo.notes[0]
    row = slabinfo.row("dentry")
    assert (row.objsize, row.limit, row.batchcount, row.shared) == (192, None, None, None)


def test_a_swapped_header_changes_nothing_but_is_told(write: Write):
    slabinfo = read_slabinfo(write(HEADER.replace("<limit> <batchcount>", "<batchcount> <limit>") + DENTRY))
    assert (slabinfo.row("dentry").limit, slabinfo.row("dentry").batchcount) == (120, 60)
    assert "<batchcount> <limit>" in slabinfo.notes[0]


@pytest.mark.parametrize("name", ["fib6 nodes", "raid5 md 0", "a 7"])
def test_names_may_hold_spaces_and_numbers(name: str):
    row = parse_row(f"{name}   1 2 3 4 5 : tunables 6 5 4 : slabdata 7 8 9")
    assert (row.name, row.active_objs, row.pagesperslab, row.limit, row.sharedavail) == (name, 1, 5, 6, 9)


def test_statistics_below_zero_are_given_back_negative():
    row = parse_row(
        f"dentry 1 2 3 4 5 : tunables 6 5 4 : slabdata 7 8 9 : globalstat 1 {2**64 - 3} 3 4 5 6 7 8 9 : cpustat 1 2 3 4"
    )
    assert row.globalstat[1] == -3
    assert row.cpustat == (1, 2, 3, 4)


def test_a_cache_takes_its_tunables_from_its_row(write: Write):
    config = CacheConfig(name="kmalloc-1024", size=1024)
    tuned = read_slabinfo(write(HEADER + DENTRY.replace("dentry", "kmalloc-1k"))).tuned(config)
    assert (tuned.limit, tuned.batchcount, tuned.shared) == (120, 60, 8)
    assert tuned.size == 1024


def test_a_cache_without_a_size_has_that_of_its_row(write: Write):
    slabinfo = read_slabinfo(write(HEADER + DENTRY))
    tuned = slabinfo.tuned(CacheConfig(name="dentry", batchcount=30))
    assert (tuned.size, tuned.limit, tuned.batchcount, tuned.shared) == (192, 120, 30, 8)


SLUB_ROW = "filp 9 9 256 64 4 : tunables 0 0 0 : slabdata 1 1 0\n"


def test_on_slub_a_cache_has_the_order_of_its_row_in_a_slub_kernels_file(write: Write):
    slabinfo = read_slabinfo(write(HEADER + SLUB_ROW))
    assert slabinfo.of_slub
    tuned = slabinfo.tuned(CacheConfig(name="filp"), slub=True)
    assert (tuned.size, tuned.order, tuned.limit) == (256, 2, None)
    assert slabinfo.tuned(CacheConfig(name="filp", order=0), slub=True).order == 0, "what an experiment says goes first"
    assert slabinfo.tuned(CacheConfig(name="filp")).order is None, "SLAB chooses its own"
    odd = read_slabinfo(write(HEADER + SLUB_ROW.replace("64 4 :", "48 3 :")))
    assert odd.tuned(CacheConfig(name="filp"), slub=True).order is None
    old = read_slabinfo(write(HEADER + DENTRY))
    assert not old.of_slub and old.tuned(CacheConfig(name="dentry"), slub=True).order is None


@pytest.mark.parametrize("size", ["0", "4194305", "9" * 18])
def test_a_size_that_no_cache_can_have_is_told_where_it_would_be_used(size: str, write: Write):
    slabinfo = read_slabinfo(write(HEADER + DENTRY.replace(" 192 ", f" {size} ")))
    assert slabinfo.tuned(CacheConfig(name="dentry", size=192)).size == 192
    with pytest.raises(InputError, match=f"dentry: {size} bytes is no object size; allowed: 1 to 4194304"):
        slabinfo.tuned(CacheConfig(name="dentry"))


def test_linux_2_4_has_sizes_and_on_smp_limit_and_batchcount(write: Write):
    rows = "dnotify cache 2 338 20 2 2 1 : 252 126\ndentry 1 30 128 1 1 1 : 1 2 3 4 5 : 0 0 : 1 2 3 4\nsize-32 1 2 32 0 0 1\n"
    slabinfo = read_slabinfo(write(OLD + rows))
    dnotify, dentry, general = slabinfo.rows.values()
    assert (dnotify.name, dnotify.objsize, dnotify.objperslab, dnotify.num_slabs) == ("dnotify cache", 20, 169, 2)
    assert (dnotify.limit, dnotify.batchcount, dnotify.shared) == (252, 126, None)
    assert (dentry.objsize, dentry.limit, dentry.batchcount) == (128, None, None), "0 0: it has no arrays"
    assert (general.objsize, general.objperslab, general.limit) == (32, 0, None)
    tuned = slabinfo.tuned(CacheConfig(name="dnotify cache"))
    assert (tuned.size, tuned.limit, tuned.shared) == (20, 252, None)


def test_a_cache_that_is_not_there_is_named_with_the_nearest_one(write: Write):
    with pytest.raises(InputError, match="did you mean dentry"):
        read_slabinfo(write(HEADER + DENTRY)).row("dentri")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (HEADER, "no cache"),
        ("slabinfo - version: 1.3\ndentry 1 2 3\n", "version 1.3; allowed: 1.1, 1.2, 2.0, 2.1"),
        ("slabinfo - version: 1.1\ndentry 1 2 3\n", "line 2"),
        (OLD + "dentry 1 2 3 4 5 6 : 252 126 7\n", "3 values between colons"),
        (OLD + "dentry 1 2 3 4 5 6 : 126 252\n", "tunables 126 252 None"),
        (HEADER.replace("2.1", "2.1 (statistics)") + DENTRY, "without the statistics that the first line announces"),
        (HEADER.replace("2.1", "2.1 (statistics)") + DENTRY.strip() + " : globalstat 1 2 3 4", "4 globalstat"),
        (HEADER + "\n" * 70000 + DENTRY, "too long a file; allowed: at most 65536 lines and 16 MiB"),
        (HEADER + "dentry 100 105 192 21 : tunables 120 60 8 : slabdata 5 5 60\n", "line 3"),
        (HEADER + DENTRY.replace("120 60 8", "120 60"), "line 3"),
        (HEADER + DENTRY.replace("105", "many"), "'many'"),
        (HEADER + DENTRY.replace("105", "-105"), "'-105'"),
        (HEADER + DENTRY.replace("120 60 8", "60 120 8"), "60 120 8"),
        (HEADER + DENTRY.replace("105", "9" * 30), "line 3"),
        (HEADER + " " * 60000 + "\n" + "x " * 30000 + "\n", "line 4"),
        (HEADER + (" " * 60_000 + "\n") * 300 + DENTRY, "too long a file; allowed: at most 65536 lines and 16 MiB"),
        (HEADER + DENTRY.replace("105", "9" * 5000), "9... (5,000 characters)' is no count"),
        (HEADER + DENTRY.replace(" : ", " : x " * 5_000), "without three tunables"),
        (HEADER + DENTRY.replace("dentry", "dentry \x1b[31m " * 20), "has more than 256 characters"),
        (HEADER + "\0", "binary"),
    ],
)
def test_what_is_no_slabinfo_is_told_in_one_line(text: str, words: str, write: Write):
    with pytest.raises(InputError) as caught:
        read_slabinfo(write(text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_the_same_rows_again_and_again_is_told_in_one_note(write: Write):
    table = read_slabinfo(write(HEADER + "# name <batchcount> <limit>\n" * 1000 + DENTRY * 1000))
    assert [note.partition(": ")[2] for note in table.notes] == [
        "header names <batchcount> <limit>; read as limit, batchcount, which every kernel prints",
        "'dentry' is there twice; the first one counts (998 rows more likewise)",
    ]


def test_packed_blanks_without_an_end_are_refused(tmp_path: Path):
    path = tmp_path / "slabinfo.gz"
    path.write_bytes(gzip.compress(HEADER.encode()) + gzip.compress(b" \n" * (1 << 20)) * 64)
    with pytest.raises(InputError, match="too long a file"):
        read_slabinfo(path)


def test_a_name_holds_no_letter_that_does_not_print(write: Write):
    table = read_slabinfo(write(HEADER + DENTRY.replace("dentry", "den\x1b[31m\u202etry")))
    assert all(name.isprintable() for name in table.rows)


CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", ["26", "28", "30", "32"])
def test_files_in_forms_that_public_ones_have_are_read(case: str):
    slabinfo = read_slabinfo(next(CASES.glob(f"{case}-*")))
    row = slabinfo.row("filp")
    assert (row.objsize, row.objperslab, row.limit, row.batchcount) == (256, 15, 120, 60)
    assert row.shared == (None if case == "32" else 8)
    if case in ("26", "32"):
        assert (slabinfo.row("inode_cache").limit, slabinfo.row("inode_cache").batchcount) == (54, 27)
    if case == "30":
        assert any(name.endswith("characters.scope)") for name in slabinfo.rows)
    assert slabinfo.notes == ()


def test_a_wrapped_row_is_put_together(write: Write):
    head, tail = DENTRY.strip().split(" : slabdata ")
    wrapped = f"{head}\n : slabdata {tail}\n"
    slabinfo = read_slabinfo(write(HEADER + wrapped + DENTRY.replace("dentry", "filp")))
    assert list(slabinfo.rows) == ["dentry", "filp"] and not slabinfo.notes
    assert slabinfo.row("dentry") == read_slabinfo(write(HEADER + DENTRY)).row("dentry")


def test_what_is_no_row_is_left_out_and_noted_unless_it_is_as_much_as_the_rows(write: Write):
    rows = DENTRY + DENTRY.replace("dentry", "filp")
    slabinfo = read_slabinfo(write("[root@box ~]# cat /proc/slabinfo\n" + HEADER + rows))
    assert list(slabinfo.rows) == ["dentry", "filp"]
    (note,) = slabinfo.notes
    assert "line 1: left out: '[root@box ~]# cat /proc/slabinfo' has no name and 5 counts" in note
    more = read_slabinfo(write(HEADER + rows + rows.replace("dentry", "a").replace("filp", "b") + "?\n" * 3))
    assert more.notes[0].endswith("(2 lines more likewise)")
    with pytest.raises(InputError, match="line 5: "):
        read_slabinfo(write(HEADER + rows + "?\n" * 2))
