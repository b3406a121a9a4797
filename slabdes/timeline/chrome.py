# SPDX-License-Identifier: GPL-2.0-only
"""The Trace Event Format (JSON) of Chrome's tracing, which Perfetto's viewer reads, too: a line an event, written as it comes.

Times are microseconds with six decimals, so every picosecond is told. Leaves out what is in it (`spans`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from slabdes.printable import json_text
from slabdes.timeline.spans import FREED_ELSEWHERE, HAND_OFF, Timeline, Track

_PS_PER_US: Final = 1_000_000
_FLOWS: Final = 1_000_000_000
"""Flows of one run at most: ids of the next run begin beyond."""


def chrome_json(runs: Sequence[Timeline], told: Mapping[str, Any]) -> Iterator[str]:
    """The file's text, in parts: a process for each run, `told` beside the events."""
    yield '{"traceEvents":[\n'
    first = True
    for pid, run in enumerate(runs, 1):
        for event in _events(pid, run):
            yield event if first else f",\n{event}"
            first = False
    yield f'\n],"displayTimeUnit":"ns","otherData":{json_text(told)}}}\n'


def _events(pid: int, run: Timeline) -> Iterator[str]:
    yield _meta(pid, 0, "process_name", name=run.name)
    yield _meta(pid, 0, "process_sort_index", sort_index=pid)
    for track in run.tracks:
        yield _meta(pid, track.cpu + 1, "thread_name", name=track.name)
        yield _meta(pid, track.cpu + 1, "thread_sort_index", sort_index=track.cpu)
    streams = [_of_track(pid, track) for track in run.tracks]
    streams += [_of_counter(pid, counter.name, counter.samples) for counter in run.counters]
    for _time, event in heapq.merge(*streams, key=lambda timed: timed[0]):
        yield event


def _meta(pid: int, tid: int, kind: str, **what: Any) -> str:
    return json_text({"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": what})


def _of_track(pid: int, track: Track) -> Iterator[tuple[int, str]]:
    where = f'"pid":{pid},"tid":{track.cpu + 1},"ts":'
    for time, span, begins in track.boundaries():
        at = f"{where}{_us(time)}"
        if begins:
            what = json_text({"name": span.name, "cat": span.category, "args": span.told})
            yield time, f'{{"ph":"B",{at},{what[1:]}'
            yield from ((time, f'{{"ph":"f","bp":"e",{at},{_flow(pid, number, span.category)}}}') for number in span.reaching)
        else:
            yield from ((time, f'{{"ph":"s",{at},{_flow(pid, number, span.category)}}}') for number in span.leaving)
            yield time, f'{{"ph":"E",{at}}}'


def _flow(pid: int, number: int, category: str) -> str:
    name = HAND_OFF if category == "hold" else FREED_ELSEWHERE
    return f'"id":{pid * _FLOWS + number},"cat":"flow","name":"{name}"'


def _of_counter(pid: int, name: str, samples: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    label = json_text(name)
    for time, value in samples:
        yield time, f'{{"ph":"C","pid":{pid},"ts":{_us(time)},"name":{label},"args":{{"value":{value}}}}}'


def _us(picoseconds: int) -> str:
    whole, part = divmod(picoseconds, _PS_PER_US)
    return f"{whole}.{part:06d}"
