# SPDX-License-Identifier: GPL-2.0-only
"""What differs between kernel versions, seen on the locks a growing refill takes: with no clock, and with one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.gfp import MAY_WAIT
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import NO_OBJECT, CacheSpec, SlabState
from slabdes.allocator.tunables import Tunables
from slabdes.allocator.versions import (
    LINUX_2_6_34,
    LINUX_4_6,
    LINUX_4_7,
    LINUX_6_1,
    SERIES_2016,
    VERSIONS,
    Switches,
    Version,
    with_switches,
)
from slabdes.config import CacheConfig, parse_experiment
from slabdes.conformance.kernel_log.kernel import LogKernel
from slabdes.engine.fields import fields_of
from slabdes.engine.records import LockKind, Path, Records
from slabdes.engine.reference.run import run_reference
from slabdes.engine.setup import SWITCHES, geometry_of, version_of
from slabdes.errors import InputError
from slabdes.machine import load_machine
from slabdes.paths.kernel import Waits
from slabdes.paths.sites import LockSite
from slabdes.paths.slab.alloc import kmem_cache_alloc
from slabdes.paths.slab.kernel import SlabCpu
from slabdes.workload.programs import ANY_NODE, Op, Step, Workload

SERIES = [with_switches(LINUX_2_6_34, SERIES_2016[:count]) for count in range(len(SERIES_2016) + 1)]
"""2.6.34, and the 2016 series' three switches in turn."""
ACQUISITIONS = [4, 3, 2, 1]
"""list_lock acquisitions of a refill that grows: empty lists, colour, insertion, retry; each switch saves one."""


SERIES_2016_IDS = ["as it stands", "colour", "and private slab", "and look"]


class CountingKernel(LogKernel):
    """Also remembers from where each lock was taken."""

    def __init__(self, version: Version) -> None:
        super().__init__(SlabState([0], 1, use_alien_caches=False), MemPolicy(1), version)
        self.sites: list[LockSite] = []

    def spin_lock(self, cpu: SlabCpu, lock: int, site: LockSite) -> Waits[None]:
        self.sites.append(site)
        yield from super().spin_lock(cpu, lock, site)


@pytest.mark.parametrize("switch", fields_of(Switches))
def test_every_switch_says_what_it_does(switch: str) -> None:
    assert f"`{switch}`: " in (Switches.__doc__ or "")


def first_allocation(version: Version) -> list[LockSite]:
    kernel = CountingKernel(version)
    config = CacheConfig(name="a", size=256)
    cache = kmem_cache_create(kernel.state, CacheSpec("a", geometry_of(config, version), Tunables(120, 60, 0)), 0)
    kernel.name_locks(cache)
    cpu = kernel.cpus[0]
    assert kernel.finish(kmem_cache_alloc(kernel, cpu, cache, MAY_WAIT)) != NO_OBJECT
    assert cpu.path is Path.GROW
    return kernel.sites


@pytest.mark.parametrize(("version", "acquisitions"), list(zip(SERIES, ACQUISITIONS, strict=True)), ids=SERIES_2016_IDS)
def test_each_switch_of_the_2016_series_saves_a_growing_refill_one_acquisition(version: Version, acquisitions: int) -> None:
    assert len(first_allocation(version)) == acquisitions


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("allocator", VERSIONS)
def test_an_experiments_key_turns_the_switch_of_its_name_on_over_any_version(allocator: str, name: str) -> None:
    asked = {"machine": {"preset": "uma-4"}, "workload": {"kind": "pages"}, "allocator": allocator}
    assert version_of(parse_experiment(asked, "test")) == VERSIONS[allocator]
    assert version_of(parse_experiment(asked | {name: True}, "test")) == replace(VERSIONS[allocator], **{name: True})


def test_a_growing_refill_takes_the_lock_for_lists_colour_insertion_and_retry_in_2_6_34() -> None:
    assert first_allocation(LINUX_2_6_34) == [LockSite.REFILL, LockSite.COLOUR, LockSite.GROW, LockSite.REFILL]


def test_4_6_takes_as_many_locks_as_2_6_34_and_4_7_as_few_as_6_1() -> None:
    assert first_allocation(LINUX_4_6) == first_allocation(LINUX_2_6_34)
    assert first_allocation(LINUX_4_7) == first_allocation(LINUX_6_1) == [LockSite.GROW]


def timed(
    allocator: str,
    switches: tuple[str, ...],
    programs: dict[int, list[Step]],
    tunables: dict[str, int] | None = None,
    **timing: object,
) -> Records:
    raw = {
        "allocator": allocator,
        "switches": list(switches),
        "machine": {"preset": "uma-4"},
        "cache": [{"name": "a", "size": 256, "shared": 0, **(tunables or {})}],
        "timing": {"jitter": 0.0, **timing},
        "workload": {"kind": "burst", "objects": 1},
        "debug": True,
    }
    experiment = parse_experiment(raw, "test")
    made = {cpu: (lambda steps=steps: iter(steps)) for cpu, steps in programs.items()}
    return run_reference(experiment, load_machine("uma-4"), Workload(made, experiment.cache))


def allocation(slot: int, think: int = 0) -> Step:
    return (think, Op.ALLOC, 0, slot, ANY_NODE, MAY_WAIT)


@pytest.mark.parametrize(("count", "acquisitions"), list(enumerate(ACQUISITIONS)))
@pytest.mark.parametrize("allocator", ["2.6.34", "4.6"])
def test_the_timed_engine_counts_the_same_acquisitions(allocator: str, count: int, acquisitions: int) -> None:
    records = timed(allocator, SERIES_2016[:count], {0: [allocation(0)]})
    (lock,) = [lock for lock in records.locks if lock.kind is LockKind.LIST]
    assert lock.acquisitions == lock.hold.count == acquisitions
    assert records.caches[0].grown == 1


def acquisitions(programs: dict[int, list[Step]]) -> int:
    """list_lock acquisitions of 6.1 where a slab has 16 objects and a refill takes 8."""
    records = timed("6.1", (), programs, tunables={"limit": 16, "batchcount": 8})
    assert records.caches[0].grown == 2
    (lock,) = [lock for lock in records.locks if lock.kind is LockKind.LIST]
    return lock.acquisitions


def test_a_look_can_be_wrong_by_the_time_it_is_acted_on() -> None:
    """CPU 0 grows and leaves 8 objects. CPU 1 takes them; CPU 2 needs a new slab: one acquisition, for its insertion.

    If CPU 2 looks at the same moment as CPU 1, it sees the 8 objects too, waits for the lock in vain, and takes it twice.
    """
    later = 1_000_000_000
    assert acquisitions({0: [allocation(0)], 1: [allocation(100, later)], 2: [allocation(200, 2 * later)]}) == 1 + 1 + 1
    assert acquisitions({0: [allocation(0)], 1: [allocation(100, later)], 2: [allocation(200, later)]}) == 1 + 1 + 2


def test_a_new_slab_cannot_be_taken_by_others_once_objects_leave_it_before_insertion() -> None:
    programs = {cpu: [allocation(cpu * 1000 + slot) for slot in range(300)] for cpu in range(4)}
    assert timed("2.6.34", (), programs).caches[0].retries > 0
    assert timed("2.6.34", ("unlocked_colour", "private_slab"), programs).caches[0].retries == 0


def test_writes_to_the_lists_cost_the_holder_more_where_waiters_spin_on_their_line() -> None:
    # Each CPU fills its list of pages alone, then all come together: what waiting for the zone's lock costs is another rule.
    turn = 1_000_000_000
    programs = {
        cpu: [
            allocation(cpu * 1000, cpu * turn),
            *(allocation(cpu * 1000 + slot, (4 - cpu) * turn if slot == 60 else 0) for slot in range(1, 240)),
        ]
        for cpu in range(4)
    }

    def mean_hold(allocator: str, spinners: bool) -> float:
        records = timed(allocator, (), programs, spinners_slow_holder=spinners)
        assert all(lock.contended == 0 for lock in records.locks if lock.kind is LockKind.ZONE)
        (lock,) = [lock for lock in records.locks if lock.kind is LockKind.LIST]
        return lock.hold.total / lock.hold.count

    assert mean_hold("4.6", True) > mean_hold("4.6", False)
    assert mean_hold("2.6.34", True) == mean_hold("2.6.34", False)


def test_every_version_runs_and_keeps_its_invariants() -> None:
    programs = {
        cpu: [step for slot in range(200) for step in (allocation(cpu * 1000 + slot),)]
        + [(0, Op.FREE, 0, cpu * 1000 + slot, ANY_NODE, 0) for slot in range(200)]
        for cpu in range(4)
    }
    for name in VERSIONS:
        records = timed(name, (), programs)
        assert sum(slab.in_use for slab in records.slabs) == 0


def test_an_unknown_version_is_told_with_those_there_are() -> None:
    there = "'2.6.34', '4.6', '4.7', '6.1', '6.12', '6.18', '7.0', '7.1', '7.2' or '7.3'"
    with pytest.raises(InputError, match=rf"allocator: '5.4' is not one of them; allowed: {there}"):
        timed("5.4", (), {})
