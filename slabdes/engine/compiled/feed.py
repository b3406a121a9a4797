# SPDX-License-Identifier: GPL-2.0-only
"""A workload for compiled code: synthetic programs as numbers that it draws steps from, any other as chunks of its steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from slabdes.config import ThinkKind
from slabdes.engine.compiled.cpu_layout import ProgramKind
from slabdes.engine.compiled.layout import Array, Slot, Step, blank, names_of
from slabdes.engine.compiled.memory import Memory
from slabdes.engine.compiled.pack import pack_response
from slabdes.engine.compiled.program import IDLE
from slabdes.engine.compiled.slots import FREE_PLACE
from slabdes.streams import GAMMA, MASK64, words
from slabdes.units import ns_to_ps
from slabdes.workload.arrivals import WORDS_TO_BEGIN, Arriving, begin
from slabdes.workload.programs import Op, Program, Workload
from slabdes.workload.synthetic import SLOT_BITS, Burst, CriticalSection, Mix, PassObjects, bulk_size
from slabdes.workload.trace.replay import TraceProgram

_FIELDS = len(names_of(Step))

CHUNK = 2048
"""Steps that Python brings a CPU at a time."""
FIRST_PLACES = 1 << 14
"""Places of the hash table of slots at the start."""
MOST_TABLE = 1 << 26
"""Slots beyond which they are hashed instead of lying in a table; then steps come from Python, too."""


class Feed:
    """The workload of one run; `refill` brings the steps that compiled code asks for."""

    def __init__(self, memory: Memory, workload: Workload) -> None:
        self._memory = memory
        self._chunks: dict[int, Iterator[Array]] = {}
        memory.set(
            windowed=workload.windowed,
            arrivals=workload.arrivals,
            barrier=workload.barrier,
            unfinished=len(workload.programs),
            n_caches=len(workload.caches),
        )
        if workload.arrivals:
            pack_response(memory)
        for name in ("slots", "lives", "spares", "steps"):
            memory.put(name, [])
        for number, cpu in enumerate(memory["cpus"]):
            if number not in workload.programs:
                memory["frames"][int(cpu["frame0"])]["pc"] = IDLE
        if not _pack_synthetic(memory, workload):
            self._stream(workload)

    def _stream(self, workload: Workload) -> None:
        memory = self._memory
        memory.set(hashed=1, slot_mask=FIRST_PLACES - 1, chunk=CHUNK)
        memory.put("slots", _empty_table(FIRST_PLACES))
        memory.put("steps", blank(Step, len(memory["cpus"]) * CHUNK))
        for cpu, program in workload.programs.items():
            memory["cpus"][cpu]["kind"] = ProgramKind.STREAM
            self._chunks[cpu] = _trace_chunks(program) if isinstance(program, TraceProgram) else _chunks(program)

    def refill(self, cpu: int) -> None:
        """Bring the next steps of a CPU, or word that there are none."""
        steps = next(self._chunks[cpu], None)
        record = self._memory["cpus"][cpu]
        record["pos"] = 0
        record["end"] = 0 if steps is None else len(steps)
        record["ended"] = steps is None
        if steps is not None:
            table = self._memory["steps"].view("i8").reshape(-1, _FIELDS)
            table[cpu * CHUNK : cpu * CHUNK + len(steps)] = steps

    def more_slots(self) -> None:
        """Make the hash table of slots twice as large."""
        from slabdes.engine.compiled.entries import rehash_function

        memory = self._memory
        old = memory["slots"]
        memory.put("slots", _empty_table(2 * len(old)))
        memory.set(slot_mask=2 * len(old) - 1)
        rehash_function(memory.kind)(memory.run, old.ctypes.data, len(old))


def _chunks(program: Program) -> Iterator[Array]:
    """The steps of any program, at most CHUNK at a time, a row a step; no chunk is empty."""
    steps = program()
    while chunk := list(islice(steps, CHUNK)):
        yield np.array(chunk, "i8")


def _trace_chunks(program: TraceProgram) -> Iterator[Array]:
    """The same of a traced program, whose steps are arrays already."""
    for columns in program.columns():
        steps = np.stack(columns, axis=1, dtype="i8", casting="unsafe")
        for first in range(0, len(steps), CHUNK):
            yield steps[first : first + CHUNK]


def _empty_table(places: int) -> Array:
    table = blank(Slot, places)
    table["key"] = FREE_PLACE
    return table


def _pack_synthetic(memory: Memory, workload: Workload) -> bool:
    """Programs of one kind and one configuration as numbers; whether that is what they are."""
    programs = _pack_arrivals(memory, list(workload.programs.items()))
    first = programs[0][1]
    if not all(type(program) is type(first) and _config(program) == _config(first) for _cpu, program in programs):
        return False
    match first:
        case Burst():
            packed = _pack_burst(memory, programs)
        case Mix() if not first.config.bulk:
            packed = _pack_mix(memory, programs)
        case PassObjects() if not first.config.bulk:
            packed = _pack_pass(memory, programs)
        case CriticalSection():
            packed = _pack_section(memory, programs)
        case _:
            packed = False
    return packed


def _config(program: Program) -> object:
    return getattr(program, "config", None)


Programs = list[tuple[int, Program]]


def _pack_arrivals(memory: Memory, programs: Programs) -> Programs:
    """Programs whose steps arrive alike: how they do, as numbers, and the programs without it. Others are as they were."""
    alike = {program.arrivals if isinstance(program, Arriving) else None for _cpu, program in programs}
    arrivals = next(iter(alike))
    if len(alike) > 1 or arrivals is None:
        return programs
    memory.set(arrive_gap=arrivals.gap, arrive_random=arrivals.random, arrive_on=arrivals.on, arrive_off=arrivals.off)
    arriving = [(cpu, program) for cpu, program in programs if isinstance(program, Arriving)]
    for cpu, program in arriving:
        record = memory["cpus"][cpu]
        record["arrival"], record["on_left"] = begin(arrivals, words(program.key))
        record["arrival_key"] = (program.key + WORDS_TO_BEGIN * GAMMA) & MASK64
    return [(cpu, program.program) for cpu, program in arriving]


def _table(memory: Memory, owners: int, slots: int) -> bool:
    """A table of slots, if they are few enough."""
    if owners * slots > MOST_TABLE:
        return False
    memory.set(slot_stride=slots)
    memory.put("slots", blank(Slot, owners * slots))
    return True


def _think(memory: Memory, kind: ThinkKind, mean_ns: float) -> None:
    mean = ns_to_ps(mean_ns)
    memory.set(think_mean=mean, think_random=kind is ThinkKind.EXPONENTIAL and mean > 0)


def _pack_burst(memory: Memory, programs: Programs) -> bool:
    for cpu, program in programs:
        assert isinstance(program, Burst)
        config = program.config
        record = memory["cpus"][cpu]
        record["kind"] = ProgramKind.BURST
        record["base"] = program.owner << SLOT_BITS
        if config.own_caches:
            record["cache0"] = program.owner
    if config.own_caches:
        memory.set(n_caches=1)
    memory.set(
        objects=config.objects,
        rounds=config.rounds,
        bulk_alloc=bulk_size(config, Op.ALLOC),
        bulk_free=bulk_size(config, Op.FREE),
        of_one_cache=config.bulk or 1,
        has_barrier=config.barrier,
        burst_think=ns_to_ps(config.think_ns),
    )
    return _table(memory, len(programs), config.objects)


def _pack_mix(memory: Memory, programs: Programs) -> bool:
    slots = 0
    for place, (cpu, program) in enumerate(programs):
        assert isinstance(program, Mix)
        config = program.config
        slots = 2 * config.live + 1
        record = memory["cpus"][cpu]
        record["kind"] = ProgramKind.MIX
        record["draw_key"] = program.key
        record["live0"] = place * slots
    if not _table(memory, len(programs), slots):
        return False
    _think(memory, config.think, config.think_ns)
    memory.set(operations=config.operations, target=config.live)
    memory.put("lives", np.zeros(len(programs) * slots))
    spares = memory.put("spares", np.zeros(len(programs) * slots)).reshape(len(programs), slots)
    for place, (_cpu, program) in enumerate(programs):
        assert isinstance(program, Mix)
        spares[place] = (program.owner << SLOT_BITS) + np.arange(slots - 1, -1, -1)
    return True


def _pack_pass(memory: Memory, programs: Programs) -> bool:
    for cpu, program in programs:
        assert isinstance(program, PassObjects)
        config = program.config
        record = memory["cpus"][cpu]
        record["kind"] = ProgramKind.PASS
        record["draw_key"] = program.key
        record["base"] = program.pair << SLOT_BITS
        record["phase"] = Op.ALLOC if program.op is Op.ALLOC else Op.FREE
        record["cache0"] = program.first
        memory.set(n_caches=program.n_caches)
    _think(memory, config.think, config.think_ns)
    memory.set(objects=config.objects, window=config.window)
    return _table(memory, (len(programs) + 1) // 2, config.window)


def _pack_section(memory: Memory, programs: Programs) -> bool:
    for cpu, program in programs:
        assert isinstance(program, CriticalSection)
        config = program.config
        record = memory["cpus"][cpu]
        record["kind"] = ProgramKind.SECTION
        record["draw_key"] = program.key
    _think(memory, config.think, config.think_ns)
    hold = ns_to_ps(config.hold_ns)
    memory.set(
        operations=config.operations,
        hold_mean=hold,
        hold_random=config.hold is ThinkKind.EXPONENTIAL and hold > 0,
        hold_one_in=config.hold_one_in,
    )
    return True
