# SPDX-License-Identifier: GPL-2.0-only
"""Every key of an experiment file, from the models that read it: type, unit, default, meaning.

Leaves out what is wrong only together with other keys: that is told when a file is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slabdes.config.fields import Frozen
from slabdes.config.models import TABLES, Experiment
from slabdes.config.sweeps import QUICK, QUICK_MEANING, SWEEPS
from slabdes.config.workloads import WORKLOADS
from slabdes.errors import InputError, nearest, shown

_UNITS: Final = {
    "_ns": "ns",
    "_ms": "ms",
    "_mib": "MiB",
    "hz": "jiffies a second",
    "size": "bytes",
    "rate": "a second",
    "align": "bytes",
    "costs": "ns",
}
"""By how a key ends."""

_LEAST_LETTERS: Final = 3
"""Of a word that keys are looked for by (assumed): shorter ones begin too many."""


@dataclass(frozen=True)
class Key:
    """A key of an experiment file. `workload` is the only kind of workload that has it, or empty."""

    path: str
    """As `--set` and a sweep take it; NAME stands for a cache's name or number."""
    workload: str
    type: str
    unit: str
    default: str
    """As TOML has it; `required`; or `none`, where the meaning says what holds then."""
    meaning: str


def experiment_keys() -> list[Key]:
    """All of them, in the order of a file: the top ones, then table by table, workload by workload, then what varies them."""
    tables = {*SWEEPS, "workload", *TABLES}
    found = [*_keys(Experiment, "", "", tables)]
    for name, model in TABLES.items():
        found += _keys(model, "cache.NAME." if name == "cache" else f"{name}.", "")
    for kind, model in WORKLOADS.items():
        found += _keys(model, "workload.", kind)
    for name in SWEEPS:
        found.append(Key(name, "", "table of lists, by key", "", "none", _line(Experiment.model_fields[name].description)))
    return [*found, Key(QUICK, "", "table of values, by key", "", "none", QUICK_MEANING)]


def keys_below(prefix: str) -> list[Key]:
    """Those whose path begins with `prefix`, or ends with it as a word, or whose workload it names; else those about its words.

    Raises InputError without any.
    """
    known = experiment_keys()
    parts = prefix.split(".")
    if parts[0] == "cache" and len(parts) > 2:  # a cache's own name or number
        parts[1] = "NAME"
    found = [key for key in known if key.path.split(".")[: len(parts)] == parts or prefix in (key.workload, _last(key))]
    found = found or _about(known, prefix)
    if not found:
        words = {word for key in known for word in (key.path, _last(key), key.workload) if word}
        raise InputError(
            f"key {shown(prefix)}",
            f"there is none{nearest(prefix, words)}",
            allowed="a table, a key, a workload, or words of what keys mean",
        )
    return found


def _about(known: Sequence[Key], said: str) -> list[Key]:
    """Keys in whose paths and meanings each word that is said stands, or begins one; one and many of a thing are alike."""
    wanted = _stems(said)
    if min(map(len, wanted), default=0) < _LEAST_LETTERS:
        return []
    stems = ((key, _stems(f"{key.path} {key.meaning}")) for key in known)
    return [key for key, there in stems if all(any(one.startswith(word) for one in there) for word in wanted)]


def _stems(text: str) -> set[str]:
    """A text's words, each as if there were one of the thing: sheaf of sheaves, barn of barns."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {
        f"{word[:-3]}f" if word.endswith("ves") else word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words
    }


def _last(key: Key) -> str:
    return key.path.rpartition(".")[2]


def _keys(model: type[Frozen], before: str, workload: str, leave_out: set[str] | frozenset[str] = frozenset()) -> Iterator[Key]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if name in leave_out:
            continue
        part = schema["properties"][name]
        default = "required" if field.is_required() else toml(part.get("default"))
        meaning = _line(field.description or ("The kind of workload: what the CPUs do." if name == "kind" else ""))
        yield Key(before + name, workload, type_of(part, schema.get("$defs", {})), _unit(name), default, meaning)


def type_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What a value may be, in words, from its JSON schema."""
    if "allowed" in schema:
        return str(schema["allowed"])
    if "$ref" in schema:
        return type_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(type_of(part, definitions) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(toml, schema["enum"]))
    if "const" in schema:
        return toml(schema["const"])
    match schema.get("type"):
        case "integer":
            return "whole number" + _range(schema)
        case "number":
            return "number" + _range(schema)
        case "boolean":
            return "true or false"
        case "array":
            return f"list of {type_of(schema['items'], definitions)}" if "items" in schema else "list"
        case "object":
            return f"table of {type_of(schema['additionalProperties'], definitions)}"
    return "file name" if schema.get("format") == "path" else "text"


def _range(schema: Mapping[str, Any]) -> str:
    least = schema.get("minimum")
    most = schema.get("maximum", schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else None)
    if "exclusiveMinimum" in schema:
        return f", above {_counted(schema['exclusiveMinimum'])}, to {_counted(schema['maximum'])}"
    if least is None:
        return ""
    return f", at least {least:g}" if most is None else f", {_counted(least)} to {_counted(most)}"


def _counted(number: float) -> str:
    return f"{int(number):,}" if number < 10**7 and int(number) == number else f"{number:.4g}"


def _unit(name: str) -> str:
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def toml(value: Any) -> str:
    """A value as TOML has it; `none` for nothing."""
    if value in (None, [], {}):
        return "none"
    if isinstance(value, dict):
        return "a table of defaults"
    return json.dumps(value)
