# SPDX-License-Identifier: GPL-2.0-only
"""How long until the memory of a dump returns: its caches are left to the reap timers, and looked at again after so many seconds.

Every look is a run of its own from the dump's state, so each is of the same course of things. Leaves out other work meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slabdes.config import apply_settings, parse_experiment
from slabdes.engine.setup import filled_caches, nodes_of_dump
from slabdes.errors import InputError, shown
from slabdes.machine import presets_with
from slabdes.results.frames import Frames
from slabdes.results.text import Sheet, share_text
from slabdes.study.run import run_study
from slabdes.study.spools import Phase
from slabdes.units import PS_PER_NS, PS_PER_S

LOOKS_S: Final = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 60, 80, 120, 180, 240, 360, 480, 720, 960)
"""Seconds after which memory is looked at: every turn of the reap timers at first (they come every 2 s), rarer later."""
MARKS: Final = {0.5: "half", 0.95: "95 %"}
"""Shares of what the dump held beyond its live objects whose return is told."""
MOST_ROWS: Final = 8
PAGE_BYTES: Final = 4096
MIB: Final = 1 << 20
_NS_PER_S: Final = PS_PER_S // PS_PER_NS
_WHERE: Final = ("in_use", "free_slabs", "in_arrays", "partial", "rest")


@dataclass(frozen=True)
class Held:
    """Bytes of slabs at one moment, by what they are: objects in use, free slabs, free objects in arrays and in slabs in use.

    `rest` is what of a slab no object has.
    """

    in_use: int
    free_slabs: int
    in_arrays: int
    partial: int
    rest: int

    @property
    def whole(self) -> int:
        """All slabs."""
        return sum(getattr(self, part) for part in _WHERE)

    @property
    def beyond(self) -> int:
        """What is not of objects in use."""
        return self.whole - self.in_use


@dataclass(frozen=True)
class Returns:
    """What was held after how many seconds, the dump's fill first: altogether, and by cache."""

    dump: str
    machine: str
    seconds: tuple[float, ...]
    held: tuple[Held, ...]
    by_cache: Mapping[str, tuple[Held, ...]]
    warnings: tuple[str, ...]

    def sentences(self) -> list[str]:
        """The answer."""
        first, last, end = self.held[0], self.held[-1], f"{self.seconds[-1]:g} s"
        told = f"Of the {_size(first.beyond)} that {shown(self.dump)} held beyond its live objects ({_size(first.in_use)})"
        sentences = [f"{told}, {self._back()}, on {shown(self.machine)} with nothing but its reap timers at work."]
        if last.beyond:
            parts = (
                (last.partial, "are free objects in slabs that hold objects in use, too, and stay as long as those"),
                (last.in_arrays, "lie in arrays of CPUs and nodes"),
                (last.free_slabs, "are free slabs, which later turns give back"),
                (last.rest, "are ends of slabs and free lists, which no object has"),
            )
            kept = ", ".join(f"{_size(size)} {what}" for size, what in parts if size)
            more = last.in_arrays or last.free_slabs
            sentences.append(f"{_size(last.beyond)} {f'were not back in {end}' if more else 'never come back'}: {kept}.")
        sentences.append("Not to be concluded: anything of a system that goes on to allocate and free meanwhile.")
        return sentences

    def _back(self) -> str:
        """When how much was back."""
        if not self.held[0].beyond:
            return "there was nothing to give back"
        said: list[str] = []
        for share, name in MARKS.items():
            reached = (place for place in range(len(self.held)) if _returned(self.held, place) >= share)
            place = next(reached, None)
            if place is None:
                most = share_text(_returned(self.held, len(self.held) - 1))
                return ", ".join([*said, f"{most}{'' if said else ' was back'} after {self.seconds[-1]:g} s"])
            said.append(f"{name} was back within {self.seconds[place]:g} s")
        return " and ".join(said)

    def sheets(self, everything: bool = False) -> list[Sheet]:
        """What was held over time, and which caches held most."""
        over_time = tuple(
            (
                *(f"{second:g} s", _size(held.whole), _size(held.beyond), share_text(_returned(self.held, place))),
                *(_size(getattr(held, part)) for part in _WHERE[1:4]),
            )
            for place, (second, held) in enumerate(zip(self.seconds, self.held, strict=True))
        )
        heads = ("after", "held", "beyond live", "returned", "free slabs", "in arrays", "free in slabs in use")
        ordered = sorted(self.by_cache.items(), key=lambda item: (-item[1][0].beyond, item[0]))
        first = ordered if everything else ordered[:MOST_ROWS]
        rows = tuple(
            (name, *map(_size, (held[0].whole, held[0].beyond, held[-1].whole)), share_text(_returned(held, len(held) - 1)))
            for name, held in first
        )
        title = "caches, by what they held beyond live objects"
        title += f", {len(rows)} of {len(ordered)} (--all shows every one)" if len(rows) < len(ordered) else ""
        names = ("cache", "held", "beyond live", f"held after {self.seconds[-1]:g} s", "returned")
        return [Sheet("memory over time", heads, 1, over_time), Sheet(title, names, 1, rows)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; bytes."""

        def plain(held: Iterable[Held]) -> list[dict[str, Any]]:
            rows = zip(self.seconds, held, strict=True)
            return [{"seconds": second, **{part: getattr(one, part) for part in _WHERE}} for second, one in rows]

        by_cache = {name: plain(held) for name, held in self.by_cache.items()}
        told = {"answer": self.sentences(), "machine": self.machine, "held": plain(self.held), "caches": by_cache}
        return told | {"warnings": list(self.warnings)}


def returns(
    dump: Path,
    machine: str | None = None,
    caches: Sequence[str] = (),
    within_s: float = 120.0,
    settings: Sequence[str] = (),
    jobs: int = 1,
    phase: Phase | None = None,
) -> Returns:
    """Let the caches of `dump` (all that have slabs, if none is named) be reaped for `within_s` seconds. InputError as ever.

    `machine`: a preset or a file, the smallest preset with the dump's CPUs and nodes if None; `settings` change the experiment.
    """
    if not 2 <= within_s <= LOOKS_S[-1]:
        raise InputError("--within", f"{within_s:g} s", allowed=f"2 to {LOOKS_S[-1]} s")
    names = list(caches) or list(filled_caches(dump))
    if not names:
        raise InputError(str(dump), "no cache has a slab", allowed="a dump of a system that has run")
    looks = [0.0, *(look for look in LOOKS_S if look < within_s), within_s]
    name = machine or _machine_of(dump)
    raw: dict[str, Any] = {
        "name": f"memory of {dump.name}"[:100],
        "allocator": "6.1",
        "start": str(dump),
        "machine": {"file" if Path(name).is_file() else "preset": name},
        "cache": [{"name": cache} for cache in names],
        # A CPU that only lets time pass: the others have no program at all.
        "workload": {"kind": "critical_section", "operations": 1, "think": "constant", "hold_ns": 0, "hold": "constant"},
        "sweep": {"workload.think_ns": [look * _NS_PER_S for look in looks]},
    }
    raw["machine"]["cpus"] = 1
    apply_settings(raw, settings)
    run = run_study(parse_experiment(raw, "reap"), jobs=jobs, phase=phase)
    by_cache = _held(run.frames, len(looks))
    held = tuple(_sum(one[look] for one in by_cache.values()) for look in range(len(looks)))
    told = tuple(run.points["machine"].to_list()[:1])
    return Returns(dump.name, told[0], tuple(looks), held, by_cache, tuple(run.warnings))


def _machine_of(dump: Path) -> str:
    nodes = nodes_of_dump(dump)
    fit = presets_with(len(nodes), max(nodes) + 1)
    return fit[0].name if fit else "host"


def _held(frames: Frames, points: int) -> dict[str, tuple[Held, ...]]:
    """Of each cache, at each point."""
    sizes = {row["name"]: row for row in frames.caches.filter(point=0).iter_rows(named=True)}
    found: dict[str, list[list[Held]]] = {name: [[] for _point in range(points)] for name in sizes}
    for row in frames.slabs.iter_rows(named=True):
        found[row["cache"]][row["point"]].append(_of_node(row, sizes[row["cache"]]))
    return {name: tuple(map(_sum, by_point)) for name, by_point in found.items()}


def _of_node(row: Mapping[str, Any], cache: Mapping[str, Any]) -> Held:
    """What a cache holds on a node."""
    size, num = cache["object_size"], cache["num"]
    slab = PAGE_BYTES << cache["gfporder"]
    slabs = row["slabs_partial"] + row["slabs_full"] + row["slabs_free"]
    in_use = (row["in_use"] + row["descriptors"]) * size
    arrays = (row["in_arrays"] + row["in_shared"] + row["in_alien"]) * size
    partial = (row["free_objects"] - row["slabs_free"] * num) * size
    free = row["slabs_free"] * slab
    return Held(in_use, free, arrays, partial, slabs * slab - free - in_use - arrays - partial)


def _sum(parts: Iterable[Held]) -> Held:
    some = list(parts)
    return Held(*(sum(getattr(held, part) for held in some) for part in _WHERE))


def _returned(held: Sequence[Held], place: int) -> float:
    """The share of what was held beyond live objects that is back."""
    return (held[0].whole - held[place].whole) / held[0].beyond if held[0].beyond else 0.0


def _size(size: float) -> str:
    """Bytes in MiB or KiB.

    >>> _size(0), _size(6000), _size(3 << 20)
    ('0', '6 KiB', '3.0 MiB')
    """
    return f"{size / MIB:,.1f} MiB" if size >= MIB else f"{size / 1024:,.0f} KiB" if size else "0"
