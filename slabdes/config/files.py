# SPDX-License-Identifier: GPL-2.0-only
"""Experiment files read, `key=value` settings applied, sweeps expanded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from slabdes.config.arrays import plain
from slabdes.config.families import (
    CHOOSING,
    Kind,
    Taken,
    flat,
    meaningless,
    means_nothing,
    own_of,
    remove,
    settle,
    take_out,
    written,
)
from slabdes.config.fields import SHOWN
from slabdes.config.models import Experiment
from slabdes.config.refusals import validate
from slabdes.config.sweeps import QUICK, SWEEPS, combinations, count
from slabdes.config.timing import TimingRule
from slabdes.errors import InputError, shown
from slabdes.files import MAX_DEPTH, NotToml, check_plain, read_text, toml_of

MAX_FILE: Final = 1 << 18
"""Bytes of an experiment file: a sweep of MAX_POINTS values has half of it (a choice)."""
MAX_VALUES: Final = 1_000_000
"""Values of all points of a sweep together, each of which is checked before the first runs: ten seconds (a choice)."""
_INDEX_DIGITS: Final = 6


def without_rule(experiment: Experiment, rule: TimingRule) -> Experiment:
    """The same experiment with one rule of the clock left out."""
    off: float | bool = 0.0 if rule is TimingRule.JITTER else False
    return experiment.model_copy(update={"timing": experiment.timing.model_copy(update={rule.value: off})})


def load_experiment(
    path: str | Path, settings: Iterable[str] = (), caches: Sequence[str] = (), quick: bool = False
) -> Experiment:
    """Read the TOML file `path`, apply `key=value` settings, validate. Relative files are taken from its folder.

    With `caches` the experiment's caches are those, as its [[cache]] tables of these names say, in place of all others. With
    `quick` what its [quick] table says holds in place of the same keys, swept or not: a small size, to try it.
    Raises InputError, in one line, for a file that cannot be read, is not TOML, or says something not allowed.
    """
    path = Path(path)
    raw = toml_of(read_text(path, MAX_FILE, "a readable TOML file"), str(path))
    smaller = raw.pop(QUICK, {})
    if not isinstance(smaller, dict):
        raise InputError(f"{path}: {QUICK}", "not a table", allowed=f'[{QUICK}], then lines such as "machine.cpus" = 4')
    if quick:
        _make_quick(raw, smaller, f"{path}: {QUICK}")
    _resolve_files(raw, path.parent)
    if caches:
        _choose_caches(raw, caches)
    apply_settings(raw, settings)
    return parse_experiment(raw, str(path))


def _make_quick(raw: dict[str, Any], values: Mapping[str, Any], where: str) -> None:
    if not values:
        raise InputError(where, "the file has no such table", allowed=f'[{QUICK}], then lines such as "machine.cpus" = 4')
    for key, value in values.items():
        _unsweep(raw, key, value)
    apply_values(raw, values, where)


def _unsweep(raw: dict[str, Any], key: str, value: Any) -> None:
    """Sweep a key no more, as it is to have one value."""
    for name in SWEEPS:
        swept = raw.get(name)
        values = swept.pop(key, None) if isinstance(swept, dict) else None
        if key in CHOOSING and isinstance(values, list):
            settle(raw, key, values, value)


def _choose_caches(raw: dict[str, Any], names: Sequence[str]) -> None:
    workload, tables = raw.get("workload"), raw.get("cache")
    if isinstance(workload, dict) and workload.get("kind") == "trace":
        raise InputError(f"--cache {names[0]}", "the workload is a trace", allowed='--set workload.caches=["NAME"]')
    said = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    raw["cache"] = [next((table for table in said if table.get("name") == name), {"name": name}) for name in dict.fromkeys(names)]


def parse_experiment(raw: Mapping[str, Any], where: str) -> Experiment:
    """Validate a mapping as an Experiment, every point of its sweep included; `where` begins any error. It may hold arrays.

    Its `quick` table is left out: `load_experiment` makes a file's experiment small with it.
    """
    check_plain(raw, where)
    experiment = validate(plain({key: value for key, value in raw.items() if key != QUICK}), where)
    for _point in expand(experiment, where):
        pass
    return experiment


@dataclass(frozen=True)
class Point:
    """A point of a sweep: what it sets, the experiment that results, and what is said of keys that mean nothing there."""

    settings: dict[str, Any]
    experiment: Experiment
    left: str = ""


def expand(experiment: Experiment, where: str = "sweep") -> Iterator[tuple[dict[str, Any], Experiment]]:
    """The points of an experiment's sweep, in file order, the last key fastest: what was set, and the experiment.

    Without a sweep there is one point, which sets nothing. Raises InputError for a key that is not there or a bad value.
    """
    return ((point.settings, point.experiment) for point in points_of(experiment, where))


def points_of(experiment: Experiment, where: str = "sweep") -> Iterator[Point]:
    """The same with what each point leaves out.

    A sweep of `allocator` may have keys of one allocator that others lack: each point takes those of its own, and of points that
    differ in others alone there is one. Raises InputError likewise for a key that no point takes.
    """
    base = experiment.model_dump(mode="json", exclude={"sweep", "zip"}, exclude_unset=True)
    swept = (experiment.sweep, experiment.zip)
    keys = [*experiment.sweep, *experiment.zip]
    points, size = count(*swept), _size(base) + len(keys)
    if points > 1 and points * size > MAX_VALUES:
        allowed = f"at most {MAX_VALUES:,} values, all points together: fewer points or caches, or several experiments"
        raise InputError(f"{where}: sweep", f"{points:,} points of {size:,} values", allowed=allowed)
    taken, seen = Taken(), set[str]()
    for settings in combinations(*swept):
        raw, own = _deep_copy(base), settings
        left: list[str] = []
        kind = Kind.of(base, settings)
        if kind is not None and any(key in settings for key in CHOOSING):
            left = take_out(raw, kind)
            own = own_of(settings, partial(means_nothing, kind))
            known = dict(flat(own))
            taken.note({*written(raw), *known}, (*left, *(key for key, _value in flat(settings) if key not in known)))
            same = json.dumps(own)
            if own != settings and same in seen:
                continue
            seen.add(same)
        yield Point(own, _point(raw, own, where), meaningless(kind, left) if kind is not None and left else "")
    if taken.by_none:
        every = [dict(flat(settings)) for settings in combinations(*swept)]
        having = (settings for settings in every if not taken.by_none.keys().isdisjoint(settings))
        _refuse_left(base, next(having, every[0]), taken, where)


def _refuse_left(base: Mapping[str, Any], settings: Mapping[str, Any], taken: Taken, where: str) -> None:
    """Raise the InputError of a key that no point takes, as the first point's allocator refuses it."""
    raw = _deep_copy(dict(base))
    kind = Kind.of(base, settings)
    assert kind is not None
    remove(raw, [key for key in written(raw) if key in taken.by_some and means_nothing(kind, key)])
    _point(raw, {key: value for key, value in settings.items() if key in CHOOSING or key in taken.by_none}, where)


def _point(raw: dict[str, Any], settings: Mapping[str, Any], where: str) -> Experiment:
    """The experiment of a point. Raises InputError, which says at which point."""
    for key, value in settings.items():
        _put(raw, key, _deep_copy(value), f"{where}: sweep")
    try:
        return validate(raw, where)
    except InputError:
        # Once more, to say at which point.
        return validate(raw, f"{where}: sweep {_told(settings)}" if settings else where)


def _told(settings: Mapping[str, Any]) -> str:
    """Settings as they are typed: `cache.0.limit=60, workload.think=none`."""
    said = (f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items())
    return shown(", ".join(said))


def apply_settings(raw: dict[str, Any], settings: Iterable[str]) -> None:
    """Change `raw` as `key=value` settings say, dotted keys and TOML values; a key that is set is no longer swept.

    Files that a setting names are taken from the current folder. Raises InputError for one that is no setting.
    """
    for setting in settings:
        _set(raw, setting)


def apply_values(raw: dict[str, Any], values: Mapping[str, Any], where: str) -> None:
    """Change `raw` as `values` by dotted keys say. Raises InputError, beginning with `where`, for a key that cannot be."""
    for key, value in values.items():
        _put(raw, key, value, where)


def with_settings(experiment: Experiment, values: Mapping[str, Any], where: str) -> Experiment:
    """The experiment with `values` by dotted keys, which are no longer swept. Raises InputError, beginning with `where`."""
    raw = experiment.model_dump(mode="json", exclude_unset=True)
    for key, value in values.items():
        _unsweep(raw, key, value)
    apply_values(raw, values, where)
    return parse_experiment(raw, where)


def _set(raw: dict[str, Any], setting: str) -> None:
    key, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not key:
        raise InputError(f"--set {setting}", "not of the form key=value", allowed="for example machine.cpus=8")
    try:
        table = toml_of(f"value = {text}", f"--set {key}")
    except NotToml:
        table = {}
    # Text that goes on behind its value with lines of its own is not one.
    value = table["value"] if set(table) == {"value"} else text
    _unsweep(raw, key, value)
    _put(raw, key, value, f"--set {setting}")


def _put(raw: dict[str, Any], dotted: str, value: Any, where: str) -> None:
    parts = dotted.split(".")
    if not all(parts):
        raise InputError(
            where, f"{shown(dotted, SHOWN)!r} has an empty part", allowed="keys with dots between them, as machine.cpus"
        )
    if len(parts) > MAX_DEPTH:
        raise InputError(where, f"a key of {len(parts):,} parts", allowed=f"at most {MAX_DEPTH}")
    if parts[0] in SWEEPS and len(parts) > 1:
        # The keys of these tables have dots themselves.
        parts = [parts[0], dotted.partition(".")[2].strip('"')]
    place: Any = raw
    for part in parts[:-1]:
        place = _step(place, part, where)
    if isinstance(place, list):
        place[_index(place, parts[-1], where)] = value
    elif isinstance(place, dict):
        place[parts[-1]] = value
    else:
        raise InputError(where, f"{shown(parts[-1], SHOWN)!r} is inside a value that is not a table")


def _step(place: Any, part: str, where: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, where)]
    if not isinstance(place, dict):
        raise InputError(where, f"{shown(part, SHOWN)!r} is inside a value that is not a table")
    return place.setdefault(part, {})


def _index(place: list[Any], part: str, where: str) -> int:
    if part.isascii() and part.isdecimal() and len(part) <= _INDEX_DIGITS and int(part) < len(place):
        return int(part)
    named = [index for index, entry in enumerate(place) if isinstance(entry, dict) and entry.get("name") == part]
    if not named:
        raise InputError(
            where,
            f"{shown(part, SHOWN)!r} is not in the list",
            allowed=f"0 to {len(place) - 1}, or a name" if place else "none is there",
        )
    return named[0]


_FILES: Final = {"": ("slabinfo", "sysfs", "start"), "machine": ("file",), "workload": ("file", "from_dump")}
"""The keys that are files, by the table that has them."""


def _resolve_files(raw: dict[str, Any], folder: Path) -> None:
    """Files are named from the experiment's folder, also those of a sweep."""
    for part, keys in _FILES.items():
        table = raw.get(part) if part else raw
        if isinstance(table, dict):
            table.update({key: _from(folder, table[key]) for key in keys if key in table})
    for name in SWEEPS:
        swept = raw.get(name)
        if isinstance(swept, dict):
            swept.update(
                {
                    key: [_of_sweep(folder, key, value) for value in values]
                    for key, values in swept.items()
                    if isinstance(values, list)
                }
            )


def _of_sweep(folder: Path, key: str, value: Any) -> Any:
    """A value of a swept key: a file, or a table that has some."""
    part, _dot, last = key.rpartition(".")
    if last in _FILES.get(part, ()):
        return _from(folder, value)
    if key in _FILES and isinstance(value, dict):
        return value | {own: _from(folder, value[own]) for own in _FILES[key] if own in value}
    return value


def _from(folder: Path, file: Any) -> Any:
    return str(folder / file) if isinstance(file, str) else file


def _deep_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep_copy(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_deep_copy(entry) for entry in value]
    return value


def _size(value: Any) -> int:
    """How many values there are in tables and lists."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return 1
    return sum(map(_size, value))
