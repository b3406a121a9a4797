# SPDX-License-Identifier: GPL-2.0-only
"""Rules of locks on a few made-up CPUs. What is not given is what an experiment has that says nothing of locks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from slabdes.config import parse_experiment
from slabdes.engine.timed import lock_rules
from slabdes.locks.disciplines import Discipline, LockRules, Transfer
from slabdes.machine.load import load_machine

_RAW: Final = {
    "machine": {"preset": "uma-4"},
    "cache": [{"name": "c", "size": 64}],
    "workload": {"kind": "burst", "objects": 1, "rounds": 1},
}


@cache
def _usual() -> LockRules:
    return lock_rules(parse_experiment(_RAW, "small"), load_machine("uma-4"))


def small_rules(discipline: Discipline, transfer: Transfer, nodes: Sequence[int], **given: int) -> LockRules:
    """A discipline's rules where lines move and nodes lie so; `given` are fields of LockParameters."""
    return replace(_usual(), discipline=discipline, transfer=transfer, node_of_cpu=nodes, **given)
