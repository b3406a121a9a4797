# SPDX-License-Identifier: GPL-2.0-only
"""The JSON Schema of an experiment file, from the models that read it: for editors, which complete keys and show errors with it.

Leaves out what only holds of several keys together, such as batchcount up to limit: that is told when a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from slabdes.config.fields import Frozen
from slabdes.config.models import OF_STUDY, TABLES, Experiment
from slabdes.config.sweeps import QUICK, QUICK_MEANING, SWEEPS
from slabdes.config.workloads import WORKLOADS
from slabdes.schemas.machine import costs_properties
from slabdes.schemas.toml import toml_schema

_NUMBER: Final = {"type": "number"}
_RANGE: Final = {
    "type": "object",
    "description": "A range: from here to there, by steps or so many values, evenly or by equal ratios (log).",
    "properties": {
        "from": _NUMBER,
        "to": _NUMBER,
        "step": _NUMBER,
        "points": {"type": "integer", "minimum": 2},
        "log": {"type": "boolean"},
    },
    "required": ["from", "to"],
    "oneOf": [{"required": ["step"]}, {"required": ["points"]}],
    "additionalProperties": False,
}


def experiment_schema() -> dict[str, Any]:
    """Of an experiment file: tables, keys with their meaning, ranges and defaults, and what a sweep's lists may hold."""
    schema = toml_schema(Experiment, "slabdes experiment")
    schema["$defs"]["Range"] = _RANGE
    schema["$defs"]["MachineConfig"]["properties"]["costs"] |= costs_properties()
    keys = schema["properties"].keys() - {*SWEEPS, *OF_STUDY}
    schema["$defs"]["Lists"] = _by_key(_lists, sorted(keys))
    for name in SWEEPS:
        schema["properties"][name] = {"$ref": "#/$defs/Lists", "description": schema["properties"][name]["description"]}
    schema["properties"][QUICK] = {**_by_key(dict, schema["properties"]), "description": QUICK_MEANING}
    return schema


def _by_key(values: Callable[[dict[str, Any]], dict[str, Any]], first: Iterable[str]) -> dict[str, Any]:
    """A table with dotted keys, each with `values` of what the key may be. Of others the first word must be one of `first`."""
    exact: dict[str, Any] = {}
    named: dict[str, Any] = {}
    for path, places in _places().items():
        value = values({"$ref": places[0]} if len(places) == 1 else {"anyOf": [{"$ref": place} for place in places]})
        if "NAME" in path:
            named["^" + re.escape(path).replace("NAME", "[^.]+") + "$"] = value
        else:
            exact[path] = value
    return {
        "type": "object",
        "properties": exact,
        "patternProperties": named,
        "additionalProperties": values({}),
        "propertyNames": {"pattern": rf"^({'|'.join(first)})(\.|$)"},
    }


def _lists(value: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "array", "items": value, "minItems": 1}, {"$ref": "#/$defs/Range"}]}


def _places() -> dict[str, list[str]]:
    """Where in the schema a key that may be swept is said: in several places if several kinds of workload have it."""
    found: dict[str, list[str]] = {}
    for before, place, model in _models():
        for name in model.model_fields:
            if before or name not in {*SWEEPS, *OF_STUDY, *TABLES, "workload"}:
                found.setdefault(before + name, []).append(f"{place}/properties/{name}")
    return found


def _models() -> Iterator[tuple[str, str, type[Frozen]]]:
    """What stands before the keys of a table, where the schema has it, and its model."""
    yield "", "#", Experiment
    for name, table in TABLES.items():
        yield ("cache.NAME." if name == "cache" else f"{name}."), f"#/$defs/{table.__name__}", table
    for workload in WORKLOADS.values():
        yield "workload.", f"#/$defs/{workload.__name__}", workload
