# SPDX-License-Identifier: GPL-2.0-only
"""Logs of real SLUBs, and random operations, run through compiled code and tell the same steps and leave the same state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from slabdes.allocator.gfp import MAY_WAIT, THISNODE
from slabdes.allocator.slub.check import check
from slabdes.allocator.slub.geometry import slub_geometry
from slabdes.allocator.slub.state import NO_SHEAF, SlubState
from slabdes.allocator.slub.versions import LINUX_6_12, LINUX_6_18, LINUX_7_0, LINUX_7_1, LINUX_7_3, SlubVersion
from slabdes.allocator.state import NO_NODE, NO_OBJECT
from slabdes.config import EngineName
from slabdes.conformance.driver import Drivers
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.slub_log.compare import compare_slub_log
from slabdes.conformance.slub_log.driver import MakeSlubDriver, SlubGeneratorDriver
from slabdes.conformance.slub_log.kernel import LogKernel
from slabdes.conformance.slub_log.snapshot import counters, snapshot
from slabdes.engine.compiled.slub.serial import SlubSerialDriver
from slabdes.paths.slub.kernel import Point

TESTS = Path(__file__).parents[2]
SHARED = TESTS.parents[1] / "shared"
LOGS = [
    *sorted((TESTS / "kernel73/prescribed").glob("*/*.log.gz")),
    *(log for log in sorted((TESTS / "kernel612").glob("*/*.log.gz")) if not log.name.startswith("geometry")),
]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.parent.name}/{log.name.removesuffix('.log.gz')}")
def test_compiled_code_reproduces_every_line_of_a_log(log: Path) -> None:
    verdict = compare_slub_log(log, SlubSerialDriver)
    assert verdict.holds, verdict.difference
    assert verdict.total > 100


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["kernel73/prescribed", "kernel612"])
def test_so_it_does_of_all_logs_that_there_are(kernel: str) -> None:
    logs = [log for log in sorted((SHARED / kernel).glob("*/*.log.gz")) if not log.name.startswith("geometry")]
    if not logs:
        pytest.skip(f"../shared/{kernel} is not here")
    assert [log.name for log in logs if not compare_slub_log(log, SlubSerialDriver).holds] == []


def test_the_command_takes_logs_of_slub_for_either_engine() -> None:
    drivers = Drivers(EngineName.COMPILED)
    assert drivers.slub is SlubSerialDriver
    assert Drivers().slub is SlubGeneratorDriver
    (recording,) = find_recordings([TESTS / "kernel73/prescribed/1n1c"], drivers)
    assert recording.compare(recording.path).holds


class System:
    """One cache on three nodes, one without memory, as one of the drivers runs it."""

    def __init__(self, make: MakeSlubDriver, version: SlubVersion, size: int, capacity: int) -> None:
        memory = (True, True, False)
        state = SlubState((0, 0, 1, 2), 3, has_memory=memory)
        self.kernel = LogKernel(state, ((0, 1), (1, 0), (1, 0)), version)
        self.driver = make(self.kernel)
        geometry = slub_geometry(size, cpus=4, sheaf_capacity=capacity)
        if not version.sheaf_capacity("c", capacity or None, geometry.sheaf_capacity):
            geometry = replace(geometry, sheaf_capacity=0)
        self.cache = self.driver.create("c", geometry, cpu_slabs=version.cpu_slabs)
        self.kernel.name_locks(self.cache)
        self.held: list[int] = []
        self.sheaves: list[int] = []
        self.told: list[str] = []

    def tell(self, what: object) -> None:
        self.told.append(f"{what} {self.kernel.take_tokens()}")

    def step(self, random: Random) -> None:
        """One operation, the same for the same state of `random` and of the system."""
        kernel, driver, cache = self.kernel, self.driver, self.cache
        cpu = kernel.cpus[random.randrange(4)]
        kind = random.choice(
            ["a", "a", "a", "an", "f", "f", "f", "ab", "fb", "pf", "pa", "px", "pr", "r", "r", "rcu", "shrink", "set", "inject"]
        )
        some = [
            self.held.pop(random.randrange(len(self.held))) for _object in range(min(len(self.held), random.randrange(1, 50)))
        ]
        match kind:
            case "a" | "an":
                node = random.randrange(3) if kind == "an" else NO_NODE
                for _object in range(random.randrange(1, 40)):
                    self.take(driver.alloc(cpu, cache, random.choice([0, MAY_WAIT, MAY_WAIT | THISNODE]), node))
            case "f" | "r":
                while some:
                    (driver.free if kind == "f" else driver.kfree_rcu)(cpu, cache, some.pop())
            case "ab":
                got = driver.alloc_bulk(cpu, cache, random.randrange(60))
                self.tell(got)
                self.held += got or []
            case "fb":
                driver.free_bulk(cpu, cache, some)
                some = []
            case "pf" if cache.sheaf_capacity:
                self.hold(driver.prefill(cpu, cache, random.randrange(1, 100)))
            case "pa" | "px" | "pr" if self.sheaves:
                sheaf = self.sheaves.pop(random.randrange(len(self.sheaves)))
                if kind == "pa":
                    self.take(driver.alloc_from_sheaf(cpu, sheaf))
                    self.hold(sheaf)
                elif kind == "px":
                    other = driver.refill_sheaf(cpu, cache, sheaf, random.randrange(1, 100))
                    self.hold(sheaf if other == NO_SHEAF else other)
                else:
                    driver.return_sheaf(cpu, cache, sheaf)
            case "rcu":
                driver.flush_rcu(cpu, cache)
                driver.end_grace_period([])
                driver.free_batched()
            case "shrink":
                self.tell(driver.shrink(cpu, cache))
            case "set":
                kernel.failing_pages = [random.randrange(2), random.randrange(2)]
                kernel.failing_sheaves = random.randrange(2)
                cache.ratio, cache.min_partial = random.choice([0, 500, 1024]), random.randrange(4)
                kernel.skips.extend(random.choices([True, False], k=3))
            case "inject":
                kernel.injected = random.choice(list(Point)), lambda: self.take(driver.alloc(cpu, cache, 0, NO_NODE))
        self.held += some
        self.tell(kind)

    def take(self, obj: int) -> None:
        self.tell(obj)
        if obj != NO_OBJECT:
            self.held.append(obj)

    def hold(self, sheaf: int) -> None:
        self.tell(sheaf)
        if sheaf != NO_SHEAF:
            self.sheaves.append(sheaf)

    def state(self) -> list[str]:
        """All there is, once it is whole."""
        kernel, cache = self.kernel, self.cache
        self.driver.settle()
        waiting = [obj for queued in kernel.batched for obj in queued]
        check(kernel.state, cache, [*self.held, *waiting], [*self.sheaves, *(one.sheaf for one in kernel.callbacks)])
        told = [*counters(kernel.state, cache, kernel.locks), *snapshot(kernel.state, cache, dict(enumerate(self.sheaves)))]
        return [*told, str(sorted(kernel.state.words[slab.bufctl] for slab in kernel.state.slabs if slab.num))]


@pytest.mark.parametrize("version", [LINUX_7_3, LINUX_7_1, LINUX_7_0, LINUX_6_18, LINUX_6_12], ids=lambda version: version.name)
def test_random_operations_of_every_kind_tell_the_same_steps_and_leave_the_same_state(version: SlubVersion) -> None:
    told: list[str] = []
    for seed in range(8):
        random = Random(seed)
        size, capacity = random.choice([64, 700, 2048, 4096]), random.choice([0, 0, 5, 32])
        ours, generators = (System(make, version, size, capacity) for make in (SlubSerialDriver, SlubGeneratorDriver))
        for step in range(60):
            for system in (ours, generators):
                system.step(Random(f"{seed}.{step}"))
            assert ours.told == generators.told
            if step % 15 == 14:
                assert ours.state() == generators.state()
        told += ours.told
    words = {word.partition("(")[0] for line in told for word in line.split()}
    wanted = (
        {"cas", "nopage0", "@sheaf", "flush", "direct", "sheaffree"}
        if version.sheaves.value == 2
        else {"cas", "nopage0", "drain"}
    )
    assert wanted <= words


def test_what_has_to_grow_in_the_middle_of_an_operation_changes_no_step() -> None:
    # 3,000 slabs of one object each from one call, and their events: more than there is room for at first; a sheaf as large.
    both = []
    for make in (SlubSerialDriver, SlubGeneratorDriver):
        system = System(make, LINUX_7_3, 32768, 0)
        cpu = system.kernel.cpus[0]
        objects = system.driver.alloc_bulk(cpu, system.cache, 3000)
        assert objects is not None
        system.held = objects
        sheaf = system.driver.prefill(cpu, system.cache, 3000)
        system.sheaves.append(sheaf)
        system.driver.free_bulk(cpu, system.cache, [system.held.pop() for _object in range(2990)])
        system.tell(system.driver.shrink(cpu, system.cache))
        both.append((system.told, system.state()))
    assert both[0] == both[1]
