# SPDX-License-Identifier: GPL-2.0-only
"""An experiment as the TOML file that it can be run again from. Leaves out comments, and what has its default by being null."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slabdes.config.files import parse_experiment
from slabdes.errors import InputError

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(experiment: Mapping[str, Any]) -> str:
    r"""Plain JSON, such as a resolved experiment, as TOML; what is null, and tables with nothing in them, are left out.

    >>> print(toml_text({"name": "a \"b\"", "seed": None, "machine": {"cpus": 4}, "cache": [{"size": 64}]}), end="")
    name = "a \"b\""
    <BLANKLINE>
    [machine]
    cpus = 4
    <BLANKLINE>
    [[cache]]
    size = 64
    """
    return "\n".join(_lines(experiment, ())) + "\n"


def without_defaults(raw: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The experiment with what differs from the defaults alone, or `raw` itself where this version does not know it."""
    try:
        experiment = parse_experiment(raw, where)
        short = experiment.model_dump(mode="json", exclude_defaults=True)
        return short if parse_experiment(short, where) == experiment else raw
    except InputError:
        return raw


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    known = {key: value for key, value in table.items() if value is not None and value != {}}
    tables = {key: value for key, value in known.items() if _is_table(value) or _is_tables(value)}
    for key, value in known.items():
        if key not in tables:
            yield f"{_key(key)} = {toml_value(value)}"
    for key, value in tables.items():
        name = (*path, _key(key))
        for one in [value] if _is_table(value) else value:
            head = ".".join(name)
            yield f"\n[{head}]" if _is_table(value) else f"\n[[{head}]]"
            yield from _lines(one, name)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_table, value))


def toml_value(value: Any) -> str:
    """A value in one line; a table as an inline one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)} = {toml_value(one)}' for key, one in value.items() if one is not None)}}}"
    return repr(value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_value(key)


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 1 << 16 else f"\\U{ord(letter):08x}"
