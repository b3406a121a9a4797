# SPDX-License-Identifier: GPL-2.0-only
"""The targets of validation, a module a kind of measurement: which experiment stands for it, what is compared, what is allowed.

Leaves out simulating, showing and drawing.
"""

from __future__ import annotations

from slabdes.validation.target import Target
from slabdes.validation.targets import (
    list_lock,
    one_cpu,
    pages,
    queue_lock,
    ratios,
    refills,
    sheaves,
    single_thread,
    ticket,
    two_cpus,
)

TARGETS: tuple[Target, ...] = (
    ticket.TARGET,
    list_lock.TARGET,
    one_cpu.TARGET,
    two_cpus.TARGET,
    pages.TARGET,
    single_thread.SIZES,
    single_thread.FAST_PATHS,
    queue_lock.TARGET,
    refills.TARGET,
    sheaves.TARGET,
    ratios.TARGET,
)
"""Every target, in the order in which they are told."""
