# SPDX-License-Identifier: GPL-2.0-only
"""What comparing a trace folder of 7.3 found: the verdict, a row a cache, counters, the dump after. Leaves out how: see compare.

The rule. Every counter of every cache must be equal, and every pointer and the dump after; but up to MAX_DIFFERING of the
pointers may have changed places with others, as two lines in the wrong order do, and then the dump after may hold the same
sheaves and slabs with other objects in them in the caches where that happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from slabdes.conformance.kernel_trace.verdict import MAX_TOLD, Item, Total, plain_item, shortened
from slabdes.conformance.slub_trace.counts import Difference
from slabdes.conformance.verdict import Judged

MAX_DIFFERING: Final = 0.001
"""Share of the pointers, those of the dump's sheaves among them, that two lines in the wrong order may cost (kernel73/README
knows 11 of 16,350)."""
_HEADS: Final = ("cache", "allocs", "differ", "fast", "slow", "refilled", "barn", "grown", "locks", "after")
_WIDTHS: Final = (26, 7, 7, 11, 9, 9, 9, 7, 9, 9)
COUNTED: Final = {
    "fast": ("alloc_fastpath",),
    "slow": ("alloc_slowpath",),
    "refilled": ("sheaf_refill",),
    "barn": ("barn_get", "barn_put"),
    "grown": ("alloc_slab",),
}
"""The columns that add up counters of SLUB_STATS."""


@dataclass(frozen=True)
class SlubCacheVerdict:
    """One cache. `counters` and `state` are Items; `between` counts between the cuts, in Total's terms.

    `sheaf_pointers` of the dump's sheaves were compared, of which `sheaf_differing` differ. `odd`: what only one of the two has,
    in words, and how often.
    """

    name: str
    allocs: int
    frees: int
    differing: int
    displaced: bool
    """Whether no pointer differed but by changing places with another."""
    learned: int
    sheaf_pointers: int
    sheaf_differing: int
    odd: dict[str, int]
    counters: tuple[Item, ...]
    state: tuple[Item, ...]
    between: tuple[Total, ...]
    examples: tuple[Difference, ...]

    @property
    def active(self) -> bool:
        """Whether the trace, or a counter, says that it was used."""
        return bool(self.allocs or self.frees or self.odd or any(total.ours or total.recorded for total in self.between))

    @property
    def counters_equal(self) -> bool:
        """Whether every counter since boot is the recorded one."""
        return all(item.equal for item in self.counters)


@dataclass(frozen=True)
class SlubTraceVerdict(Judged[SlubCacheVerdict]):
    """A whole folder. `reasons` say why it does not hold, a line each."""

    name: str
    n_cpus: int
    n_nodes: int
    clock: str
    operations: int
    unknown: int
    pages: int
    searches: int
    skipped: int
    caches: tuple[SlubCacheVerdict, ...]
    reasons: tuple[str, ...]

    @property
    def _outcome(self) -> str:
        if not self.holds:
            return "does not hold"
        return f"holds but for {self.differing} that changed places" if self.differing else "holds"

    def lines(self) -> Iterator[str]:
        """Text for a terminal; caches without activity are left out."""
        recorded = sum(cache.sheaf_pointers for cache in self.caches)
        differing = sum(cache.sheaf_differing for cache in self.caches)
        counters = [item for cache in self.caches for item in cache.counters]
        items = [item for cache in self.caches for item in cache.state]
        yield (
            f"{self.name}: {self._outcome}: "
            f"{self.allocs - self.differing} of {self.allocs} pointers equal, "
            f"{sum(item.equal for item in counters)} of {len(counters)} counters, "
            f"{sum(item.equal for item in items)} of {len(items)} sheaves, lists and free lists of the dump after"
        )
        yield from (f"    {reason}" for reason in self.reasons)
        yield f"  Linux 7.3, {self.n_cpus} CPUs, {self.n_nodes} nodes, clock {self.clock}, {self.operations} operations"
        yield _row(_HEADS)
        for cache in self.active:
            yield _row(_cells(cache))
        active = self.active
        yield f"  counters and locks: all equal in {sum(cache.counters_equal for cache in active)} of {len(active)} active caches"
        yield f"  pointers in the sheaves of the dump after: {differing} of {recorded} differ"
        yield f"  searches of other nodes: {self.searches}, {self.skipped} skipped as what was recorded shows"
        yield from self._told()

    def as_plain(self) -> dict[str, Any]:
        """The same for JSON: plain numbers, strings, lists and dictionaries; differences only, not what is equal."""
        return {
            "name": self.name,
            "holds": self.holds,
            "reasons": list(self.reasons),
            "allocator": "7.3",
            "cpus": self.n_cpus,
            "nodes": self.n_nodes,
            "clock": self.clock,
            "operations": self.operations,
            "unknown_operations": self.unknown,
            "page_operations": self.pages,
            "searches": self.searches,
            "searches_skipped": self.skipped,
            "allocs": self.allocs,
            "differing": self.differing,
            "caches": [_plain_cache(cache) for cache in self.active],
        }

    def _told(self) -> Iterator[str]:
        told = 0
        for cache in self.caches:
            for item in (*cache.counters, *cache.state):
                if not item.equal and told < MAX_TOLD:
                    told += 1
                    yield f"    {cache.name} {item.place}: ours {shortened(item.ours)}, recorded {shortened(item.recorded)}"
            for example in cache.examples:
                if told < MAX_TOLD:
                    told += 1
                    yield (
                        f"    {cache.name} operation {example.position} on CPU {example.cpu}: ours {example.ours:x}, "
                        f"recorded {example.recorded:x}; {example.resync.value}"
                    )


def _cells(cache: SlubCacheVerdict) -> tuple[str, ...]:
    equal = sum(item.equal for item in cache.state)
    counts = (str(total.ours) if total.ours == total.recorded else f"{total.ours}/{total.recorded}" for total in cache.between)
    return (cache.name, str(cache.allocs), str(cache.differing), *counts, f"{equal}/{len(cache.state)}")


def _row(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return f"  {first[0]:<{first[1]}}" + "".join(f" {cell:>{width}}" for cell, width in rest)


def _plain_cache(cache: SlubCacheVerdict) -> dict[str, Any]:
    differing = [item for item in (*cache.counters, *cache.state) if not item.equal]
    return {
        "name": cache.name,
        "allocs": cache.allocs,
        "frees": cache.frees,
        "differing": cache.differing,
        "slabs_learned": cache.learned,
        "sheaf_pointers": cache.sheaf_pointers,
        "sheaf_pointers_differing": cache.sheaf_differing,
        "odd": cache.odd,
        "between": {total.name: {"ours": total.ours, "recorded": total.recorded} for total in cache.between},
        "counters_equal": cache.counters_equal,
        "state_equal": sum(item.equal for item in cache.state),
        "state_items": len(cache.state),
        "differences": [plain_item(item) for item in differing],
        "pointers": [
            {
                "operation": example.position,
                "cpu": example.cpu,
                "ours": f"{example.ours:x}",
                "recorded": f"{example.recorded:x}",
                "resync": example.resync.value,
            }
            for example in cache.examples
        ],
    }
