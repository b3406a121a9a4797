# SPDX-License-Identifier: GPL-2.0-only
"""Commented experiment files to begin with, a kind of workload each, made from the keys that a file may have.

Leaves out experiments that answer a question: those are in `experiments/`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from slabdes.config.keys import Key, experiment_keys
from slabdes.config.models import TABLES, Experiment
from slabdes.config.sweeps import QUICK, SWEEPS
from slabdes.config.workloads import WORKLOADS
from slabdes.errors import InputError, nearest, shown

REPLICATIONS: Final = 5
"""Of an experiment on the command line that does not say: figures are printed with intervals."""
_CHOSEN: Final[dict[str, str]] = {
    "name": '"my experiment"',
    "replications": str(REPLICATIONS),
    "machine.preset": '"numa-2x4"',
    "cache.NAME.name": '"size-256"',
    "cache.NAME.size": "256",
    "workload.file": '"trace.txt"',
    "workload.rate": "1e6",
}
"""What a new file says in place of a default."""
_CHOSEN_OF_KIND: Final[dict[str, dict[str, str]]] = {"trace": {"allocator": '"6.1"'}}
"""The same for one kind of workload. A trace is mostly of a kernel of today, and `slabdes replay` takes its nearest, too."""
_EXAMPLES: Final[dict[str, str]] = {
    "precision": '"2%"',
    "most": "100",
    "measures": '["alloc.p99", "free.mean"]',
    "switches": '["unlocked_look"]',
    "slabinfo": '"slabinfo.txt"',
    "sysfs": '"slab.tar.gz"',
    "start": '"dump.txt"',
    "machine.file": '"machine.xml"',
    "machine.cpus": "4",
    "machine.memory_mib": "512",
    "machine.llc_mib": "33",
    "machine.costs": "{ list_move = 25 }",
    "cache.NAME.flags": '["HWCACHE_ALIGN"]',
    "cache.NAME.limit": "120",
    "cache.NAME.batchcount": "60",
    "cache.NAME.shared": "8",
    "cache.NAME.frees_look_up": "true",
    "cache.NAME.order": "0",
    "cache.NAME.sheaf_capacity": "60",
    "cache.NAME.max_full_sheaves": "10",
    "cache.NAME.max_empty_sheaves": "10",
    "cache.NAME.cpu_partial": "120",
    "cache.NAME.min_partial": "5",
    "cache.NAME.remote_node_defrag_ratio": "100",
    "lock.handoff_transfers": "2.0",
    "interrupts.mean_ns": "50000",
    "interrupts.cache": '"size-256"',
    "upkeep.shrink_cache": '"size-256"',
    "change.at_ms": "5.0",
    "change.sheaf_capacity": "120",
    "change.max_full_sheaves": "30",
    "change.cache": '"size-256"',
    "slub.cpu_slabs": "false",
    "slub.remote_by_batches": "false",
    "slub.refill_order": '"list"',
    "slub.leftovers": '"tail"',
    "slub.unneeded": '"tail"',
    "slub.remote_refill": '"trylock"',
    "slub.empty_main": '"spare"',
    "slub.barns": '"online"',
    "slub.refill_needs_waiting": "false",
    "slub.capacity_base": "60",
    "slub.capacity_per_cpu": "4",
    "slub.capacity_most": "240",
    "workload.caches": '["skbuff_head_cache"]',
    "workload.first": "100000",
    "workload.pairs": '"0:4,1:5"',
    "workload.nodes": '"2:0,3:1"',
    "workload.in_flight": "1000",
    "workload.from_dump": '"dump.txt"',
}
"""What a commented line says of a key that has no default."""
_SWEEPS: Final[dict[str, str]] = {
    **dict.fromkeys(("burst", "mix", "producer_consumer"), '"cache.0.batchcount" = [15, 30, 60]'),
    "critical_section": '"lock.discipline" = ["ticket", "qspinlock"]',
    "pages": '"machine.cpus" = [1, 4, 8]',
    "arrivals": '"workload.rate" = [1e6, 10e6, 100e6]',
    "trace": '"workload.copies" = [1, 2]',
}
"""A sweep to begin with, by kind of workload."""
_WITHOUT_CACHES: Final = ("critical_section", "pages", "trace")
_WIDTH: Final = 100


def replicated(experiment: Experiment) -> Experiment:
    """An experiment with REPLICATIONS where it does not say how many."""
    if "replications" in experiment.model_fields_set:
        return experiment
    return experiment.model_copy(update={"replications": REPLICATIONS})


def kinds() -> list[tuple[str, str]]:
    """Every kind of workload, and in a sentence what it does."""
    return [
        (kind, " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("`", "")) for kind, model in WORKLOADS.items()
    ]


def new_experiment(kind: str) -> str:
    """A commented experiment file that runs as it is (a trace's once it names a trace). InputError for an unknown kind.

    Every key that it may have stands in it: with a value, or behind a # with its default or an example.
    """
    if kind not in WORKLOADS:
        raise InputError(f"kind {shown(kind)}", f"there is none{nearest(kind, WORKLOADS)}", allowed=", ".join(WORKLOADS))
    keys = experiment_keys()
    sweep, together, quick = (next(key for key in keys if key.path == name) for name in (*SWEEPS, QUICK))
    about = " ".join((WORKLOADS[kind].__doc__ or "").split())
    lines = [
        *_comment(about),
        *_comment("Run it: slabdes run FILE. Keys behind a # say their default, or an example; take the # away to change one."),
        *_table("", (key for key in keys if _is_top(key.path)), chosen=_CHOSEN_OF_KIND.get(kind, {})),
        *_table("machine", keys),
        *_table("cache", keys, commented=kind in _WITHOUT_CACHES),
        *_table("workload", (key for key in keys if key.workload == kind)),
        "",
        *_comment(sweep.meaning),
        "# [sweep]",
        f"# {_SWEEPS[kind]}",
        "",
        *_comment(together.meaning),
        "# [zip]",
        '# "machine.preset" = ["numa-2x4", "numa-4x8"]',
        '# "seed" = [1, 2]',
        "",
        *_comment(quick.meaning),
        f"# [{QUICK}]",
        "# replications = 2",
    ]
    for name in TABLES:
        if name not in ("machine", "cache"):
            lines += _table(name, keys, commented=name in ("interrupts", "slub", "change"))
    return "\n".join(lines) + "\n"


def _is_top(path: str) -> bool:
    return "." not in path and path not in (*SWEEPS, QUICK)


def _table(
    name: str, keys: Iterable[Key], commented: bool = False, chosen: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """A table's header and its keys, each under what it means."""
    chosen = {**_CHOSEN, **chosen}
    before = {"": "", "cache": "cache.NAME."}.get(name, f"{name}.")
    if name:
        header = f"[[{name}]]" if name == "cache" else f"[{name}]"
        yield from ("", f"# {header}" if commented else header)
    for key in keys:
        if not key.path.startswith(before):
            continue
        unit = f", {key.unit}" if key.unit else ""
        yield from ("", *_comment(f"{key.meaning} ({key.type}{unit})"))
        value = chosen.get(key.path) or _EXAMPLES.get(key.path) or key.default
        given = not commented and (key.path in chosen or key.path == "workload.kind")
        line = f"{key.path.removeprefix(before)} = {key.type if key.path == 'workload.kind' else value}"
        yield line if given else f"# {line}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH)]
