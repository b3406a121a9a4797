# SPDX-License-Identifier: GPL-2.0-only
"""Damaged folders are told in one line that names file and line."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.conformance.kernel_trace.compare import compare_trace_folder
from slabdes.dumps.dump import read_dumps
from slabdes.errors import InputError

Changed = Callable[..., Path]


def _first(pattern: str, replacement: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M)
        assert count == 1
        return changed

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: "", "empty"),
        (lambda text: "hello\n", "line 1"),
        (lambda text: text[: len(text) // 2], "dumps.txt"),
        (lambda text: "DUMP a jiffies=1\nENDDUMP a\n", "no cache"),
        (lambda text: text.replace("DUMP before-random", "DUMP", 1), "line 1"),
        (_first(r"^AC 0 0 \d+", "AC 0 0 121"), "avail 121"),
        (_first(r"^AC 1 ", "AC 3 "), "after 1 CPUs"),
        (_first(r"^AC 0 0 ", "AC 0 zero "), "'zero'"),
        (_first(r"num=\d+", "num=255"), "do not fit"),
        (_first(r"order=\d+", "order=11"), "order=11"),
        (_first(r"freelist=\w+", "freelist=elsewhere"), "elsewhere"),
        (_first(r"^SL (\d) P (\S+) \d+", r"SL \1 P \2 9999"), "9999"),
        (_first(r"^SL (\d) P", r"SL \1 Q"), "SL"),
        (_first(r"^SL (\d) P (\S+) (\d+) : (\d+) (\d+)", r"SL \1 P \2 \3 : \5 \5"), "free indexes"),
        (_first(r"^ND 1 ", "ND 2 "), "after 1 nodes"),
        (_first(r"next_reap=-1000", "next_reap=soon"), "'soon'"),
        (_first(r"^EV .*\n", ""), "lacks INFO, LK, EV"),
        (_first(r"cpustat \d+", "cpustat"), "INFO"),
        (_first(r"^LK ", "LK refill "), "LK"),
        (_first(r"^INFO \w+", "INFO other"), "'other'"),
        (_first(r"^CACHE name=\w+", "CACHE name=kmalloc-32"), "kmalloc-32"),
        (_first(r"limit=\d+ batchcount", "limit=99999999999 batchcount"), "99999999999"),
        (_first(r"free_objects=\d+", "free_objects=12345"), "free_objects=12345"),
        (_first(r"(^AC 0 0 \d+ \d : )\w+", r"\1ff11000000000010"), "ff11000000000010"),
    ],
)
def test_a_damaged_dump_is_told_in_one_line(edit: Callable[[str], str], words: str, made_up: Path, changed: Changed):
    folder = changed(made_up, dumps=edit)
    with pytest.raises(InputError) as caught:
        compare_trace_folder(folder)
    assert "dumps.txt" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: "", "empty"),
        (lambda text: "no events\n", "no kmem event"),
        (_first(r"^.*SLT_SNAPSHOT before.*\n", ""), "no SLT_SNAPSHOT before-random"),
        (_first(r"^(.*SLT_SNAPSHOT after.*\n)", r"\1\1"), "2 times SLT_SNAPSHOT after-random"),
        (lambda text: text.replace("before-random", "x").replace("after-random", "before-random"), "no SLT_SNAPSHOT after"),
        (_first("^# tracer", "# entries-in-buffer/entries-written: 5/9   #P:4\n# tracer"), "4 events were lost"),
        (_first(r"ptr=\w+ bytes_req=200", "bytes_req=200"), "line"),
        (lambda text: text.replace("[003]", "[012]"), "CPU 12"),
        (lambda text: text.replace("node=-1", "node=5"), "node 5"),
    ],
)
def test_a_damaged_trace_is_told_in_one_line(edit: Callable[[str], str], words: str, made_up: Path, changed: Changed):
    with pytest.raises(InputError) as caught:
        compare_trace_folder(changed(made_up, trace=edit))
    assert "trace.txt" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_gzip_file_is_told_in_one_line(made_up: Path, tmp_path: Path):
    raw = gzip.compress((made_up / "dumps.txt").read_bytes())
    (tmp_path / "dumps.txt.gz").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="gzip"):
        read_dumps(tmp_path / "dumps.txt.gz")


def test_a_missing_file_and_a_folder_in_its_place_are_told_in_one_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"no dumps\.txt"):
        compare_trace_folder(tmp_path)
    with pytest.raises(InputError):
        read_dumps(tmp_path)
