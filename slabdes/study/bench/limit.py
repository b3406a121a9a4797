# SPDX-License-Identifier: GPL-2.0-only
"""The scenario in C (`limit.c`): compiled where there is a compiler, fed with an experiment's numbers, read back as histograms.

Leaves out every scenario but bursts on one cache of 2.6.34 with a qspinlock; limit.c says what else it takes for granted.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from slabdes.allocator.pages import PagePool
from slabdes.allocator.state import SlabState
from slabdes.config import AllocatorVersion, BurstWorkload, Discipline, Experiment
from slabdes.engine.collect import digest_of
from slabdes.engine.lines import CacheLines
from slabdes.engine.records import SUB_BUCKET_BITS, Histogram, LockKind
from slabdes.engine.records import Path as Served
from slabdes.engine.setup import build_state
from slabdes.engine.timed import TimedLock, TimedSettings, jitter_key, make_cpus, make_locks, timed_settings
from slabdes.errors import CheckFailed, InputError
from slabdes.folders import scratch_folder
from slabdes.machine.topology import Machine
from slabdes.workload.programs import Workload

SOURCE: Final = "limit.c"
HEADER: Final = "limit.h"
FLAGS: Final = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")
_OPERATIONS_BETWEEN_REPORTS: Final = 1 << 22
"""Operations after which progress is told, and Ctrl-C heard."""
_BUCKETS: Final = (64 - SUB_BUCKET_BITS) << SUB_BUCKET_BITS
LONG = ctypes.c_int64
LONGS = ctypes.POINTER(ctypes.c_int64)
WORDS = ctypes.POINTER(ctypes.c_uint64)


class _Status(IntEnum):
    """Why limit_run came back."""

    FINISHED = 0
    PAUSED = 1
    NO_PAGES = 2
    TOO_LONG = 3
    NO_EVENT = 4


class HistogramInC(ctypes.Structure):
    """What limit.h calls Histogram, field by field."""

    _fields_ = (*((name, LONG) for name in ("count", "total", "least", "greatest")), ("buckets", LONG * _BUCKETS))


Histograms = ctypes.POINTER(HistogramInC)
_COSTS: Final = (
    "alloc_hit", "free_hit", "lock_op", "irq_pair", "slow_path", "move_object", "slab_object", "list_move", "grow_base",
    "init_object", "page_alloc_order0", "page_free_order0", "pcp_refill_page", "pcp_trim_page", "first_touch", "reap_base",
)  # fmt: skip
_NUMBERS: Final = (
    "n_cpus", "n_nodes", "objects", "rounds", "limit", "batchcount", "shared_limit", "num", "colour", "hz", "handoff_milli",
)  # fmt: skip
OF_MACHINE: Final[tuple[tuple[str, Any], ...]] = (
    *((name, LONGS) for name in ("transfer", "dram", "node_of_cpu", "works", "slowdown", "jitter")),
    ("jitter_key", WORDS),
)
LEFT: Final[tuple[tuple[str, Any], ...]] = (
    *((name, Histograms) for name in ("paths", "waits", "holds")),
    *((name, WORDS) for name in ("cpu_digests", "lock_digests")),
    *((name, LONG) for name in ("elapsed", "done")),
)
"""Fields of every Given in C: what the machine and its CPUs are, and what a run leaves."""
_BY_NODE: Final = ("next_reap", "free_limit", "free_pages", "page_batch", "page_high")


class _Given(ctypes.Structure):
    """What limit.c calls Given, field by field."""

    _fields_ = (
        *((name, LONG) for name in (*_NUMBERS, *_COSTS)),
        *OF_MACHINE,
        *((name, LONGS) for name in _BY_NODE),
        *LEFT,
    )


@dataclass(frozen=True)
class LimitResult:
    """What the C version leaves, as Records has it; `locks` are those that it models, by kind and node: waits and holds.

    `seconds` is the processor time of the simulation alone, without what Python does before and after.
    """

    digest: str
    elapsed: int
    latency: dict[tuple[int, Served], Histogram]
    locks: dict[tuple[LockKind, int], tuple[Histogram, Histogram]]
    operations: int
    seconds: float


class Inputs:
    """One run's numbers in C's memory (`given`), and what it leaves there. Keeps alive what its pointers point at.

    `kinds` of locks are modelled, in the order of C's histograms.
    """

    kinds: tuple[LockKind, ...]
    given: Any

    def __init__(self, machine: Machine) -> None:
        self._kept: list[Any] = []
        self._locks: Sequence[TimedLock] = ()
        self._n_nodes = machine.n_nodes

    def _keep(self, array: Any) -> Any:
        self._kept.append(array)
        return array

    def _longs(self, values: Any) -> Any:
        listed = list(values)
        return self._keep((ctypes.c_int64 * len(listed))(*listed))

    def _words(self, values: Any) -> Any:
        listed = list(values)
        return self._keep((ctypes.c_uint64 * len(listed))(*listed))

    def _of_machine(self, experiment: Experiment, machine: Machine, workload: Workload) -> dict[str, Any]:
        """What the machine and its CPUs are."""
        cpus = make_cpus(experiment, machine, workload, 0)
        return {
            "n_cpus": machine.n_cpus,
            "n_nodes": machine.n_nodes,
            "transfer": self._longs(transfer for row in machine.transfer_ps for transfer in row),
            "dram": self._longs(dram for row in machine.dram_ps for dram in row),
            "node_of_cpu": self._longs(machine.node_of_cpu),
            "works": self._longs(cpu.number in workload.programs for cpu in cpus),
            "slowdown": self._longs(cpu.slowdown for cpu in cpus),
            "jitter": self._longs(cpu.jitter for cpu in cpus),
            "jitter_key": self._words(jitter_key(experiment, 0, cpu.number) for cpu in cpus),
        }

    def _room(self, machine: Machine) -> dict[str, Any]:
        """Where the run leaves its results."""
        locks = len(self.kinds) * machine.n_nodes
        return {
            "paths": self._keep((HistogramInC * len(Served))()),
            "waits": self._keep((HistogramInC * locks)()),
            "holds": self._keep((HistogramInC * locks)()),
            "cpu_digests": self._words([0] * machine.n_cpus),
            "lock_digests": self._words([0] * locks),
        }

    def result(self, seconds: float) -> LimitResult:
        """What the finished run has left."""
        given = self.given
        locks = dict[tuple[LockKind, int], tuple[Histogram, Histogram]]()
        for lock in self._locks:
            # No other lock is taken in this scenario: their hashes stay as they begin.
            if lock.kind in self.kinds:
                number = self.kinds.index(lock.kind) * self._n_nodes + lock.node
                lock.digest = given.lock_digests[number]
                locks[lock.kind, lock.node] = histogram(given.waits[number]), histogram(given.holds[number])
        return LimitResult(
            digest=digest_of(given.cpu_digests[: given.n_cpus], [lock.digest for lock in self._locks]),
            elapsed=given.elapsed,
            latency={(0, path): histogram(given.paths[path]) for path in Served if given.paths[path].count},
            locks=locks,
            operations=given.done,
            seconds=seconds,
        )


class Limit:
    """A compiled C version; `inputs` makes an experiment its own."""

    def __init__(self, library: Path, inputs: Callable[[Experiment, Machine, Workload], Inputs]) -> None:
        loaded = ctypes.CDLL(str(library))
        self._inputs = inputs
        self._new = loaded.limit_new
        self._new.restype = ctypes.c_void_p
        self._new.argtypes = (ctypes.c_void_p,)
        self._run = loaded.limit_run
        self._run.argtypes = (ctypes.c_void_p, LONG)
        self._free = loaded.limit_free
        self._free.argtypes = (ctypes.c_void_p,)

    def run(
        self, experiment: Experiment, machine: Machine, workload: Workload, progress: Callable[[int], None] | None = None
    ) -> LimitResult:
        """Simulate the first replication; `progress` hears of operations done. InputError for what it does not model."""
        inputs = self._inputs(experiment, machine, workload)
        began = time.process_time()
        run = self._new(ctypes.addressof(inputs.given))
        if not run:
            allowed = "16 objects a slab of SLAB's, lines of up to 2 ms"
            raise InputError("bench", "the C version has no room for this cache and machine", allowed)
        try:
            status = _Status.PAUSED
            while status is _Status.PAUSED:
                status = _Status(self._run(run, _OPERATIONS_BETWEEN_REPORTS))
                if progress is not None:
                    progress(inputs.given.done)
        finally:
            self._free(run)
        seconds = time.process_time() - began
        if status is not _Status.FINISHED:
            raise CheckFailed(f"bench: the C version did not finish: {status.name}")
        return inputs.result(seconds)


def no_such_scenario() -> InputError:
    """An experiment asks for what a C version has not."""
    return InputError("bench", "the C version has no such scenario", allowed="a burst of the bench")


def known_burst(experiment: Experiment, settings: TimedSettings[Any], caches: Sequence[object]) -> bool:
    """Whether an experiment asks for what every C version has: a burst on one cache, with qspinlocks."""
    config = experiment.workload
    return (
        isinstance(config, BurstWorkload)
        and not (config.think_ns or config.barrier or config.bulk)
        and experiment.lock.discipline is Discipline.QSPINLOCK
        and settings.rules.posted_neighbour_writes
        and settings.rules.spinners_slow_holder
        and settings.rules.array_lines
        and not settings.rules.copy_line_milli
        and not settings.rules.early_lookups
        and not settings.rules.late_spinners
        and settings.interrupts is None
        and len(caches) == 1
    )


def _known(experiment: Experiment, settings: TimedSettings[Any], state: SlabState) -> bool:
    return (
        known_burst(experiment, settings, state.caches)
        and experiment.allocator is AllocatorVersion.V2_6_34
        and not experiment.switches
        and not state.caches[0].gfporder
    )


class SlabInputs(Inputs):
    """Those of limit.c."""

    kinds = (LockKind.LIST, LockKind.ZONE)

    def __init__(self, experiment: Experiment, machine: Machine, workload: Workload) -> None:
        super().__init__(machine)
        config = experiment.workload
        settings = timed_settings(experiment, machine, workload.caches)
        state = build_state(experiment, machine, workload.caches, 0)
        if not _known(experiment, settings, state) or not isinstance(config, BurstWorkload):
            raise no_such_scenario()
        (cache,) = state.caches
        pool = PagePool(machine.memory_pages, machine.node_of_cpu, settings.version.page_lists)
        self._locks = make_locks(state, CacheLines(machine.node_of_cpu, machine.transfer_ps, machine.dram_ps), settings.version)
        shared = cache.nodelists[0].shared
        self.given = _Given(
            objects=config.objects,
            rounds=config.rounds,
            limit=cache.limit,
            batchcount=cache.batchcount,
            shared_limit=shared.limit if shared else 0,
            num=cache.num,
            colour=cache.colour,
            hz=settings.hz,
            handoff_milli=settings.locks.handoff_milli,
            **{name: getattr(settings.costs, name) for name in _COSTS},
            **self._of_machine(experiment, machine, workload),
            next_reap=self._longs(l3.next_reap for l3 in cache.nodelists),
            free_limit=self._longs(l3.free_limit for l3 in cache.nodelists),
            free_pages=self._longs(pool.free),
            page_batch=self._longs(pool.batch),
            page_high=self._longs(pool.high),
            **self._room(machine),
        )


def histogram(left: HistogramInC) -> Histogram:
    """The same as the engines have it."""
    import numpy as np

    buckets = np.ctypeslib.as_array(left.buckets)
    filled = buckets.nonzero()[0]
    counted = dict(zip(filled.tolist(), buckets[filled].tolist(), strict=True))
    return Histogram(counted, left.count, left.total, left.least, left.greatest)


def compiler() -> str | None:
    """The C compiler at hand: `CC` from the environment, else cc; None where there is none."""
    return shutil.which(os.environ.get("CC") or "cc")


def source(name: str = SOURCE) -> bytes:
    """The text of a C version."""
    return files(__package__).joinpath(name).read_bytes()


@contextmanager
def compiled_limit(cc: str | None, text: bytes | None = None) -> Iterator[Limit | None]:
    """The C version, compiled by `cc` from `text` (limit.c); None without a compiler. CheckFailed if the compiler fails."""
    with compiled_library(cc, SOURCE, text) as library:
        yield None if library is None else Limit(library, SlabInputs)


@contextmanager
def compiled_library(cc: str | None, name: str, text: bytes | None = None) -> Iterator[Path | None]:
    """The library that `cc` makes of `name`'s text, or of another; None without a compiler. CheckFailed if the compiler fails."""
    if cc is None:
        yield None
        return
    with scratch_folder() as folder, as_file(files(__package__).joinpath(HEADER)) as header:
        library = folder / "limit.so"
        command = [cc, *FLAGS, "-I", str(header.parent), "-x", "c", "-", "-o", str(library)]
        try:
            done = subprocess.run(command, input=source(name) if text is None else text, capture_output=True, check=False)
        except OSError as error:
            raise CheckFailed(f"bench: {cc} cannot be run: {error.strerror}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").splitlines()
            raise CheckFailed(f"bench: {cc} does not compile {name}: {said[0] if said else f'exit code {done.returncode}'}")
        yield library
