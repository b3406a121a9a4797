# SPDX-License-Identifier: GPL-2.0-only
"""How a trace was recorded, as far as its header shows: by which tracer, on what machine, and which CPUs were on which nodes.

A header is what stands before the first kmem event. Leaves out command lines and names in it, which may be of anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from slabdes.errors import shown
from slabdes.workload.trace.events import MAX_CPU, MAX_NODE, Clock
from slabdes.workload.trace.lines import TraceLines

_LOOKED_AT: Final = 20_000
"""Lines of a header at most: perf tells a line of each CPU, and a kernel's log may stand before (assumed)."""
_MOST_SHOWN: Final = 60
_EVENT: Final = re.compile(rb"\b(kmem:)?(?:kmem_cache_alloc|kmem_cache_free|kmalloc|kfree)(?:_node)?:[ \t]+\S")
_TRACER: Final = re.compile(rb"^\W*# tracer: (\w{1,40})")
_KEY: Final = re.compile(rb"^#\s{0,8}([a-z][\w ]{0,30}?)\s{0,40}:(?: |$)", re.IGNORECASE)
_CPU_LIST: Final = re.compile(rb"^#\s{0,8}node(\d{1,4}) cpu list\s{0,8}:\s{0,8}([\d,-]{1,4096})\s*$")
_NOT_OF_THE_MACHINE: Final = frozenset((b"cmdline", b"event", b"hostname", b"captured on", b"perf version", b"os release"))
"""Keys of perf's header whose values may name an emulator that was but traced, or is a name."""
_SAYS_MACHINE: Final = re.compile(rb"\b(?:Hardware name|Hypervisor detected|DMI|CPU model|model name)\s{0,8}:", re.IGNORECASE)
"""Lines of a kernel's log that tell the machine."""
_EMULATORS: Final = re.compile(rb"\b(?:TCG|Bochs|gem5|Simics|PTLsim|softmmu|emulat(?:ed|ion|or))\b", re.IGNORECASE)
_VIRTUAL: Final = re.compile(rb"\b(?:KVM|VMware|Xen|Hyper-V|VirtualBox|Bhyve|Firecracker|virtual machine)\b", re.IGNORECASE)
_QEMU: Final = re.compile(rb"\bQEMU\b|\bIntel (?:Core|Xeon) Processor \(|\bAMD EPYC(?:-\w{1,10})? Processor", re.IGNORECASE)
"""QEMU, or a processor that it calls so; those made of silicon have (R) or a number in their names."""
_HYPERVISOR: Final = re.compile(rb"\bhypervisor\b", re.IGNORECASE)
"""A flag of processors: an emulator sets it, too."""
_FUNCTION_TRACERS: Final = frozenset(("function", "function_graph"))


class MachineKind(StrEnum):
    """What a header says of the machine; most often nothing."""

    UNKNOWN = "unknown"
    VIRTUAL = "virtual"
    EMULATED_OR_VIRTUAL = "emulated or virtual"
    EMULATED = "emulated"


_SIGNS: Final = (
    (_HYPERVISOR, MachineKind.VIRTUAL),
    (_QEMU, MachineKind.EMULATED_OR_VIRTUAL),
    (_VIRTUAL, MachineKind.VIRTUAL),
    (_EMULATORS, MachineKind.EMULATED),
)
"""What tells a kind, the surest last."""


@dataclass(frozen=True)
class Recording:
    """What a header shows. `by`: the tool; empty where nothing shows it. `machine`: the words that tell its kind.

    `node_of_cpu`: the node of each CPU where it is listed.
    """

    by: str = ""
    tracer: str = ""
    kind: MachineKind = MachineKind.UNKNOWN
    machine: str = ""
    node_of_cpu: Mapping[int, int] = field(default_factory=dict)

    def of_times(self, clock: Clock) -> str:
        """A sentence on what that means for think times; empty where nothing is shown, or where there are no times."""
        if clock is Clock.COUNTER or not (self.by or self.kind is not MachineKind.UNKNOWN):
            return ""
        if self.kind in (MachineKind.EMULATED, MachineKind.EMULATED_OR_VIRTUAL):
            maybe = "" if self.kind is MachineKind.EMULATED else ", or a virtual one"
            return (
                f"The trace's times are those of an emulated machine{maybe}, as its header shows ({self.machine}): think times "
                "of an emulator mean nothing on a real machine, so believe its counts and its order, and compare --think "
                "recorded with 0.1x and none"
            )
        within = f" in a virtual machine ({self.machine})" if self.kind is MachineKind.VIRTUAL else ""
        if self.tracer in _FUNCTION_TRACERS:
            return (
                f"The trace's times were taken while {self.by}'s tracer {self.tracer} recorded every function{within}: think "
                "times are several times what they are without it; compare --think recorded with 0.1x and none"
            )
        taken = f"under tracing by {self.by}{within}" if self.by else within.strip()
        beside = f", whose tracer {self.tracer} was on as well" if self.tracer not in ("", "nop") else ""
        stolen = ", and what the host took away" if within else ""
        longer = f"recording each event{stolen}" if self.by else "what the host took away"
        return (
            f"The trace's times were taken {taken}{beside}, as its header shows: think times include {longer}, so the load was "
            "higher than they say"
        )


def recording_of(path: Path) -> Recording:
    """What the header of the trace `path` shows. Raises InputError where it cannot be read."""
    found = _Found()
    for number, line in enumerate(TraceLines(path, matters=lambda _part: False)):
        if number >= _LOOKED_AT or found.ends_with(line):
            break
    return Recording(found.by, found.tracer, found.kind, found.machine, dict(sorted(found.node_of_cpu.items())))


@dataclass(slots=True)
class _Found:
    by: str = ""
    tracer: str = ""
    kind: MachineKind = MachineKind.UNKNOWN
    machine: str = ""
    sureness: int = -1
    node_of_cpu: dict[int, int] = field(default_factory=dict)

    def ends_with(self, line: bytes) -> bool:
        """Learn from a line; whether the header is over."""
        if event := _EVENT.search(line):
            self.by = self.by or ("perf" if event[1] else "")
            return True
        if match := _TRACER.match(line):
            self.by, self.tracer = "ftrace", match[1].decode("ascii", "replace")
        elif line.startswith(b"cpus="):
            self.by = self.by or "trace-cmd"
        elif b"Dumping ftrace buffer" in line:
            self.by = self.by or "ftrace"
        key = match[1].lower() if (match := _KEY.match(line)) else b""
        if key in (b"perf version", b"cmdline"):
            self.by = self.by or "perf"
        if key not in _NOT_OF_THE_MACHINE and (line.startswith(b"#") or _SAYS_MACHINE.search(line)):
            self._machine(line)
        if match := _CPU_LIST.match(line):
            self.node_of_cpu.update((cpu, int(match[1])) for cpu in _cpus(match[2]) if int(match[1]) <= MAX_NODE)
        return False

    def _machine(self, line: bytes) -> None:
        sureness = max((place for place, (sign, _kind) in enumerate(_SIGNS) if sign.search(line)), default=-1)
        if sureness > self.sureness:
            self.sureness, self.kind = sureness, _SIGNS[sureness][1]
            self.machine = shown(" ".join(line.decode("utf-8", "replace").strip("# \t\r").split()), _MOST_SHOWN)


def _cpus(text: bytes) -> Iterator[int]:
    """CPUs of a list such as 0-3,8; a range that is none has none."""
    for part in text.split(b","):
        first, dash, last = part.partition(b"-")
        if first.isdigit() and (last.isdigit() or not dash):
            yield from range(int(first), min(int(last or first), MAX_CPU) + 1)
