# SPDX-License-Identifier: GPL-2.0-only
"""One setting of a live page's controls: the experiment that it is, within bounds, the file and the command that run it again.

Leaves out running it (`desk`).
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.config import AllocatorVersion, Experiment, apply_values, parse_experiment
from slabdes.config.allocators import SLAB_KEYS, SLUB_KEYS
from slabdes.config.replays import name_caches
from slabdes.config.written import toml_text, toml_value
from slabdes.errors import InputError, nearest, shown
from slabdes.explore.controls import ALLOCATOR, AS_BEFORE, KIND, NEEDED, PRESET, Control
from slabdes.explore.source import Source, set_text

_FILES: Final = (
    *(("machine", "file"), ("workload", "file"), ("workload", "from_dump")),
    *(("", key) for key in ("slabinfo", "sysfs", "start")),
)


@dataclass(frozen=True)
class Setting:
    """What controls say (`texts`, only those that were changed), the experiment, and `sets`, the changes as --set takes them."""

    source: Source
    texts: Mapping[str, str]
    experiment: Experiment
    sets: tuple[str, ...]

    @property
    def command(self) -> str:
        """What runs it, typed where the page was begun."""
        sets = [*self.source.settings, *self.sets, set_text("replications", self.experiment.replications)]
        last = {one.partition("=")[0].strip(): one for one in sets}
        return " ".join([self.source.command, *(f"--set {shlex.quote(one)}" for one in sets if one in last.values())])

    @property
    def toml(self) -> str:
        """The experiment as a file that runs from any folder."""
        raw = self.experiment.model_dump(mode="json", exclude_unset=True)
        for table, key in _FILES:
            place = raw.get(table, {}) if table else raw
            if place.get(key):
                place[key] = str(Path(place[key]).resolve())
        return toml_text(raw)

    @property
    def key(self) -> str:
        """The same for settings of which replications are the same."""
        return self.experiment.model_dump_json(exclude={"name", "replications", "measures"})


def setting_of(source: Source, controls: Sequence[Control], texts: Mapping[str, str]) -> Setting:
    """The setting that controls make. Raises InputError, one line, for a key that has none, or what is not allowed."""
    kind = texts.get(KIND, str(source.raw["workload"]["kind"]))
    version = AllocatorVersion(_chosen(controls, texts, ALLOCATOR, source.experiment.allocator))
    mine = [one for one in controls if one.of in ("", kind) and version in (one.versions or (version,))]
    known = {control.key: control for control in mine}
    for key in texts:
        if key not in known:
            raise InputError(f"setting: {shown(key)}", f"no control of this page{nearest(key, known)}", allowed=", ".join(known))
    raw = copy.deepcopy(dict(source.raw))
    whole = _forget_tunables(raw, source.experiment.allocator, version)
    sets: dict[str, str] = {}
    for key, control in known.items():
        if key not in texts or texts[key] == control.text:
            continue
        value = control.value(texts[key])
        if key == KIND:
            raw["workload"] = {"kind": value, **NEEDED.get(value, {})}
            whole.add("workload")
        elif key == PRESET:
            if value == AS_BEFORE:
                continue
            if raw["machine"].pop("file", None) is not None:
                whole.add("machine")
            raw["machine"]["preset"] = value
        else:
            _put(raw, kind, key, value)
        sets[key] = set_text(key, value)
    experiment = parse_experiment(raw, "setting")
    changes = [text for key, text in sets.items() if key.partition(".")[0] not in whole and key != "replications"]
    told = tuple(f"{table}={toml_value(raw.get(table, []))}" for table in sorted(whole))
    return Setting(source, dict(texts), experiment, (*told, *changes))


def _chosen(controls: Sequence[Control], texts: Mapping[str, str], key: str, otherwise: str) -> str:
    """What a text says of a control with options; InputError if it is none of them."""
    return next((str(one.value(texts[key])) for one in controls if one.key == key and key in texts), otherwise)


def _forget_tunables(raw: dict[str, Any], before: AllocatorVersion, now: AllocatorVersion) -> set[str]:
    """Take out of an experiment what its own allocator has a control for and another one has not; the tables that it changed."""
    own = SLUB_KEYS.get(now, SLAB_KEYS)
    gone = [key for key in SLUB_KEYS.get(before, SLAB_KEYS) if key not in own]
    changed = set()
    if now.is_slub and raw.pop("switches", None):
        changed.add("switches")
    for cache in raw.get("cache", []):
        if [cache.pop(key) for key in gone if key in cache]:
            changed.add("cache")
    return changed


def _put(raw: dict[str, Any], kind: str, key: str, value: Any) -> None:
    if kind == "trace" and key.startswith("cache."):
        name_caches(raw, (), [key])
    apply_values(raw, {key: value}, "setting")
