# SPDX-License-Identifier: GPL-2.0-only
"""The Trace Event Format (JSON) of Chrome's tracing, which Perfetto's viewer reads, too: a line an event, written as it comes.

Times are microseconds with six decimals, so every picosecond is told. Leaves out what is in it (`spans`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from slabdes.printable import json_text
from slabdes.timeline.spans import FREED_ELSEWHERE, HAND_OFF, Moment, Span, Timeline, Track, moments

THREADS: Final = 100_000
"""Ids of the threads of a run's CPUs begin at so many times its process's: a viewer is to take no two for one."""
FLOWS: Final = 1_000_000_000
"""Likewise ids of its flows."""
_PS_PER_US: Final = 1_000_000


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
        yield _meta(pid, THREADS * pid + track.cpu, "thread_name", name=track.name)
        yield _meta(pid, THREADS * pid + track.cpu, "thread_sort_index", sort_index=track.cpu)
    for moment in moments(run):
        yield from _of_moment(pid, moment)


def _meta(pid: int, tid: int, kind: str, **what: Any) -> str:
    return json_text({"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": what})


def _of_moment(pid: int, moment: Moment) -> Iterator[str]:
    at = f'"ts":{_us(moment.time)}'
    span = moment.span
    if not isinstance(moment.of, Track) or span is None:
        yield f'{{"ph":"C","pid":{pid},{at},"name":{json_text(moment.of.name)},"args":{{"value":{moment.value}}}}}'
        return
    at = f'"pid":{pid},"tid":{THREADS * pid + moment.of.cpu},{at}'
    if moment.begins:
        what = json_text({"name": span.name, "cat": span.category, "args": span.told})
        yield f'{{"ph":"B",{at},{what[1:]}'
        yield from (f'{{"ph":"f","bp":"e",{at},{_flow(pid, number, span)}}}' for number in span.reaching)
    else:
        yield from (f'{{"ph":"s",{at},{_flow(pid, number, span)}}}' for number in span.leaving)
        yield f'{{"ph":"E",{at}}}'


def _flow(pid: int, number: int, span: Span) -> str:
    name = HAND_OFF if span.category == "hold" else FREED_ELSEWHERE
    return f'"id":{FLOWS * pid + number},"cat":"flow","name":"{name}"'


def _us(picoseconds: int) -> str:
    whole, part = divmod(picoseconds, _PS_PER_US)
    return f"{whole}.{part:06d}"
