# SPDX-License-Identifier: GPL-2.0-only
"""Replays recorded traces of a real 6.1 from the dump before, in each loop, and sets counters beside those that the kernel had.

    python tests/campaigns/recorded_traces.py ../shared/kernel61/traces/*

Leaves out what `slabdes conform` compares: there the trace's order is given, and there is no clock. A replay leaves out frees of
objects that the trace does not allocate; the kernel counted them, so those of them that are remote, as the dump before shows
where each object lies, are taken from its count, and told.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.config import parse_experiment
from slabdes.dumps.dump import read_dumps
from slabdes.dumps.records import CacheDump, Dump
from slabdes.engine.compiled.run import run_compiled
from slabdes.engine.records import CacheRecord, Records
from slabdes.engine.reference.run import run_reference
from slabdes.study.plan import plan
from slabdes.workload.slabinfo import spellings
from slabdes.workload.trace.events import KmemKind, KmemReader
from slabdes.workload.trace.index import index_trace
from slabdes.workload.trace.spool import Spool

LOOPS: Final = ("bounded", "traced", "recorded")
LEAST_OPERATIONS: Final = 1000
WITHIN: Final = 0.10
COUNTERS: Final = {"grows": "grown", "refills": "allocmiss", "remote frees": "node_frees", "peak": "high_mark"}
"""What is compared, and the kernel's counter for it; the last is a high mark, the others grow."""
_WRAPPED: Final = 1 << 63
_MARK: Final = b"SLT_SNAPSHOT "
_SUFFIXES: Final = ("", ".gz")


@dataclass(frozen=True)
class Compared:
    """One counter of one cache in one loop: what the kernel counted from dump to dump, and the replay."""

    trace: str
    cache: str
    operations: int
    loop: str
    counter: str
    kernel: int
    replayed: int
    older: int = 0
    """What the kernel counted besides, of objects that the trace does not allocate."""

    @property
    def relative(self) -> float:
        """By how much of the kernel's the replay's is more."""
        return (self.replayed - self.kernel) / self.kernel if self.kernel else float(self.replayed != 0)

    @property
    def holds(self) -> bool:
        """Whether they are within a tenth, or differ by what is no part of a count: by one."""
        return abs(self.relative) <= WITHIN or abs(self.replayed - self.kernel) <= 1


def compare(
    folder: Path, loops: tuple[str, ...] = LOOPS, least: int = LEAST_OPERATIONS, reference: bool = False, think: str = "recorded"
) -> list[Compared]:
    """Replay a folder's trace in each loop, and compare each cache with at least `least` operations."""
    before, after = read_dumps(_file(folder, "dumps.txt"))
    found = []
    with tempfile.TemporaryDirectory(prefix="slabdes-recorded-") as scratch:
        trace = _cut(_file(folder, "trace.txt"), Path(scratch))
        for loop in loops:
            spool, records = _replay(trace, folder, before, loop, Path(scratch), reference, think)
            older = older_remote_frees(trace, before)
            for cache, record in zip(spool.caches, records.caches, strict=False):
                operations = cache.allocs + cache.frees
                if operations >= least:
                    known = _named(before, cache.name), _named(after, cache.name)
                    found += _compared(folder.name, loop, operations, record, *known, older[known[0].name])
    return found


def older_remote_frees(trace: Path, before: Dump) -> Counter[str]:
    """By cache, frees of objects that the trace does not allocate and that lie on another node than the CPU which frees them."""
    slabs = sorted(
        (slab.address, slab.address + cache.geometry.num * cache.geometry.size, node, cache.name)
        for cache in before.caches.values()
        for node, home in enumerate(cache.nodes)
        for slab in home.slabs
    )
    begins = [begin for begin, *_rest in slabs]
    found: Counter[str] = Counter()
    live: set[int] = set()
    for event in KmemReader(trace):
        if event.kind is KmemKind.ALLOC:
            live.add(event.pointer)
        elif event.pointer in live:
            live.remove(event.pointer)
        elif (place := bisect_right(begins, event.pointer) - 1) >= 0:
            _begin, end, node, name = slabs[place]
            found[name] += event.pointer < end and node != before.node_of_cpu[event.cpu]
    return found


def _compared(
    trace: str, loop: str, operations: int, record: CacheRecord, before: CacheDump, after: CacheDump, older: int
) -> Iterator[Compared]:
    for counter, name in COUNTERS.items():
        was, now = _counter(before, name), _counter(after, name)
        mark = name == "high_mark"
        mine = getattr(record, name)
        if not mark:
            left_out = older if counter == "remote frees" else 0
            yield Compared(trace, record.name, operations, loop, counter, now - was - left_out, mine, left_out)
        elif now < _WRAPPED:
            yield Compared(trace, record.name, operations, loop, counter, now, max(was, mine))


def _counter(cache: CacheDump, name: str) -> int:
    place = {"high_mark": 1, "grown": 2, "node_frees": 7}.get(name)
    return cache.info.cpustat[1] if place is None else cache.info.globalstat[place]


def _is_in(dump: Dump, name: str) -> bool:
    """Caches that the trace itself gives no name are in no dump."""
    return any(spelt in dump.caches for spelt in spellings(name))


def _named(dump: Dump, name: str) -> CacheDump:
    return next(dump.caches[spelt] for spelt in spellings(name) if spelt in dump.caches)


def _replay(
    trace: Path, folder: Path, before: Dump, loop: str, scratch: Path, reference: bool, think: str
) -> tuple[Spool, Records]:
    machine = scratch / "machine.txt"
    machine.write_text(_numactl(before), encoding="utf-8")
    raw = {
        "machine": {"file": str(machine)},
        "allocator": "6.1",
        "workload": {
            "kind": "trace",
            "file": str(trace),
            "caches": [cache.name for cache in index_trace(trace).caches if _is_in(before, cache.name)],
            "from_dump": str(_file(folder, "dumps.txt")),
            "cpus": "1:1",
            **({"arrivals": "recorded"} if loop == "recorded" else {"loop": loop}),
            "think": think,
        },
    }
    (point,) = plan(parse_experiment(raw, folder.name), scratch / f"spools-{loop}")
    assert point.spool is not None
    run = run_reference if reference else run_compiled
    return point.spool, run(point.experiment, point.machine, point.workload(0))


def _numactl(dump: Dump) -> str:
    """The recorded machine: its CPUs and nodes are all that is known of it."""
    nodes = range(dump.n_nodes)
    lines = [f"available: {dump.n_nodes} nodes (0-{dump.n_nodes - 1})"]
    for node in nodes:
        cpus = " ".join(str(cpu) for cpu, home in enumerate(dump.node_of_cpu) if home == node)
        lines += [f"node {node} cpus: {cpus}", f"node {node} size: 2048 MB"]
    lines += ["node distances:", "node " + " ".join(f"{node:>3}" for node in nodes)]
    lines += [f"{node:>3}: " + " ".join(f"{10 if node == other else 20:>3}" for other in nodes) for node in nodes]
    return "\n".join(lines) + "\n"


def _cut(path: Path, scratch: Path) -> Path:
    """The part of a trace between the marks of its two dumps."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        lines = file.read().splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if _MARK in line]
    first, last = marks[0], marks[-1]
    head = [line for line in lines[:first] if line.startswith(b"#")]
    cut = scratch / "trace.txt"
    cut.write_bytes(b"".join((*head, *lines[first + 1 : last])))
    return cut


def _file(folder: Path, name: str) -> Path:
    return next(path for suffix in _SUFFIXES if (path := folder / f"{name}{suffix}").is_file())


def tell(found: list[Compared]) -> Iterator[str]:
    """A row for each trace, cache and loop."""
    yield f"{'trace':<28} {'cache':<18} {'operations':>10} {'loop':<8}" + "".join(f" {name:>22}" for name in COUNTERS)
    rows: dict[tuple[str, str, int, str], dict[str, Compared]] = {}
    for one in found:
        rows.setdefault((one.trace, one.cache, one.operations, one.loop), {})[one.counter] = one
    for (trace, cache, operations, loop), row in sorted(rows.items()):
        cells = "".join(f" {_cell(row[name]) if name in row else '-':>22}" for name in COUNTERS)
        yield f"{trace:<28} {cache:<18} {operations:>10,} {loop:<8}{cells}"


def _cell(one: Compared) -> str:
    older = f" (+{one.older:,})" if one.older else ""
    return f"{one.kernel:,}{older} {one.replayed:,} {one.relative:+.0%}{'' if one.holds else ' !'}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="each with trace.txt and dumps.txt, plain or gzip")
    parser.add_argument("--loop", action="append", choices=LOOPS, help="this loop only, or recorded arrivals; may be repeated")
    parser.add_argument("--least", type=int, default=LEAST_OPERATIONS, help="operations of a cache that is compared")
    parser.add_argument("--think", default="recorded", help="as of slabdes replay (default: recorded)")
    parser.add_argument("--reference", action="store_true", help="on the reference engine")
    args = parser.parse_args()
    found = [
        one
        for folder in args.folders
        for one in compare(folder, tuple(args.loop or LOOPS), args.least, args.reference, args.think)
    ]
    print(f"of each counter: the kernel's, the replay's, the difference; ! beyond {WITHIN:.0%}")
    print("in brackets: frees of objects that the trace does not allocate, which a replay leaves out", *tell(found), sep="\n")
    return 0 if all(one.holds for one in found if one.loop != "recorded") else 1


if __name__ == "__main__":
    sys.exit(main())
