# SPDX-License-Identifier: GPL-2.0-only
"""JSON Schemas of the files that people write, for editors. The .json files here are what `slabdes schema` prints.

A TOML file names its schema in its first line, as TOML language servers read it: `#:schema PATH`.
"""

from __future__ import annotations

import json

from slabdes.errors import InputError, nearest, shown
from slabdes.schemas.experiment import experiment_schema
from slabdes.schemas.machine import machine_schema

__all__ = ["KINDS", "schema_text"]

KINDS = {"experiment": experiment_schema, "machine": machine_schema}
"""What makes each schema."""


def schema_text(kind: str) -> str:
    """The schema of experiment or machine files, as JSON text. InputError for another kind."""
    if kind not in KINDS:
        raise InputError(f"schema {shown(kind)}", f"there is none{nearest(kind, KINDS)}", allowed=", ".join(KINDS))
    return json.dumps(KINDS[kind](), indent=1, ensure_ascii=False) + "\n"
