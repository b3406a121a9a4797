# SPDX-License-Identifier: GPL-2.0-only
"""What settings are called, the same in sentences, tables and charts: `xeon-2s, 8 CPUs, limit 120, batchcount by default`.

Leaves out which keys tell a run's points apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from slabdes.results.text import setting_text

_KIND: Final = "workload.kind"
_ALONE: Final = ("machine", "machine.preset", "machine.file", _KIND, "lock.discipline")
"""Keys whose values say themselves what they are."""
_CPUS: Final = ("cpus", "machine.cpus")
_RATE: Final = "workload.rate"
_GREAT: Final = 1_000_000


def called(settings: Mapping[str, object]) -> str:
    """The values of keys, named where a value alone does not say what it is, none twice.

    >>> called({"machine": "xeon-2s", "cpus": 1, "cache.0.limit": None, "workload.rate": 5e6})
    'xeon-2s, 1 CPU, limit by default, rate 5 M/s'
    >>> called({"cache.0.limit": 60, "cache.1.limit": 30})
    'cache.0.limit 60, cache.1.limit 30'
    >>> called({"workload.kind": "burst", "workload.rounds": 2, "workload.pairs": None})
    'burst, rounds 2'
    >>> called({"machine": "uma-4 (memory_mib 64)", "machine.memory_mib": 64})
    'uma-4 (memory_mib 64)'
    """
    machine = value_text(settings.get("machine", ""))
    if _KIND in settings:
        # What a kind of workload has not is no default of its.
        settings = {key: value for key, value in settings.items() if value is not None or not key.startswith("workload.")}
    words = zip(settings.items(), short([*settings]), strict=True)
    named = ((key, _named(key, word, value)) for (key, value), word in words)
    return ", ".join(dict.fromkeys(name for key, name in named if not (key.startswith("machine.") and name in machine)))


def _named(key: str, word: str, value: object) -> str:
    text = value_text(value)
    if key in _CPUS:
        return f"{text} CPU{'s' if value != 1 else ''}"
    return text if key in _ALONE else f"{word} {text}{'/s' * (key == _RATE)}"


def short(keys: Sequence[str]) -> tuple[str, ...]:
    """What keys are called: a dotted key's last word, unless two end alike."""
    last = [key.rpartition(".")[2] for key in keys]
    named = (key if last.count(word) > 1 else word for key, word in zip(keys, last, strict=True))
    return tuple("CPUs" if key == "cpus" else key for key in named)


def value_text(value: object) -> str:
    """`setting_text`, but for great numbers, whose zeros nobody counts.

    >>> value_text(5e6), value_text(12_500_000), value_text(4096), value_text("qspinlock")
    ('5 M', '12.5 M', '4096', 'qspinlock')
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _GREAT:
        return f"{setting_text(value / _GREAT)} M"
    return setting_text(value)
