"""Experiment files read, `key=value` settings applied, sweeps expanded."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slabdes.config.fields import SHOWN
from slabdes.config.models import Experiment, TimingRule
from slabdes.config.refusals import validate
from slabdes.errors import InputError


def without_rule(experiment: Experiment, rule: TimingRule) -> Experiment:
    """The same experiment with one rule of the clock left out."""
    off: float | bool = 0.0 if rule is TimingRule.JITTER else False
    return experiment.model_copy(update={"timing": experiment.timing.model_copy(update={rule.value: off})})


def load_experiment(path: Path, settings: Iterable[str] = (), caches: Sequence[str] = ()) -> Experiment:
    """Read the TOML file `path`, apply `key=value` settings, validate. Relative files are taken from its folder.

    With `caches` the experiment's caches are those, as its [[cache]] tables of these names say, in place of all others.
    Raises InputError, in one line, for a file that cannot be read, is not TOML, or says something not allowed.
    """
    raw = _toml(_text(path), str(path))
    _resolve_files(raw, path.parent)
    if caches:
        _choose_caches(raw, caches)
    apply_settings(raw, settings)
    return parse_experiment(raw, str(path))


def _choose_caches(raw: dict[str, Any], names: Sequence[str]) -> None:
    workload, tables = raw.get("workload"), raw.get("cache")
    if isinstance(workload, dict) and workload.get("kind") == "trace":
        raise InputError(f"--cache {names[0]}", "the workload is a trace", allowed='--set workload.caches=["NAME"]')
    said = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    raw["cache"] = [next((table for table in said if table.get("name") == name), {"name": name}) for name in dict.fromkeys(names)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), allowed="a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", allowed="TOML, which is UTF-8 text") from None
    except ValueError as error:  # a NUL in the name
        raise InputError(repr(str(path)), str(error), allowed="a file name") from None


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(where, "not TOML: nested too deeply") from None
    except ValueError as error:
        # After a semicolon Python advises its programmer (numbers of thousands of digits), not our user.
        raise InputError(where, f"not TOML: {str(error).partition(';')[0]}") from None


def parse_experiment(raw: Mapping[str, Any], where: str) -> Experiment:
    """Validate a mapping as an Experiment, every point of its sweep included; `where` begins any error."""
    try:
        experiment = validate(raw, where)
    except RecursionError:
        raise InputError(where, "nested too deeply", allowed="tables and lists a few levels deep") from None
    for _point in expand(experiment, where):
        pass
    return experiment


def expand(experiment: Experiment, where: str = "sweep") -> Iterator[tuple[dict[str, Any], Experiment]]:
    """The points of an experiment's sweep, in file order, the last key fastest: what was set, and the experiment.

    Without a sweep there is one point, which sets nothing. Raises InputError for a key that is not there or a bad value.
    """
    base = experiment.model_dump(mode="json", exclude={"sweep"}, exclude_unset=True)
    keys = list(experiment.sweep)
    for values in itertools.product(*experiment.sweep.values()):
        raw = _deep_copy(base)
        for key, value in zip(keys, values, strict=True):
            _put(raw, key, value, f"{where}: sweep")
        yield (
            dict(zip(keys, values, strict=True)),
            validate(raw, f"{where}: sweep {dict(zip(keys, values, strict=True))}" if keys else where),
        )


def apply_settings(raw: dict[str, Any], settings: Iterable[str]) -> None:
    """Change `raw` as `key=value` settings say, dotted keys and TOML values; a key that is set is no longer swept.

    Files that a setting names are taken from the current folder. Raises InputError for one that is no setting.
    """
    for setting in settings:
        _set(raw, setting)


def _set(raw: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {setting}", "not of the form key=value", allowed="for example machine.cpus=8")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    except (RecursionError, ValueError):
        raise InputError(f"--set {key.strip()[:SHOWN]}", "nested too deeply, or a number of thousands of digits") from None
    swept = raw.get("sweep")
    if isinstance(swept, dict):
        swept.pop(key.strip(), None)
    _put(raw, key.strip(), value, f"--set {setting}")


def _put(raw: dict[str, Any], dotted: str, value: Any, where: str) -> None:
    parts = dotted.split(".")
    place: Any = raw
    for part in parts[:-1]:
        place = _step(place, part, where)
    if isinstance(place, list):
        place[_index(place, parts[-1], where)] = value
    elif isinstance(place, dict):
        place[parts[-1]] = value
    else:
        raise InputError(where, f"{parts[-1]!r} is inside a value that is not a table")


def _step(place: Any, part: str, where: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, where)]
    if not isinstance(place, dict):
        raise InputError(where, f"{part!r} is inside a value that is not a table")
    return place.setdefault(part, {})


def _index(place: list[Any], part: str, where: str) -> int:
    if part.isdecimal() and int(part) < len(place):
        return int(part)
    named = [index for index, entry in enumerate(place) if isinstance(entry, dict) and entry.get("name") == part]
    if not named:
        raise InputError(where, f"{part!r} is not in the list", allowed=f"0 to {len(place) - 1}, or a name")
    return named[0]


def _resolve_files(raw: dict[str, Any], folder: Path) -> None:
    for part in ("machine", "workload"):
        table = raw.get(part)
        for key in ("file", "from_dump"):
            if isinstance(table, dict) and isinstance(table.get(key), str):
                table[key] = str(folder / table[key])
    if isinstance(raw.get("slabinfo"), str):
        raw["slabinfo"] = str(folder / raw["slabinfo"])


def _deep_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep_copy(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_deep_copy(entry) for entry in value]
    return value
