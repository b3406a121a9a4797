# SPDX-License-Identifier: GPL-2.0-only
"""A CPU in compiled code: what both engines know of it (`engine.fields`), and what only compiled code does, by purpose.

Leaves out everything that others share (`run_layout`, `layout`).
"""

from __future__ import annotations

from enum import IntEnum

from slabdes.engine import fields
from slabdes.engine.fields import Word


class Context:
    """The running CPU, as paths see it: a SlabCpu. `policy` is the number of its task's."""

    number: int
    node: int
    path: int
    policy: int
    altfail: bool
    reap_node: int
    reap_due: int


class Clock(fields.Clock):
    """And where its streams of jitter and of races for locks are, and where that of grace periods begins."""

    jitter_key: Word
    race_key: Word
    grace_key: Word


class Account(fields.Account):
    """And how many accounts are remembered now.

    `beyond_work` is not 0 once time has gone to anything but work since accounts were remembered with none open: until then,
    there is no growth to be looked for.
    """

    level: int
    beyond_work: int


class Interrupts(fields.Interrupts):
    """And where its stream of interrupts is; the ring of objects that its handlers hold.

    `timer_at` is the first of `irq_at`, `reap_at`, when its reap timer fires, and other timers; NEVER within a bulk call.
    """

    irq_key: Word
    oldest: int
    held: int
    reap_at: int
    timer_at: int


class Micro(IntEnum):
    """What a CPU does first when its event comes."""

    NOTHING = 0
    TAKE = 1
    GRANTED = 2
    RELEASE = 3
    FINISH = 4


class AtLock:
    """A lock that the CPU takes, waits for or releases, from which site, since when, behind what upkeep; who waits behind it.

    `micro` is a Micro.
    """

    micro: int
    lock: int
    site: int
    asked: int
    behind: int
    next_waiter: int


class Stack:
    """Paths under way: the top one's place, the CPU's first frame. `ret` is what a path ended with, `ret2` a pair's second."""

    sp: int
    frame0: int
    ret: int
    ret2: int


class Step:
    """The present step, as `workload.programs.Step` says; `want` is the node asked for, since `node` is the CPU's own.

    `alike` steps from here on, this one too, differ in their slots only.
    """

    think: int
    op: int
    cache: int
    what: int
    want: int
    flags: int
    alike: int


class Why(IntEnum):
    """What a blocked CPU waits for."""

    FILLED = 0
    EMPTIED = 1
    BARRIER = 2


class Wait:
    """What a program waits for: another CPU (`blocked`, a Why), or the time `when`; at which stage it goes on `after` that."""

    blocked: int
    why: int
    at_barrier: int
    barrier_time: int
    when: int
    after: int


class ProgramKind(IntEnum):
    """Where a CPU's steps come from: nowhere, Python, or one of the synthetic programs, drawn in compiled code."""

    NONE = 0
    STREAM = 1
    BURST = 2
    MIX = 3
    PASS = 4
    SECTION = 5


class Program(fields.Program, Step, Wait):
    """And its present step, what it waits for, and where it is: a ProgramKind's numbers (`steps`).

    `pos`, `end` and `ended` are of steps that Python brings: the next one's place, the place after the last, whether there are
    no more. `arrival_key` and `on_left` are of arrivals drawn here: their stream, and what is left of a burst.
    """

    kind: int
    phase: int
    round: int
    index: int
    turn: int
    live: int
    live0: int
    base: int
    cache0: int
    call_end: int
    draw_key: Word
    arrival_key: Word
    on_left: int
    pos: int
    end: int
    ended: int


class Batches:
    """What SLUB's paths see beside: how many batches are being freed (a SlubCpu), the next object of a bulk call (a CallingCpu).

    Last, where they move no other field.
    """

    batches: int
    call_at: int


class Cpu(Context, Clock, Account, Interrupts, fields.Timers, AtLock, Stack, Program, Batches):
    """A CPU."""
