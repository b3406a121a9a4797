# SPDX-License-Identifier: GPL-2.0-only
"""Names for the machines of a study: where a sweep makes several of one, each is told by what the sweep sets.

Leaves out building them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from slabdes.machine.topology import Machine
from slabdes.results.text import setting_text

_PLACES: Final = ("machine.preset", "machine.file", "machine.cpus", "machine.placement")
"""Keys that choose a machine or a part of it, and do not change it."""
_SHOWN: Final = 40
"""Characters of a setting in a machine's name (assumed)."""


def name_apart(points: Sequence[tuple[Mapping[str, Any], Machine]]) -> list[Machine]:
    """The machines of the points (what the sweep sets, and the machine), renamed so that different ones differ in name.

    A name that one machine has stays. Of several, each has the settings that change it added (`xeon-2s (lock_op 10)`), and
    where that does not tell them apart, a number.
    """
    # Equal machines are one, and are looked up by their hash: a sweep may have thousands.
    alike: dict[Machine, Machine] = {}
    same = {id(machine): alike.setdefault(machine, machine) for machine in {id(one): one for _, one in points}.values()}
    several = {name for name, count in Counter(machine.name for machine in alike).items() if count > 1}
    taken = {machine.name for machine in alike} - several
    renamed: dict[int, Machine] = {}
    result = []
    for settings, given in points:
        machine = same[id(given)]
        if id(machine) not in renamed:
            name = _free(_told(machine.name, settings), taken) if machine.name in several else machine.name
            taken.add(name)
            renamed[id(machine)] = machine if name == machine.name else replace(machine, name=name)
        result.append(renamed[id(machine)])
    return result


def _told(name: str, settings: Mapping[str, Any]) -> str:
    parts = [
        f"{key.removeprefix('machine.').removeprefix('costs.')} {setting_text(value)[:_SHOWN]}"
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
