# SPDX-License-Identifier: GPL-2.0-only
"""Keys that one allocator has and another has not, where an experiment sweeps `allocator`: each point takes those of its own.

Leaves out experiments of one allocator, where the same keys are refused (`allocators`, `slub`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from slabdes.config.allocators import AllocatorVersion, cache_keys_beside, named
from slabdes.config.slub import ChangeConfig, RcuConfig, SlubConfig, switches_of, versions_with_sheaves
from slabdes.config.sweeps import SWEEPS

ALLOCATOR: Final = "allocator"
CPU_SLABS: Final = "slub.cpu_slabs"
CHOOSING: Final = (ALLOCATOR, CPU_SLABS)
"""Keys on which it depends which others mean anything."""
_ONLY_SLAB: Final = ("switches", "noaliencache", "reap_drains_all_aliens")
"""Top keys that do nothing on SLUB."""
_TABLES: Final = ((SlubConfig, "slub", ""), (RcuConfig, "rcu", "frees"), (ChangeConfig, "change", "at_ms"))
"""Tables of SLUB's, and the key without which they say nothing."""


def version_named(said: object) -> AllocatorVersion | None:
    """The version that a raw value names; None for what is none, which the experiment's own check refuses."""
    name = repr(said) if isinstance(said, float) else said
    return next((version for version in AllocatorVersion if version.value == name), None)


@dataclass(frozen=True)
class Kind:
    """The allocator of a point: its version, and what slub.cpu_slabs says."""

    version: AllocatorVersion
    cpu_slabs: bool | None = None

    @staticmethod
    def of(raw: Mapping[str, Any], settings: Mapping[str, Any]) -> Kind | None:
        """As an experiment's plain values have it, and a sweep; None for what is no version, which is refused elsewhere."""
        version = version_named(settings.get(ALLOCATOR, raw.get(ALLOCATOR, AllocatorVersion.V2_6_34.value)))
        said = settings.get(CPU_SLABS, _table(settings.get("slub", raw.get("slub"))).get("cpu_slabs"))
        having = version is not None and "cpu_slabs" in switches_of(version)
        return None if version is None else Kind(version, said if having and isinstance(said, bool) else None)

    def __str__(self) -> str:
        """As sentences call it."""
        return named(self.version, self.cpu_slabs)


def means_nothing(kind: Kind, key: str) -> bool:
    """Whether a dotted key, or a table's name, is another allocator's than this one's.

    >>> means_nothing(Kind(AllocatorVersion.V6_1), "cache.0.limit"), means_nothing(Kind(AllocatorVersion.V7_3), "cache.0.limit")
    (False, True)
    """
    version = kind.version
    table, _dot, rest = key.partition(".")
    name = rest.rpartition(".")[2] or rest
    match table:
        case "cache":
            return name in cache_keys_beside(version, kind.cpu_slabs)
        case "slub":
            known = switches_of(version, kind.cpu_slabs)
            return name not in known if name else not known
        case "rcu":
            return not version.is_slub
        case "change":
            return version not in versions_with_sheaves()
    return key in _ONLY_SLAB and version.is_slub


def take_out(raw: dict[str, Any], kind: Kind) -> list[str]:
    """Take what means nothing to this allocator out of an experiment's plain values; returns the dotted keys."""
    found = [key for key in written(raw) if means_nothing(kind, key)]
    remove(raw, found)
    return found


def remove(raw: dict[str, Any], keys: Iterable[str]) -> None:
    """Take keys out that `written` has told."""
    for key in keys:
        place: Any = raw
        *parents, last = key.split(".")
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        del place[last]


def written(raw: Mapping[str, Any]) -> Iterator[str]:
    """Dotted keys, of those that may mean nothing to an allocator, which say something: not one that turns a thing off."""
    caches = raw.get("cache")
    for number, cache in enumerate(caches if isinstance(caches, list) else ()):
        yield from (f"cache.{number}.{key}" for key, value in _table(cache).items() if value is not None)
    for model, table, first in _TABLES:
        given = _table(raw.get(table))
        if not first or given.get(first):
            known = model.model_fields
            yield from (f"{table}.{key}" for key, value in given.items() if key in known and value != known[key].default)
    yield from (key for key in _ONLY_SLAB if raw.get(key))


def _table(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def own_of(settings: Mapping[str, Any], nothing: Callable[[str], bool]) -> dict[str, Any]:
    """Settings without the keys that mean `nothing`; of tables that are set whole, and of lists of them, likewise."""
    return {key: _own_part(key, value, nothing) for key, value in settings.items() if not nothing(key)}


def _own_part(key: str, value: Any, nothing: Callable[[str], bool]) -> Any:
    if isinstance(value, list):
        return [_own_part(f"{key}.{number}", entry, nothing) for number, entry in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    found = own_of({f"{key}.{name}": entry for name, entry in value.items()}, nothing)
    return {name.removeprefix(f"{key}."): entry for name, entry in found.items()}


def flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by dotted keys, those in tables, too."""
    for key, value in settings.items():
        entries = list(enumerate(value)) if isinstance(value, list) else list(_table(value).items())
        if entries and (isinstance(value, Mapping) or isinstance(entries[0][1], Mapping)):
            yield from flat({f"{key}.{name}": entry for name, entry in entries})
        else:
            yield key, value


def settle(raw: dict[str, Any], key: str, swept: Sequence[object], chosen: object) -> None:
    """Take out of an experiment whose `swept` allocators (or slub.cpu_slabs) become one what means something to others alone.

    What it sweeps of these keys, too.
    """
    kinds, others = _kinds(raw, {key: chosen}), [kind for said in swept for kind in _kinds(raw, {key: said})]
    if not kinds:
        return

    def nothing(name: str) -> bool:
        return all(means_nothing(kind, name) for kind in kinds) and not all(means_nothing(other, name) for other in others)

    remove(raw, [name for name in written(raw) if name != key and nothing(name)])
    for table in SWEEPS:
        if isinstance(lists := raw.get(table), dict):
            raw[table] = _own_of_lists(lists, nothing)


def _own_of_lists(lists: Mapping[str, Any], nothing: Callable[[str], bool]) -> dict[str, Any]:
    """Lists of values by key, of what is not `nothing`."""
    own = {}
    for key, values in lists.items():
        if not nothing(key):
            own[key] = [_own_part(key, value, nothing) for value in values] if isinstance(values, list) else values
    return own


def _kinds(raw: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Kind]:
    """The allocators of an experiment's points with these settings: what else of CHOOSING it sweeps it may have any value of."""
    swept = [(key, values) for table in SWEEPS for key, values in _table(raw.get(table)).items() if key in CHOOSING]
    lists = {key: values for key, values in swept if isinstance(values, list)}
    found = (Kind.of(raw, {**dict(zip(lists, values, strict=True)), **settings}) for values in itertools.product(*lists.values()))
    return [kind for kind in found if kind is not None]


@dataclass
class Taken:
    """Which of an experiment's keys some point takes, and which none does so far."""

    by_some: set[str] = field(default_factory=set)
    by_none: dict[str, None] = field(default_factory=dict)

    def note(self, taken: Iterable[str], left: Iterable[str]) -> None:
        """Take down what a point takes, and what it leaves."""
        self.by_some.update(taken)
        self.by_none = {key: None for key in (*self.by_none, *left) if key not in self.by_some}


def meaningless(kind: Kind, keys: Sequence[str]) -> str:
    """What is said of the points of an allocator to which keys mean nothing."""
    at_once = "; frees are at once there, not by kfree_rcu" if "rcu.frees" in keys else ""
    return f"without meaning to {kind}, and not in force there: {', '.join(keys)}{at_once}"
