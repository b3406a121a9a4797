# SPDX-License-Identifier: GPL-2.0-only
"""Real traces of Linux 6.1, reproduced object for object; expected numbers are the recorded kernel's own, in the dumps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.conformance.kernel_trace.compare import compare_trace_folder, is_trace_folder

UNCONTENDED = ("1cpu_local_fork1", "1cpu_local_unix1", "8cpu_2node_counter_quiet1", "8cpu_2node_counter_tmpfs8")
CONTENDED = ("8cpu_2node_counter_unix4", "8cpu_2node_local_unix4")

Recorded = Callable[[str], Path]


@pytest.mark.parametrize("name", UNCONTENDED)
def test_an_uncontended_trace_is_reproduced_to_the_last_pointer_and_free_index(name: str, recorded: Recorded):
    verdict = compare_trace_folder(recorded(name))
    assert verdict.contended == 0
    assert verdict.holds, verdict.reasons
    assert verdict.differing == 0
    assert verdict.matched == verdict.total
    assert len(verdict.active) >= 27


@pytest.mark.parametrize("name", CONTENDED)
def test_a_contended_traces_totals_are_within_three_percent_and_resynchronisations_are_told(name: str, recorded: Recorded):
    verdict = compare_trace_folder(recorded(name))
    assert verdict.contended > 0
    assert verdict.holds, verdict.reasons
    assert {total.name for total in verdict.totals if abs(total.relative) > 0.03} == set()
    assert 0 < verdict.differing < verdict.allocs
    assert f"resynchronised {verdict.differing} times" in "\n".join(verdict.lines())


def test_an_allocation_logged_after_the_interrupt_that_followed_it_is_moved_before_it(recorded: Recorded):
    caches = {cache.name: cache for cache in compare_trace_folder(recorded("1cpu_local_fork1")).caches}
    # put_cred_rcu and free_task ran in softirqs between an allocation and its line, once each: see the trace.
    assert {name: cache.moved for name, cache in caches.items() if cache.moved} == {"cred_jar": 1, "task_struct": 1}


def test_new_slabs_lie_where_their_colour_says(recorded: Recorded):
    verdict = compare_trace_folder(recorded("8cpu_2node_counter_quiet1"))
    grown = sum(cache.total("grown").recorded for cache in verdict.caches)
    # Of the 26 new slabs every one was handed out from, so its address was learned, with the colour as expected.
    assert sum(cache.learned for cache in verdict.caches) == grown == 26
    assert sum(cache.odd_colours for cache in verdict.caches) == 0


def test_a_made_up_kernels_trace_with_off_slab_caches_and_reused_pages_is_reproduced(made_up: Path):
    verdict = compare_trace_folder(made_up)
    assert verdict.holds, verdict.reasons
    assert verdict.matched == verdict.total
    caches = {cache.name: cache for cache in verdict.caches}
    between = (made_up / "trace.txt").read_text().partition("SLT_SNAPSHOT before-random")[2]
    # Free lists of off-slab caches are events of kmalloc-32 in the trace, not something that growing does beside it.
    assert caches["off_slab_cache"].total("grown").recorded == between.count("cache_grow_begin") > 3
    assert between.count("slab_destroy") > 0


def test_a_verdict_goes_to_json_and_to_text_with_a_row_for_each_active_cache(made_up: Path):
    verdict = compare_trace_folder(made_up)
    plain = json.loads(json.dumps(verdict.as_plain()))
    assert plain["holds"] is True
    assert len(plain["caches"]) == len(verdict.active) == 4
    lines = list(verdict.lines())
    assert "uncontended: exact" in lines[0]
    assert {line.split()[0] for line in lines[2:6]} == {cache.name for cache in verdict.active}
    assert max(map(len, lines)) <= 140


def test_only_a_folder_with_both_files_is_a_trace_folder(made_up: Path, tmp_path: Path):
    assert is_trace_folder(made_up)
    assert not is_trace_folder(tmp_path)
    assert not is_trace_folder(made_up / "trace.txt")
