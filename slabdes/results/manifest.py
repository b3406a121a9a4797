# SPDX-License-Identifier: GPL-2.0-only
"""The manifest of a run: what was run, with what, how it came out. Its digest depends on the records alone.

Host, date and wall time stand apart, under `provenance`. Leaves out the figures' and frames' contents.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, shown
from slabdes.files import int_of
from slabdes.printable import json_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

FORMAT: Final = 5
"""Version of the run folder's layout."""
READABLE: Final = (3, 4, FORMAT)
"""Those that are read; another one is refused. 3 tells every machine in full; 3 and 4 lack columns (`frames.ADDED_LATER`)."""
LIKE: Final = "like"
"""The key under which a machine names an earlier one: what it does not tell is as there."""

LIBRARIES: Final = ("simpy", "networkx", "numpy", "polars", "pydantic", "matplotlib")
"""Distributions whose versions a manifest names."""
COUNTING: Final = ("simpy", "numpy", "numba", "polars")
"""Distributions that results are counted with: points of one study have the same versions."""
_KINDS: Final = {str: "text", dict: "a table", int: "a whole number", list: "a list"}


@dataclass(frozen=True)
class Manifest:
    """What a run folder says about itself; all of it plain JSON.

    `experiment`: resolved, as JSON. `engine`: the one that ran. `machines`: each machine's description by name, with its drawing
    under the key `layout`. `points`: number, machine, CPUs, swept settings and digest of each. `times`: sentences on replayed
    traces, as on how their times were taken. `provenance`: host, date, wall_s, `read`, the SHA-256 of inputs and sources, and
    `cells`, if there are any: replications that were not run again.
    """

    experiment: dict[str, Any]
    seed: int
    replications: int
    engine: str
    digest: str
    machines: dict[str, dict[str, Any]]
    points: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    slabdes: str = ""
    python: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.experiment.get("name", "experiment"))

    @property
    def workload(self) -> str:
        """The kind of workload, or an empty string where a sweep varies it."""
        sweep = self.experiment.get("sweep")
        if isinstance(sweep, Mapping) and sweep.keys() & {"workload", "workload.kind"}:
            return ""
        workload = self.experiment.get("workload")
        return str(workload.get("kind", "")) if isinstance(workload, Mapping) else ""

    def to_json(self) -> str:
        """The manifest as indented JSON, keys in a fixed order."""
        told = {"format": FORMAT} | {part.name: getattr(self, part.name) for part in fields(self) if part.name != "format"}
        return json_text(told | {"machines": _told_once(self.machines)}, indent=2) + "\n"


def make_manifest(
    frames: Frames,
    experiment: Mapping[str, Any],
    engine: str,
    machines: Mapping[str, Mapping[str, Any]],
    *,
    wall_s: float | None = None,
    read: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    cells: int = 0,
) -> Manifest:
    """The manifest of `frames`, which `experiment` (resolved, as JSON) left on `engine`; records' warnings follow `warnings`.

    `machines` has each machine's description by its name in `frames.points`, with its drawing under `layout`. `cells` is how many
    replications had been run before.
    """
    keys = frames.swept_keys()
    points = tuple(
        {"point": row["point"], "machine": row["machine"], "cpus": row["cpus"], "digest": row["digest"]}
        | {"settings": {key: row[key] for key in keys}}
        for row in frames.points.iter_rows(named=True)
    )
    return Manifest(
        experiment=dict(experiment),
        seed=int(experiment.get("seed", 1)),
        replications=int(frames.points["replications"].to_list()[0]),
        engine=engine,
        digest=frames.digest(),
        machines={name: dict(machine) for name, machine in machines.items()},
        points=points,
        warnings=tuple(dict.fromkeys([*warnings, *frames.warnings()])),
        times=times,
        slabdes=version_of("slabdes"),
        python=platform.python_version(),
        libraries={name: version_of(name) for name in LIBRARIES},
        provenance={"host": platform.node(), "date": datetime.now(UTC).isoformat(timespec="seconds"), "wall_s": wall_s}
        | ({} if read is None else {"read": dict(read)})
        | ({"cells": cells} if cells else {}),
    )


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest's JSON. Raises InputError, beginning with `where`, for text that is not one or of another format."""
    from pydantic import TypeAdapter, ValidationError

    from slabdes.results.layout import check_layout

    try:
        raw = json.loads(text, parse_int=lambda digits: int_of(digits, where))
    except RecursionError:
        raise InputError(where, "nested too deeply", allowed="the manifest of a slabdes run") from None
    except ValueError as error:
        problem = str(error).partition(";")[0]
        raise InputError(where, f"not JSON: {problem}", allowed="the manifest of a slabdes run") from None
    if not isinstance(raw, dict) or "format" not in raw or "digest" not in raw:
        raise InputError(where, "not the manifest of a slabdes run")
    if raw["format"] not in READABLE:
        raise InputError(where, f"run folder format {raw['format']!r}", allowed=" or ".join(map(str, READABLE)))
    try:
        manifest = TypeAdapter(Manifest).validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}", f"damaged: {first['msg']}") from None
    manifest = replace(manifest, machines=_told_in_full(manifest.machines, where), format=FORMAT)
    for name, machine in manifest.machines.items():
        if "layout" in machine:
            check_layout(machine["layout"], f"{where}: machines.{name}.layout")
    _check_shape(manifest, where)
    return manifest


def _told_once(machines: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Machines as they are written: of one that has an earlier one's topology only what is its own."""
    told: dict[str, dict[str, Any]] = {}
    firsts: list[str] = []
    for name, machine in machines.items():
        first = next((other for other in firsts if _same_topology(machine, machines[other])), None)
        if first is None:
            firsts.append(name)
            told[name] = dict(machine)
            continue
        told[name] = {LIKE: first} | _own(machine, machines[first])
        told[name]["layout"] = _own(machine["layout"], machines[first]["layout"])
    return told


def _same_topology(machine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether one may be told by what it has otherwise: the same keys, and the same nodes at the same distances."""
    if not (isinstance(machine.get("layout"), dict) and isinstance(other.get("layout"), dict)):
        return False
    same_keys = machine.keys() == other.keys() and machine["layout"].keys() == other["layout"].keys()
    return same_keys and all(machine.get(key) == other.get(key) for key in ("nodes", "distances"))


def _own(machine: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in machine.items() if value != first[key]}


def _told_in_full(machines: Mapping[str, dict[str, Any]], where: str) -> dict[str, dict[str, Any]]:
    """Machines as they were before `_told_once`. Raises InputError, which begins with `where`, for what it cannot have made."""
    full: dict[str, dict[str, Any]] = {}
    for name, machine in machines.items():
        own = dict(machine)
        if (like := own.pop(LIKE, None)) is not None:
            first = full.get(like) if isinstance(like, str) else None
            drawn = own.get("layout")
            if first is None or not isinstance(first.get("layout"), dict) or not isinstance(drawn, dict):
                raise InputError(f"{where}: machines.{name}.{LIKE}", f"damaged: {shown(repr(like), 60)}", "an earlier machine")
            own = first | own | {"layout": first["layout"] | drawn}
        full[name] = own
    return full


def _check_shape(manifest: Manifest, where: str) -> None:
    """Raise InputError where what readers look into is not what it has to be."""
    experiment = manifest.experiment
    workload, measures = experiment.get("workload", {}), experiment.get("measures", [])
    expected: list[tuple[str, object, type]] = [
        ("experiment.name", experiment.get("name", ""), str),
        ("experiment.sweep", experiment.get("sweep", {}), dict),
        ("experiment.measures", measures, list),
        *(
            (f"experiment.measures.{number}", one, str)
            for number, one in enumerate(measures if isinstance(measures, list) else ())
        ),
        ("experiment.workload", workload, dict),
        ("experiment.workload.kind", workload.get("kind", "") if isinstance(workload, dict) else "", str),
    ]
    for number, point in enumerate(manifest.points):
        expected += [(f"points.{number}.{key}", point.get(key), kind) for key, kind in (("point", int), ("settings", dict))]
    for key, value, kind in expected:
        if not isinstance(value, kind):
            raise InputError(f"{where}: {key}", f"damaged: {shown(repr(value), 60)}", allowed=_KINDS[kind])
    if not 0 <= manifest.seed < 1 << 63:
        raise InputError(f"{where}: seed", f"damaged: {shown(manifest.seed, 60)}", allowed="0 to 9223372036854775807")
    if not 1 <= manifest.replications <= 1 << 20:
        raise InputError(f"{where}: replications", f"damaged: {shown(manifest.replications, 60)}", allowed=f"1 to {1 << 20}")


def version_of(distribution: str) -> str:
    """The installed version of a distribution, or `not installed`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def counting_versions() -> dict[str, str]:
    """Versions of all that results are counted with, by name."""
    return {"Python": platform.python_version()} | {name: version_of(name) for name in COUNTING}
