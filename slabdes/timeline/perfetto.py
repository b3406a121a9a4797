# SPDX-License-Identifier: GPL-2.0-only
"""Perfetto's own format, a protobuf Trace of TrackEvents: smaller than JSON, and quicker to load. Times in whole nanoseconds.

Numbers of fields are those that Perfetto has published for TracePacket, TrackDescriptor and TrackEvent. Leaves out all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

from slabdes.timeline.chrome import FLOWS, THREADS
from slabdes.timeline.spans import Moment, Timeline, Track, moments
from slabdes.units import PS_PER_NS

_PACKET: Final = 1
"""Of a Trace."""


class _Packet(IntEnum):
    TIMESTAMP = 8
    SEQUENCE = 10
    TRACK_EVENT = 11
    SEQUENCE_FLAGS = 13
    TRACK_DESCRIPTOR = 60


class _Descriptor(IntEnum):
    UUID = 1
    NAME = 2
    PROCESS = 3
    THREAD = 4
    PARENT_UUID = 5
    COUNTER = 8


class _Process(IntEnum):
    PID = 1
    NAME = 6


class _Thread(IntEnum):
    PID = 1
    TID = 2
    NAME = 5


class _Event(IntEnum):
    ANNOTATION = 4
    TYPE = 9
    TRACK_UUID = 11
    CATEGORY = 22
    NAME = 23
    COUNTER_VALUE = 30
    FLOW = 47
    TERMINATING_FLOW = 48


class _Annotation(IntEnum):
    INT = 4
    STRING = 6
    NAME = 10


class _Type(IntEnum):
    SLICE_BEGIN = 1
    SLICE_END = 2
    COUNTER = 4


_SEQUENCE: Final = 1
_STATE_CLEARED: Final = 1
_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2


def perfetto_trace(runs: Sequence[Timeline]) -> Iterator[bytes]:
    """The file, in parts: a process for each run."""
    flags = _number(_Packet.SEQUENCE_FLAGS, _STATE_CLEARED)
    for pid, run in enumerate(runs, 1):
        name = _text(_Process.NAME, run.name)
        yield _descriptor(pid, _bytes(_Descriptor.PROCESS, _number(_Process.PID, pid) + name), flags)
        flags = b""
        uuids = _uuids(pid, run)
        for track in run.tracks:
            thread = _number(_Thread.PID, pid) + _number(_Thread.TID, uuids[id(track)]) + _text(_Thread.NAME, track.name)
            yield _descriptor(uuids[id(track)], _bytes(_Descriptor.THREAD, thread))
        for counter in run.counters:
            what = _text(_Descriptor.NAME, counter.name) + _number(_Descriptor.PARENT_UUID, pid)
            yield _descriptor(uuids[id(counter)], what + _bytes(_Descriptor.COUNTER, b""))
        for moment in moments(run):
            yield _packet(_number(_Packet.TIMESTAMP, moment.time // PS_PER_NS), _event(pid, uuids[id(moment.of)], moment))


def _uuids(pid: int, run: Timeline) -> dict[int, int]:
    """A number of its own for each track and counter."""
    of_tracks = {id(track): THREADS * pid + track.cpu for track in run.tracks}
    return of_tracks | {id(counter): FLOWS * pid + number for number, counter in enumerate(run.counters)}


def _descriptor(uuid: int, what: bytes, more: bytes = b"") -> bytes:
    return _packet(more, _bytes(_Packet.TRACK_DESCRIPTOR, _number(_Descriptor.UUID, uuid) + what))


def _packet(*parts: bytes) -> bytes:
    return _bytes(_PACKET, _number(_Packet.SEQUENCE, _SEQUENCE) + b"".join(parts))


def _event(pid: int, uuid: int, moment: Moment) -> bytes:
    where, span = _number(_Event.TRACK_UUID, uuid), moment.span
    if not isinstance(moment.of, Track) or span is None:
        what = _number(_Event.TYPE, _Type.COUNTER) + _number(_Event.COUNTER_VALUE, moment.value)
    elif moment.begins:
        what = _number(_Event.TYPE, _Type.SLICE_BEGIN) + _text(_Event.NAME, span.name) + _text(_Event.CATEGORY, span.category)
        what += b"".join(_annotation(name, value) for name, value in span.told.items())
        what += b"".join(_fixed64(_Event.FLOW, FLOWS * pid + number) for number in span.leaving)
        what += b"".join(_fixed64(_Event.TERMINATING_FLOW, FLOWS * pid + number) for number in span.reaching)
    else:
        what = _number(_Event.TYPE, _Type.SLICE_END)
    return _bytes(_Packet.TRACK_EVENT, where + what)


def _annotation(name: str, value: Any) -> bytes:
    told = _number(_Annotation.INT, value) if isinstance(value, int) else _text(_Annotation.STRING, str(value))
    return _bytes(_Event.ANNOTATION, _text(_Annotation.NAME, name) + told)


# The encoding: a field is its number and how it is written, then what it holds.


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _fixed64(field: int, value: int) -> bytes:
    return _varint(field << 3 | _FIXED64) + value.to_bytes(8, "little")


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode("utf-8", "backslashreplace"))
