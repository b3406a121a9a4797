# SPDX-License-Identifier: GPL-2.0-only
"""Real traces of Linux 7.3, reproduced object for object; expected numbers are the recorded kernel's own, in the dumps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.allocator.slub.check import check
from slabdes.allocator.state import virt_to_slab
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.slub_trace import fates
from slabdes.conformance.slub_trace.compare import compare_slub_folder
from slabdes.conformance.slub_trace.dump import read_slub_dumps
from slabdes.conformance.slub_trace.events import read_slub_trace
from slabdes.conformance.slub_trace.replay import replay
from slabdes.conformance.slub_trace.restore import Restored, restore
from slabdes.conformance.slub_trace.verdict import SlubTraceVerdict

TRACES = ("1n1c/fork1", "1n1c/quiet1", "1n1c/tmpfs1", "1n1c/unix1", "2n8c/quiet1", "2n8c/tmpfs8", "2n8c/unix4")

Recorded = Callable[[str], Path]


def is_exact(verdict: SlubTraceVerdict) -> bool:
    """Whether nothing at all differs."""
    items = [item for cache in verdict.caches for item in (*cache.counters, *cache.state)]
    return verdict.holds and not verdict.differing and all(item.equal for item in items)


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_reproduced_to_the_last_pointer_counter_lock_and_free_index(name: str, recorded: Recorded):
    verdict = compare_slub_folder(recorded(name))
    assert verdict.holds, verdict.reasons
    assert is_exact(verdict)
    assert verdict.skipped == verdict.unknown == 0
    assert len(verdict.active) > 30
    assert verdict.allocs > 600
    assert sum(cache.sheaf_pointers for cache in verdict.caches) > 1300


def test_what_a_traces_operations_add_up_to_is_what_the_kernel_counted(recorded: Recorded):
    folder = recorded("2n8c/tmpfs8")
    verdict = compare_slub_folder(folder)
    before, after = read_slub_dumps(folder / "dumps.txt.gz")
    counters = ("alloc_fastpath", "alloc_slowpath")
    counted = sum(
        cache.stats[counter] - before.caches[name].stats[counter] for name, cache in after.caches.items() for counter in counters
    )
    # Objects of prefilled sheaves (1,293 lines) are handed out uncounted; every other one counts as fast or slow.
    assert verdict.allocs - 1293 == counted
    grown = sum(cache.stats["alloc_slab"] - before.caches[name].stats["alloc_slab"] for name, cache in after.caches.items())
    assert sum(cache.learned for cache in verdict.caches) <= grown == 164


@pytest.mark.parametrize("skipped", [False, True])
def test_which_searches_of_other_nodes_were_skipped_is_found_from_what_is_recorded(
    skipped: bool, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
):
    # No search that mattered was skipped in this trace: taken for skipped, each has to be tried again and found done.
    monkeypatch.setattr(fates, "USUALLY_SKIPPED", skipped)
    verdict = compare_slub_folder(recorded("2n8c/tmpfs8"))
    assert is_exact(verdict)
    assert verdict.searches == 109
    assert verdict.searches - verdict.skipped == (13 if skipped else 109)


def test_a_search_whose_fate_is_not_what_differs_keeps_it():
    asked = fates.Fates(1 << 30)
    with pytest.raises(fates.Doubt):
        asked.doubt(range(4, 6))
    asked.try_another(range(4, 6))
    assert [asked.is_skipped(number) for number in (4, 5)] == [True, False]
    asked.try_another(range(4, 6))
    assert [asked.is_skipped(number) for number in (4, 5)] == [False, True]
    asked.try_another(range(4, 6))
    assert [asked.is_skipped(number) for number in (4, 5)] == [False, False]
    asked.doubt(range(4, 6))
    asked.doubt(range(0))


def test_replays_are_begun_again_a_bounded_number_of_times():
    helped, vain = fates.Fates(1 << 30), fates.Fates(1)
    for number in range(fates.LEAST_DOUBTS):
        with pytest.raises(fates.Doubt):
            helped.doubt(range(number, number + 1))
        helped.try_another(range(number, number + 1))
    helped.doubt(range(90, 91))
    for number in range(fates.MAX_VAIN):
        with pytest.raises(fates.Doubt):
            vain.doubt(range(number, number + 1))
        vain.try_another(range(number, number + 1))
        vain.try_another(range(number, number + 1))
    vain.doubt(range(90, 91))


def _check(restored: Restored, waiting: list[int]) -> None:
    of: dict[int, list[int]] = {cache.index: [] for cache in restored.caches.values()}
    for obj in restored.live:
        of[restored.state.slabs[virt_to_slab(obj)].cache].append(obj)
    for cache in list(restored.caches.values())[::7]:
        check(restored.state, cache, of[cache.index], waiting if cache.name == "maple_node" else ())


def test_the_invariants_hold_in_both_dumps_and_after_a_replay(recorded: Recorded):
    folder = recorded("1n1c/tmpfs1")
    before, after = read_slub_dumps(folder / "dumps.txt.gz")
    for dump in (before, after):
        _check(restore(dump), [])
    replayed = replay(read_slub_trace(folder / "trace.txt.gz", before.label, after.label), before)
    _check(replayed.restored, [callback.sheaf for callback in replayed.kernel.callbacks])


def test_a_folders_dumps_say_whose_trace_it_is(recorded: Recorded):
    (recording,) = find_recordings([recorded("1n1c/tmpfs1")])
    outcome = recording.compare(recording.path)
    assert isinstance(outcome, SlubTraceVerdict)
    assert next(outcome.lines()).startswith("1n1c/tmpfs1: holds: 1149 of 1149 pointers equal, 4428 of 4428 counters")
    plain = json.loads(json.dumps(outcome.as_plain()))
    assert plain["holds"] and plain["allocator"] == "7.3"
    assert [cache["name"] for cache in plain["caches"] if cache["differences"]] == []
