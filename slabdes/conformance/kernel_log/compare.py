# SPDX-License-Identifier: GPL-2.0-only
"""Compares a 6.1 log with what its commands do here: every recorded line, whitespace apart.

The high mark of SLABINFO is left out, since the recorded one can wrap below zero; a shrink's events are compared as a
multiset, since CPUs drain at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from slabdes.conformance.driver import GeneratorDriver, MakeDriver
from slabdes.conformance.kernel_log.runner import LogLine, LogRunner
from slabdes.conformance.script import read_text
from slabdes.conformance.verdict import Verdict
from slabdes.dumps.bounds import MAX_CPUS, MAX_NODES
from slabdes.errors import InputError

LOG_ENDINGS = (".log", ".log.gz")
Execute = Callable[[LogLine, Sequence[str]], Iterable[str]]
"""The lines that a command leaves behind; those recorded supply what is an input."""
Comparable = Callable[[str], Sequence[str]]
_HIGH_MARK = re.compile(r"(: globalstat \S+) \S+")


@dataclass(frozen=True)
class Section:
    """A command and the lines recorded after it."""

    command: LogLine
    recorded: tuple[str, ...]


def compare_log(path: Path, make_driver: MakeDriver = GeneratorDriver) -> Verdict:
    """Run a log's commands and compare. Raises InputError for a file that is no such log."""
    sections = list(read_sections(path))
    runner = LogRunner(*machine_of(path, sections), make_driver)
    return compare_sections(path, sections, runner.execute, comparable)


def compare_sections(path: Path, sections: Iterable[Section], execute: Execute, comparable: Comparable) -> Verdict:
    """Execute a log's commands one after the other and compare: two lines are equal if `comparable` makes the same of both."""
    matched = total = 0
    difference = None
    for section in sections:
        ours = list(execute(section.command, section.recorded))
        total += len(section.recorded)
        for mine, theirs in zip_longest(ours, section.recorded):
            if mine is not None and theirs is not None and comparable(mine) == comparable(theirs):
                matched += 1
            elif difference is None:
                difference = (mine, theirs)
    return Verdict(path.name.removesuffix(".gz").removesuffix(".log"), matched, total, difference)


def read_sections(path: Path) -> Iterator[Section]:
    """The log's commands with their records. Raises InputError for a file without commands."""
    command: LogLine | None = None
    recorded: list[str] = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if text.startswith("> "):
            if command is not None:
                yield Section(command, tuple(recorded))
            command, recorded = LogLine(f"{path}:{number}", text[2:].strip()), []
        elif text.strip() and not text.startswith("#"):
            if command is None:
                raise InputError(
                    f"{path}:{number}", f"{text[:60]!r} before any command", allowed="a log of prescribed operations"
                )
            recorded.append(text)
    if command is None:
        raise InputError(str(path), "no command in it", allowed="a log of prescribed operations, with lines that begin with >")
    yield Section(command, tuple(recorded))


def machine_of(path: Path, sections: list[Section]) -> tuple[list[int], int]:
    """The node of each CPU and the number of nodes, as the log's snapshots show them."""
    nodes: dict[int, int] = {}
    n_nodes = 0
    for section in sections:
        for line in section.recorded:
            if found := re.match(r"  cpu([0-9]{1,9})\(node([0-9]{1,9})\): ", line):
                nodes[int(found[1])] = int(found[2])
            elif found := re.match(r"  node([0-9]{1,9}): ", line):
                n_nodes = max(n_nodes, int(found[1]) + 1)
    n_nodes = max([n_nodes, *(node + 1 for node in nodes.values())])
    if len(nodes) > MAX_CPUS or n_nodes > MAX_NODES:
        problem = f"snapshots of {len(nodes)} CPUs and {n_nodes} nodes"
        raise InputError(str(path), problem, allowed=f"at most {MAX_CPUS} CPUs and {MAX_NODES} nodes")
    if not nodes or sorted(nodes) != list(range(len(nodes))):
        raise InputError(str(path), "no snapshot that shows the machine", allowed="a log with at least one snap of every CPU")
    return [nodes[cpu] for cpu in range(len(nodes))], n_nodes


def comparable(line: str) -> tuple[str, ...]:
    """What has to be equal in a line."""
    text = _HIGH_MARK.sub(r"\1", " ".join(line.split())) if line.startswith("SLABINFO") else line
    words = text.split()
    if line.startswith("SHRINK"):
        return (*words[:3], *sorted(words[3:]))
    return tuple(words)
