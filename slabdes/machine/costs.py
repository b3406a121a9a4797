# SPDX-License-Identifier: GPL-2.0-only
"""What each step costs on a machine: one named entry a cost, with its source or the word "assumed".

Nanoseconds in files and here; rounded once to integer picoseconds when a machine is built. Leaves out where a cost is
charged (the engines know) and how the distances between CPUs turn into line transfers (`topology.line_transfers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from slabdes.errors import InputError, nearest, shown
from slabdes.units import LEAST, ns_to_ps, ps_to_ns, told_from_nothing

REFERENCE_GHZ: Final = 4.0
"""GHz at which figures published in cycles were turned into ns: the clock of slab_brouer2015_bulk.csv (i7-4790K)."""
MAX_COST_NS: Final = 1e9
"""Largest cost a file may give, ns: a second (assumed; it only keeps the clock from overflowing)."""
RATIOS: Final = {
    "smt_slowdown": (1.0, 10.0),
    "handoff_transfers": (0.0, 16.0),
    "spinner_transfers": (0.0, 16.0),
    "copy_line_share": (0.0, 1.0),
    "miss_share": (0.0, 1.0),
}
"""Smallest and largest that a file may give of each ratio (assumed)."""


class CostKind(StrEnum):
    """What a cost depends on: `work` on the core's clock and on its second thread, the others on neither."""

    WORK = "work"
    MEMORY = "memory"
    SYSTEM = "system"
    RATIO = "ratio"


def _ns(default_ns: float, kind: CostKind, source: str) -> int:
    """One cost's entry: its default in ns, what it depends on, its source. Typed as what the built field holds."""
    default_ps = ns_to_ps(default_ns)
    return field(default=default_ps, metadata={"kind": kind, "source": source, "default_ps": default_ps})


def _cycles(cycles: float, source: str) -> int:
    """An entry for local work counted in cycles, turned into ns at REFERENCE_GHZ."""
    return _ns(cycles / REFERENCE_GHZ, CostKind.WORK, f"{source}; {cycles:g} cycles at {REFERENCE_GHZ:g} GHz")


HALF_A_PAIR: Final = "half of slab_brouer2015_bulk.csv: single alloc+free 95 cycles, 23.852 ns; equal halves assumed"
COPY_LINE_SHARE: Final = 0.19
COPY_LINE_SOURCE: Final = (
    "calibrated once for all machines on contention_two_cpus_256.csv, two threads on one cache, by `slabdes fit copy-lines`; "
    "95 % interval 0.086 to 0.42, the fit is poor"
)
MISS_SOURCE: Final = (
    "assumed: a core of Intel's, Nehalem to Broadwell, has 10 line fill buffers (Intel 64 and IA-32 Architectures Optimization "
    "Reference Manual), so many misses are under way at once; seen before: frees at 4096 bytes and bursts of 20000 of "
    "slab_paths_one_cpu.csv take 0.09 of dram_local more"
)
WITHOUT_IRQ: Final = "derived: {} less local_irq_save_restore of primitives_brouer2017.csv, 38 cycles at 4 GHz, 9.665 ns"


@dataclass(frozen=True)
class Costs:
    """Every cost of a machine in integer picoseconds, and ratios (see RATIOS). In files the same names are in ns.

    `sources` has a (name, text) pair for each entry, in field order; the text is "assumed" or begins so for a guess.
    """

    alloc_hit: int = _ns(11.926, CostKind.WORK, HALF_A_PAIR)
    """Allocation served by the CPU's array: call, interrupts saved and restored, statistics."""
    free_hit: int = _ns(11.926, CostKind.WORK, HALF_A_PAIR)
    """Free into the CPU's array, likewise."""
    alloc_bulk: int = _ns(2.261, CostKind.WORK, WITHOUT_IRQ.format("alloc_hit"))
    """Allocation served by the CPU's array within a bulk call, which has turned interrupts off."""
    free_bulk: int = _ns(2.261, CostKind.WORK, WITHOUT_IRQ.format("free_hit"))
    """Free into the CPU's array, likewise."""
    lock_op: int = _ns(8.334, CostKind.WORK, "primitives_brouer2017.csv: spin_lock_unlock, 33 cycles at 4 GHz")
    """An uncontended acquisition and its release, the line apart."""
    irq_pair: int = _ns(1.864, CostKind.WORK, "primitives_brouer2017.csv: local_IRQ_disable_enable, 7 cycles at 4 GHz")
    """Interrupts off and on again."""
    irq_save: int = _ns(9.665, CostKind.WORK, "primitives_brouer2017.csv: local_irq_save_restore, 38 cycles at 4 GHz")
    """Interrupts off, whatever they were, and as they were again: with each of SLUB's locks."""
    local_trylock: int = _cycles(8, "assumed: preemption off and on, and a flag of the CPU's own")
    """SLUB's per-CPU lock of sheaves, taken and given back."""
    cpu_cmpxchg: int = _cycles(14, "assumed: this_cpu_try_cmpxchg of 16 bytes, which locks no bus")
    """An update of the CPU's private free chain, of SLUB with per-CPU slabs."""
    cmpxchg_double: int = _cycles(20, "assumed: a locked cmpxchg16b on a line that the CPU owns")
    """One atomic update of a SLUB slab's free chain and counts, the line apart."""
    slow_path: int = _cycles(40, "assumed")
    """Entering a refill or a flush, beyond what a hit costs."""
    move_object: int = _cycles(2, "assumed: a pointer copied within the first-level cache")
    """One pointer moved between arrays."""
    slab_object: int = _cycles(
        8,
        "derived: alloc_seq of slab_garnier2016_single_thread_cycles.csv at 64 to 1024 bytes, less a hit, first_touch and a "
        "share of a grow, leaves 1 to 12, 7.5 on average; only its sum with first_touch is seen there",
    )
    """One object taken from a slab's free chain, or put back on it."""
    list_move: int = _cycles(
        55,
        "derived: free_seq of slab_garnier2016_single_thread_cycles.csv at 64 to 1024 bytes, less a hit, slab_object and a "
        "share of a slab's end, leaves 78 to 88; a free at 32 bytes of slab_concurrent_i7-3770_before.csv, 806 cycles on 8 "
        "threads, leaves about 52 if the lock never rests and smt_slowdown holds; taken near the second",
    )
    """Unlinking a slab and linking it elsewhere, its neighbours' lines apart."""
    grow_base: int = _cycles(
        333,
        "derived: a slab costs 1056 by alloc_seq at 256 and 1024 bytes of slab_garnier2016_single_thread_cycles.csv, less its "
        "page (481), four lock pairs (132) and two list moves (110)",
    )
    """cache_grow's own work, apart from pages, locks and objects."""
    init_object: int = _cycles(4, "assumed: one link of the free chain; constructors that do nothing")
    """Free chain and constructor, each object of a fresh slab."""
    page_alloc_order0: int = _cycles(200, "page_allocator_8cpu.csv: order 0 pair is 349 cycles; split 200 and 149 assumed")
    """An allocation of pages, beside what is done under the zone lock: of a page on the CPU's own list, all of it."""
    page_free_order0: int = _cycles(149, "page_allocator_8cpu.csv: order 0 pair is 349 cycles; split 200 and 149 assumed")
    """Pages given back, likewise."""
    page_take: int = _cycles(
        82,
        "page_allocator_8cpu.csv: pairs of orders 1 to 3 are 487 cycles and 22 a page; less page_alloc_order0, "
        "page_free_order0 and two lock pairs (66) that leaves 72; single_alloc of order 1 leaves 84 beside all else",
    )
    """A block of order 1 or more taken off its free list, under the zone lock."""
    page_split: int = _cycles(
        127,
        "page_allocator_8cpu.csv: single_alloc and single_free of order 1 less their pair, 386 cycles, less two pages' lines "
        "(130); half of it, as a block is split about once and merged about once",
    )
    """A block split in two, or two merged, under the zone lock."""
    page_check: int = _cycles(21, "page_allocator_8cpu.csv: growth of single_free from order 1 to 3, 126 cycles for 6 pages")
    """Each page looked at when a block of order 1 or more is given back."""
    page_cold: int = _cycles(65, "page_allocator_8cpu.csv: growth of single_alloc from order 1 to 3, 390 cycles for 6 pages")
    """Each page of a block of order 1 or more that the CPU did not itself give back last: its struct page is in no cache."""
    pcp_refill_page: int = _cycles(
        406,
        "page_allocator_8cpu.csv: order 0 single_alloc 616 less page_alloc_order0 and a share of a lock pair, over 1.02, as 33 "
        "batches of 31 are taken for 1000",
    )
    """One page moved from the zone to a CPU's page list, its splits and its struct page included."""
    pcp_trim_page: int = _cycles(
        167,
        "page_allocator_8cpu.csv: order 0 single_free 295 less page_free_order0, over 0.87, as 28 batches of 31 go back of 1000",
    )
    """One page moved from a CPU's page list to the zone, its merges included."""
    first_touch: int = _cycles(
        70,
        "DESIGN, First touch: about 70; alloc_seq of slab_garnier2016_single_thread_cycles.csv at 64 to 1024 bytes, less a hit "
        "and a share of a grow, leaves 70 to 82 for this and slab_object",
    )
    """First touch, by the CPU that allocates it, of an object that nobody or another CPU touched last."""
    descriptor_read: int = _cycles(70, "assumed: as first_touch (DESIGN, First touch)")
    """Reading, on a free, the descriptor of the slab of an object that another CPU has allocated."""
    same_core: int = _ns(7.606, CostKind.MEMORY, "2x_Intel_Xeon_8275CL.csv: median of 48 pairs of threads of one core, one way")
    """Line transfer between the two threads of a core."""
    same_cluster: int = _ns(25.33, CostKind.MEMORY, "2x_AMD_EPYC_7742.csv: median of 768 pairs that share a 4-core L3, one way")
    """Line transfer between cores of a cluster (one L3, one die), where clusters are known."""
    same_node: int = _ns(46.596, CostKind.MEMORY, "2x_Intel_Xeon_8275CL.csv: median of 2208 pairs of one socket, one way")
    """Line transfer within a node, and between nodes that are no further apart than a node from itself."""
    remote_base: int = _ns(
        93.419,
        CostKind.MEMORY,
        "derived: 2x_Intel_Xeon_8275CL.csv, median across sockets 134.075 ns, less 11 x remote_per_distance",
    )
    """Line transfer to another node, before its distance counts."""
    remote_per_distance: int = _ns(
        3.696,
        CostKind.MEMORY,
        "2x_AMD_EPYC_7601.csv: medians 366.901 ns across sockets and 307.771 ns between dies of one, over 16 units of distance "
        "(its usual SLIT is 10, 16, 32, as remembered)",
    )
    """Added to remote_base for each unit of SLIT distance above local."""
    dram_local: int = _ns(85.0, CostKind.MEMORY, "mlc_idle_latency_ns.csv: median of five two-socket machines")
    """A line that no CPU owns, from the node's own memory."""
    dram_remote_per_distance: int = _ns(
        4.664,
        CostKind.MEMORY,
        "mlc_idle_latency_ns.csv: median of remote less local, 51.3 ns, over 11 units (SLIT 10 and 21 assumed)",
    )
    """Added to dram_local for each unit of SLIT distance above local."""
    ipi: int = _ns(1000.0, CostKind.SYSTEM, "assumed")
    """What a CPU pays when another one makes it run a function (shrink, tuning)."""
    reap_base: int = _ns(50.0, CostKind.WORK, "assumed")
    """One cache looked at by cache_reap."""
    smt_slowdown: float = field(
        default=1.67, metadata={"kind": CostKind.RATIO, "source": "assumed; tried against published figures (DESIGN, Work)"}
    )
    """How much longer local work takes while the workload uses both threads of a core; a ratio."""
    handoff_transfers: float = field(
        default=3.0,
        metadata={
            "kind": CostKind.RATIO,
            "source": "assumed (DESIGN, Locks): the releasing store regains the line from the spinning head, the head "
            "reads it, then writes it; a constant to calibrate, up to 5 seen",
        },
    )
    """Line transfers that handing over a queue lock costs; a ratio. An experiment's lock.handoff_transfers goes before it."""
    spinner_transfers: float = field(
        default=0.7997,
        metadata={
            "kind": CostKind.RATIO,
            "source": "calibrated by `slabdes fit uma-8` on conc8_alloc and conc8_free of order 0 of page_allocator_8cpu.csv",
        },
    )
    """Line transfers that each of several CPUs that spin on a line costs whoever writes it: their requests overlap; a ratio."""
    copy_line_share: float = field(default=COPY_LINE_SHARE, metadata={"kind": CostKind.RATIO, "source": COPY_LINE_SOURCE})
    """What each line of a copy beside the dearest one costs, as a share of its transfer; a ratio."""
    miss_share: float = field(default=0.1, metadata={"kind": CostKind.RATIO, "source": MISS_SOURCE})
    """What each of several independent misses of a CPU's own cache costs, as a share of memory's latency; a ratio."""
    sources: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Name the source of every entry that came without one: its own default."""
        given = dict(self.sources)
        object.__setattr__(self, "sources", tuple((name, given.get(name, default_source(name))) for name in COST_NAMES))


_ENTRIES: Final[dict[str, Mapping[str, Any]]] = {entry.name: entry.metadata for entry in fields(Costs) if entry.metadata}
COST_NAMES: Final[tuple[str, ...]] = tuple(_ENTRIES)
"""Names of all costs, the ratios included, in the order in which tables show them."""
SHARES_OF: Final[Mapping[str, str]] = {"alloc_bulk": "alloc_hit", "free_bulk": "free_hit"}
"""Costs that keep their default share of another one, where that is given and they are not."""


ALONE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("irq_save", "local_trylock", "cpu_cmpxchg", "cmpxchg_double"), "SLUB"),
    "reap_base": "SLAB",
}
"""Costs that one of the two allocators has alone, and which."""


def kind_of(name: str) -> CostKind:
    """What the cost `name` depends on. Raises KeyError for a name that is not one."""
    return CostKind(_ENTRIES[name]["kind"])


def default_source(name: str) -> str:
    """Where the default of the cost `name` comes from. Raises KeyError for a name that is not one."""
    return str(_ENTRIES[name]["source"])


def check_names(names: Mapping[str, Any], where: str) -> None:
    """Raise InputError, with the nearest right name, if any key of `names` is not a cost."""
    for name in names:
        if name not in _ENTRIES:
            raise InputError(f"{where}.{name}", f"not a cost{nearest(name, COST_NAMES)}", allowed=", ".join(COST_NAMES))


def build_costs(given: Mapping[str, float], sources: Mapping[str, str], *, clock_ghz: float = REFERENCE_GHZ, where: str) -> Costs:
    """Costs in ps from those `given` in ns; the others are defaults, local work scaled from 4.0 GHz to `clock_ghz`.

    Given figures are taken as they are, whatever the clock; SHARES_OF says what follows them. Raises InputError for an unknown
    name or a value out of range; `where` begins the message.
    """
    check_names(given, where)
    check_names(sources, where)
    values: dict[str, Any] = {}
    texts: list[tuple[str, str]] = []
    scale = REFERENCE_GHZ / clock_ghz
    for entry in fields(Costs):
        name = entry.name
        if name not in _ENTRIES:
            continue
        source = default_source(name)
        if name in given:
            values[name] = _checked(name, given[name], where)
            source = sources.get(name, "given without a source")
        elif (whole := SHARES_OF.get(name, "")) in given:
            share = int(entry.metadata["default_ps"]) / int(_ENTRIES[whole]["default_ps"])
            of_whole = _checked(whole, given[whole], where)
            values[name] = max(round(of_whole * share), min(of_whole, 1))
            source = f"{source}; the same share of {whole}, which is given"
        elif kind_of(name) is CostKind.WORK and scale != 1.0:
            values[name] = round(int(entry.metadata["default_ps"]) * scale)
            source = f"{source}; x {REFERENCE_GHZ:g}/{clock_ghz:g} for a clock of {clock_ghz:g} GHz"
        texts.append((name, source))
    return Costs(**values, sources=tuple(texts))


def check_counted(value: float, where: str) -> None:
    """Raise InputError for a cost, or a ratio, that would be counted as nothing and is not."""
    if not told_from_nothing(value):
        raise InputError(where, f"{value:g} is less than {LEAST:g}, the least that is told from 0", f"0, or {LEAST:g} and more")


def _checked(name: str, value: object, where: str) -> int | float:
    low, high = RATIOS.get(name, (0.0, MAX_COST_NS))
    unit = "" if name in RATIOS else " ns"
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{where}.{name}", f"{shown(value, 40)} is not a cost", allowed=f"{low:g} to {high:g}{unit}")
    check_counted(value, f"{where}.{name}")
    return float(value) if kind_of(name) is CostKind.RATIO else ns_to_ps(value)


def value_of(costs: Costs, name: str) -> float:
    """The cost `name` as files give it: ns, or the ratio itself."""
    value = getattr(costs, name)
    return float(value) if kind_of(name) is CostKind.RATIO else ps_to_ns(value)


def costs_table(costs: Costs) -> list[tuple[str, float, str]]:
    """(name, ns, source) of every cost, in a fixed order; the ratios, last, are not ns."""
    sources = dict(costs.sources)
    return [(name, value_of(costs, name), sources[name]) for name in COST_NAMES]
