# SPDX-License-Identifier: GPL-2.0-only
"""slabdes: what will this allocator do on a machine you do not have?

A discrete-event simulation of many CPUs on NUMA nodes that contend for the Linux SLAB allocator. Names load when first used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # for type checkers true; loading `typing` takes as long as all that the command line does before it
if TYPE_CHECKING:
    from typing import Any

    __version__: str
    from slabdes.allocator.geometry import Geometry, kmem_cache_geometry
    from slabdes.allocator.state import KmemCache, KmemList3, Slab, SlabState
    from slabdes.api import compare, decide, fit, long_run, simulate, sweep, trace_info, validate
    from slabdes.config import Experiment, load_experiment
    from slabdes.errors import CheckFailed, InputError, SlabdesError, Stalled
    from slabdes.machine import preset_names
    from slabdes.machines import Machine, load_machine
    from slabdes.results.pandas import to_pandas
    from slabdes.runs import Comparison, Decided, Run, Study, TraceInfo
    from slabdes.stats.intervals import Interval
    from slabdes.stories import Story, story
    from slabdes.tuning import Sensitivity, Tuned, sensitivity, tune

__all__ = [
    "simulate", "sweep", "compare", "decide", "tune", "sensitivity", "long_run", "story", "trace_info", "validate", "fit",
    "to_pandas", "Run", "Study", "Comparison", "Decided", "Tuned", "Sensitivity", "Interval", "Story", "TraceInfo",
    "Experiment", "load_experiment", "Machine", "load_machine", "preset_names", "KmemCache", "KmemList3", "Slab", "SlabState",
    "Geometry", "kmem_cache_geometry", "SlabdesError", "InputError", "CheckFailed", "Stalled",
]  # fmt: skip

_ROOMS = {
    "slabdes.allocator.geometry": ("Geometry", "kmem_cache_geometry"),
    "slabdes.allocator.state": ("KmemCache", "KmemList3", "Slab", "SlabState"),
    "slabdes.api": ("compare", "decide", "fit", "long_run", "simulate", "sweep", "trace_info", "validate"),
    "slabdes.config": ("Experiment", "load_experiment"),
    "slabdes.errors": ("CheckFailed", "InputError", "SlabdesError", "Stalled"),
    "slabdes.machine": ("preset_names",),
    "slabdes.machines": ("Machine", "load_machine"),
    "slabdes.results.pandas": ("to_pandas",),
    "slabdes.runs": ("Comparison", "Decided", "Run", "Study", "TraceInfo"),
    "slabdes.stats.intervals": ("Interval",),
    "slabdes.stories": ("Story", "story"),
    "slabdes.tuning": ("Sensitivity", "Tuned", "sensitivity", "tune"),
}  # fmt: skip
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load what is asked for from its room."""
    if name == "__version__":
        # Reading a distribution's metadata takes as long as the rest of `slabdes --help`.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("slabdes")
        except PackageNotFoundError:
            return "not installed"
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'slabdes' has no attribute {name!r}")
