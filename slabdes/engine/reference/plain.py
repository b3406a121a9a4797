"""The plain SimPy model that `bench` compares with: what one would write first. One event an operation, a Resource for the lock.

Models hits that take a fixed time and, when the CPU's array is empty or full, a batch moved under the lock. Leaves out
everything else of the allocator: it is a measure of speed, not of behaviour.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from slabdes.engine.records import Histogram

HIT_PS = 12_000
BATCH_PS = 200_000
"""What a hit and a batch under the lock take (assumed; of no consequence to speed)."""


def run_plain(cpus: int, objects: int, rounds: int, limit: int, batchcount: int) -> int:
    """Bursts of `objects` allocations, then as many frees, on every CPU; how many operations that were."""
    env = simpy.Environment()
    lock = simpy.Resource(env)
    latency = Histogram()
    for _cpu in range(cpus):
        env.process(_live(env, lock, latency, objects, rounds, limit, batchcount))
    env.run()
    return latency.count


def _live(
    env: simpy.Environment, lock: simpy.Resource, latency: Histogram, objects: int, rounds: int, limit: int, batchcount: int
) -> Generator[simpy.Event, Any, None]:
    avail = 0
    for _round in range(rounds):
        for operation in range(2 * objects):
            start = env.now
            allocates = operation < objects
            if avail == (0 if allocates else limit):
                with lock.request() as request:
                    yield request
                    yield env.timeout(BATCH_PS)
                avail += batchcount if allocates else -batchcount
            yield env.timeout(HIT_PS)
            avail += -1 if allocates else 1
            latency.add(int(env.now - start))


def run_timeouts(events: int) -> int:
    """A bare loop of timeouts: the least that any SimPy model can cost."""
    env = simpy.Environment()
    env.process(_tick(env, events))
    env.run()
    return events


def _tick(env: simpy.Environment, events: int) -> Generator[simpy.Event, Any, None]:
    for _event in range(events):
        yield env.timeout(1)
