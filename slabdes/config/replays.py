# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's command line says in short about caches and sweeps, as an experiment has it.

Leaves out what the keys mean (`models`, `workloads`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slabdes.config.models import Experiment
from slabdes.errors import InputError, nearest, shown
from slabdes.files import NotToml, is_there, toml_of

_TUNABLES: Final = ("limit", "batchcount", "shared")
_SHORT: Final = {name: f"workload.{name}" for name in ("copies", "think", "cpus", "nodes", "arrivals", "loop", "in_flight")} | {
    "machine": "machine.preset",
    "allocator": "allocator",
}
"""Keys that a replay's sweep may say in short."""


def check_single(values: Mapping[str, str | None]) -> None:
    """Raise InputError where an option has a list of values: each is replayed by a sweep."""
    for key, value in values.items():
        if value and "," in value and not is_there(Path(value)):
            raise InputError(
                f"--{key} {shown(value)}", "one value is wanted", allowed=f"{as_sweep(key, value)} replays with each"
            )


def as_sweep(key: str, value: str) -> str:
    """What to type for a replay with each of several values."""
    return f"--sweep {key}={shown(value)}"


def add_tunables(raw: dict[str, Any], names: Sequence[str], values: Mapping[str, int | None]) -> None:
    """Set tunables of the caches called `names`. InputError if there are values and no names."""
    said = {key: value for key, value in values.items() if value is not None}
    if said and not names:
        raise InputError(f"--{next(iter(said))}", "which caches?", allowed="with --cache NAME, once a cache")
    for name in names if said else ():
        _table(raw, name).update(said)


def name_caches(raw: dict[str, Any], names: Sequence[str], keys: Iterable[str]) -> None:
    """See that `keys` which are about a cache, by name or by its number in `names`, find a [[cache]] table of it."""
    for key in keys:
        first, _dot, rest = key.strip().partition(".")
        name = rest.rpartition(".")[0]
        if first != "cache" or not name:
            continue
        for wanted in names if name.isdecimal() else (name,):
            _table(raw, wanted)


def add_sweeps(raw: dict[str, Any], names: Sequence[str], sweeps: Iterable[str]) -> None:
    """Sweep `KEY=VALUE,VALUE,...`, the key in short or dotted. InputError for one that is not of this form."""
    swept = raw.setdefault("sweep", {})
    for sweep in sweeps:
        key, equals, text = (part.strip() for part in sweep.partition("="))
        if not equals or not key or not text:
            raise InputError(f"--sweep {shown(sweep)}", "not of the form key=value,value", allowed="for example copies=1,4,48")
        dotted = _dotted(key, names)
        name_caches(raw, names, [dotted])
        swept[dotted] = values_of(text, f"--sweep {key}")


def _dotted(key: str, names: Sequence[str]) -> str:
    short = [*_TUNABLES, *_SHORT]
    if "." not in key and key not in short and key not in Experiment.model_fields:
        raise InputError(
            f"--sweep {shown(key)}", f"unknown key{nearest(key, short)}", allowed=f"{', '.join(short)}, or a dotted key"
        )
    if key not in _TUNABLES:
        return _SHORT.get(key, key)
    if len(names) != 1:
        raise InputError(f"--sweep {key}", "of which cache?", allowed=f"one --cache, or cache.NAME.{key}=...")
    return f"cache.{names[0]}.{key}"


def values_of(text: str, where: str) -> list[Any]:
    """Values with commas between them, as TOML; those that are not are text."""
    try:
        found = toml_of(f"value = [{text}]", where)["value"]
    except NotToml:
        found = [_value(part.strip(), where) for part in text.split(",")]
    return list(found)


def _value(text: str, where: str) -> Any:
    try:
        return toml_of(f"value = {text}", where)["value"]
    except NotToml:
        return text


def _table(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """The [[cache]] table of a name, made if need be."""
    tables = raw.setdefault("cache", [])
    found = next((table for table in tables if table["name"] == name), None)
    if found is None:
        found = {"name": name}
        tables.append(found)
    return found
