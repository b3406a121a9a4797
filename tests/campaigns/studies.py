# SPDX-License-Identifier: GPL-2.0-only
"""Small studies of every kind to be killed in: sweeps, a trace, event logs, replications; and files for them to read.

Leaves out killing.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "machine"))

from samples import LATENCIES, NUMACTL, TOML, TWO_PACKAGES

RECORDED: Final = Path(__file__).parents[1] / "kernel61" / "traces" / "1cpu_local_fork1"
SLABINFO: Final = "slabinfo - version: 2.1\nsize-256 1 2 256 15 1 : tunables 120 2 8 : slabdata 1 1 0\n"
BURST: Final = '[[cache]]\nname = "size-256"\nsize = 256\n\n[workload]\nkind = "burst"\nobjects = 40\nrounds = 2\n'
PRESET: Final = '[machine]\npreset = "numa-2x4"\n\n'


@dataclass(frozen=True)
class Study:
    """An experiment as its file says, the files beside it by name, how many processes share it, and whether it has figures."""

    name: str
    experiment: str
    files: dict[str, bytes]
    jobs: int
    drawn: bool = False

    def lay_out(self, folder: Path) -> None:
        """Write all of it into a new or empty folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "e.toml").write_text(self.experiment, encoding="utf-8")
        for name, data in self.files.items():
            (folder / name).write_bytes(data)


def trace(objects: int = 30) -> bytes:
    """Two CPUs allocate and free objects of one cache."""
    lines = []
    for number in range(objects):
        for cpu in range(2):
            head, pointer = f"t-1 [00{cpu}] 1.{2 * number + cpu:06d}: ", f"ptr=00000000{cpu + 1}{number:03x}"
            sizes = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=foo"
            lines.append(f"{head}kmem_cache_alloc: call_site=f {pointer} {sizes}")
    for number in range(objects):
        for cpu in range(2):
            head, pointer = f"t-1 [00{cpu}] 2.{2 * number + cpu:06d}: ", f"ptr=00000000{cpu + 1}{number:03x}"
            lines.append(f"{head}kmem_cache_free: call_site=g {pointer} name=foo")
    return ("\n".join(lines) + "\n").encode()


def sweep(points: int, **swept: str) -> str:
    """A [sweep] of these lists, and as many limits as make it `points` points."""
    sizes = 1
    for values in swept.values():
        sizes *= values.count(",") + 1
    limits = ", ".join(str(8 + 4 * number) for number in range(points // sizes))
    lines = [f'"{key.replace("_", ".")}" = {values}' for key, values in swept.items()]
    return "\n".join(["\n[sweep]", *lines, f'"cache.0.limit" = [{limits}]', ""])


def studies(points: int) -> list[Study]:
    """One of each kind, of about so many points or replications each; one is drawn, which takes longer than all else."""
    cpus, head = "[1, 2, 4, 8]", 'engine = "reference"\nreplications = 1\n'
    swept = PRESET + BURST + sweep(points, machine_cpus=cpus)
    replayed = '[[cache]]\nname = "foo"\n\n[workload]\nkind = "trace"\nfile = "t.txt"\n'
    return [
        Study("sweep", head + swept, {}, 1),
        Study("sweep, 2 jobs", head + swept, {}, 2, drawn=True),
        Study("with an event log", f"{head}log = true\n{swept}", {}, 2),
        Study("of a trace", head + PRESET + replayed + sweep(points, workload_copies="[1, 2, 3, 4]"), {"t.txt": trace()}, 2),
        Study("replications", head.replace("= 1", f"= {points // 2}") + PRESET + BURST + sweep(2), {}, 2),
        Study("with a slabinfo", f'{head}slabinfo = "slabinfo"\n{swept}', {"slabinfo": SLABINFO.encode()}, 2),
    ]


def inputs() -> dict[str, tuple[Study, str]]:
    """Studies of three replications by what of them is to be changed: the file's name."""
    head = 'engine = "reference"\nreplications = 3\n'

    def on(machine: str) -> Study:
        return Study("", f'{head}[machine]\nfile = "m"\ncpus = 1\n\n{BURST}', {"m": machine.encode()}, 1)

    replayed = '[machine]\npreset = "uma-4"\n\n[workload]\nkind = "trace"\nfile = "t.txt"\n'
    dump = f'allocator = "6.1"\n{replayed.replace("t.txt", "t.txt.gz")}caches = ["anon_vma"]\nfrom_dump = "d.txt.gz"\n'
    recorded = {"t.txt.gz": (RECORDED / "trace.txt.gz").read_bytes(), "d.txt.gz": (RECORDED / "dumps.txt.gz").read_bytes()}
    plain = Study("", head + PRESET + BURST, {}, 1)
    changed = {
        "machine file": (on(TOML), "m"),
        "hwloc XML": (on(TWO_PACKAGES), "m"),
        "numactl": (on(NUMACTL), "m"),
        "table of latencies": (on(LATENCIES), "m"),
        "trace": (Study("", head + replayed, {"t.txt": trace()}, 1), "t.txt"),
        "compressed trace": (Study("", head + dump, recorded, 1), "t.txt.gz"),
        "dump": (Study("", head + dump, recorded, 1), "d.txt.gz"),
        "slabinfo": (
            Study("", f'{head}slabinfo = "slabinfo"\n{PRESET}{BURST}', {"slabinfo": SLABINFO.encode()}, 1),
            "slabinfo",
        ),
        "experiment": (plain, "e.toml"),
        "preset": (plain, "machine/presets/numa-2x4.toml"),
        "source": (plain, "engine/reference/kernel.py"),
    }
    return {name: (replace(study, name=f"changed {name}"), file) for name, (study, file) in changed.items()}


def change(path: Path) -> None:
    """Change a file so that whoever reads it does not mind: but for an experiment, which has another seed then."""
    raw = path.read_bytes()
    if path.name == "e.toml":
        path.write_bytes(b"seed = 2\n" + raw)
    elif raw[:2] == b"\x1f\x8b":
        path.write_bytes(gzip.compress(gzip.decompress(raw) + b"\n"))
    else:
        path.write_bytes(raw + b"\n")
