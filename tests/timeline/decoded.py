# SPDX-License-Identifier: GPL-2.0-only
"""Reads timelines back as a viewer does: spans by track, nested or refused, arrows from span to span, counters."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Read:
    """Spans as (process, CPU, begin, end, name, category, depth, told), picoseconds; arrows as pairs of places in `spans`."""

    spans: list[tuple[Any, ...]] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    counters: dict[tuple[int, str], list[tuple[int, int]]] = field(default_factory=dict)
    names: dict[tuple[int, int], str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def of(self, category: str, pid: int = 1) -> list[tuple[Any, ...]]:
        """The spans of one category of a process, by begin."""
        return sorted(span for span in self.spans if span[5] == category and span[0] == pid)


def read_chrome(path: Path) -> Read:
    """What is in a file; asserts all that a viewer relies on."""
    held = json.loads(path.read_text(encoding="utf-8"), parse_float=lambda text: int(text.replace(".", "")))
    assert held["displayTimeUnit"] == "ns"
    read = Read(told=held["otherData"])
    opened: dict[tuple[int, int], list[int]] = {}
    begun: dict[int, int] = {}
    latest = 0
    for event in held["traceEvents"]:
        if event["ph"] == "M":
            read.names[event["pid"], event["tid"]] = event["args"].get("name", read.names.get((event["pid"], event["tid"]), ""))
            continue
        latest, time = event["ts"], event["ts"]
        assert time >= 0
        if event["ph"] == "C":
            read.counters.setdefault((event["pid"], event["name"]), []).append((time, event["args"]["value"]))
            continue
        stack = opened.setdefault((event["pid"], event["tid"]), [])
        if event["ph"] == "B":
            where = (event["pid"], event["tid"] % 100_000, time)
            read.spans.append((*where, None, event["name"], event["cat"], len(stack), event["args"]))
            stack.append(len(read.spans) - 1)
        elif event["ph"] == "E":
            place = stack.pop()
            read.spans[place] = (*read.spans[place][:3], time, *read.spans[place][4:])
            assert time >= read.spans[place][2]
        elif event["ph"] == "s":
            begun[event["id"]] = stack[-1]
        else:
            assert event["ph"] == "f" and event["bp"] == "e" and read.spans[stack[-1]][2] == time
            read.arrows.append((begun.pop(event["id"]), stack[-1]))
    assert not begun and not any(opened.values()) and latest
    return check(read)


def check(read: Read) -> Read:
    """Each span lies within the one around it, none overlaps another of its depth, arrows go forward in time."""
    ends: dict[tuple[int, int, int], int] = {}
    around: dict[tuple[int, int, int], tuple[Any, ...]] = {}
    for span in read.spans:
        pid, cpu, start, end, _name, _category, depth, _told = span
        assert start >= ends.get((pid, cpu, depth), 0)
        ends[pid, cpu, depth] = end
        around[pid, cpu, depth] = span
        if depth:
            outer = around[pid, cpu, depth - 1]
            assert outer[2] <= start and end <= outer[3]
    for frm, to in read.arrows:
        assert read.spans[frm][3] <= read.spans[to][2]
    for samples in read.counters.values():
        assert samples == sorted(samples, key=lambda sample: sample[0])
    return read


def read_perfetto(path: Path) -> Read:
    """The same of a protobuf, whose times are nanoseconds."""
    read = Read()
    kinds: dict[int, dict[int, Any]] = {}
    opened: dict[int, list[int]] = {}
    flows: dict[int, int] = {}
    for number, packet in _fields(path.read_bytes()):
        assert number == 1
        held = dict(_fields(packet))
        assert held[10] == 1
        if 60 in held:
            told = dict(_fields(held[60]))
            assert told[1] not in kinds
            kinds[told[1]] = told
            if 3 in told:
                read.names[dict(_fields(told[3]))[1], 0] = dict(_fields(told[3]))[6].decode()
            continue
        event = list(_fields(held[11]))
        one, time = dict(event), held[8]
        where = kinds[one[11]]
        if one[9] == 4:
            pid, name = where[5], where[2].decode()
            read.counters.setdefault((pid, name), []).append((time, one[30] - (one[30] >> 63 << 64)))
            continue
        thread = dict(_fields(where[4]))
        stack = opened.setdefault(one[11], [])
        if one[9] == 2:
            place = stack.pop()
            read.spans[place] = (*read.spans[place][:3], time, *read.spans[place][4:])
            continue
        told = {dict(_fields(value))[10].decode(): _value(dict(_fields(value))) for number, value in event if number == 4}
        read.spans.append((thread[1], thread[2] % 100_000, time, None, one[23].decode(), one[22].decode(), len(stack), told))
        stack.append(len(read.spans) - 1)
        for number, value in event:
            if number == 47:
                flows[value] = stack[-1]
            elif number == 48:
                read.arrows.append((flows.pop(value), stack[-1]))
    assert not flows and not any(opened.values())
    return check(read)


def _value(annotation: dict[int, Any]) -> Any:
    return annotation[4] if 4 in annotation else annotation[6].decode()


def _fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message: numbers, or bytes."""
    found: list[tuple[int, Any]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found.append((key >> 3, varint()))
        elif key & 7 == 1:
            found.append((key >> 3, int.from_bytes(data[at : at + 8], "little")))
            at += 8
        else:
            assert key & 7 == 2
            length = varint()
            assert at + length <= len(data)
            found.append((key >> 3, data[at : at + length]))
            at += length
    return found
