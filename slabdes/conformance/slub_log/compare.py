# SPDX-License-Identifier: GPL-2.0-only
"""Compares a SLUB log with what its commands do here: every recorded line, whitespace apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slabdes.conformance.kernel_log.compare import Section, compare_sections, read_sections
from slabdes.conformance.script import said
from slabdes.conformance.slub_log.driver import MakeSlubDriver, SlubGeneratorDriver
from slabdes.conformance.slub_log.machine import is_topology, read_topology
from slabdes.conformance.slub_log.runner import LogRunner
from slabdes.conformance.verdict import Verdict
from slabdes.errors import InputError

COMPARED = "lines of a SLUB log of Linux %s: operations with their events, dumps of the whole state, counters"


def is_slub_log(text: str) -> bool:
    """Whether a log with this text is one: it begins by saying what machine it is of."""
    lines = said(text)
    return next(lines, "").startswith("> new ") and is_topology(next(lines, ""))


def runner_of(path: Path, sections: list[Section], make_driver: MakeSlubDriver = SlubGeneratorDriver) -> LogRunner:
    """What runs a log's commands. Raises InputError if it does not say on what machine."""
    for section in sections:
        for line in section.recorded:
            if is_topology(line):
                return LogRunner(read_topology(line, section.command.where), line, make_driver)
    raise InputError(str(path), "no TOPO line in it", allowed="a log of prescribed operations on SLUB")


def compare_slub_log(path: Path, make_driver: MakeSlubDriver = SlubGeneratorDriver) -> Verdict:
    """Run a log's commands and compare. Raises InputError for a file that is no such log."""
    sections = list(read_sections(path))
    runner = runner_of(path, sections, make_driver)
    verdict = compare_sections(path, sections, runner.execute, str.split)
    return replace(verdict, compared=COMPARED % runner.version)
