# SPDX-License-Identifier: GPL-2.0-only
"""A CPU's fields by purpose: both engines' CPUs are made of the same ones, under the same names."""

from __future__ import annotations

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.engine import fields
from slabdes.engine.compiled import cpu_layout
from slabdes.engine.cpu import TimedCpu
from slabdes.engine.fields import fields_of
from slabdes.paths.charges import ClockedCpu

GROUPS = ("Clock", "Account", "Interrupts", "Program")


def test_both_engines_cpus_have_the_fields_of_each_purpose() -> None:
    cpu = TimedCpu(0, 0, MemPolicy(1), slowdown=1.0, jitter=0.0, jitter_words=iter(()))
    for name in GROUPS:
        shared = fields_of(getattr(fields, name))
        assert shared.keys() <= fields_of(getattr(cpu_layout, name)).keys() <= fields_of(cpu_layout.Cpu).keys()
        assert all(isinstance(getattr(cpu, field), int) for field in shared)


def test_no_field_has_two_purposes() -> None:
    names = [name for group in cpu_layout.Cpu.__bases__ for name in fields_of(group)]
    assert len(names) == len(set(names))


def test_every_field_that_paths_see_of_a_cpu_is_one_of_these() -> None:
    assert fields_of(ClockedCpu).keys() - {"policy"} <= fields_of(cpu_layout.Cpu).keys()
    cpu = TimedCpu(0, 0, MemPolicy(1), slowdown=1.0, jitter=0.0, jitter_words=iter(()))
    assert all(hasattr(cpu, name) for name in fields_of(ClockedCpu))
    assert not hasattr(cpu, "__dict__")
