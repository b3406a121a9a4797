# SPDX-License-Identifier: GPL-2.0-only
"""What differs between two runs: the settings of their experiments, and a statistic of both sides with its interval.

Leaves out which difference matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.results.manifest import Manifest
from slabdes.stats.intervals import CONFIDENCE, Interval, section_interval, t_quantile

_SWEEPS: Final = ("sweep", "zip")
_NOT_ASKED: Final = ("name", *_SWEEPS, "engine", "log", "debug")
"""Keys of an experiment that change no result."""
_FILES: Final = ("workload.file", "workload.from_dump", "start", "slabinfo", "machine.file")
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


def difference(
    first: float,
    ones: Sequence[float],
    second: float,
    others: Sequence[float],
    paired: bool,
    confidence: float = CONFIDENCE,
    resolution: float = 0.0,
) -> Interval:
    """How much a statistic of the second side exceeds the first's, from those of each replication.

    Paired by replication where common random numbers cancel; else by Welch's method (Biometrika 34, 1947), both sides' spreads
    taken around the pooled values as `section_interval` does.
    """
    change = second - first
    if paired and len(ones) == len(others) and ones:
        changes = [after - before for before, after in zip(ones, others, strict=True)]
        return section_interval(change, changes, confidence, resolution=resolution)
    n = min(len(ones), len(others))
    if n < 2:
        return Interval(change, None, n, confidence)
    parts = [_variance(value, values) / len(values) for value, values in ((first, ones), (second, others))]
    spread = sum(parts)
    if not spread:
        return Interval(change, resolution, n, confidence)
    freedom = spread**2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ones, others), strict=True))
    half = t_quantile((1 + confidence) / 2, freedom) * math.sqrt(spread)
    return Interval(change, max(half, resolution), n, confidence)


def ratio(
    first: float,
    ones: Sequence[float],
    second: float,
    others: Sequence[float],
    paired: bool,
    confidence: float = CONFIDENCE,
    resolution: float = 0.0,
) -> Interval | None:
    """How many times the first side's statistic the second's is; None where the first's is 0.

    Its interval is that of the logarithms' difference, taken to either side as it is upwards, where it is wider. `resolution` is
    the part of themselves that statistics are known to. A replication with 0 has no logarithm: then the interval is not known.
    """
    if not first:
        return None
    value = second / first
    if not value or min(*ones, *others, second) <= 0:
        return Interval(value, None, min(len(ones), len(others)), confidence, least=0.0)
    logs = [math.log(one) for one in ones], [math.log(one) for one in others]
    change = difference(math.log(first), logs[0], math.log(second), logs[1], paired, confidence, resolution)
    half = None if change.half_width is None else value * math.expm1(min(change.half_width, MOST_LOG))
    return Interval(value, half, change.n, confidence, least=0.0)


MOST_LOG: Final = 100.0
"""Of a ratio's half interval: whatever is wider is not known at all."""


def _variance(around: float, values: Sequence[float]) -> float:
    return math.fsum((value - around) ** 2 for value in values) / (len(values) - 1)
