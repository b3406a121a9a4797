# SPDX-License-Identifier: GPL-2.0-only
"""One line for whatever an experiment says wrong: the key, the value, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any, Final

from pydantic import ValidationError

from slabdes.config.fields import SHOWN, Frozen
from slabdes.config.keys import experiment_keys
from slabdes.config.models import TABLES, Experiment
from slabdes.config.workloads import WORKLOADS
from slabdes.errors import InputError, nearest, nearest_of, shown


def validate(raw: Mapping[str, Any], where: str) -> Experiment:
    """Make an Experiment of a mapping; InputError, which begins with `where`, for the first thing that is wrong."""
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _first_error(first, where, raw) from None


def _first_error(first: Any, where: str, raw: Mapping[str, Any]) -> InputError:
    key = ".".join(_named(_written(first["loc"]), raw))
    place = f"{where}: {key}" if key else where
    context = first.get("ctx", {})
    match first["type"]:
        case "extra_forbidden":
            known = _known_keys(first["loc"][:-1])
            word = str(first["loc"][-1])
            meant = _of_kinds(word) if first["loc"][0] == "workload" else ""
            return InputError(place, f"unknown key{meant or _meant(word, known)}", allowed=", ".join(known))
        case "missing":
            return InputError(place, "missing")
        case "value_error":
            return InputError(place, str(context["error"]))
        case "union_tag_invalid":
            tag = context["tag"]
            return InputError(
                f"{place}.kind", f"{tag!r} is not a workload{nearest(tag, WORKLOADS)}", allowed=", ".join(WORKLOADS)
            )
        case "union_tag_not_found":
            return InputError(f"{place}.kind", "missing", allowed=", ".join(WORKLOADS))
        case "enum":
            return InputError(place, f"{_shown(first['input'])} is not one of them", allowed=context["expected"])
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return InputError(place, f"{_shown(first['input'])} is out of range", allowed=_range(first["loc"]))
        case "string_pattern_mismatch":
            return InputError(place, f"{_shown(first['input'])} is none of them", allowed=_schema(first["loc"])["allowed"])
        case "string_too_long":
            return InputError(
                place, f"{_shown(first['input'])} of {len(first['input'])} characters", allowed=f"at most {context['max_length']}"
            )
        case "too_long":
            return InputError(place, f"a list of {len(first['input']):,}", allowed=f"at most {context['max_length']:,}")
        case "tuple_type" if first["loc"] == ("cache",) and isinstance(first["input"], dict):
            return InputError(f"{where}: [cache]", "one table where a list of them is read", allowed="[[cache]], once a cache")
        case "model_type" | "model_attributes_type" if isinstance(first["input"], list):
            return InputError(f"{where}: [[{key}]]", "a list of tables where one is read", allowed=f"[{key}], once")
        case _:
            allowed = _ALLOWED.get(first["type"], first["msg"])
            return InputError(place, f"{_shown(first['input'])} is not allowed", allowed=allowed)


_TYPED: Final = re.compile(r"[A-Za-z][\w-]{0,40}")
"""Names that can stand in a key."""
_CLOSE: Final = 0.8
"""How near a key of another table must be to be named (assumed)."""


def _meant(word: str, known: list[str]) -> str:
    """The key that an unknown one is near to: one of its own, but one of another table if only that is called so, or else any."""
    paths = {key.path.rpartition(".")[2]: key.path for key in experiment_keys()}
    own = nearest(word, known)
    if own and (word not in paths or nearest_of(word, known, _CLOSE)):
        return own
    close = nearest_of(word, paths, _CLOSE)
    return f" (did you mean {paths[close]}?)" if close else ""


def _of_kinds(word: str) -> str:
    """Which kinds of workload have a key that the one at hand has not."""
    kinds = [f'"{kind}"' for kind, model in WORKLOADS.items() if word in model.model_fields]
    return f" (workload.kind = {' or '.join(kinds)} has it)" if kinds else ""


def _named(location: tuple[Any, ...], raw: Mapping[str, Any]) -> list[str]:
    """The same with a cache's name in place of its number, where it has one that can be typed."""
    parts = [str(part) for part in location]
    match location:
        case ("cache", int(number), *rest) if rest[:1] != ["name"]:
            name = raw["cache"][number].get("name")
            if isinstance(name, str) and _TYPED.fullmatch(name):
                parts[1] = name
    return parts


def _written(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """An error's location as an experiment's file has it: pydantic also names the member of a union that it tried."""
    match location:
        case ("workload", _kind, *rest):
            return ("workload", *rest)
        case ("machine", "memory_mib", _kind, *rest):
            return ("machine", "memory_mib", *rest)
        case (*rest, "[key]"):
            return tuple(rest)
    return location


def _shown(value: Any) -> str:
    """A refused value as an error shows it: the beginning of it, if it is long."""
    return shown(value if isinstance(value, date | time) else repr(value), SHOWN)


def _schema(location: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON schema of the field that an error's location names, or a part of which it names."""
    named = [part for part in location if isinstance(part, str)]
    for end in range(len(named), 0, -1):
        model = _MODELS.get(named[end - 2], Experiment) if end > 1 else Experiment
        if named[end - 1] in model.model_fields:
            return dict(model.model_json_schema()["properties"][named[end - 1]])
    return {}


def _range(location: tuple[Any, ...]) -> str:
    """What a number may be, both bounds where there are two."""
    schema = _schema(location)
    for part in (schema, schema.get("additionalProperties", {}), *schema.get("anyOf", ())):
        if "minimum" in part:
            most = part.get("maximum", part.get("exclusiveMaximum", 0) - 1)
            return f"{part['minimum']} to {most}" if most > 0 else f"at least {part['minimum']}"
        if "exclusiveMinimum" in part:
            return f"above {part['exclusiveMinimum']:g}, to {part['maximum']:,}"
    return "another number"


_ALLOWED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text, in quotes",
    "string_too_short": "at least one character",
    "tuple_type": "a list",
    "int_parsing_size": "a number of fewer digits",
    "string_unicode": "text without halves of characters",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a file's name, in quotes",
}
"""What an experiment file may say where pydantic's own words are of Python."""
_MODELS: dict[str, type[Frozen]] = {**TABLES, **WORKLOADS}


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """The keys of the table at an error's location."""
    named = [part for part in location if isinstance(part, str)]
    model = _MODELS[named[-1]] if named else Experiment
    return list(model.model_fields)
