# SPDX-License-Identifier: GPL-2.0-only
"""A pydantic model's JSON Schema for TOML files, which have no null: a key may only be left out."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def toml_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The schema of files that `model` reads."""
    schema: dict[str, Any] = _without_null(model.model_json_schema())
    return {"$schema": _DIALECT, **schema, "title": title}


def _without_null(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_null(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    part = {key: _without_null(entry) for key, entry in part.items()}
    if isinstance(part.get("description"), str):
        part["description"] = " ".join(part["description"].split())
    if isinstance(part.get("default"), dict):
        part["default"] = {key: value for key, value in part["default"].items() if value is not None}
    if part.get("default", ...) is None:
        del part["default"]
    if "anyOf" in part:
        left = [entry for entry in part["anyOf"] if entry != {"type": "null"}]
        part = part | {"anyOf": left} if len(left) > 1 else {**{key: part[key] for key in part if key != "anyOf"}, **left[0]}
    return part
