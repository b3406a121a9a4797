# SPDX-License-Identifier: GPL-2.0-only
"""A difference planted in a recording is found, told where it is, and does not spread."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from slabdes.allocator.tunables import Tunables
from slabdes.conformance.kernel_trace.compare import compare_trace_folder

AFTER = "DUMP after-random"


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
        (r"cpustat \d+", "cpustat 1", "plain_cache: counters allochit differ"),
        (r"LK refill=\d+/0", "LK refill=1/0", "plain_cache: counters LK refill differ"),
        (r"EV refill_shared=\d+", "EV refill_shared=999", "plain_cache: counters EV refill_shared differ"),
        (r"globalstat (\d+) \d+ \d+", r"globalstat \1 0 1", "plain_cache: counters grown differ"),
        (r"(ND 0 .*)colour_next=\d+", r"\1colour_next=77", "first node 0 colour_next"),
        (r"^(AC 0 0 \d+) \d : (\S+) (\S+)", r"\1 1 : \3 \2", "first CPU 0"),
        (r"^(SL \d P \S+ \d+ :) (\d+) (\d+)", r"\1 \3 \2", "free indexes"),
    ],
)
def test_what_is_changed_in_the_dump_after_is_named(
    pattern: str, replacement: str, place: str, made_up: Path, changed: Callable[..., Path]
):
    verdict = compare_trace_folder(changed(made_up, dumps=_in_after(pattern, replacement)))
    assert not verdict.holds
    assert any(place in reason for reason in verdict.reasons), verdict.reasons
    assert verdict.total - verdict.matched in (1, 2)


def _two_allocations(text: str) -> tuple[re.Match[str], re.Match[str]]:
    """Two allocations of plain_cache in a row on one CPU, between the dumps, with two pointers."""
    pattern = re.compile(r"^.*\[(\d+)\].*kmem_cache_alloc: .*ptr=(\w+) bytes_req=200.*$", re.M)
    found = list(pattern.finditer(text, text.index("before-random")))
    return next((one, two) for one, two in pairwise(found) if one[1] == two[1] and one.end() + 1 == two.start())


def test_two_exchanged_pointers_are_two_differences_and_no_more(made_up: Path, changed: Callable[..., Path]):
    def exchange(text: str) -> str:
        one, two = _two_allocations(text)
        return text[: one.start()] + one[0].replace(one[2], two[2]) + "\n" + two[0].replace(two[2], one[2]) + text[two.end() :]

    verdict = compare_trace_folder(changed(made_up, trace=exchange))
    # The first takes the second's object, the second what took its place: then all is as it was.
    assert verdict.differing == 1
    assert verdict.holds
    assert verdict.total - verdict.matched == 1


def test_a_left_out_event_is_noticed(made_up: Path, changed: Callable[..., Path]):
    def leave_out(text: str) -> str:
        one, _two = _two_allocations(text)
        return text[: one.start()] + text[one.end() + 1 :]

    verdict = compare_trace_folder(changed(made_up, trace=leave_out))
    assert not verdict.holds
    assert any(reason.startswith("plain_cache: counters") for reason in verdict.reasons)
    assert sum(cache.unplaced_frees for cache in verdict.caches) == 1


def test_an_allocation_shown_before_the_free_it_needs_waits_for_it(made_up_kernel, tmp_path: Path, changed: Callable[..., Path]):
    kernel = made_up_kernel(aliens=False, tunables=Tunables(1, 1, 0))
    first = kernel.allocate(0, "plain_cache")
    kernel.dump("before-random")
    kernel.free(2, "plain_cache", first)
    assert kernel.allocate(0, "plain_cache") == first
    kernel.dump("after-random")
    lines = kernel.trace
    assert "kmem_cache_free" in lines[-3] and "kmem_cache_alloc" in lines[-2]
    lines[-3], lines[-2] = lines[-2], lines[-3]
    kernel.trace = [re.sub(r"( +)(\d+): ", r"\g<1>0.\2: ", line, count=1) for line in lines]
    verdict = compare_trace_folder(kernel.write(tmp_path))
    assert verdict.holds, verdict.reasons
    assert verdict.differing == 0
    assert sum(cache.held_back for cache in verdict.caches) == 1


def test_contended_acquisitions_in_the_dump_loosen_the_rule(made_up: Path, changed: Callable[..., Path]):
    def contend(text: str) -> str:
        return _in_after(r"LK refill=(\d+)/0", r"LK refill=\1/5")(_in_after(r"cpustat (\d+)(\d)\b", r"cpustat \g<1>0")(text))

    verdict = compare_trace_folder(changed(made_up, dumps=contend))
    assert verdict.contended == 5
    assert verdict.holds
    assert not all(cache.counters_equal for cache in verdict.caches)
