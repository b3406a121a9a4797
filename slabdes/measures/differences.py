# SPDX-License-Identifier: GPL-2.0-only
"""What differs between the experiments of two runs: settings, files, machines and versions.

Leaves out what that makes of the results (`compare`), and which difference matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.results.manifest import Manifest

_SWEEPS: Final = ("sweep", "zip")
_NOT_ASKED: Final = ("name", *_SWEEPS, "engine", "log", "debug")
"""Keys of an experiment that change no result."""
_FILES: Final = ("workload.file", "workload.from_dump", "start", "slabinfo", "sysfs", "machine.file")
"""Keys whose contents are compared, not their names."""


@dataclass(frozen=True)
class Setting:
    """A key that two runs have different values for, None where it is not set."""

    key: str
    first: Any
    second: Any


def setting_of(experiment: Mapping[str, Any], key: str) -> Any:
    """An experiment's value of a dotted key, None where it has none. Caches go by number or name."""
    here: Any = experiment
    words = key.split(".")
    for word in words:
        if isinstance(here, list):
            named = [entry for entry in here if isinstance(entry, Mapping) and entry.get("name") == word]
            numbered = [here[int(word)]] if word.isdecimal() and int(word) < len(here) else []
            found = named or numbered
            here = found[0] if found else None
        else:
            here = here.get(word) if isinstance(here, Mapping) else None
    return here


def differences(first: Manifest, second: Manifest) -> list[Setting]:
    """Keys of the experiments that differ, but for those that either sweeps; then files, machines and versions of slabdes."""
    swept = {*_many(first), *_many(second)}
    one, other = _settings(first), _settings(second)
    keys = [key for key in dict.fromkeys([*one, *other]) if key not in swept and not _below(key, swept)]
    found = [Setting(key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]
    changed = [setting for setting in found if setting.key not in _FILES]
    return [*changed, *_files(first, second, found), *_machines(first, second), *_versions(first, second)]


def _swept(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    for name in _SWEEPS:
        table = manifest.experiment.get(name)
        yield from table.items() if isinstance(table, Mapping) else ()


def _many(manifest: Manifest) -> list[str]:
    return [key for key, values in _swept(manifest) if len(values) > 1]


def _below(key: str, swept: set[str]) -> bool:
    return any(key.startswith(f"{above}.") for above in swept)


def _settings(manifest: Manifest) -> dict[str, Any]:
    """The resolved experiment under dotted keys; a sweep of a single value is that value."""
    flat = dict(_flat({key: value for key, value in manifest.experiment.items() if key not in _NOT_ASKED}))
    for key, values in _swept(manifest):
        if len(values) == 1:
            flat[key] = values[0]
    return flat


def _flat(value: Mapping[str, Any] | list[Any], above: str = "") -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, Mapping) else ((str(number), entry) for number, entry in enumerate(value))
    for key, entry in pairs:
        if isinstance(entry, Mapping) or (isinstance(entry, list) and any(isinstance(one, Mapping) for one in entry)):
            yield from _flat(entry, f"{above}{key}.")
        else:
            yield f"{above}{key}", entry


def _files(first: Manifest, second: Manifest, found: Sequence[Setting]) -> Iterator[Setting]:
    """Files whose contents differ, or, where these are not known, their names."""
    sums = [manifest.provenance.get("read") for manifest in (first, second)]
    for setting in found:
        if setting.key not in _FILES:
            continue
        one, other = (
            read.get(str(name)) if isinstance(read, Mapping) else None
            for read, name in zip(sums, (setting.first, setting.second), strict=True)
        )
        if one is None or one != other:
            yield setting


def _machines(first: Manifest, second: Manifest) -> Iterator[Setting]:
    """Machines of one name that are not the same."""
    for name in first.machines:
        if name in second.machines:
            one, other = (manifest.machines[name].get("digest") for manifest in (first, second))
            if one != other:
                yield Setting(f"the machine {name} itself", "one description", "another")


def _versions(first: Manifest, second: Manifest) -> Iterator[Setting]:
    if first.slabdes != second.slabdes:
        yield Setting("slabdes", first.slabdes, second.slabdes)
