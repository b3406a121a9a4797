# SPDX-License-Identifier: GPL-2.0-only
"""That what is timed models the same thing: equal records of both engines, of the C version, and of the plain model where it can.

Run outside of what is timed. Leaves out scenarios other than the bench's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slabdes.config import AllocatorVersion
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import Records
from slabdes.engine.reference.plain import PlainLog, PlainModel
from slabdes.engine.reference.plain_slub import PlainSlubModel
from slabdes.engine.reference.run import run_reference
from slabdes.errors import CheckFailed
from slabdes.machine.topology import Machine
from slabdes.study.bench.scenarios import Case, Scenario, only_hits_take_time

if TYPE_CHECKING:
    from slabdes.study.bench.limit import Limit, LimitResult

PLAIN_CPUS: Final = 8
"""CPUs at most that the plain model is checked on: it breaks ties of time by insertion, engines by CPU, and ties get frequent."""


def check_engines(case: Case, machine: Machine, limit: Limit | None) -> None:
    """Raise CheckFailed unless the reference, the compiled engine and the C version leave the same."""
    experiment, workload = case.experiment(), case.workload(machine)
    records = run_reference(experiment, machine, workload)
    if records != run_compiled(experiment, machine, workload):
        raise CheckFailed(f"bench: reference and compiled differ on {_named(case)}")
    if limit is not None:
        check_limit(case, records, limit.run(experiment, machine, workload))


def check_limit(case: Case, records: Records, left: LimitResult) -> None:
    """Raise CheckFailed unless the C version has left the digest and the histograms of `records`."""
    differ = [
        *(["digest"] if left.digest != records.digest else []),
        *(["elapsed time"] if left.elapsed != records.elapsed else []),
        *(["latencies"] if left.latency != records.latency else []),
        *(
            lock.name
            for lock in records.locks
            if lock.acquisitions and left.locks.get((lock.kind, lock.node)) != (lock.wait, lock.hold)
        ),
    ]
    if differ:
        raise CheckFailed(f"bench: the C version differs on {_named(case)}: {', '.join(differ)}")


def check_plain(
    scenario: Scenario, machine: Machine, operations: int, allocator: AllocatorVersion = AllocatorVersion.V2_6_34
) -> None:
    """Raise CheckFailed unless an allocator's plain model has the reference's digest where only hits take time."""
    machine = only_hits_take_time(machine)
    for cpus in (1, PLAIN_CPUS):
        case = Case(scenario, cpus, operations, allocator)
        experiment, workload = case.experiment(), case.workload(machine)
        records = run_reference(experiment, machine, workload)
        log = PlainLog()
        plain = (PlainSlubModel if allocator.is_slub else PlainModel)(experiment, machine, workload, log)
        plain.run()
        digest = log.digest(machine.n_cpus, [(lock.kind, lock.node) for lock in records.locks])
        if digest != records.digest or {(0, path): took for path, took in plain.latency.items()} != records.latency:
            raise CheckFailed(f"bench: the plain model and the reference differ on {_named(case)} where only hits take time")


def _named(case: Case) -> str:
    return f"{case.scenario} with {case.cpus} CPUs, allocator {case.allocator.value}"
