# SPDX-License-Identifier: GPL-2.0-only
"""When reap timers fire, in jiffies: kernel/timer.c's rounding and mm/slab.c's periods. Leaves out the workqueue's own delay."""

from __future__ import annotations

from typing import Final

REAPTIMEOUT_CPUC_SECONDS: Final = 2
"""A CPU reaps every two seconds (REAPTIMEOUT_CPUC)."""
REAPTIMEOUT_LIST3_SECONDS: Final = 4
"""A node's lists are trimmed every four (REAPTIMEOUT_LIST3)."""
SKEW_PER_CPU: Final = 3
"""Jiffies between the rounded timers of two neighbouring CPUs (round_jiffies_common)."""


def round_jiffies_relative(delay: int, cpu: int, jiffies: int, hz: int) -> int:
    """`delay` jiffies from now, moved so that timers of a CPU fall on whole seconds; still relative (round_jiffies_relative)."""
    original = jiffies + delay
    skewed = original + SKEW_PER_CPU * cpu
    remainder = skewed % hz
    rounded = skewed - remainder if remainder < hz // 4 else skewed - remainder + hz
    rounded -= SKEW_PER_CPU * cpu
    return (rounded if rounded > jiffies else original) - jiffies


def first_reap(cpu: int, jiffies: int, hz: int) -> int:
    """When CPU `cpu` reaps first, absolute (start_cpu_timer)."""
    return jiffies + round_jiffies_relative(hz, cpu, jiffies, hz)


def following_reap(cpu: int, jiffies: int, hz: int) -> int:
    """When a CPU that has just reaped does so again, absolute. (cache_reap)."""
    return jiffies + round_jiffies_relative(REAPTIMEOUT_CPUC_SECONDS * hz, cpu, jiffies, hz)


def first_next_reap(jiffies: int, addr_mod_4hz: int, hz: int) -> int:
    """A new node's next_reap: the descriptor's address spreads the caches over four seconds (alloc_kmemlist)."""
    return jiffies + REAPTIMEOUT_LIST3_SECONDS * hz + addr_mod_4hz


def next_beat(due: int, every: int, now: int) -> int:
    """The first beat of those every so often since `due` that is not past."""
    return due + every * (1 + max(0, now - due) // every)
