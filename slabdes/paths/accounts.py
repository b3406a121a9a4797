# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of every operation: when it began and ended, where its time went, and how long interrupts were off.

Leaves out the operations themselves, and how an engine keeps accounts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic

from slabdes.paths.charges import ClockRules, Cpu
from slabdes.paths.outcome import Path


class Accounts(ABC, Generic[Cpu]):
    """An engine's books."""

    rules: ClockRules

    @abstractmethod
    def remember_accounts(self, cpu: Cpu) -> None:
        """From here on, what the CPU's accounts grow by belongs to something new."""

    @abstractmethod
    def account_for(self, cpu: Cpu, path: Path) -> int:
        """What they have grown by since then belongs to an operation of this path; what first touches are of it."""

    @abstractmethod
    def account_for_interrupt(self, cpu: Cpu, began: int) -> None:
        """It belongs to a handler that began at `began`: to the operation that it interrupted, all that time is interrupts."""

    @abstractmethod
    def count(self, cpu: Cpu, cache: int, path: Path, start: int, what: int) -> None:
        """Record an operation that began at `start` and ends now; `what` is the object, or what else tells it from others."""

    @abstractmethod
    def count_part(self, cpu: Cpu, cache: int, path: Path, start: int, what: int, since: int, until: int) -> None:
        """The same of a part of a call, which an event log has from `since` to `until`."""

    @abstractmethod
    def count_turn(self, cpu: Cpu, what: int, start: int, taken: bool) -> None:
        """Record a turn of an Upkeep that began at `start` and ends now, unless it was given up at once."""

    @abstractmethod
    def count_irqs_off(self, cpu: Cpu, time: int) -> None:
        """Interrupts were off for so long."""

    @abstractmethod
    def count_irq_wait(self, cpu: Cpu, time: int) -> None:
        """An interrupt has waited for so long."""


def disable_irqs(k: Accounts[Cpu], cpu: Cpu) -> None:
    """Interrupts go off, or stay off for one reason more."""
    if not cpu.irqs_off_depth:
        cpu.irqs_off_at = cpu.clock
    cpu.irqs_off_depth += 1


def enable_irqs(k: Accounts[Cpu], cpu: Cpu, now: int) -> None:
    """One reason less for interrupts to be off; the last one counts how long they were."""
    cpu.irqs_off_depth -= 1
    if not cpu.irqs_off_depth:
        k.count_irqs_off(cpu, now - cpu.irqs_off_at)
        cpu.irqs_on_at = now


def begin_account(k: Accounts[Cpu], cpu: Cpu) -> None:
    """An operation begins that may be more than a hit: interrupts go off where all of it has them off, unless they are.

    So a grow that may wait turns them on in a bulk call, too: local_irq_enable does not ask for whom they are off.
    """
    k.remember_accounts(cpu)
    if k.rules.irqs_off and not cpu.in_bulk:
        disable_irqs(k, cpu)


def end_account(k: Accounts[Cpu], cpu: Cpu, path: Path) -> None:
    """It ends; interrupts went on before an allocation's object was touched.

    How long they were off is not counted for a hit, which engines need not account for at all.
    """
    touched = k.account_for(cpu, path)
    if cpu.in_bulk or not k.rules.irqs_off:
        return
    if path == Path.HIT or path == Path.FREE_HIT:
        cpu.irqs_off_depth -= 1
    else:
        enable_irqs(k, cpu, cpu.clock - touched if path <= Path.FAIL else cpu.clock)
