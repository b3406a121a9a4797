# SPDX-License-Identifier: GPL-2.0-only
"""What a live page begins with: one setting of an experiment file, of a trace, or of the experiment that `slabdes new` prints.

It names all files that are ever read; nothing from a browser does. Leaves out what may be changed (`controls`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.config import Experiment, TraceWorkload, apply_settings, expand, load_experiment, parse_experiment
from slabdes.config.starts import REPLICATIONS, new_experiment
from slabdes.config.written import toml_value
from slabdes.explore.limits import MOST_OPERATIONS, TRACE_SIZES
from slabdes.files import toml_of
from slabdes.study.load import assumed_allocator, assumed_machine
from slabdes.study.spools import Phase, Spools

NEW: Final = "burst"
"""The kind of experiment where none is named."""
NEW_FILE: Final = "experiment.toml"
_WORD: Final = re.compile(r"(?!true$|false$|inf$|nan$)[a-z][a-z_-]*[a-z0-9_-]*")
"""Text that is no TOML value, so that it needs no quotes."""
_NOT_HERE: Final = ("sweep", "zip", "precision", "most", "log", "debug")
"""Keys that a live page has no use for: one setting is run, as often as it says, and no run folder is written."""


@dataclass(frozen=True)
class Source:
    """Where a page's experiment comes from: `raw` is one setting of it as a file has it, `command` what runs it again.

    `settings` are those that the command makes before what is changed: --set, and the point of a sweep.
    """

    name: str
    raw: Mapping[str, Any]
    command: str
    settings: tuple[str, ...]
    spools: Spools

    @property
    def experiment(self) -> Experiment:
        """The setting."""
        return parse_experiment(self.raw, self.name)


def source_of(what: Path | None, settings: Sequence[str], spools: Spools, phase: Phase | None = None) -> Source:
    """That of an experiment or a trace, with some keys changed; of a sweep its last point, of a large trace its begin.

    Raises InputError.

    `phase` hears of a trace that is read.
    """
    if what is None:
        raw = toml_of(new_experiment(NEW), f"slabdes new {NEW}")
        apply_settings(raw, settings)
        command = f"slabdes new {NEW} --out {NEW_FILE} && slabdes run {NEW_FILE}"
        return _source(f"slabdes new {NEW}", parse_experiment(raw, f"slabdes new {NEW}"), command, settings, spools, phase)
    if what.suffix == ".toml" or not what.is_file():
        return _source(
            str(what), load_experiment(what, settings), f"slabdes run {shlex.quote(str(what))}", settings, spools, phase
        )
    (machine, _why), (allocator, _why_too) = assumed_machine(what, spools), assumed_allocator(what)
    raw = {
        "name": what.name[:100] if what.name.isprintable() else "trace",
        "machine": {"preset": machine},
        "allocator": allocator,
        "workload": {"kind": "trace", "file": str(what)},
    }
    command = f"slabdes replay {shlex.quote(str(what))} --machine {shlex.quote(machine)} --allocator {allocator}"
    apply_settings(raw, settings)
    return _source(str(what), parse_experiment(raw, str(what)), command, settings, spools, phase)


def _source(
    name: str, experiment: Experiment, command: str, settings: Sequence[str], spools: Spools, phase: Phase | None
) -> Source:
    *_others, (swept, point) = expand(experiment)
    raw = point.model_dump(mode="json", exclude_unset=True, exclude=set(_NOT_HERE))
    raw.setdefault("replications", REPLICATIONS)
    of_sweep = dict(swept)
    if isinstance(point.workload, TraceWorkload):
        operations = spools.spool(point.workload, phase).operations * point.workload.copies
        if operations > MOST_OPERATIONS and point.workload.first is None:
            fitting = [size for size in TRACE_SIZES if size * point.workload.copies <= MOST_OPERATIONS]
            raw["workload"]["first"] = of_sweep["workload.first"] = max(fitting, default=TRACE_SIZES[0])
    return Source(name, raw, command, (*settings, *(set_text(*one) for one in of_sweep.items())), spools)


def set_text(key: str, value: Any) -> str:
    """A key and its value as --set takes them."""
    return f"{key}={value if isinstance(value, str) and _WORD.fullmatch(value) else toml_value(value)}"
