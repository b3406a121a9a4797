# SPDX-License-Identifier: GPL-2.0-only
"""CPUs, NUMA nodes, distances and what things cost on them: presets, this host, and files of four kinds.

Files are our own TOML, hwloc XML, `numactl --hardware` text and core-to-core latency tables, told apart by what is in them.
Importing this loads nothing heavy. Leaves out machines that change while they run (hotplug, frequency scaling).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from slabdes.machine.costs import Costs, costs_table
    from slabdes.machine.load import describe_machine, import_machine, load_machine, presets_with
    from slabdes.machine.names import is_named, preset_names
    from slabdes.machine.topology import Machine

__all__ = [
    "Costs",
    "Machine",
    "costs_table",
    "describe_machine",
    "import_machine",
    "is_named",
    "load_machine",
    "preset_names",
    "presets_with",
]

_MODULES: Final = {
    "costs": ("Costs", "costs_table"),
    "load": ("describe_machine", "import_machine", "load_machine", "presets_with"),
    "names": ("is_named", "preset_names"),
    "topology": ("Machine",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for, so that `slabdes --help` stays fast."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
