# SPDX-License-Identifier: GPL-2.0-only
"""The experiment file: what it may say, and one line for whatever it says wrong."""

from __future__ import annotations

from slabdes.config.allocators import AllocatorVersion
from slabdes.config.fields import MAX_CPUS, MAX_OBJECT_SIZE, MAX_POINTS, MAX_TASKS, Frozen
from slabdes.config.files import (
    apply_settings,
    apply_values,
    expand,
    load_experiment,
    parse_experiment,
    points_of,
    with_settings,
    without_rule,
)
from slabdes.config.models import (
    CacheConfig,
    CacheFlag,
    Discipline,
    EngineName,
    Experiment,
    InterruptConfig,
    InterruptKind,
    LockConfig,
    MachineConfig,
    Placement,
    Switch,
)
from slabdes.config.timing import TimingConfig, TimingRule
from slabdes.config.workloads import (
    ArrivalKind,
    ArrivalsWorkload,
    BurstWorkload,
    Count,
    CriticalSectionWorkload,
    MixWorkload,
    Nanoseconds,
    PagesWorkload,
    ProducerConsumerWorkload,
    ThinkKind,
    TraceWorkload,
    WarmUpRule,
    Workload,
)

__all__ = [
    "AllocatorVersion",
    "ArrivalKind",
    "ArrivalsWorkload",
    "BurstWorkload",
    "CacheConfig",
    "CacheFlag",
    "Count",
    "CriticalSectionWorkload",
    "Discipline",
    "EngineName",
    "Experiment",
    "Frozen",
    "InterruptConfig",
    "InterruptKind",
    "LockConfig",
    "MAX_CPUS",
    "MAX_OBJECT_SIZE",
    "MAX_POINTS",
    "MAX_TASKS",
    "MachineConfig",
    "MixWorkload",
    "Nanoseconds",
    "PagesWorkload",
    "Placement",
    "ProducerConsumerWorkload",
    "Switch",
    "ThinkKind",
    "TimingConfig",
    "TimingRule",
    "TraceWorkload",
    "WarmUpRule",
    "Workload",
    "apply_settings",
    "apply_values",
    "expand",
    "load_experiment",
    "parse_experiment",
    "points_of",
    "with_settings",
    "without_rule",
]
