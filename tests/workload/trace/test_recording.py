# SPDX-License-Identifier: GPL-2.0-only
"""What a trace's header shows of how its times were taken, and what does not show it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.workload.trace.events import Clock
from slabdes.workload.trace.recording import MachineKind, Recording, recording_of

WriteTrace = Callable[..., Path]
EVENT = "t-1 [000] 1.0: kmem_cache_alloc: call_site=f ptr=100 bytes_req=8 bytes_alloc=8 gfp_flags=0"
PERF = EVENT.replace("kmem_cache_alloc:", "kmem:kmem_cache_alloc:")
KVM = "[    0.0] Hypervisor detected: KVM"
BOARD = "[    0.0] DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16"


@pytest.mark.parametrize(
    ("lines", "by", "tracer", "kind"),
    [
        (["# tracer: nop", "#", EVENT], "ftrace", "nop", "unknown"),
        (["# tracer: function_graph", EVENT], "ftrace", "function_graph", "unknown"),
        (["# tracer: nop\\n\\", EVENT], "ftrace", "nop", "unknown"),
        (["cpus=4", EVENT], "trace-cmd", "", "unknown"),
        ([PERF], "perf", "", "unknown"),
        (["# cmdline : perf record -e kmem:* -- qemu-system-x86_64 -accel tcg", EVENT], "perf", "", "unknown"),
        (["# hostname : qemu", PERF], "perf", "", "unknown"),
        (["# cpudesc : QEMU Virtual CPU version 2.5+", PERF], "perf", "", "emulated or virtual"),
        (["# cpudesc : QEMU TCG CPU version 2.5+", PERF], "perf", "", "emulated"),
        (["# cpudesc : Common KVM processor", PERF], "perf", "", "virtual"),
        (["# cpudesc : Intel Core Processor (Haswell, no TSX)", PERF], "perf", "", "emulated or virtual"),
        (["# cpudesc : Intel(R) Core(TM) i7-3770 CPU @ 3.40GHz", PERF], "perf", "", "unknown"),
        (["# cpudesc : AMD EPYC 7742 64-Core Processor", PERF], "perf", "", "unknown"),
        (["# recorded under QEMU with TCG, 8 CPUs", "# tracer: nop", EVENT], "ftrace", "nop", "emulated"),
        ([BOARD, "[    9.0] Dumping ftrace buffer:", EVENT], "ftrace", "", "emulated or virtual"),
        ([BOARD, KVM, "[    9.0] Dumping ftrace buffer:", EVENT], "ftrace", "", "virtual"),
        ([EVENT, "# tracer: function"], "", "", "unknown"),
        ([EVENT.replace("t-1", "qemu-system-1")], "", "", "unknown"),
    ],
)
def test_a_header_tells_the_tracer_and_the_kind_of_machine(
    write_trace: WriteTrace, lines: list[str], by: str, tracer: str, kind: str
) -> None:
    found = recording_of(write_trace(*lines))
    assert (found.by, found.tracer, found.kind) == (by, tracer, kind)


def test_a_header_that_lists_nodes_tells_which_cpus_are_on_them(write_trace: WriteTrace) -> None:
    path = write_trace("# node0 cpu list : 0-1,4", "# node1 cpu list : 2-3", "# node2 cpu list : 5-x,-", PERF)
    assert recording_of(path).node_of_cpu == {0: 0, 1: 0, 2: 1, 3: 1, 4: 0}


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (Recording(by="ftrace", tracer="nop"), "under tracing by ftrace, as its header shows: think times include recording"),
        (Recording(by="ftrace", tracer="irqsoff"), "by ftrace, whose tracer irqsoff was on as well"),
        (Recording(by="ftrace", tracer="function"), "recorded every function: think times are several times"),
        (Recording(kind=MachineKind.EMULATED, machine="TCG"), "those of an emulated machine, as its header shows (TCG)"),
        (Recording(kind=MachineKind.EMULATED_OR_VIRTUAL, machine="QEMU"), "emulated machine, or a virtual one"),
        (Recording(by="perf", kind=MachineKind.VIRTUAL, machine="KVM"), "by perf in a virtual machine (KVM)"),
        (Recording(kind=MachineKind.VIRTUAL, machine="KVM"), "taken in a virtual machine (KVM), as its header shows"),
    ],
)
def test_what_is_shown_is_said_in_a_sentence_on_think_times(recording: Recording, words: str) -> None:
    assert words in recording.of_times(Clock.SECONDS)
    assert "think times" in recording.of_times(Clock.SECONDS)
    assert recording.of_times(Clock.COUNTER) == ""
    assert Recording().of_times(Clock.SECONDS) == ""
