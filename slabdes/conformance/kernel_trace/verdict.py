# SPDX-License-Identifier: GPL-2.0-only
"""What comparing a trace folder found: a row a cache, totals, and whether the rule holds. Leaves out how: see compare.

The rule. Without contention (no site of the dumps' LK lines counts a contended acquisition between the two cuts) trace order is
lock order, so every counter of every cache must be equal, at most MAX_DIFFERING of the pointers may differ, and the dump after
must match except in caches where a pointer differed. With contention the totals over all caches must be within MAX_RELATIVE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from slabdes.conformance.kernel_trace.kernel import Difference
from slabdes.conformance.verdict import Judged
from slabdes.units import percent

MAX_DIFFERING: Final = 0.01
"""Share of the allocations whose pointers may differ in an uncontended trace (the project's acceptance rule)."""
MAX_RELATIVE: Final = 0.03
"""Relative difference of a total that a contended trace may show (likewise)."""
MAX_TOLD: Final = 12
"""Differences told one by one in text."""
_TOTALS_A_LINE: Final = 4
_WIDTHS: Final = (26, 7, 7, 11, 11, 11, 11, 9, 13, 9)
_HEADS: Final = ("cache", "allocs", "differ", "hits", "misses", "remote", "overflows", "grown", "locks", "after")


@dataclass(frozen=True)
class Item:
    """One compared thing, as text or number. `place` names it: `allochit`, `LK refill`, `node 0 partial`, `slab ff..`."""

    place: str
    ours: Any
    recorded: Any
    excused: bool = False
    """Whether an interrupt explains the difference: only pointers whose order it may have changed differ."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return bool(self.ours == self.recorded)


@dataclass(frozen=True)
class Total:
    """A count between the two cuts, of one cache or over all: `recorded` by the kernel, `ours` here."""

    name: str
    ours: int
    recorded: int

    @property
    def relative(self) -> float:
        """The difference as a share of the recorded count."""
        return (self.ours - self.recorded) / max(abs(self.recorded), 1)


@dataclass(frozen=True)
class CacheVerdict:
    """One cache. `counters` and `state` are Items; `between` its counts between the cuts, in Total's terms.

    `resyncs` and `causes`: how often, by name.
    """

    name: str
    active: bool
    allocs: int
    frees: int
    differing: int
    moved: int
    learned: int
    odd_colours: int
    held_back: int
    unplaced_frees: int
    resyncs: dict[str, int]
    causes: dict[str, int]
    counters: tuple[Item, ...]
    state: tuple[Item, ...]
    between: tuple[Total, ...]
    examples: tuple[Difference, ...]

    @property
    def counters_equal(self) -> bool:
        """Whether every counter since boot is the recorded one."""
        return all(item.equal for item in self.counters)

    def total(self, name: str) -> Total:
        """One of `between`."""
        return next(total for total in self.between if total.name == name)


@dataclass(frozen=True)
class TraceVerdict(Judged[CacheVerdict]):
    """A whole folder. `totals` are over all caches; `reasons` say why it does not hold, a line each."""

    name: str
    n_cpus: int
    n_nodes: int
    clock: str
    contended: int
    events: int
    unknown: int
    pages: int
    caches: tuple[CacheVerdict, ...]
    totals: tuple[Total, ...]
    reasons: tuple[str, ...]

    @property
    def matched(self) -> int:
        """Counters, items of the dump after and pointers that are equal."""
        items = (item for cache in self.caches for item in (*cache.counters, *cache.state))
        return self.total - self.differing - sum(not item.equal for item in items)

    @property
    def total(self) -> int:
        """Counters, items of the dump after and pointers compared."""
        return self.allocs + sum(len(cache.counters) + len(cache.state) for cache in self.caches)

    def lines(self, *, every: bool = False) -> Iterator[str]:
        """Text for a terminal; caches without activity only if `every`."""
        kind = (
            f"contended {self.contended} times: totals within {percent(MAX_RELATIVE)}" if self.contended else "uncontended: exact"
        )
        yield f"{self.name}: {self.n_cpus} CPUs, {self.n_nodes} nodes, clock {self.clock}, {self.events} events; {kind}"
        yield _row(_HEADS)
        for cache in self.caches if every else self.active:
            yield _row(_cells(cache))
        active = self.active
        counters = sum(cache.counters_equal for cache in active)
        items = [item for cache in self.caches for item in cache.state]
        share = self.differing / max(self.allocs, 1)
        moved = sum(cache.moved for cache in self.caches)
        yield f"  counters: all equal in {counters} of {len(active)} active caches"
        yield f"  pointers: {self.differing} of {self.allocs} differ ({percent(share, 2)}){_listed(self._sum('causes'))}"
        yield f"  resynchronised {self.differing} times{_listed(self._sum('resyncs'))}; moved before an interrupt: {moved}"
        same = sum(item.equal for item in items)
        yield f"  dump after: {same} of {len(items)} arrays, lists, free lists and node counters equal"
        yield from self._oddities()
        yield "  totals, ours/recorded:"
        for first in range(0, len(self.totals), _TOTALS_A_LINE):
            yield "    " + ", ".join(_total_text(total) for total in self.totals[first : first + _TOTALS_A_LINE])
        yield from self._told()
        yield f"  {'holds' if self.holds else 'does not hold'}"
        yield from (f"    {reason}" for reason in self.reasons)

    def as_plain(self) -> dict[str, Any]:
        """The same for JSON: plain numbers, strings, lists and dictionaries; differences only, not what is equal."""
        return {
            "name": self.name,
            "holds": self.holds,
            "reasons": list(self.reasons),
            "cpus": self.n_cpus,
            "nodes": self.n_nodes,
            "clock": self.clock,
            "contended": self.contended,
            "events": self.events,
            "unknown_events": self.unknown,
            "page_events": self.pages,
            "matched": self.matched,
            "total": self.total,
            "allocs": self.allocs,
            "differing": self.differing,
            "totals": {total.name: {"ours": total.ours, "recorded": total.recorded} for total in self.totals},
            "caches": [_plain_cache(cache) for cache in self.active],
        }

    def _oddities(self) -> Iterator[str]:
        """What should not be there in a sound trace, if it is."""
        caches = self.caches
        counts = {
            "events of no known cache": self.unknown,
            "operations shown before what they need": sum(cache.held_back for cache in caches),
            "frees of objects not in use": sum(cache.unplaced_frees for cache in caches),
            "new slabs of another colour": sum(cache.odd_colours for cache in caches),
        }
        told = {what: count for what, count in counts.items() if count}
        if told:
            yield f"  odd{_listed(told)}"

    def _told(self) -> Iterator[str]:
        told = 0
        for cache in self.caches:
            for item in (*cache.counters, *cache.state):
                if not item.equal and told < MAX_TOLD and not self.contended:
                    told += 1
                    why = " (an interrupt's order)" if item.excused else ""
                    yield f"    {cache.name} {item.place}: ours {shortened(item.ours)}, recorded {shortened(item.recorded)}{why}"
            for example in cache.examples[:2] if self.contended else cache.examples:
                if told < MAX_TOLD:
                    told += 1
                    yield (
                        f"    {cache.name} event {example.position} on CPU {example.cpu}: ours {example.ours:x}, recorded "
                        f"{example.recorded:x}; {example.cause.value}, {example.resync.value}"
                    )

    def _sum(self, what: str) -> dict[str, int]:
        sums: dict[str, int] = {}
        for cache in self.caches:
            for name, count in getattr(cache, what).items():
                sums[name] = sums.get(name, 0) + count
        return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def _cells(cache: CacheVerdict) -> tuple[str, ...]:
    names = ("hits", "misses", "remote frees", "alien overflows", "grown", "acquisitions")
    equal = sum(item.equal for item in cache.state)
    counts = tuple(_pair(cache.total(name)) for name in names)
    return (cache.name, str(cache.allocs), str(cache.differing), *counts, f"{equal}/{len(cache.state)}")


def _pair(total: Total) -> str:
    return str(total.ours) if total.ours == total.recorded else f"{total.ours}/{total.recorded}"


def _row(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return f"  {first[0]:<{first[1]}}" + "".join(f" {cell:>{width}}" for cell, width in rest)


def _total_text(total: Total) -> str:
    return f"{total.name} {total.ours}/{total.recorded} ({percent(total.relative, 2, signed=True)})"


def _listed(counts: dict[str, int]) -> str:
    return ": " + ", ".join(f"{name} {count}" for name, count in counts.items()) if counts else ""


def shortened(value: Any) -> str:
    """A value as text, not too long."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain_cache(cache: CacheVerdict) -> dict[str, Any]:
    differing = [item for item in (*cache.counters, *cache.state) if not item.equal]
    return {
        "name": cache.name,
        "allocs": cache.allocs,
        "frees": cache.frees,
        "differing": cache.differing,
        "moved_before_interrupt": cache.moved,
        "slabs_learned": cache.learned,
        "odd_colours": cache.odd_colours,
        "held_back": cache.held_back,
        "unplaced_frees": cache.unplaced_frees,
        "resyncs": cache.resyncs,
        "causes": cache.causes,
        "between": {total.name: {"ours": total.ours, "recorded": total.recorded} for total in cache.between},
        "counters_equal": cache.counters_equal,
        "state_equal": sum(item.equal for item in cache.state),
        "state_items": len(cache.state),
        "differences": [plain_item(item) for item in differing],
        "pointers": [
            {
                "event": example.position,
                "cpu": example.cpu,
                "ours": f"{example.ours:x}",
                "recorded": f"{example.recorded:x}",
                "resync": example.resync.value,
                "cause": example.cause.value,
                "done": example.tokens,
            }
            for example in cache.examples
        ],
    }


def plain_item(item: Item) -> dict[str, Any]:
    """An item as JSON values."""
    return {"place": item.place, "ours": str(item.ours), "recorded": str(item.recorded), "excused": item.excused}
