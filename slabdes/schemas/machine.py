# SPDX-License-Identifier: GPL-2.0-only
"""The JSON Schema of a machine file, from the model that reads it: for editors, which complete keys and show errors with it.

Leaves out what only holds of several keys together, such as a matrix with a row for each node: that is told when a file is read.
"""

from __future__ import annotations

from typing import Any

from slabdes.machine.costs import COST_NAMES, MAX_COST_NS, RATIOS, default_source
from slabdes.machine.toml_file import SOURCED_KEYS, MachineFile
from slabdes.schemas.toml import toml_schema


def machine_schema() -> dict[str, Any]:
    """Of a machine file: keys with their meaning and ranges, the names of costs, and what may have a source."""
    schema = toml_schema(MachineFile, "slabdes machine")
    schema["properties"]["costs"] |= costs_properties()
    schema["properties"]["sources"] |= {
        "properties": {name: {"type": "string", "minLength": 1} for name in (*SOURCED_KEYS, *COST_NAMES)},
        "additionalProperties": False,
    }
    return schema


def costs_properties() -> dict[str, Any]:
    """Every cost by name, its range and where its default comes from; no other."""
    properties = {}
    for name in COST_NAMES:
        least, most = RATIOS.get(name, (0.0, MAX_COST_NS))
        unit = "a ratio" if name in RATIOS else "ns"
        properties[name] = {
            "type": "number",
            "minimum": least,
            "maximum": most,
            "description": f"{unit[0].upper()}{unit[1:] if unit != 'ns' else 's'}; the default's source: {default_source(name)}",
        }
    return {"properties": properties, "additionalProperties": False}
