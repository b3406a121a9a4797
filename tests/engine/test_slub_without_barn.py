# SPDX-License-Identifier: GPL-2.0-only
"""On nodes without a barn sheaves stay empty and no barn is asked, whatever calls, leftovers and prefilled sheaves come."""

from __future__ import annotations

from typing import Any

import pytest

from slabdes.config import parse_experiment
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import LockKind
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import machine_of
from slabdes.workload.synthetic import build_synthetic

BULK = {"kind": "mix", "live": 60, "operations": 240, "bulk": 12}
WAYS: dict[str, dict[str, Any]] = {
    "single": {"workload": BULK | {"bulk": 1}},
    "bulk": {"workload": BULK},
    "spill": {"workload": BULK | {"bulk": 1}, "slub": {"leftovers": "spill"}},
    "bulk and spill": {"workload": BULK, "slub": {"leftovers": "spill"}},
    "prefilled": {"workload": BULK | {"bulk_of": "alloc", "prefill": 12}},
}


def on_half_of_the_nodes(version: str, **more: Any) -> dict[str, Any]:
    """CPUs on a node without memory; 7.3 where barns need memory, as 7.0 has it."""
    switches = more.pop("slub", {}) | ({"barns": "memory"} if version == "7.3" else {})
    machine = {"preset": "numa-2x4", "cpus": 3, "memory_mib": [0, 4096]}
    cache = [{"name": "a", "size": 64, "sheaf_capacity": 12}]
    kept = {"slub": switches} if switches else {}
    return {"name": "no barn", "allocator": version, "machine": machine, "cache": cache, **kept, **more}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["6.18", "7.0", "7.3"])
def test_sheaves_stay_empty_and_nobody_asks_a_barn_that_is_not_there(version: str, way: str) -> None:
    asked = dict(WAYS[way])
    if version == "6.18":
        asked.pop("slub", None)  # refills of it have no leftovers
    records = []
    for debug, run in ((True, run_reference), (False, run_compiled)):
        experiment = parse_experiment(on_half_of_the_nodes(version, **asked) | {"debug": debug}, "no barn")
        machine = machine_of(experiment)
        records.append(run(experiment, machine, build_synthetic(experiment, machine, 0)))
    assert records[0] == records[1]
    stats = records[0].slub[0].stats
    # A prefilled sheaf is none of the barn's, which the kernel counts as one that it has not got.
    assert (stats.barn_put, stats.barn_get, stats.barn_put_fail, stats.barn_get_fail * (way != "prefilled")) == (0, 0, 0, 0)
    assert sum(lock.acquisitions for lock in records[0].locks if lock.kind is LockKind.BARN) == 0
    if version != "6.18":  # its per-CPU slabs have a fast path of their own
        assert stats.alloc_fastpath == 0
