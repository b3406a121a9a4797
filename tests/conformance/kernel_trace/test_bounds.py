# SPDX-License-Identifier: GPL-2.0-only
"""Dumps and traces cut, emptied, doubled or with any number changed: one line or a verdict, never anything else; and bounded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import NO_OBJECT
from slabdes.allocator.versions import LINUX_6_1
from slabdes.conformance.kernel_trace.compare import compare_trace_folder
from slabdes.conformance.kernel_trace.verdict import TraceVerdict
from slabdes.dumps import bounds
from slabdes.dumps import lines as lines_module
from slabdes.dumps.dump import read_dumps
from slabdes.dumps.restore import restore
from slabdes.engine.clockless import ClocklessKernel
from slabdes.errors import MAX_LINE, InputError
from slabdes.paths.slab.alloc import kmem_cache_alloc
from slabdes.paths.slab.free import kmem_cache_free
from slabdes.paths.slab.reap import cache_reap

Changed = Callable[..., Path]
Edit = Callable[[str], str]

KINDS = ("DUMP", "CACHE", "INFO", "LK", "EV", "AC", "ND", "SH", "AL", "SL", "ENDDUMP")
NUMBERS = ("0", "-1", "1", str(2**31), str(2**32), str(2**63), str(2**64), str(10**30), "9" * 5000, "f" * 5000, "")
OTHER_MACHINES = (((0, 0, 1, 1), 2), ((0,), 1), ((0, 1, 2, 2), 3))


def outcome(folder: Path) -> TraceVerdict | str:
    """The verdict, or the one line."""
    try:
        return compare_trace_folder(folder)
    except InputError as error:
        text = str(error)
        assert str(folder) in text
        assert text.isprintable()
        assert len(text) <= MAX_LINE + len("; allowed: : ")
        return text


def used(path: Path) -> None:
    """Allocate, free and reap in the first dump's state, on several machines."""
    try:
        dump = read_dumps(path)[0]
        states = [restore(dump, node_of_cpu=nodes, n_nodes=count) for nodes, count in OTHER_MACHINES]
    except InputError:
        return
    for restored in states:
        kernel = ClocklessKernel(restored.state, MemPolicy(restored.state.n_nodes), LINUX_6_1)
        for cache in restored.caches.values():
            for giver, taker in zip(kernel.cpus, reversed(kernel.cpus), strict=True):
                objects = [kernel.finish(kmem_cache_alloc(kernel, giver, cache, 0)) for _ in range(30)]
                for obj in objects:
                    if obj != NO_OBJECT:
                        kernel.finish(kmem_cache_free(kernel, taker, cache, obj))
        for cpu in kernel.cpus:
            kernel.finish(cache_reap(kernel, cpu, 250))


def _first_or_all(pattern: str, replacement: str, count: int) -> Edit:
    return lambda text: re.sub(pattern, replacement, text, count=count)


def _lines(kind: str, to: Callable[[str], str]) -> Edit:
    return lambda text: "".join(to(line) if line.split()[:1] == [kind] else line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "to",
    [lambda line: "", lambda line: f"{line.split()[0]}\n", lambda line: line + line, lambda line: line[: len(line) // 2] + "\n"],
    ids=["left out", "emptied", "doubled", "cut"],
)
def test_lines_of_a_kind_left_out_emptied_doubled_or_cut_are_one_line_or_a_verdict(
    kind: str, to: Callable[[str], str], little: Path, changed: Changed
):
    folder = changed(little, dumps=_lines(kind, to))
    outcome(folder)
    used(folder / "dumps.txt")


@pytest.mark.parametrize("number", NUMBERS)
def test_any_number_of_a_dump_changed_is_one_line_or_a_verdict(number: str, little: Path, changed: Changed):
    text = (little / "dumps.txt").read_text()
    keys = sorted(set(re.findall(r" (\w+)=\d+", text)))
    assert len(keys) > 40
    for key in keys:
        for count in (0, 1):  # everywhere, and once
            folder = changed(little, dumps=_first_or_all(rf" {key}=\d+", f" {key}={number}", count))
            outcome(folder)
            used(folder / "dumps.txt")


@pytest.mark.parametrize("kind", ["INFO", "AC", "SH", "AL", "SL", "ND"])
@pytest.mark.parametrize("number", NUMBERS)
def test_any_word_of_a_dumps_line_changed_is_one_line_or_a_verdict(kind: str, number: str, little: Path, changed: Changed):
    for place in range(1, 8):

        def edit(text: str, place: int = place) -> str:
            lines = text.split("\n")
            at = next(index for index, line in enumerate(lines) if line.startswith(f"{kind} ") and len(line.split()) > place)
            words = lines[at].split(" ")
            words[place] = number
            lines[at] = " ".join(words)
            return "\n".join(lines)

        folder = changed(little, dumps=edit)
        outcome(folder)
        used(folder / "dumps.txt")


@pytest.mark.parametrize("which", [r"^AL .*\n", r"^AL 0 .*\n", r"^AL 0 1 .*\n"])
def test_a_dump_may_lack_alien_arrays_that_the_run_needs(which: str, little: Path, changed: Changed):
    folder = changed(little, dumps=lambda text: re.sub(which, "", text, flags=re.M))
    used(folder / "dumps.txt")
    assert not isinstance(outcome(folder), str) or "holds" in str(outcome(folder))


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"^(AL 0 1) \d+ \d+ :.*", r"\1 0 0 :", "AL 0 1 with limit 0"),
        (r"\bfreelist=\w+", "freelist=off", "no kmalloc cache for its free lists of"),
        (r"colour_next=\d+", "colour_next=4000000000", "colour_next=4000000000, the cache has"),
        (r"^EV \w+=", "EV \x1b[31m=", "EV"),
        (r"jiffies=\d+", "jiffies=99999999999999999999", "is more than"),
        (r"next_reap=-\d+", "next_reap=-99999999999999999999", "is more than"),
        (r"free_limit=\d+", "free_limit=99999999999", "free_limit 99999999999 is more than"),
        (r"^AC 0 0", "AC 0 256", "more than 1024 CPUs or 256 nodes"),
    ],
)
def test_a_dump_that_no_kernel_writes_is_told(pattern: str, replacement: str, words: str, little: Path, changed: Changed):
    folder = changed(little, dumps=lambda text: re.sub(pattern, replacement, text, flags=re.M))
    assert words in str(outcome(folder))


def test_a_dump_of_thousands_of_cpus_or_nodes_is_refused(little: Path, changed: Changed):
    def of_cpus(text: str) -> str:
        cpus = "".join(f"AC {cpu} 0 0 0 :\n" for cpu in range(6000))
        return re.sub(r"^AC 0 [^A]*(^AC [^\n]*\n)*", cpus, text, count=1, flags=re.M)

    assert "AC of CPU 1024 on node 0: more than 1024 CPUs" in str(outcome(changed(little, dumps=of_cpus)))

    def of_nodes(text: str) -> str:
        nodes = re.search(r"^ND 0( .*\n)", text, flags=re.M)
        assert nodes is not None
        return text[: nodes.start()] + "".join(f"ND {node}{nodes[1]}" for node in range(6000)) + text[nodes.start() :]

    assert "more than 256 nodes" in str(outcome(changed(little, dumps=of_nodes)))


def test_a_file_lists_so_many_slabs_and_objects(little: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines_module, "MAX_SLABS", 3)
    assert "more than 3 slabs in the file" in str(outcome(little))
    monkeypatch.setattr(lines_module, "MAX_LISTED", 10)
    assert "more than 10 objects in arrays and free indexes" in str(outcome(little))


def test_a_dump_is_not_restored_on_a_machine_where_its_arrays_take_too_much(little: Path, changed: Changed):
    dump = read_dumps(little / "dumps.txt")[0]
    with pytest.raises(InputError, match=r"4 caches on 1024 CPUs and 256 nodes have \d+ arrays; allowed: at most 262144"):
        restore(dump, node_of_cpu=tuple(cpu // 4 for cpu in range(1024)), n_nodes=256)
    folder = changed(little, dumps=lambda text: re.sub(r" limit=\d+ ", " limit=1000000 ", text))
    wide = read_dumps(folder / "dumps.txt")[0]
    with pytest.raises(InputError, match=f"room for .* objects in arrays and slabs; allowed: at most {bounds.MAX_PLACES}"):
        restore(wide, node_of_cpu=(0,) * 1024, n_nodes=1)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: re.sub(r"ptr=\w+", "ptr=20", text),
        lambda text: re.sub(r"ptr=\w+", "ptr=1000", text),
        lambda text: re.sub(r"ptr=\w{8}", "ptr=ffffffff", text),
        lambda text: re.sub(r"ptr=\w+", "ptr=" + "f" * 5000, text),
        lambda text: re.sub(r"(ptr=\w+)\w", r"\g<1>8", text),
        lambda text: re.sub(r"name=\w+", "name=kmalloc-64", text),
        lambda text: "".join(reversed(text.splitlines(keepends=True))),
        lambda text: re.sub(r"bytes_req=\d+", "bytes_req=1", text),
        lambda text: re.sub(r"^.*kfree.*\n", "", text, flags=re.M),
        lambda text: re.sub(r"^.*kmalloc.*\n", "", text, flags=re.M),
    ],
)
def test_a_trace_that_does_not_fit_its_dumps_is_one_line_or_does_not_hold(edit: Edit, little: Path, changed: Changed):
    found = outcome(changed(little, trace=edit))
    assert isinstance(found, str) or not found.holds


def test_a_free_that_names_a_cache_of_the_dump_after_only_is_of_no_known_cache(little: Path, changed: Changed):
    def drop(text: str) -> str:
        return re.sub(r"^CACHE name=plain_cache (?:(?!^CACHE|^ENDDUMP)[^\n]*\n)*", "", text, count=1, flags=re.M)

    found = outcome(changed(little, dumps=drop))
    assert isinstance(found, TraceVerdict)
    assert found.unknown
    assert found.reasons[0] == "cache plain_cache is in one of the dumps only"


def test_an_event_costs_what_its_line_is_long(little: Path, changed: Changed):
    spaces = " " * 40_000

    def edit(text: str) -> str:
        lines = text.split("\n")
        frees = [index for index, line in enumerate(lines) if " name=" in line][:40]
        for index in frees:
            lines[index] = lines[index].replace(" name=", f" {'-1 (' * 2000}{spaces}name=")
        return "\n".join(lines)

    assert outcome(changed(little, trace=edit)) == outcome(changed(little))


def test_pipes_in_the_place_of_dumps_are_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "dumps.txt")
    with pytest.raises(InputError, match="a pipe or a device"):
        read_dumps(tmp_path / "dumps.txt")
