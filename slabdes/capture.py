# SPDX-License-Identifier: GPL-2.0-only
"""What to type on a real computer so that slabdes can replay what it does: a script, printed and never run from here.

Knows which kmem events a kernel has and how large their text gets. Leaves out reading what was recorded.
"""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.errors import InputError, nearest, shown

TEXT_BYTES: Final = 181
"""Bytes of an event as text: the mean of the trace of Linux 6.18 in experiments/traces (174 in the one of 6.1)."""
GZIP_BYTES: Final = 10
"""Bytes of an event as text in gzip: likewise (8 in the one of 6.1)."""
BINARY_BYTES: Final = 110
"""Bytes of an event as tools keep it until it is text (assumed: names, pointers and a header of 50 bytes)."""
EVENT_NS: Final = (100, 1000)
"""What recording an event costs the CPU, in ns, from least to most (assumed; it depends on the tool and the processor)."""
MERGED_NODE_EVENTS: Final = (6, 1)
"""From here on allocations on a node are no events of their own (from reading; traces of 6.1 and 6.18 have none)."""
LOCK_EVENTS: Final = (6, 0)
"""From here on perf has lock contention by BPF (from reading)."""
MOST_SECONDS: Final = 3600
TOOLS: Final = ("perf", "trace-cmd", "tracefs")
"""In the order in which one that is installed is taken; tracefs is the kernel's own files and always there."""
_RELEASE: Final = re.compile(r"(\d{1,2})\.(\d{1,3})(?:[.\-+]\S*)?\Z")
_EVENTS: Final = ("kmem_cache_alloc", "kmem_cache_free", "kmalloc", "kfree")
_NODE_EVENTS: Final = ("kmem_cache_alloc_node", "kmalloc_node")
_LAST_SLAB: Final = (6, 7)


@dataclass(frozen=True)
class Kernel:
    """A Linux kernel to record: what `uname -r` says, and its allocator (SLAB, SLUB, or "" where that is not known)."""

    release: str
    version: tuple[int, int]
    allocator: str

    @property
    def events(self) -> tuple[str, ...]:
        """The kmem events that a replay needs."""
        return _EVENTS if self.version >= MERGED_NODE_EVENTS else (*_EVENTS, *_NODE_EVENTS)


@dataclass(frozen=True)
class Step:
    """A part of the script: what it is for, in sentences, and its lines of shell."""

    title: str
    why: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Capture:
    """How to record a kernel for `seconds`: sentences first, then steps, then what to type where slabdes is."""

    kernel: Kernel
    tool: str
    seconds: float
    steps: tuple[Step, ...]

    def sentences(self) -> tuple[str, ...]:
        """What is recorded, how much that becomes, and what the recording changes."""
        allocator = f"runs {self.kernel.allocator}" if self.kernel.allocator else "runs SLAB or SLUB"
        return (
            f"Linux {shown(self.kernel.release, 60)} {allocator}; what is asked of it is the same for either, and slabdes replays"
            " it on the allocator that you name.",
            f"As root, this records every kmem event of all CPUs for {self.seconds:g} s with {self.tool}; nothing of it has"
            " been run.",
            f"A million events are {TEXT_BYTES} MB of text, {GZIP_BYTES} MB in gzip,"
            f" and before that about {BINARY_BYTES} MB in memory or on disk (assumed); step 1 says how many"
            " there are a second.",
            f"Recording costs {EVENT_NS[0]} to {EVENT_NS[1]:,} ns an event (assumed), so that CPUs seem to think longer than they"
            " do: replay tells waiting at the recorded load, at higher ones, and without any think times.",
            "What no event is for is not there: objects allocated or freed in bulk, and by kfree_rcu in batches, so that some"
            " objects seem never to be freed. Do not filter by process: a replay needs both sides of each object.",
        )

    def after(self) -> tuple[str, ...]:
        """Commands for where slabdes is, once the files are there."""
        return (
            "slabdes trace info kmem.txt.gz",
            "slabdes machine import machine.xml  # without lstopo there is machine.txt instead",
            "slabdes replay kmem.txt.gz --machine machine.xml  # or machine.txt",
            "slabdes replay kmem.txt.gz --machine xeon-2s --copies 12",
        )

    def script(self) -> Iterator[str]:
        """The lines of a script for sh, what is said of it in comments."""
        for number, step in enumerate(self.steps, 1):
            yield from ("", f"# {number}. {step.title}: {step.why}", *step.commands)

    def to_dict(self) -> dict[str, object]:
        """All of it for JSON."""
        return {
            "kernel": {"release": self.kernel.release, "allocator": self.kernel.allocator, "events": list(self.kernel.events)},
            "tool": self.tool,
            "seconds": self.seconds,
            "sentences": list(self.sentences()),
            "steps": [{"title": step.title, "why": step.why, "commands": list(step.commands)} for step in self.steps],
            "then": list(self.after()),
        }


def capture(kernel: str = "", tool: str = "", seconds: float = 10.0) -> Capture:
    """What to type to record `seconds` of a kernel for a replay; nothing of it is run.

    `kernel` is what `uname -r` prints there ("": this computer's), `tool` one of TOOLS ("": the first that is installed).
    Raises InputError for a release, a tool or a time that is none.
    """
    if tool and tool not in TOOLS:
        raise InputError(f"tool {shown(tool)}", f"is not known{nearest(tool, TOOLS)}", allowed=", ".join(TOOLS))
    if not 1 <= seconds <= MOST_SECONDS:
        raise InputError("seconds", shown(seconds), allowed=f"1 to {MOST_SECONDS}")
    of = _named(kernel) if kernel else _here()
    tool = tool or next((name for name in TOOLS if shutil.which(name)), "tracefs")
    record = {"perf": _perf, "trace-cmd": _trace_cmd, "tracefs": _tracefs}[tool](of.events, f"{seconds:g}")
    settings = () if of.allocator == "SLAB" else (_settings(),)
    steps = (_rate(of.events), _around("before"), record, _around("after"), *settings, _locks(of.version), _machine())
    return Capture(of, tool, seconds, steps)


def _named(release: str, allocator: str = "") -> Kernel:
    match = _RELEASE.match(release)
    if match is None or len(release) > 100:
        raise InputError(f"kernel {shown(release)}", "is no release of Linux", allowed="what `uname -r` prints, such as 6.12.3")
    version = int(match[1]), int(match[2])
    if version < (2, 6):
        raise InputError(f"kernel {shown(release)}", "has no kmem events", allowed="2.6.31 or newer")
    return Kernel(release, version, "SLUB" if version > _LAST_SLAB else allocator)


def _here() -> Kernel:
    if platform.system() != "Linux":
        where = f"this computer runs {shown(platform.system() or 'something unknown', 30)}"
        raise InputError("kernel", where, allowed="--kernel RELEASE, as `uname -r` prints it on the Linux to record")
    # SLUB alone has a folder a cache.
    allocator = "SLUB" if Path("/sys/kernel/slab").is_dir() else "SLAB" if Path("/proc/slabinfo").exists() else ""
    return _named(platform.release(), allocator)


def _names(events: tuple[str, ...]) -> str:
    return ",".join(f"kmem:{event}" for event in events)


def _rate(events: tuple[str, ...]) -> Step:
    why = "how many events a second, so that you know how large it gets."
    return Step("Look first", why, (f"perf stat -a -e {_names(events)} -- sleep 1 || true",))


def _around(when: str) -> Step:
    why = {
        "before": "sizes of objects, limits and batchcounts, and what is held when it begins.",
        "after": "what is held when it ends.",
    }[when]
    return Step(f"The caches {when}", why, (f"cat /proc/slabinfo > slabinfo-{when}.txt",))


def _settings() -> Step:
    why = "how SLUB laid its caches out, and their settings: --sysfs slab.tar.gz takes them."
    copied = "tar -czf slab.tar.gz -C /sys/kernel slab 2> /dev/null || true  # files shrink while tar reads them"
    return Step("The caches' settings", why, (f"[ ! -d /sys/kernel/slab ] || {copied}",))


def _perf(events: tuple[str, ...], seconds: str) -> Step:
    return Step(
        "Record",
        "8 MiB of buffer a CPU; what is lost is told when the text is read.",
        (
            f"perf record -a -m 8M -e {_names(events)} -o kmem.data -- sleep {seconds}",
            "perf script --header --ns -F comm,tid,cpu,time,event,trace -i kmem.data | gzip > kmem.txt.gz",
        ),
    )


def _trace_cmd(events: tuple[str, ...], seconds: str) -> Step:
    chosen = " ".join(f"-e kmem:{event}" for event in events)
    return Step(
        "Record",
        "32 MiB of buffer a CPU; what is lost is told when the text is read.",
        (
            f"trace-cmd record -b 32768 {chosen} -o kmem.dat sleep {seconds}",
            "trace-cmd report -t -i kmem.dat | gzip > kmem.txt.gz",
        ),
    )


def _tracefs(events: tuple[str, ...], seconds: str) -> Step:
    instance = "$tracing/instances/slabdes"
    return Step(
        "Record",
        "in a buffer of its own, 64 MiB a CPU, which holds some 600,000 events a CPU (assumed); the oldest are lost beyond that.",
        (
            "tracing=/sys/kernel/tracing; [ -d $tracing/events ] || tracing=/sys/kernel/debug/tracing",
            f"mkdir {instance}; trap 'echo 0 > {instance}/tracing_on; rmdir {instance}' EXIT",
            f"echo 0 > {instance}/tracing_on",
            f"echo 65536 > {instance}/buffer_size_kb",
            f"echo global > {instance}/trace_clock  # one clock for all CPUs",
            f"for event in {' '.join(events)}; do echo 1 > {instance}/events/kmem/$event/enable; done",
            f"echo 1 > {instance}/tracing_on; sleep {seconds}; echo 0 > {instance}/tracing_on",
            f"gzip < {instance}/trace > kmem.txt.gz",
        ),
    )


def _locks(version: tuple[int, int]) -> Step:
    why = "who waits for which lock, to compare with what slabdes says; apart from the trace, since either slows the other."
    if version >= LOCK_EVENTS:
        command = "perf lock contention -a -b -- sleep 5 2> lock-contention.txt || true  # -b needs a perf with BPF"
    else:
        recorded = (
            "( old=$(cat /proc/sys/kernel/lock_stat); trap 'echo $old > /proc/sys/kernel/lock_stat' EXIT; "
            "trap 'exit 1' INT TERM; echo 0 > /proc/lock_stat; echo 1 > /proc/sys/kernel/lock_stat; sleep 5; "
            "cat /proc/lock_stat > lock_stat.txt )"
        )
        command = f"[ ! -e /proc/lock_stat ] || {recorded}  # needs CONFIG_LOCK_STAT, which is then as it was"
    return Step("Lock contention", why, (command,))


def _machine() -> Step:
    why = "CPUs, caches, nodes and their distances (of hwloc; what numactl prints is read, too, and has no caches)."
    return Step(
        "The machine", why, ("lstopo --of xml > machine.xml || { rm -f machine.xml; numactl --hardware > machine.txt; }",)
    )
