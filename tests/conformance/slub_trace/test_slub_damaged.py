# SPDX-License-Identifier: GPL-2.0-only
"""Damaged folders of 7.3 are told in one line that names file and line; what they ask for is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.slub_trace import kernel, replay
from slabdes.conformance.slub_trace.compare import compare_slub_folder
from slabdes.conformance.slub_trace.verdict import SlubTraceVerdict
from slabdes.dumps import bounds
from slabdes.errors import MAX_LINE, InputError

Changed = Callable[..., Path]
Edit = Callable[[str], str]


def first(pattern: str, replacement: str) -> Edit:
    """An edit of the first match."""

    def edit(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M)
        assert count == 1
        return changed

    return edit


def told(folder: Path) -> str:
    """The one line that a folder is refused with."""
    with pytest.raises(InputError) as caught:
        compare_slub_folder(folder)
    line = str(caught.value)
    assert line.isprintable() and len(line) <= MAX_LINE
    return line


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: "", "empty"),
        (lambda text: "hello\n", "line 1"),
        (lambda text: text[: len(text) // 2], "dumps.txt"),
        (lambda text: "DUMP a jiffies=1\nENDDUMP a\n", "caches of other CPUs or nodes than others, or none with sheaves"),
        (lambda text: text.replace("DUMP before-tmpfs1", "DUMP", 1), "DUMP"),
        (first(r"^MAIN 0 ", "MAIN 1 "), "MAIN of CPU 1 on node 0 after 0 CPUs"),
        (first(r"^MAIN 0 0 0 :", "MAIN 0 0 1 :"), "MAIN '0 0 1 :' of a cache with sheaves of"),
        (first(r"^MAIN 0 0", "MAIN 0 9999"), "on node 9999"),
        (first(r"^MAIN 0 0 0 :\n", ""), "lacks ST, LK or MAIN lines"),
        (first(r"^(MAIN 0 0 \d+) : \S+", r"\1 : zz"), "'zz' is no address"),
        (first(r"^(MAIN 0 0 \d+) : \S+", r"\1 : ff11000000000010"), "a sheaf holds ff11000000000010, which is no object in use"),
        (first(r"^(MAIN 0 0 \d+) : (\S+) \S+", r"\1 : \2 \2"), "no object in use, or in another sheaf too"),
        (first(r"^SPARE 0 0 0 :", "SPARE 3 0 0 :"), "SPARE of CPU 3 on node 0 without its MAIN"),
        (first(r"^BARN 0 full=0", "BARN 0 full=3"), "node 0 lacks FULL or SL lines"),
        (first(r"^BARN 0 full=0 empty=0", "BARN 0 full=0 empty=999999999"), "more than 16777216 objects"),
        (first(r"^BARN 0", "BARN 777"), "node 777, more than 256"),
        (first(r"^ND 0 slabs=\d+", "ND 0 slabs=77"), "slabs=77 objects="),
        (first(r"^ND 0 .*\n", ""), "nodes than others"),
        (first(r"^(SL 0 \S+) \d+/", r"\1 9999/"), "9999 of"),
        (first(r"^(SL 0 \S+ \S+ :) (\d+) (\d+)", r"\1 \3 \3"), "free indexes"),
        (first(r"^SL 0 (\S{8})\S+", r"SL 0 \g<1>77777000"), "in use, its SL line 0 free"),
        (first(r"^PG 0 (\S+)000 ", r"PG 0 \g<1>010 "), "is no address of pages of order"),
        (first(r"^(PG 0 \S+ )\d+/\d+", r"\g<1>5/7"), "with 5 of 7 in use"),
        (first(r"^(PG 0 \S+ \S+) .*", r"\1 nothing"), "PG"),
        (first(r"^(PG 0 .*\n)", r"\1\1"), "its PG lines have"),
        (first(r"^ST alloc_fastpath", "ST bogus"), "ST has 'bogus'"),
        (first(r"^ST alloc_fastpath=\d+", "ST alloc_fastpath=99999999999999999999"), "alloc_fastpath 99999999999999999999"),
        (first(r"^LK \S+", "LK getempty"), "LK 'getempty'"),
        (first(r"sheaf_capacity=60", "sheaf_capacity=60000"), "sheaf_capacity=60000, at most 4096"),
        (first(r"objects=\d+ min_order", "objects=255 min_order"), "do not fit order"),
        (first(r" order=\d+", " order=11"), "do not fit order=11"),
        (first(r"ratio=\d+", "ratio="), "ratio '' is no number"),
        (first(r"^CACHE name=\S+", "CACHE name=kmalloc-64"), "a second CACHE 'kmalloc-64'"),
        (first(r"^CACHE name=\S+", "CACHE name=\x1b[31m"), "CACHE"),
        (first(r"^RCU ", "RCX "), "'RCX' begins no line of a dump"),
    ],
)
def test_a_damaged_dump_is_told_in_one_line(edit: Edit, words: str, changed: Changed):
    line = told(changed(dumps=edit))
    assert "dumps.txt" in line
    assert words in line


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: "", "empty"),
        (first(r"^.*SLT_SNAPSHOT before.*\n", ""), "no SLT_SNAPSHOT before-tmpfs1"),
        (first(r"SLT r maple_node ", "SLT rr maple_node "), "an SLT line that says nothing known: "),
        (first(r"SLT pf (\S+ \S+) want=\d+", r"SLT pf \1 want=-2"), "an SLT line that says nothing known: "),
        (first(r"SLT r maple_node ff", "SLT fb+ ff"), "fb+ without its fb"),
        (first(r"\[000\] (.*): \w+: SLT r maple_node \w+", r"[000] \1: x: SLT fb - n=2"), "fb n=2 has 0 objects"),
        (lambda text: text.replace("[000]", "[012]"), "an operation on CPU 12; allowed: the 1 CPUs of the dump"),
        (lambda text: text.replace("node=-1", "node=5"), "an allocation from node 5"),
        (first("^# tracer", "# entries-in-buffer/entries-written: 5/9   #P:4\n# tracer"), "4 events were lost"),
    ],
)
def test_a_damaged_trace_is_told_in_one_line(edit: Edit, words: str, changed: Changed):
    line = told(changed(trace=edit))
    assert "trace.txt" in line
    assert words in line


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: re.sub(r"ptr=\w+", "ptr=20", text),
        lambda text: re.sub(r"ptr=\w+", "ptr=ff11000000138c00", text),
        lambda text: re.sub(r"(ptr=\w+)\w", r"\g<1>8", text),
        lambda text: re.sub(r"name=\w+ bytes", "name=kmalloc-64 bytes", text),
        lambda text: re.sub(r"bytes_alloc=\d+", "bytes_alloc=64", text),
        lambda text: re.sub(r"^.*kmalloc.*\n", "", text, flags=re.M),
        lambda text: re.sub(r"call_site=\S+", "call_site=__alloc_empty_sheaf", text),
        lambda text: re.sub(r"want=\d+", "want=9999", text),
        lambda text: re.sub(r"SLT pa (\S+) \S+", r"SLT pa \1 0", text),
        lambda text: re.sub(r"SLT r maple_node", "SLT r dentry", text),
        lambda text: re.sub(r"SLT cb ", "SLT cbflush ", text),
    ],
)
def test_a_trace_that_does_not_fit_its_dumps_is_one_line_or_does_not_hold(edit: Edit, changed: Changed):
    try:
        found = compare_slub_folder(changed(trace=edit))
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert not found.holds
    assert all(line.isprintable() for line in found.lines())


def test_memory_and_time_that_a_trace_asks_for_are_bounded(changed: Changed, monkeypatch: pytest.MonkeyPatch):
    folder = changed()
    monkeypatch.setattr(kernel, "MAX_PLACES", 1000)
    assert "more than 1000 objects in sheaves and slabs" in told(folder)
    monkeypatch.setattr(kernel, "MAX_PLACES", bounds.MAX_PLACES)
    monkeypatch.setattr(bounds, "MAX_STEPS", 100)
    assert "steps, after" in told(folder)


def test_once_too_much_was_looked_for_pointers_are_taken_for_unknown(changed: Changed, monkeypatch: pytest.MonkeyPatch):
    def exchange(text: str) -> str:
        return re.sub(r"(kmem_cache_alloc: .*ptr=)\w+( name=vm_area_struct)", r"\1ff11000000138c00\2", text, count=40)

    monkeypatch.setattr(replay, "MAX_STEPS", 0)
    verdict = compare_slub_folder(changed(trace=exchange))
    assert isinstance(verdict, SlubTraceVerdict)
    assert "vm_area_struct: pointers where no unused object lies here" in verdict.reasons


def test_a_folder_whose_dumps_say_nothing_is_read_as_the_older_kernels(changed: Changed):
    (recording,) = find_recordings([changed(dumps=lambda text: "hello\n")])
    with pytest.raises(InputError, match=r"dumps\.txt: line 1"):
        recording.compare(recording.path)
