"""Names for the machines of a study: where a sweep makes several of one, each is told by what the sweep sets.

Leaves out building them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from slabdes.machine.topology import Machine

_PLACES: Final = ("machine.preset", "machine.file", "machine.cpus", "machine.placement")
"""Keys that choose a machine or a part of it, and do not change it."""
_SHOWN: Final = 40
"""Characters of a setting in a machine's name (assumed)."""


def name_apart(points: Sequence[tuple[Mapping[str, Any], Machine]]) -> list[Machine]:
    """The machines of the points (what the sweep sets, and the machine), renamed so that different ones differ in name.

    A name that one machine has stays. Of several, each has the settings that change it added (`xeon-2s (lock_op 10)`), and
    where that does not tell them apart, a number.
    """
    by_name: dict[str, list[Machine]] = {}
    for _settings, machine in points:
        others = by_name.setdefault(machine.name, [])
        if machine not in others:
            others.append(machine)
    renamed: list[tuple[Machine, Machine]] = []
    alone = {name for name, machines in by_name.items() if len(machines) == 1}
    taken = set(alone)
    result = []
    for settings, machine in points:
        found = next((new for old, new in renamed if old is machine or old == machine), None)
        if found is None:
            found = machine if machine.name in alone else replace(machine, name=_free(_told(machine.name, settings), taken))
            taken.add(found.name)
            renamed.append((machine, found))
        result.append(found)
    return result


def _told(name: str, settings: Mapping[str, Any]) -> str:
    parts = [
        f"{key.removeprefix('machine.').removeprefix('costs.')} {str(value)[:_SHOWN]}"
        for key, value in settings.items()
        if key.startswith("machine.") and key not in _PLACES
    ]
    return f"{name} ({', '.join(parts)})" if parts else name


def _free(name: str, taken: set[str]) -> str:
    number, chosen = 1, name
    while chosen in taken:
        number += 1
        chosen = f"{name}~{number}"
    return chosen
