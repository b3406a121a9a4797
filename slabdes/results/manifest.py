# SPDX-License-Identifier: GPL-2.0-only
"""The manifest of a run: what was run, with what, how it came out. Its digest depends on the records alone.

Host, date and wall time stand apart, under `provenance`. Leaves out the figures' and frames' contents.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from slabdes.errors import InputError, shown
from slabdes.printable import json_text

if TYPE_CHECKING:
    from slabdes.results.frames import Frames

FORMAT: Final = 3
"""Version of the run folder's layout; another one is refused."""

LIBRARIES: Final = ("simpy", "networkx", "numpy", "polars", "pydantic", "matplotlib")
"""Distributions whose versions a manifest names."""
_KINDS: Final = {str: "text", dict: "a table", int: "a whole number"}


@dataclass(frozen=True)
class Manifest:
    """What a run folder says about itself; all of it plain JSON.

    `experiment`: resolved, as JSON. `engine`: the one that ran. `machines`: each machine's description by name, with its drawing
    under the key `layout`. `points`: number, machine, CPUs, swept settings and digest of each. `provenance`: host, date, wall_s,
    and `read`, the SHA-256 of every input, by file, and of slabdes's sources.
    """

    experiment: dict[str, Any]
    seed: int
    replications: int
    engine: str
    digest: str
    machines: dict[str, dict[str, Any]]
    points: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()
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
        workload = self.experiment.get("workload")
        return str(workload.get("kind", "")) if isinstance(workload, Mapping) else ""

    def to_json(self) -> str:
        """The manifest as indented JSON, keys in a fixed order."""
        return json_text({"format": self.format} | asdict(self), indent=2) + "\n"


def make_manifest(
    frames: Frames,
    experiment: Mapping[str, Any],
    engine: str,
    machines: Mapping[str, Mapping[str, Any]],
    *,
    wall_s: float | None = None,
    read: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> Manifest:
    """The manifest of `frames`, which `experiment` (resolved, as JSON) left on `engine`; records' warnings follow `warnings`.

    `machines` has each machine's description by its name in `frames.points`, with its drawing under `layout`.
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
        slabdes=version_of("slabdes"),
        python=platform.python_version(),
        libraries={name: version_of(name) for name in LIBRARIES},
        provenance={"host": platform.node(), "date": datetime.now(UTC).isoformat(timespec="seconds"), "wall_s": wall_s}
        | ({} if read is None else {"read": dict(read)}),
    )


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest's JSON. Raises InputError, beginning with `where`, for text that is not one or of another format."""
    from pydantic import TypeAdapter, ValidationError

    from slabdes.results.layout import check_layout

    try:
        raw = json.loads(text)
    except RecursionError:
        raise InputError(where, "nested too deeply", allowed="the manifest of a slabdes run") from None
    except ValueError as error:
        problem = str(error).partition(";")[0]
        raise InputError(where, f"not JSON: {problem}", allowed="the manifest of a slabdes run") from None
    if not isinstance(raw, dict) or "format" not in raw or "digest" not in raw:
        raise InputError(where, "not the manifest of a slabdes run")
    if raw["format"] != FORMAT:
        raise InputError(where, f"run folder format {raw['format']!r}", allowed=f"{FORMAT}")
    try:
        manifest = TypeAdapter(Manifest).validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}", f"damaged: {first['msg']}") from None
    for name, machine in manifest.machines.items():
        if "layout" in machine:
            check_layout(machine["layout"], f"{where}: machines.{name}.layout")
    _check_shape(manifest, where)
    return manifest


def _check_shape(manifest: Manifest, where: str) -> None:
    """Raise InputError where what readers look into is not what it has to be."""
    experiment = manifest.experiment
    workload = experiment.get("workload", {})
    expected: list[tuple[str, object, type]] = [
        ("experiment.name", experiment.get("name", ""), str),
        ("experiment.sweep", experiment.get("sweep", {}), dict),
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
