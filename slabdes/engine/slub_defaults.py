# SPDX-License-Identifier: GPL-2.0-only
"""What the keys of [slub] are where an experiment says nothing, version by version. Leaves out keys of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from functools import cache
from typing import Any, get_args

from slabdes.config import AllocatorVersion, Experiment
from slabdes.config.keys import Key, toml
from slabdes.config.slub import SlubConfig, switches_of
from slabdes.engine.setup import slub_version_of


def with_defaults(key: Key) -> Key:
    """A key with the defaults of each version in place of none, where versions have any: `"tail" (7.2, 7.3), "group" (7.1)`."""
    table, _dot, name = key.path.partition(".")
    by_version = slub_defaults(name) if table == "slub" else {}
    values: dict[str, list[str]] = {}
    for version, value in by_version.items():
        values.setdefault(toml(value), []).append(version.value)
    told = [f"{value} ({', '.join(versions)})" for value, versions in values.items()]
    return replace(key, default=", ".join(told)) if told else key


@cache
def slub_defaults(name: str) -> Mapping[AllocatorVersion, Any]:
    """The value of a key of [slub] that changes nothing, of each version that has the key; none for a key of numbers."""
    found: dict[AllocatorVersion, Any] = {}
    for version in AllocatorVersion:
        if name in switches_of(version):
            as_it_is = slub_version_of(_experiment(version, SlubConfig()))
            for value in _values(name):
                if slub_version_of(_experiment(version, SlubConfig(**{name: value}))) == as_it_is:
                    found[version] = value
    return found


def _experiment(version: AllocatorVersion, slub: SlubConfig) -> Experiment:
    return Experiment.model_construct(allocator=version, slub=slub)


def _values(name: str) -> tuple[Any, ...]:
    """What a key may be, if these are words or a truth value."""
    for kind in get_args(SlubConfig.model_fields[name].annotation):
        of = (get_args(kind) or (kind,))[0]
        if of is bool:
            return (False, True)
        if isinstance(of, type) and issubclass(of, Enum):
            return tuple(of)
    return ()
