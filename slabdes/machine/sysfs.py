# SPDX-License-Identifier: GPL-2.0-only
"""Reads this host, or any tree laid out like it, from sysfs: CPUs that are online, cores, shared caches, NUMA nodes, SLIT.

Leaves out CPUs that are offline, cgroups and affinity (they bind a process, not the kernel), and memory that is in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.errors import InputError, shown
from slabdes.files import open_regular
from slabdes.machine.description import MAX_DISTANCE, MIN_DISTANCE, Description, check_size
from slabdes.machine.names import HOST
from slabdes.machine.survey import (
    Clock,
    Survey,
    SurveyedCache,
    SurveyedNode,
    believed_clock,
    bit_set,
    clock_of_model,
    describe,
    members,
)

CPUS: Final = Path("sys/devices/system/cpu")
NODES: Final = Path("sys/devices/system/node")
MAX_FILE_BYTES: Final = 1 << 16
"""Most that is read of one file: the longest, /proc/cpuinfo, is needed for its first lines only, and a list of every other one
of 8,192 CPUs has 20 KB (a choice)."""
MAX_NUMBER: Final = 1 << 16
"""Highest CPU or node number that is believed (a choice; the kernel's own ceiling is 8,192 CPUs)."""
RANGE: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
MEMORY: Final = re.compile(r"MemTotal:\s+(\d{1,15}) kB")
MODEL: Final = re.compile(r"^(?:model name|cpu model|Processor|cpu)\s*: (.{1,200})$", re.MULTILINE)
LEVEL: Final = re.compile(r"([2-9])$")
SIZE: Final = re.compile(r"([1-9]\d{0,9})K$")
"""Of a cache above the first level, as the kernel writes them."""
KIB_PER_MIB: Final = 1024
BYTES_PER_KIB: Final = 1024


def read_host(root: Path = Path("/")) -> Description:
    """The machine whose /sys and /proc lie under `root`. Raises InputError, in one line, if they do not tell of one.

    Without a node directory (a kernel without NUMA, many containers) all CPUs are on one node with all of the memory.
    """
    return _Host(root).described()


@dataclass(frozen=True)
class _Host:
    root: Path

    def described(self) -> Description:
        cpus = self._online(CPUS, "cpu")
        if not cpus:
            raise InputError(
                f"machine {HOST!r}", f"{self.root / CPUS} tells of no CPU", allowed="a Linux host, a preset or a machine file"
            )
        check_size(len(cpus), max(len(self._online(NODES, "node")), 1), HOST)
        online = bit_set(cpus)
        model = self._match(Path("proc/cpuinfo"), MODEL)
        survey = Survey(
            core_of_cpu={cpu: next(members(self._siblings(cpu) & online), cpu) for cpu in cpus},
            shared={shared for cpu in cpus for shared in self._shared(cpu)},
            nodes=self._nodes() or {0: SurveyedNode(online, self._memory(Path("proc/meminfo")))},
            distances=self._distances(),
            clock=self._clock(cpus[0], model),
            caches=self._sizes(cpus),
        )
        return describe(survey, HOST, HOST, f"this host's sysfs; {model}" if model else "this host's sysfs")

    def _text(self, path: Path) -> str | None:
        """A file's text, None if there is no such file or the kernel does not give it."""
        try:
            with open_regular(self.root / path, "a file of sysfs") as file:
                return file.read(MAX_FILE_BYTES).decode("utf-8", "replace").strip()
        except (InputError, OSError):
            return None

    def _match(self, path: Path, pattern: re.Pattern[str]) -> str | None:
        match = pattern.search(self._text(path) or "")
        return match[1].strip() if match else None

    def _list(self, path: Path) -> list[int] | None:
        """The numbers of a list such as 0-3,8, ascending; None where there is no file."""
        bits = self._set(path)
        return None if bits is None else list(members(bits))

    def _set(self, path: Path) -> int | None:
        """Such a list as a bit set."""
        text = self._text(path)
        if text is None:
            return None
        bits = 0
        for part in filter(None, text.split(",")):
            match = RANGE.fullmatch(part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if first > last or last > MAX_NUMBER:
                raise InputError(
                    str(self.root / path), f"{shown(part, 60)!r} in its list", allowed=f"0 to {MAX_NUMBER}, as 0-3,8"
                )
            bits |= (1 << last + 1) - (1 << first)
        return bits

    def _online(self, folder: Path, prefix: str) -> list[int]:
        """The CPUs or nodes that are online, by the kernel's list; without one, by their folders."""
        listed = self._list(folder / "online")
        if listed is not None:
            return listed
        return sorted(
            number for number in self._folders(folder, prefix) if self._text(folder / f"{prefix}{number}/online") != "0"
        )

    def _folders(self, folder: Path, prefix: str) -> Iterator[int]:
        try:
            names = [entry.name for entry in (self.root / folder).iterdir()]
        except OSError:
            return
        for name in names:
            if re.fullmatch(rf"{prefix}\d{{1,5}}", name):
                yield int(name.removeprefix(prefix))

    def _siblings(self, cpu: int) -> int:
        for name in ("core_cpus_list", "thread_siblings_list"):
            if found := self._set(CPUS / f"cpu{cpu}/topology/{name}"):
                return found
        return 1 << cpu

    def _shared(self, cpu: int) -> Iterator[int]:
        """Sets of CPUs that share a data or unified cache above the first level with this one, or are its cluster."""
        for index in self._folders(CPUS / f"cpu{cpu}/cache", "index"):
            folder = CPUS / f"cpu{cpu}/cache/index{index}"
            if self._text(folder / "type") in ("Data", "Unified") and self._text(folder / "level") not in (None, "0", "1"):
                yield self._set(folder / "shared_cpu_list") or 0
        yield self._set(CPUS / f"cpu{cpu}/topology/cluster_cpus_list") or 0

    def _sizes(self, cpus: Iterable[int]) -> dict[int, SurveyedCache]:
        """Caches by the CPUs that share them: of those of one set the last level's."""
        found: dict[int, SurveyedCache] = {}
        for cpu in cpus:
            for index in self._folders(CPUS / f"cpu{cpu}/cache", "index"):
                folder = CPUS / f"cpu{cpu}/cache/index{index}"
                level, size = self._match(folder / "level", LEVEL), self._match(folder / "size", SIZE)
                if level and size and self._text(folder / "type") in ("Data", "Unified"):
                    shared = self._set(folder / "shared_cpu_list") or 1 << cpu
                    if shared not in found or found[shared].level < int(level):
                        found[shared] = SurveyedCache(int(level), int(size) * BYTES_PER_KIB)
        return found

    def _nodes(self) -> dict[int, SurveyedNode]:
        return {
            node: SurveyedNode(self._set(NODES / f"node{node}/cpulist") or 0, self._memory(NODES / f"node{node}/meminfo"))
            for node in self._online(NODES, "node")
        }

    def _memory(self, path: Path) -> float | None:
        kib = self._match(path, MEMORY)
        return None if kib is None else int(kib) / KIB_PER_MIB

    def _distances(self) -> dict[tuple[int, int], int] | None:
        """Each node's row has one entry a node that is online, in their order."""
        nodes = self._online(NODES, "node")
        distances: dict[tuple[int, int], int] = {}
        for node in nodes:
            path = NODES / f"node{node}/distance"
            text = self._text(path)
            if text is None:
                return None
            words = text.split()
            if len(words) != len(nodes) or not all(re.fullmatch(r"\d{1,3}", word) for word in words):
                raise InputError(
                    str(self.root / path),
                    f"{shown(text, 60)!r} is not a row for {len(nodes)} nodes",
                    allowed=f"{MIN_DISTANCE} to {MAX_DISTANCE}, one a node",
                )
            distances.update({(node, other): int(word) for other, word in zip(nodes, words, strict=True)})
        return distances or None

    def _clock(self, cpu: int, model: str | None) -> Clock | None:
        """The nominal clock where the host tells it, otherwise the highest."""
        clock = clock_of_model(model)
        for key in ("base_frequency", "cpuinfo_max_freq"):
            khz = self._text(CPUS / f"cpu{cpu}/cpufreq/{key}")
            if clock is None and khz is not None and re.fullmatch(r"\d{1,9}", khz):
                clock = believed_clock(int(khz) / 1e6, f"this host's cpufreq/{key}")
        return clock
