"""CPUs, NUMA nodes, distances and what things cost on them: presets, this host, and files of four kinds.

Files are our own TOML, hwloc XML, `numactl --hardware` text and core-to-core latency tables, told apart by what is in them.
Importing this loads nothing heavy. Leaves out machines that change while they run (hotplug, frequency scaling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, nearest
from slabdes.files import is_there

if TYPE_CHECKING:
    from slabdes.machine.costs import Costs, costs_table
    from slabdes.machine.description import Description
    from slabdes.machine.topology import Machine

__all__ = ["Costs", "Machine", "costs_table", "import_machine", "is_named", "load_machine", "preset_names"]

HOST: Final = "host"
"""The name by which this host goes wherever a machine is named."""

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


def is_named(machine: str) -> bool:
    """Whether that is a machine's name (a preset's, or this host's) and so not a file's."""
    return machine == HOST or machine in preset_names()


def load_machine(
    name_or_path: str | Path,
    *,
    cost_overrides: Mapping[str, float] = NO_COSTS,
    memory_mib: float | Sequence[float] | None = None,
) -> Machine:
    """The machine of that name: a preset, `host` (this one), or a file of any kind that `files.FileKind` lists.

    A name goes before a file of the same name (write ./name for the file). `cost_overrides` are in ns (see
    `costs.Costs`), `memory_mib` is one number for every node that has memory, or one a node. Raises InputError, in one line.
    """
    return describe_machine(name_or_path).with_costs(cost_overrides).with_memory(memory_mib).build()


def import_machine(name_or_path: str | Path, latencies: Path | None = None) -> Machine:
    """The machine of that name or file; with `latencies`, a core-to-core table (CSV) of it, its line transfers are those.

    Raises InputError, in one line.
    """
    description = describe_machine(name_or_path)
    if latencies is not None:
        from slabdes.machine.files import FileKind, kind_of, plain_name, read_text
        from slabdes.machine.latencies import with_latencies

        text, where = read_text(latencies), str(latencies)
        if (kind := kind_of(text, where)) is not FileKind.LATENCIES:
            raise InputError(where, f"is {kind}", allowed=FileKind.LATENCIES)
        description = with_latencies(description, text, where, plain_name(latencies))
    return description.build()


def describe_machine(name_or_path: str | Path) -> Description:
    """What the preset, host or file says, not yet built: for what changes something first. Errors as `load_machine`."""
    name, presets = str(name_or_path), preset_names()
    if isinstance(name_or_path, str) and name == HOST:
        from slabdes.machine.sysfs import read_host

        return read_host()
    if isinstance(name_or_path, str) and name in presets:
        from importlib.resources import files

        from slabdes.machine.toml_file import parse_toml

        text = files(__name__).joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
        return parse_toml(text, f"preset {name}", f"{name}.toml")
    path = Path(name_or_path)
    if not name.strip() or not is_there(path):
        known = ", ".join((*presets, HOST))
        raise InputError(
            f"machine {name!r}",
            f"neither a preset{nearest(name, (*presets, HOST))} nor a file that is there",
            allowed=f"{known}, or a file",
        )
    return _described_file(path)


def _described_file(path: Path) -> Description:
    from slabdes.machine.files import FileKind, kind_of, plain_name, read_text

    text, where, name = read_text(path), str(path), plain_name(path)
    match kind_of(text, where):
        case FileKind.HWLOC:
            from slabdes.machine.hwloc import parse_hwloc as parse
        case FileKind.NUMACTL:
            from slabdes.machine.numactl import parse_numactl as parse
        case FileKind.LATENCIES:
            from slabdes.machine.latencies import describe_latencies as parse
        case FileKind.TOML:
            from slabdes.machine.toml_file import parse_toml as parse
    return parse(text, where, name)
