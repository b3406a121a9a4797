# SPDX-License-Identifier: GPL-2.0-only
"""A rule that is turned in the model, or a difference planted in a recording, is found and told where it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from slabdes.allocator.slub import transitions
from slabdes.allocator.slub.versions import LINUX_7_1
from slabdes.conformance.slub_trace import kernel
from slabdes.conformance.slub_trace.compare import compare_slub_folder
from slabdes.conformance.slub_trace.verdict import SlubTraceVerdict
from slabdes.paths.slub import flush, pcs_free, rcu, slabs

AFTER = "DUMP after-tmpfs1"

Changed = Callable[..., Path]


def _other_end(slabs_: Any, n: Any, number: int, tail: bool) -> None:
    transitions.add_partial(slabs_, n, number, not tail)


def _takes_any(*_arguments: Any) -> Iterator[Any]:
    yield from ()
    return True


@pytest.mark.parametrize(
    ("module", "name", "turned", "folder"),
    [
        (slabs, "add_partial", _other_end, "1n1c/tmpfs1"),
        (rcu, "barn_takes_full", _takes_any, "2n8c/tmpfs8"),
        (pcs_free, "is_local", lambda *_arguments: True, "2n8c/tmpfs8"),
        (flush, "reverse_chain", lambda *_arguments: 0, "2n8c/tmpfs8"),
        (kernel, "LINUX_7_3", LINUX_7_1, "1n1c/tmpfs1"),
        (kernel, "SHEAF_HEADER_BYTES", 40, "1n1c/tmpfs1"),
        (transitions, "LOOKAHEAD", 1, "2n8c/tmpfs8"),
    ],
)
def test_a_turned_rule_is_noticed(
    module: Any, name: str, turned: Any, folder: str, recorded: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, name, turned)
    assert not compare_slub_folder(recorded(folder)).holds


def _in_after(pattern: str, replacement: str) -> Callable[[str], str]:
    """An edit of the first match in the dump after."""

    def edit(text: str) -> str:
        before, mark, after = text.partition(AFTER)
        changed, count = re.subn(pattern, replacement, after, count=1, flags=re.M)
        assert count == 1 and changed != after
        return before + mark + changed

    return edit


@pytest.mark.parametrize(
    ("pattern", "replacement", "place"),
    [
        (r"alloc_fastpath=(\d+)", r"alloc_fastpath=1\1", "counters alloc_fastpath differ"),
        (r"repempty=(\d+)/", r"repempty=1\1/", "counters LK repempty differ"),
        (r"^(MAIN 0 0 \d+) : (\S+) (\S+)", r"\1 : \3 \2", "first CPU 0 main"),
        (r"^(FULL 0 0 32) : (\S+) (\S+)", r"\1 : \3 \2", "first node 0 barn full 0"),
        (r"^(BARN 0 full=\d+) empty=0", r"\1 empty=1", "first node 0 barn empty"),
        (r"^SPARE 0 0 0 :\n", "", "first CPU 0 spare"),
        (r"^(SL 0 \S+ \S+ :) (\d+) (\d+)", r"\1 \3 \2", "free indexes"),
        (r"^(CACHE name=)dentry ", r"\1dentries ", "cache dentries is in one of the dumps only"),
    ],
)
def test_what_is_changed_in_the_dump_after_is_named(pattern: str, replacement: str, place: str, changed: Changed):
    verdict = compare_slub_folder(changed(dumps=lambda text: _renamed(_in_after(pattern, replacement)(text))))
    assert not verdict.holds
    assert any(place in reason for reason in verdict.reasons), verdict.reasons
    assert "does not hold" in next(verdict.lines())


def _renamed(text: str) -> str:
    """A dump in which a cache is renamed has it so in its list of pages, too."""
    before, mark, after = text.partition(AFTER)
    return before + mark + (re.sub(r" dentry$", " dentries", after, flags=re.M) if "dentries" in after else after)


def _two_allocations(text: str) -> tuple[re.Match[str], re.Match[str]]:
    """Two allocations of one cache in a row, between the dumps."""
    pattern = re.compile(r"^.*\]  ?[.]{5}.*kmem_cache_alloc: .*ptr=(\w+) name=vm_area_struct.*$", re.M)
    found = list(pattern.finditer(text, text.index("before-tmpfs1")))
    return next((one, two) for one, two in pairwise(found) if one.end() + 1 == two.start())


def test_two_exchanged_pointers_are_one_that_changed_places_and_no_more(changed: Changed):
    def exchange(text: str) -> str:
        one, two = _two_allocations(text)
        return text[: one.start()] + one[0].replace(one[1], two[1]) + "\n" + two[0].replace(two[1], one[1]) + text[two.end() :]

    verdict = compare_slub_folder(changed(trace=exchange))
    # The first takes the second's object, the second what took its place: then all is as it was.
    assert verdict.differing == 1
    assert verdict.holds, verdict.reasons
    assert "holds but for 1 that changed places: 1148 of 1149 pointers" in next(verdict.lines())
    assert "vm_area_struct operation" in "\n".join(verdict.lines())


def without(pattern: str) -> Callable[[str], str]:
    """An edit that takes the first line between the dumps with a match out."""

    def edit(text: str) -> str:
        before, mark, after = text.partition("SLT_SNAPSHOT before-tmpfs1")
        found = re.search(rf"^.*{pattern}.*\n", after, flags=re.M)
        assert found
        return before + mark + after[: found.start()] + after[found.end() :]

    return edit


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("kmem_cache_alloc: .* name=vm_area_struct", "frees of objects not in use: 1"),
        ("kmem_cache_free: .* name=vm_area_struct", "vm_area_struct: "),
        ("kmalloc: call_site=__alloc_empty_sheaf", "sheaves allocated here only: 1"),
        ("SLT r ", "counters free_rcu_sheaf"),
        ("SLT cb ", "maple_node: "),
        ("SLT pr ", "maple_node: "),
        ("SLT pf ", "prefilled sheaves that nobody holds here"),
    ],
)
def test_a_left_out_line_is_noticed(pattern: str, words: str, changed: Changed):
    verdict = compare_slub_folder(changed(trace=without(pattern)))
    assert not verdict.holds
    assert any(words in reason for reason in verdict.reasons), verdict.reasons


def _edited(pattern: str, replacement: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        before, mark, after = text.partition("SLT_SNAPSHOT before-tmpfs1")
        changed, count = re.subn(pattern, replacement, after, count=1)
        assert count == 1
        return before + mark + changed

    return edit


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"(SLT cb maple_node \S+ size=)32", r"\g<1>31", "callbacks of sheaves of other sizes: 1"),
        (r"(SLT pf maple_node \S+ want=\d+ size=)32", r"\g<1>31", "prefilled sheaves of other sizes: 1"),
        (r"(SLT pr maple_node \S+ size=)29", r"\g<1>28", "prefilled sheaves of other sizes: 1"),
        (r"name=vm_area_struct", "name=nothing", "operations on caches that the dumps lack"),
        (r"(kfree: \S+ ptr=)ff\w+", r"\1ff1100000fffff08", "counters"),
    ],
)
def test_what_a_line_says_otherwise_is_told(pattern: str, replacement: str, words: str, changed: Changed):
    verdict = compare_slub_folder(changed(trace=_edited(pattern, replacement)))
    assert isinstance(verdict, SlubTraceVerdict)
    assert any(words in reason for reason in verdict.reasons), verdict.reasons


def _pair(kind: str) -> re.Pattern[str]:
    """Two lines in a row about one cache that sheaves serve."""
    line = rf"^( +\S+ +\[000\] \.{{5}} +)(\d+): {kind}: .*ptr=(\w+) name=vm_area_struct.*\n"
    return re.compile(line + line.replace("(", "(?:", 1).replace(r"(\d+)", r"\d+"), re.M)


def _as_bulk(kind: str, word: str, order: tuple[int, int]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        before, mark, after = text.partition("SLT_SNAPSHOT before-tmpfs1")
        found = _pair(kind).search(after)
        assert found
        head = f"{found[1]}{found[2]}: slt_trbulk.part.0: SLT {word}"
        objects = "".join(f"{head}+ {found[place]}\n" for place in order)
        return before + mark + after[: found.start()] + f"{head} vm_area_struct n=2\n" + objects + after[found.end() :]

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        # A block ends in what was the sheaf's top, which single allocations are given first.
        _as_bulk("kmem_cache_alloc", "ab", (4, 3)),
        _as_bulk("kmem_cache_free", "fb", (3, 4)),
        # A sheaf that holds enough is left as it is.
        _edited(r"(\n.*: )\w+: SLT pf maple_node (\w+) want=3 size=32", r"\g<0>\1x: SLT px maple_node \2 want=30 size=32"),
    ],
)
def test_bulk_calls_and_refills_of_prefilled_sheaves_are_done_as_their_lines_say(edit: Callable[[str], str], changed: Changed):
    verdict = compare_slub_folder(changed(trace=edit))
    assert verdict.holds, verdict.reasons
    assert verdict.differing == 0
    assert verdict.allocs == 1149


def test_a_bulk_call_gives_its_block_in_no_other_order(changed: Changed):
    verdict = compare_slub_folder(changed(trace=_as_bulk("kmem_cache_alloc", "ab", (3, 4))))
    assert verdict.differing == 1
