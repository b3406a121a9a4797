"""The SLAB allocator's paths, as the lowering is told of them: where its records lie and who does what the paths ask for.

Leaves out the text that comes of it (`slab_paths`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import ArrayCache, CacheStats, KmemCache, KmemList3, Slab
from slabdes.engine.compiled import codes, layout
from slabdes.engine.compiled.cache import cache_folder, kept_text
from slabdes.errors import InputError
from slabdes.lowering.lower import Lowered, lower
from slabdes.lowering.target import Table, Target
from slabdes.paths.charges import ChargedCpu, Tolls
from slabdes.paths.slab import prices
from slabdes.paths.slab.kernel import ShrinkingKernel, SlabCpu
from slabdes.paths.slab.prices import SlabCharges


class _Cpu(SlabCpu, ChargedCpu):
    """What paths and prices see of a CPU."""


class _Kernel(ShrinkingKernel[_Cpu], SlabCharges[_Cpu]):
    """All that paths and prices ask for."""


def _table(record: type, name: str, text: str, dtype: np.dtype[np.void]) -> Table:
    return Table(record, name, text, frozenset(dtype.names or ()))


SLAB: Final = Target(
    name="SLAB",
    modules=(
        "slabdes.paths.slab.alloc",
        "slabdes.paths.slab.free",
        "slabdes.paths.slab.reap",
        "slabdes.paths.slab.shrink",
        "slabdes.paths.slab.prices",
    ),
    kernel=_Kernel,
    cpu=_Cpu,
    tables=(
        _table(KmemCache, "caches", "caches_at(run.caches)", layout.CACHE),
        _table(KmemList3, "l3s", "l3s_at(run.l3s)", layout.L3),
        _table(ArrayCache, "arrays", "arrays_at(run.arrays)", layout.ARRAY),
        _table(Slab, "slabs", "slabs_at(run.slabs)", layout.SLAB),
        _table(CacheStats, "stats_of", "stats_at(run.stats)", layout.STATS),
        _table(Tolls, "locks", "locks_at(run.locks)", layout.LOCK),
        _table(MemPolicy, "policies", "policies_at(run.policies)", layout.POLICY),
    ),
    services=tuple(
        f"slabdes.engine.compiled.{name}"
        for name in (
            "numba_tools",
            "clock",
            "account",
            "interrupts",
            "locks",
            "notes",
            "variants",
            "page_paths",
            "services",
            "each_cpu",
            "charges",
        )
    ),
    shared=("slabdes.allocator",),
    entries=("kmem_cache_alloc", "kmem_cache_alloc_node", "kmem_cache_free", "cache_reap"),
    rest=("reap_cache", "kmem_cache_shrink", "do_drain", "do_tune_cpucache"),
    run_fields=frozenset(layout.RUN.names or ()),
    cpu_fields=frozenset(layout.CPU.names or ()),
    at_once=frozenset({"cache_alloc_refill", "cache_flusharray", "free_block"}),
    parts=frozenset({("KmemCache", "stats")}),
    flat={"SlabState.words": "ints_at(run.words)", "SlabState.node_of_cpu": "ints_at(run.node_of_cpu)"},
    stand_for={name: name for name in vars(prices) if name.startswith("note_")},
    renamed={f"L3Layout.{name}": f"line_of_{name}" for name in ("list_lock", "free_objects", "colour_next")},
    first_number=codes.N_PATHS,
)
HAND: Final = ("cache", "node", "a", "b", "i", "nr", "path", "obj", "home", "batch", "slab", "order")
"""Fields of the frames of paths that are not lowered."""


@cache
def lowered() -> Lowered:
    """The paths, lowered now or by an earlier run of the same sources."""
    return kept_text("slab", lambda: lower(SLAB))


def lowered_file() -> Path:
    """The text of the paths, made if need be. Raises InputError where no folder can be written."""
    lowered()
    folder = cache_folder()
    if folder is None:
        raise InputError("the folder for compiled code", "cannot be written", allowed="SLABDES_CACHE_DIR=<a folder>")
    return folder / "slab.py"


def _frame() -> np.dtype[np.void]:
    return layout.record("pc", *dict.fromkeys((*HAND, *lowered().frame)))


FRAME: Final[Any] = _frame()
"""A path under way: where it goes on, its arguments, its local variables."""
