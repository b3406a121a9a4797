"""CPUs, NUMA nodes, distances and what things cost on them: presets, our own TOML, `numactl --hardware` text.

Importing this loads nothing heavy. Leaves out hwloc XML, sysfs and core-to-core tables, which are not read yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, nearest

if TYPE_CHECKING:
    from slabdes.machine.costs import Costs, costs_table
    from slabdes.machine.description import Description
    from slabdes.machine.topology import Machine

__all__ = ["Costs", "Machine", "costs_table", "load_machine", "preset_names"]

NO_COSTS: Final[Mapping[str, float]] = MappingProxyType({})
_LAZY: Final = {"Machine": "topology", "Costs": "costs", "costs_table": "costs"}


def __getattr__(name: str) -> Any:
    """Load a class's module when its name is first asked for, so that `slabdes --help` stays fast."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def preset_names() -> tuple[str, ...]:
    """Names of the machines that come with slabdes, in alphabetical order."""
    from importlib.resources import files

    found = (entry.name for entry in files(__name__).joinpath("presets").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_machine(
    name_or_path: str | Path,
    *,
    cost_overrides: Mapping[str, float] = NO_COSTS,
    memory_mib: float | Sequence[float] | None = None,
) -> Machine:
    """The machine of that name: a preset, a .toml file, or any other file with the output of numactl --hardware.

    A preset goes before a file of the same name (write ./name for the file). `cost_overrides` are in ns (see
    `costs.Costs`), `memory_mib` is one number for every node that has memory, or one a node. Raises InputError, in one line.
    """
    return describe_machine(name_or_path).with_costs(cost_overrides).with_memory(memory_mib).build()


def describe_machine(name_or_path: str | Path) -> Description:
    """What the preset or file says, not yet built: for importers that change something first. Errors as `load_machine`."""
    name, presets = str(name_or_path), preset_names()
    if isinstance(name_or_path, str) and name in presets:
        from importlib.resources import files

        from slabdes.machine.toml_file import parse_toml

        text = files(__name__).joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
        return parse_toml(text, f"preset {name}", f"{name}.toml")
    path = Path(name_or_path)
    if not name.strip() or not _is_there(path):
        known = ", ".join(presets)
        raise InputError(
            f"machine {name!r}",
            f"neither a preset{nearest(name, presets)} nor a file that is there",
            allowed=f"{known}, or a file",
        )
    if path.suffix == ".toml":
        from slabdes.machine.toml_file import read_toml

        return read_toml(path)
    from slabdes.machine.numactl import read_numactl

    return read_numactl(path)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, holds a NUL, or lies in a folder one may not enter
        return False
