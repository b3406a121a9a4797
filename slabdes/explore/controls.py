# SPDX-License-Identifier: GPL-2.0-only
"""The controls of a live page: which keys of its experiment may be changed, and to what. Nothing else of it can be.

What a control says is text, as it stands in an address; it is read here, within bounds. Leaves out what comes of it (`setting`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from slabdes.config import AllocatorVersion, Discipline, Experiment, Placement, Switch, ThinkKind
from slabdes.config.allocators import SLAB_KEYS, SLUB_KEYS, slab_versions
from slabdes.config.keys import experiment_keys
from slabdes.config.slub import MOST_IN_SHEAF
from slabdes.errors import InputError, shown
from slabdes.explore.limits import MOST_CPUS, MOST_REPLICATIONS, MOST_TEXT, TRACE_SIZES
from slabdes.explore.source import Source
from slabdes.machine import load_machine, preset_names

STOPS: Final = 48
"""Places of a slider (a choice: a finger tells them apart); any other value is typed."""
AS_BEFORE: Final = ""
"""The machine that the experiment's own file describes."""
KIND, PRESET, CPUS, ALLOCATOR = "workload.kind", "machine.preset", "machine.cpus", "allocator"
WITHOUT_CACHES: Final = ("critical_section", "pages")
KINDS: Final = ("burst", "mix", "producer_consumer", "arrivals", *WITHOUT_CACHES)
NEEDED: Final[Mapping[str, Mapping[str, Any]]] = {"arrivals": {"rate": 1e7}}
"""What a kind of workload cannot be without, where another one was before (assumed)."""
_NUMBERS: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    "burst": {"objects": (1, 20_000), "rounds": (1, 200), "think_ns": (0, 100_000)},
    "mix": {"think_ns": (0, 100_000), "live": (1, 10_000), "operations": (100, 100_000)},
    "producer_consumer": {"think_ns": (0, 100_000), "window": (1, 4096), "objects": (100, 100_000)},
    "arrivals": {"rate": (1e3, 1e10), "live": (1, 10_000), "operations": (100, 100_000)},
    "critical_section": {"think_ns": (0, 100_000), "hold_ns": (0, 10_000), "operations": (100, 100_000)},
    "pages": {"order": (0, 10), "blocks": (1, 10_000), "rounds": (1, 200)},
    "trace": {"copies": (1, 64)},
}
"""Ends of sliders by kind of workload, wide enough to see something at both (a choice); the experiment's own value is within."""
_OF_CACHE: Final[Mapping[str, tuple[float, float]]] = {
    "size": (8, 8192), "limit": (1, 2048), "batchcount": (1, 1024), "shared": (0, 64),
    "sheaf_capacity": (1, MOST_IN_SHEAF), "max_full_sheaves": (0, 1000), "max_empty_sheaves": (0, 1000),
    "cpu_partial": (0, 1000), "min_partial": (0, 1000), "remote_node_defrag_ratio": (0, 100),
}  # fmt: skip
"""Of these a page has the size, and those that are keys of the experiment's allocator."""
_THINKS: Final = ("recorded", "0.3x", "0.1x", "0.03x", "0.01x", "none")
_LABELS: Final = {
    PRESET: "machine", CPUS: "CPUs", "machine.placement": "placement", "allocator": "Linux", "switches": "2016 series",
    "lock.discipline": "lock", KIND: "workload", "replications": "replications", "size": "object size", "think_ns": "think time",
    "hold_ns": "hold time", "first": "operations of the trace", "cpus": "traced CPUs", "think": "think times",
}  # fmt: skip


@dataclass(frozen=True)
class Control:
    """A key, what it is called, and what it may be: one of `options` (text and what it is called), or a number within bounds.

    `stops` are a slider's places. `of` is the kind of workload that has the key, or empty; `versions` are the allocators that
    have it, all if there are none. `text` is what the experiment says of it; where that is nothing, what holds is told once
    that is known.
    """

    key: str
    label: str
    meaning: str
    unit: str = ""
    of: str = ""
    versions: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    least: float = 0
    most: float = 0
    whole: bool = False
    stops: tuple[float, ...] = ()
    text: str = ""

    def value(self, text: str) -> Any:
        """What a text says, as an experiment has it. Raises InputError, one line, for anything that it may not be."""
        if self.options:
            if text not in dict(self.options):
                raise self._refused(text, ", ".join(name for name, _label in self.options if name))
            if self.key == "switches":
                return text.split(",") if text else []
            return int(text) if self.whole else text
        try:
            number = int(text) if self.whole else float(text)
        except ValueError:
            number = math.nan
        if len(text) > MOST_TEXT or not self.least <= number <= self.most:
            raise self._refused(text, f"{_text(self.least)} to {_text(self.most)}")
        return number

    def _refused(self, text: str, allowed: str) -> InputError:
        return InputError(f"setting: {self.key}", f"{shown(text, MOST_TEXT)!r}", allowed=allowed)


def controls_of(source: Source) -> list[Control]:
    """Those of an experiment, as its keys allow, in the order of a page."""
    experiment = source.experiment
    keys = {(key.path, key.workload): key for key in experiment_keys()}

    def documented(control: Control) -> Control:
        parts = control.key.split(".")
        path = ".".join(["cache", "NAME", parts[-1]]) if parts[0] == "cache" else control.key
        key = keys[path, control.of or ("burst" if path == KIND else "")]
        label = _LABELS.get(control.key) or _LABELS.get(parts[-1]) or parts[-1].replace("_", " ")
        said = control.text or _said(source.raw, control.key)
        text = said if not control.options or said in dict(control.options) else AS_BEFORE
        return replace(control, label=label, meaning=key.meaning, unit=key.unit, text=text)

    return [documented(control) for control in _controls(source, experiment)]


def _controls(source: Source, experiment: Experiment) -> Iterator[Control]:
    kind = experiment.workload.kind
    names = [(name, name) for name in preset_names() if load_machine(name).n_cpus <= MOST_CPUS]
    described = [(AS_BEFORE, "as in the experiment")] if _said(source.raw, PRESET) not in dict(names) else []
    yield Control(PRESET, "", "", options=(*described, *names))
    if kind != "trace":
        yield _number(CPUS, 1, MOST_CPUS, stops=tuple(range(1, MOST_CPUS + 1)))
        yield _choice("machine.placement", Placement, experiment.machine.placement)
    versions = tuple((one.value, f"{one.value} {'SLUB' if one.is_slub else 'SLAB'}") for one in AllocatorVersion)
    yield Control("allocator", "", "", options=versions, text=experiment.allocator.value)
    series = (("", "none"), *((one, one.replace("_", " ")) for one in _switches()))
    yield Control("switches", "", "", versions=tuple(slab_versions()), options=series)
    yield _choice("lock.discipline", Discipline, experiment.lock.discipline)
    yield from _of_cache(source, experiment)
    if kind != "trace":
        allowed = [one for one in KINDS if experiment.cache or one in WITHOUT_CACHES or one == kind]
        yield Control(KIND, "", "", options=tuple((one, one.replace("_", " ")) for one in allowed))
    for of in ("trace",) if kind == "trace" else KINDS:
        yield from _of_kind(of, experiment)
    replications = experiment.replications
    yield _number("replications", 1, max(MOST_REPLICATIONS, replications), stops=tuple(range(1, MOST_REPLICATIONS + 1)))


def _switches() -> list[str]:
    """Each change of the series, and all together."""
    each = [switch.value for switch in Switch]
    return [*each, ",".join(sorted(each))]


def _of_cache(source: Source, experiment: Experiment) -> Iterator[Control]:
    """Tunables of one cache: the experiment's first, or the one that the trace allocates most from."""
    workload = experiment.workload
    name = "0"
    if workload.kind == "trace":
        known = source.spools.index(workload.file).caches
        chosen = [cache for cache in known if not workload.caches or cache.name in workload.caches]
        busiest = max(chosen, key=lambda cache: cache.allocs, default=None)
        # A dump's caches are as the dump has them, and a name with a dot is no part of a key.
        if busiest is None or workload.from_dump is not None or "." in busiest.name:
            return
        name = busiest.name
    elif not experiment.cache or experiment.start is not None:
        return
    if workload.kind != "trace":
        yield _number(f"cache.{name}.size", *_OF_CACHE["size"], said=_said(source.raw, f"cache.{name}.size"))
    for key, versions in _versions_of_keys().items():
        path = f"cache.{name}.{key}"
        yield replace(_number(path, *_OF_CACHE[key], said=_said(source.raw, path)), versions=versions)


def _versions_of_keys() -> dict[str, tuple[str, ...]]:
    """The tunables that a page has, SLAB's first, each with the versions that have it."""
    slub = dict.fromkeys(key for keys in SLUB_KEYS.values() for key in keys)
    having = {key: tuple(one.value for one, keys in SLUB_KEYS.items() if key in keys) for key in slub}
    return {key: tuple(slab_versions()) for key in SLAB_KEYS} | having


def _of_kind(kind: str, experiment: Experiment) -> Iterator[Control]:
    """What a kind of workload has."""
    from slabdes.config.workloads import WORKLOADS

    mine = experiment.workload if experiment.workload.kind == kind else None
    fields = WORKLOADS[kind].model_fields
    for key, (least, most) in _NUMBERS[kind].items():
        value = NEEDED.get(kind, {}).get(key, fields[key].default) if mine is None else getattr(mine, key)
        whole = fields[key].annotation is int
        yield replace(_number(f"workload.{key}", least, most, said=_text(value), whole=whole), of=kind, text=_text(value))
    if "think" in fields and kind != "trace":
        said = getattr(mine, "think", fields["think"].default)
        yield replace(_choice("workload.think", ThinkKind, said), of=kind)
    if kind == "trace":
        yield from _of_trace(experiment)


def _of_trace(experiment: Experiment) -> Iterator[Control]:
    said = experiment.workload
    assert said.kind == "trace"
    lists: Mapping[str, tuple[Sequence[Any], Any]] = {
        "think": (_THINKS, said.think),
        "cpus": (("nodes", "compact", "spread"), said.cpus),
        "first": (TRACE_SIZES if said.first else ("", *TRACE_SIZES), said.first or ""),
    }
    for key, (values, value) in lists.items():
        texts = list(dict.fromkeys(map(str, (*values, value))))
        options = tuple((one, one or "all") for one in texts)
        yield Control(f"workload.{key}", "", "", of="trace", options=options, whole=key == "first", text=str(value))


def _choice(key: str, values: type[StrEnum], value: StrEnum) -> Control:
    return Control(key, "", "", options=tuple((one.value, one.value) for one in values), text=value.value)


def _number(key: str, least: float, most: float, *, said: str = "", whole: bool = True, stops: tuple[float, ...] = ()) -> Control:
    """A number from `least` to `most`, or to what the experiment says; a slider goes by equal ratios unless it has `stops`."""
    own = [float(said)] if said else []
    least, most = min([least, *own]), max([most, *own])
    return Control(key, "", "", least=least, most=most, whole=whole, stops=stops or _stops(least, most, own, whole))


def _stops(least: float, most: float, own: Sequence[float], whole: bool) -> tuple[float, ...]:
    """Two digits each, by equal ratios, with 0 where that is allowed and with the experiment's own."""
    first = max(least, 1)
    ratios = (first * (most / first) ** (number / (STOPS - 1)) for number in range(STOPS))
    found = {least, most, *own, *(float(f"{one:.2g}") for one in ratios)}
    return tuple(sorted({int(one) if whole else one for one in found if least <= one <= most}))


def _said(raw: Mapping[str, Any], key: str) -> str:
    """What an experiment says of a dotted key, as text; empty for nothing."""
    here: Any = raw
    for part in key.split("."):
        if isinstance(here, list):
            here = next((one for at, one in enumerate(here) if part in (str(at), one.get("name"))), {})
        else:
            here = here.get(part, {}) if isinstance(here, Mapping) else {}
    if isinstance(here, list):
        return ",".join(map(str, here))
    return "" if here == {} or here is None else _text(here)


def _text(value: Any) -> str:
    """A value as an address has it."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
