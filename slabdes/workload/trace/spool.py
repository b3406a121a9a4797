# SPDX-License-Identifier: GPL-2.0-only
"""Second pass over a trace: each traced CPU's steps, spooled to a file of fixed-size records, and streamed back as steps.

Every object gets a slot of its own. Leaves out machines: a spool knows traced CPUs only, and serves any number of copies.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError
from slabdes.files import stamp
from slabdes.units import PS_PER_NS, PS_PER_S
from slabdes.workload.programs import ANY_NODE, Op, Step
from slabdes.workload.trace.caches import LEFT_OUT, Fate, GroupKey, TraceCache, group_key
from slabdes.workload.trace.events import NO_POINTER, UNKNOWN_POINTER, Clock, KmemEvent, KmemKind, KmemReader
from slabdes.workload.trace.exchange import Exchange, links_of, measure
from slabdes.workload.trace.index import NS_PER_S, TraceIndex, index_trace, selected_caches
from slabdes.workload.trace.lines import Progress
from slabdes.workload.trace.think import Think, ThinkRule
from slabdes.workload.trace.writer import FIELDS, RECORD, StepWriter, read_records, steps_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COUNTED_STEP_NS: Final = 1000
"""Nanoseconds from a step to the next, on any CPU, where the clock counts events (assumed: nearly every step ends before the next
one begins, so that their order, all that such a trace tells, is kept)."""
MAX_CACHES: Final = 1 << 15
"""Caches that a record's cache number can tell apart."""
_CHUNK_RECORDS: Final = 8192
"""Records read back at a time (assumed)."""
MAX_THINK_PS: Final = (1 << 63) - 1
"""Longest time between two steps that a step can say."""


@dataclass(frozen=True)
class CpuSteps:
    """One traced CPU's part of a spool: how many steps, and when its first and last were, ns from the trace's first event."""

    steps: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class Spool:
    """The steps of a trace on disk, for chosen caches. `cpus` has the traced CPUs that take part, in order.

    Steps of objects that the trace does not allocate are left out; objects never freed stay allocated.
    """

    folder: Path
    index: TraceIndex = field(repr=False)
    caches: tuple[TraceCache, ...]
    """The chosen caches; a step's cache is an index into these."""
    cpus: Mapping[int, CpuSteps]
    objects: int
    """Every slot of an object is below this."""
    highest_node: int
    """The highest node that an allocation asks for; ANY_NODE if none asks."""
    node_requests: int
    """Allocations that ask for a node."""
    exchange: Exchange = field(repr=False)
    """What its CPUs hand each other."""

    @property
    def operations(self) -> int:
        """Steps of all CPUs."""
        return sum(part.steps for part in self.cpus.values())

    @property
    def slots(self) -> int:
        """Slots of objects and, behind them, of signals; two copies this far apart share none."""
        return self.objects + self.exchange.records

    @property
    def first_ns(self) -> int:
        """Time of the first step of all, ns from the trace's first event."""
        return 0 if self.counted else min(part.first_ns for part in self.cpus.values())

    @property
    def span_ns(self) -> int:
        """Nanoseconds from the first step to the last."""
        if self.counted:
            return self.operations * COUNTED_STEP_NS
        return max(part.last_ns for part in self.cpus.values()) - self.first_ns

    @property
    def counted(self) -> bool:
        """Whether the trace's clock counts events: then each step comes COUNTED_STEP_NS after the one before, on any CPU."""
        return self.index.clock is Clock.COUNTER

    def records(self, cpu: int) -> Iterator[npt.NDArray[np.void]]:
        """The steps of traced CPU `cpu` as they lie on disk, a chunk at a time; `time` is ns from the trace's first event."""
        yield from _chunks(steps_file(self.folder, cpu))

    def steps(self, cpu: int, *, think: Think, slot_base: int = 0) -> Iterator[Step]:
        """The steps of traced CPU `cpu`, its slots counted from `slot_base`; a chunk of records is held at a time.

        Thinks are times since the CPU's previous step as recorded, the first since the trace's first step. A step that the
        clock puts before its predecessor follows it at once.
        """
        for columns, _links in self.columns(cpu, think=think, slot_base=slot_base):
            yield from zip(*(column.tolist() for column in columns), strict=True)

    def columns(
        self, cpu: int, *, think: Think, slot_base: int = 0, arrivals: bool = False
    ) -> Iterator[tuple[list[npt.NDArray[Any]], npt.NDArray[np.void]]]:
        """The same, a chunk at a time: think_ps, op, cache, slot, node and flags as arrays of equal length; and their links.

        With `arrivals`, think_ps is the time since the trace's first step.
        """
        import numpy as np

        latest = self.first_ns
        for chunk, links in self._linked(cpu):
            recorded = links["place"] * COUNTED_STEP_NS if self.counted else chunk["time"]
            times = np.maximum.accumulate(np.concatenate(([latest], recorded)))
            latest = int(times[-1])
            recorded = times[1:] - self.first_ns if arrivals else np.diff(times)
            if think.scaled(longest := int(recorded.max())) > MAX_THINK_PS:
                what = "until a step" if arrivals else "between two steps"
                problem = f"{longest // NS_PER_S} s {what} of CPU {cpu}, times {float(think.factor):g}"
                raise InputError(str(self.index.path), problem, allowed=f"at most {MAX_THINK_PS // PS_PER_S} s to think")
            thinks = _scaled(recorded, think)
            yield [thinks, chunk["op"], chunk["cache"], chunk["slot"] + slot_base, chunk["node"], chunk["flags"]], links

    def _linked(self, cpu: int) -> Iterator[tuple[npt.NDArray[np.void], npt.NDArray[np.void]]]:
        """A CPU's records and their links, without those left out, a chunk at a time; no chunk is empty."""
        for chunk, first in read_records(steps_file(self.folder, cpu), FIELDS, _CHUNK_RECORDS):
            kept = chunk["cache"] != LEFT_OUT
            if kept.any():
                links = links_of(self.folder, self.exchange.bases[cpu], first, len(chunk))
                yield chunk[kept], links[kept]


def spool_trace(
    index: TraceIndex, caches: Sequence[str], folder: Path, progress: Progress | None = None, write: Write | None = None
) -> Spool:
    """Read the trace of `index` once more and write the steps of `caches` (names; none means all) into `folder`.

    Memory grows with objects live at once, not with the trace's length. A folder holds one spool at a time.
    Raises InputError for a cache that is not in the trace, a trace that changed since it was indexed, and a folder that
    cannot be written. `write` stands for `write_steps`.
    """
    chosen = selected_caches(index, caches)
    if len(chosen) > MAX_CACHES:
        raise InputError(str(index.path), f"{len(chosen)} caches", allowed=f"at most {MAX_CACHES} in a replay; name those wanted")
    if stamp(index.path) != index.fingerprint:
        raise changed(index)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writer = StepWriter(folder)
        objects = (write or write_steps)(index, {number: place for place, number in enumerate(chosen)}, writer, progress)
    except struct.error:  # a time outside those of the first pass
        raise changed(index) from None
    except OSError as error:
        raise cannot_spool(folder, error) from None
    return spool_in(folder, index, [index.caches[number] for number in chosen], writer.cpus, objects)


def spool_in(folder: Path, index: TraceIndex, caches: Sequence[TraceCache], cpus: Sequence[int], objects: int) -> Spool:
    """The spool whose steps lie in `folder`, with slots of objects below `objects`. Raises InputError if it has none."""
    try:
        parts, highest_node, node_requests = _survey(folder, cpus)
        if not parts:
            raise InputError(
                str(index.path), "no step of a slab cache to replay", allowed="traces with allocations of at most 4 MiB"
            )
        exchange = measure(folder, cpus, objects, len(caches))
    except OSError as error:
        raise cannot_spool(folder, error) from None
    return Spool(folder, index, tuple(caches), parts, objects, highest_node, node_requests, exchange)


def cannot_spool(folder: Path, error: OSError) -> InputError:
    """What is said of a folder that a trace's steps cannot be written to."""
    return InputError(str(folder), f"cannot spool the trace: {error.strerror or error}", allowed="a writable folder")


def load_trace(path: Path, caches: Sequence[str], folder: Path, progress: Progress | None = None) -> Spool:
    """Both passes over the trace `path`: index it, then spool `caches` (none means all) into `folder`.

    `progress` sees one count for the two passes. Raises InputError as index_trace and spool_trace do.
    """
    index = index_trace(path, half(progress, 0))
    return spool_trace(index, caches, folder, half(progress, 1))


def half(progress: Progress | None, part: int) -> Progress | None:
    """Progress of pass `part`, 0 or 1, as part of one count for both."""
    return None if progress is None else lambda done, total: progress(part * total + done, 2 * total)


def changed(index: TraceIndex) -> InputError:
    """What is said of a trace that is another than in the first pass."""
    return InputError(str(index.path), "changed since it was first read", allowed="a file that stays as it is")


def _scaled(recorded_ns: npt.NDArray[np.int64], think: Think) -> npt.NDArray[np.int64]:
    import numpy as np

    if think.rule is ThinkRule.NONE:
        return np.zeros_like(recorded_ns)
    factor = think.factor
    if int(recorded_ns.max()) * PS_PER_NS * factor.numerator > np.iinfo(np.int64).max:
        # Python's integers: picoseconds times a numerator exceed 64 bits.
        return np.array([think.scaled(nanoseconds) for nanoseconds in recorded_ns.tolist()], np.int64)
    return recorded_ns * PS_PER_NS * factor.numerator // factor.denominator


def _chunks(path: Path) -> Iterator[npt.NDArray[np.void]]:
    """The file's records, without those left out, a chunk at a time; no chunk is empty."""
    for chunk, _first in read_records(path, FIELDS, _CHUNK_RECORDS):
        kept = chunk[chunk["cache"] != LEFT_OUT]
        if len(kept):
            yield kept


Write = Callable[[TraceIndex, Mapping[int, int], StepWriter, "Progress | None"], int]
"""What reads a trace and writes the steps of the caches with these numbers, each with its number in the spool; slots used."""


@dataclass(slots=True)
class _Open:
    """An object whose cache only its free will tell: where its allocation was written, and the caches by name."""

    cpu: int
    offset: int
    slot: int
    cache: int
    by_name: Mapping[str, int]


def write_steps(index: TraceIndex, places: Mapping[int, int], writer: StepWriter, progress: Progress | None) -> int:
    """Write the steps of the caches in `places` (number in the index to number in the spool); the number of slots used."""
    reader = KmemReader(index.path, progress)
    fates = fates_in(index, places)
    live: dict[int, int | _Open] = {}
    """Pointer to slot and cache, packed, or to an _Open; pointers to objects of other caches are not kept."""
    start = index.first if index.clock is Clock.SECONDS else None
    slots = 0
    for event in reader:
        pointer = event.pointer
        if pointer in (NO_POINTER, UNKNOWN_POINTER):
            continue
        time = 0 if start is None else event.time - start
        if event.kind is KmemKind.FREE:
            known = live.pop(pointer, None)
            if known is not None:
                slot, cache = _freed(event, known, writer)
                writer.append(event.cpu, RECORD.pack(time, slot, cache, ANY_NODE, Op.FREE, 0))
            continue
        live.pop(pointer, None)
        fate = fates.get(group_key(event))
        if fate is None:
            raise changed(index)
        cache, by_name = fate
        if cache == LEFT_OUT and not by_name:
            continue
        offset = writer.append(event.cpu, RECORD.pack(time, slots, cache, event.node, Op.ALLOC, event.flags))
        live[pointer] = _Open(event.cpu, offset, slots, cache, by_name) if by_name else slots * MAX_CACHES + cache
        slots += 1
    writer.flush()
    return slots


def fates_in(index: TraceIndex, places: Mapping[int, int]) -> dict[GroupKey, Fate]:
    """Where each group's objects go, as numbers in the spool; by name only where that makes a difference."""
    fates: dict[GroupKey, Fate] = {}
    for key, fate in index.fates.items():
        by_name = {name: places.get(number, LEFT_OUT) for name, number in fate.by_name.items()}
        cache = places.get(fate.cache, LEFT_OUT)
        fates[key] = Fate(cache, {} if all(other == cache == LEFT_OUT for other in by_name.values()) else by_name)
    return fates


def _freed(event: KmemEvent, known: int | _Open, writer: StepWriter) -> tuple[int, int]:
    """Slot and cache of the object that `event` frees."""
    if isinstance(known, int):
        return divmod(known, MAX_CACHES)
    cache = known.by_name.get(event.name, known.cache)
    if cache != known.cache:
        writer.correct(known.cpu, known.offset, cache)
    return known.slot, cache


def _survey(folder: Path, cpus: Sequence[int]) -> tuple[dict[int, CpuSteps], int, int]:
    """What each CPU's file holds, CPUs without a step left out, the highest node asked for, and how often one is."""
    parts: dict[int, CpuSteps] = {}
    highest_node, node_requests = ANY_NODE, 0
    for cpu in cpus:
        steps, first, last = 0, 0, 0
        for chunk in _chunks(steps_file(folder, cpu)):
            if not steps:
                first = last = int(chunk["time"][0])
            steps += len(chunk)
            last = max(last, int(chunk["time"].max()))
            highest_node = max(highest_node, int(chunk["node"].max()))
            node_requests += int((chunk["node"] != ANY_NODE).sum())
        if steps:
            parts[cpu] = CpuSteps(steps, first, last)
    return parts, highest_node, node_requests
