# SPDX-License-Identifier: GPL-2.0-only
"""Every reader of the package, once: its name, what reading means, and the good files that a campaign breaks.

Seeds are files of the project, cut short so that a try takes milliseconds, and a few made up. Leaves out breaking them.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

from tries import Files, Reader

from slabdes.answers.screen import about, as_plain
from slabdes.answers.tables import sheets, view_of
from slabdes.config import expand, load_experiment
from slabdes.conformance.compare import compare_script, own_records
from slabdes.conformance.kernel_log.compare import compare_log
from slabdes.conformance.kernel_log.geometry import compare_geometry
from slabdes.conformance.kernel_trace.compare import compare_trace_folder
from slabdes.conformance.recordings import find_recordings
from slabdes.files import read_text
from slabdes.folders import working_folder
from slabdes.machine import import_machine, load_machine
from slabdes.machine.graph import layout
from slabdes.machine.summary import describe
from slabdes.machine.sysfs import read_host
from slabdes.machine.toml_file import to_toml
from slabdes.machine.topology import Machine
from slabdes.results.folder import read_run, write_run
from slabdes.results.lock_stat import lock_classes, lock_stat_text
from slabdes.results.manifest import parse_manifest
from slabdes.results.partial import open_partial
from slabdes.results.run import run_of
from slabdes.results.slabinfo import slabinfo_rows, slabinfo_text
from slabdes.study.plan import plan
from slabdes.validation.fit_table import read_fit_table
from slabdes.validation.published import parse_published
from slabdes.workload.slabinfo import read_slabinfo
from slabdes.workload.trace.spool import load_trace
from slabdes.workload.trace.think import Think

TESTS: Final = Path(__file__).parents[1]
EXPERIMENTS: Final = TESTS.parent / "experiments"
SEEDS: Final = TESTS / "campaigns" / "seeds"
"""Files made up for this."""
PACKAGE: Final = TESTS.parent / "slabdes"
FEW: Final = 4
"""More nodes than these are not drawn, likewise."""
LARGE: Final = 1 << 26
LONG: Final = 64
"""More CPUs than these are not written out again: that takes seconds, and says nothing of reading."""


def unpacked(path: Path, lines: int | None = None) -> bytes:
    """A file of the project, unpacked, or its first lines."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data if lines is None else b"".join(data.splitlines(keepends=True)[:lines])


def module(path: Path) -> Any:
    """A module of the tests by its file, whatever else has its name."""
    name = f"campaign_{path.parent.name}_{path.stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


# Machines


def use_machine(machine: Machine) -> None:
    """What every command does with a machine; read back from our own format it is the same."""
    machine.zonelist(0)
    if machine.n_cpus <= LONG and machine.n_nodes <= LONG:
        json.dumps(describe(machine), allow_nan=False)
        if machine.n_nodes <= FEW:
            json.dumps(layout(machine), allow_nan=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.toml"
            path.write_text(to_toml(machine), encoding="utf-8")
            assert load_machine(path) == machine


def read_machine(folder: Path) -> None:
    use_machine(load_machine(folder / "machine"))


def read_machine_with_latencies(folder: Path) -> None:
    use_machine(import_machine(folder / "machine", folder / "latencies.csv"))


def read_sysfs(folder: Path) -> None:
    use_machine(read_host(folder).build())


@cache
def samples() -> Any:
    return module(TESTS / "machine" / "samples.py")


def seeds_toml() -> Iterator[Files]:
    for path in sorted((PACKAGE / "machine" / "presets").glob("*.toml")):
        if path.stat().st_size < 20_000:
            yield {"machine": path.read_bytes()}
    yield {"machine": samples().TOML.encode()}
    yield {"machine": (SEEDS / "explicit.toml").read_bytes()}


def seeds_hwloc() -> Iterator[Files]:
    yield {"machine": samples().TWO_PACKAGES.encode()}
    make = samples()
    cluster = make.tag("L3Cache", make.core(0, 1) + make.core(2, 3), cpuset=make.cpus(0, 1, 2, 3))
    one = make.package([[4]], make.numa(0, 0, 1, 2, 3, 4) + cluster)
    info = '<info name="CPUModel" value="Some CPU @ 2.50GHz"/><info name="FrequencyMaxMHz" value="3500"/>'
    yield {
        "machine": make.xml(
            info + one, version="3.0", machine='allowed_cpuset="0x0000000f" complete_cpuset="0x0000001f"'
        ).encode()
    }


def seeds_numactl() -> Iterator[Files]:
    yield {"machine": samples().NUMACTL.encode()}
    for path in sorted(SEEDS.glob("numactl_*.txt")):
        yield {"machine": path.read_bytes()}


def seeds_latencies() -> Iterator[Files]:
    yield {"machine": samples().LATENCIES.encode()}
    yield {"machine": b"0;10.5;40\n10.5;0;41e0\n40;41;0\n"}
    yield {"machine": b'"","nan"\n"12.5",\n'}


def seeds_with_latencies() -> Iterator[Files]:
    latencies = samples().LATENCIES.encode()
    yield {"machine": samples().TWO_PACKAGES.encode(), "latencies.csv": latencies}
    yield {"machine": (PACKAGE / "machine" / "presets" / "uma-8.toml").read_bytes(), "latencies.csv": latencies}


def seeds_sysfs() -> Iterator[Files]:
    for tree in (
        samples().sysfs(["0,4", "1,5", "2,6", "3,7"], {0: ("0-1,4-5", 64, "10 21"), 1: ("2-3,6-7", 32, "21 10")}, "0-7"),
        samples().sysfs(["0", "1"], {}, "0-1"),
    ):
        cache = {
            "sys/devices/system/cpu/cpu0/cache/index2/type": "Unified",
            "sys/devices/system/cpu/cpu0/cache/index2/level": "2",
            "sys/devices/system/cpu/cpu0/cache/index2/shared_cpu_list": "0-1",
            "sys/devices/system/cpu/cpu0/cpufreq/base_frequency": "2500000",
            "proc/cpuinfo": "processor : 0\nmodel name\t: Some CPU @ 2.50GHz\n",
        }
        yield {path: text.encode() + b"\n" for path, text in {**tree, **cache}.items()}


# Caches, tables, experiments


def read_slabinfo_file(folder: Path) -> None:
    table = read_slabinfo(folder / "slabinfo.txt")
    table.row(next(iter(table.rows)))


def seeds_slabinfo() -> Iterator[Files]:
    text = unpacked(TESTS / "kernel61" / "boot_slabinfo_8cpu_2node.txt.gz")
    yield {"slabinfo.txt": text}
    yield {"slabinfo.txt": b"".join(text.splitlines(keepends=True)[:6])}
    for path in sorted(SEEDS.glob("slabinfo_*.txt")):
        yield {"slabinfo.txt": path.read_bytes()}


def read_fit(folder: Path) -> None:
    read_fit_table(folder / "fit.toml")


def seeds_fit() -> Iterator[Files]:
    for path in sorted((PACKAGE / "validation" / "tables").glob("*.toml")):
        yield {"fit.toml": path.read_bytes()}
    yield {"fit.toml": (SEEDS / "fit.toml").read_bytes(), "m.toml": samples().TOML.encode()}


def read_published(folder: Path) -> None:
    parse_published("table", read_text(folder / "table.csv", LARGE, "a table"))


def seeds_published() -> Iterator[Files]:
    for path in sorted((PACKAGE / "validation" / "data").glob("*.csv")):
        yield {"table.csv": path.read_bytes()}


def settings_in(folder: Path) -> list[str]:
    """Settings as the command line hands them over: whatever bytes they are."""
    path = folder / "settings"
    return path.read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape").splitlines()[:20] if path.is_file() else []


def read_experiment(folder: Path) -> None:
    for _point in expand(load_experiment(folder / "e.toml", settings_in(folder))):
        pass


def read_plan(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as spools:
        for point in plan(load_experiment(folder / "e.toml", settings_in(folder)), Path(spools), where="e.toml"):
            point.workload(0)


SETTINGS: Final = (
    "seed=2\nreplications=3",
    "machine.cpus=2\ncache.0.limit=60\ncache.0.batchcount=30",
    'cache.size-256.size=128\ncache.0.name="dentry"',
    'allocator="6.1"\ncache.0.flags=["HWCACHE_ALIGN"]',
    'switches=["private_slab"]\nworkload.objects=7',
    "machine={preset='uma-4'}\nmachine.costs.ipi=2.5\nmachine.memory_mib=100",
    "sweep={}\nworkload.think_ns=12.5\nlock.discipline=ticket",
    "timing.jitter=0\nlog=true\ninterrupts={mean_ns=1000}\ninterrupts.kind=periodic",
)
"""Settings of `small_experiment` that hold, some at a time."""


def seeds_experiment() -> Iterator[Files]:
    for path in sorted(EXPERIMENTS.glob("*.toml")):
        yield {"e.toml": path.read_bytes(), "settings": b"seed=2\nreplications=3"}
    for settings in SETTINGS:
        yield {"e.toml": small_experiment().encode(), "settings": settings.encode()}


def small_experiment() -> str:
    return str(module(TESTS / "commands.py").SWEPT)


def seeds_plan() -> Iterator[Files]:
    small = small_experiment()
    slabinfo = next(iter(seeds_slabinfo()))["slabinfo.txt"]
    yield {"e.toml": small.encode()}
    named = small.replace('preset = "numa-2x4"', 'file = "m.toml"').replace("[1, 2, 4]", "[1, 4]")
    yield {"e.toml": named.encode(), "m.toml": samples().TOML.encode()}
    told = 'slabinfo = "s.txt"\n' + small.replace('"size-256"', '"dentry"').replace("size = 256\n", "")
    yield {"e.toml": told.encode(), "s.txt": slabinfo}
    trace = (SEEDS / "trace.toml").read_bytes()
    yield {"e.toml": trace, "trace.txt": unpacked(EXPERIMENTS / "traces" / "unix_dgram_6.18.txt.gz", 60)}
    machines = sorted((EXPERIMENTS / "machines").glob("*.toml"))
    for path in sorted(EXPERIMENTS.glob("*.toml")):
        text = path.read_bytes()
        named = {machine.name: machine.read_bytes() for machine in machines if machine.name.encode() in text}
        yield {"e.toml": text.replace(b'"machines/', b'"'), "settings": b"replications=1"} | named


# Traces


def read_trace(folder: Path) -> None:
    path = next(iter(sorted(folder.glob("trace*"))), folder / "trace.txt")
    with tempfile.TemporaryDirectory() as spools:
        spool = load_trace(path, [], Path(spools))
        for cpu in spool.cpus:
            for _columns in spool.columns(cpu, think=Think.parse("0.1x")):
                pass


def seeds_trace() -> Iterator[Files]:
    for name in ("unix_dgram_6.18.txt.gz", "slab_6.1_8cpu_2node_unix4.txt.gz"):
        data = unpacked(EXPERIMENTS / "traces" / name, 400)
        few = b"".join(data.splitlines(keepends=True)[:40])
        yield {"trace.txt.gz": few}
        yield {"trace.txt": few}
        yield {"trace.txt": data}
    for path in (SEEDS / "perf_script.txt", SEEDS / "trace_cmd.txt", SEEDS / "counter.txt"):
        yield {"trace.txt": path.read_bytes()}


# Recordings of the real allocator


def read_script(folder: Path) -> None:
    list(compare_script(folder / "s.ops").lines())


def read_bare_script(folder: Path) -> None:
    for _record in own_records(folder / "s.ops"):
        pass


def seeds_script() -> Iterator[Files]:
    for name in ("m01_up_tiny", "m02_numa_tiny", "m03_boot_like", "m04_pagefail", "m06_fallback_policy", "m09_three_caches_reap"):
        script = unpacked(TESTS / "golden" / f"{name}.ops.gz")
        recording = unpacked(TESTS / "golden" / f"{name}.out.jsonl.gz")
        yield {"s.ops": script, "s.out.jsonl": recording}
        yield {"s.ops": script, "s.out.jsonl": b"".join(recording.splitlines(keepends=True)[:5])}


def seeds_bare_script() -> Iterator[Files]:
    for seed in seeds_script():
        yield {"s.ops": seed["s.ops"]}
    yield {"s.ops": unpacked(TESTS / "golden" / "p18_policies.ops.gz", 150)}
    yield {"s.ops": unpacked(TESTS / "golden" / "p22_cpuless_memless.ops.gz", 150)}
    yield {"s.ops": unpacked(TESTS / "golden" / "p23_ctor_align.ops.gz", 150)}
    yield {"s.ops": (SEEDS / "every_operation.ops").read_bytes()}


def read_log(folder: Path) -> None:
    list(compare_log(folder / "s.log").lines())


def seeds_log() -> Iterator[Files]:
    for path in sorted((TESTS / "kernel61" / "prescribed").glob("*.gz")):
        data = unpacked(path)
        if len(data) < 40_000:
            yield {"s.log": data}
        snap = data.find(b"> ", data.find(b"> snap") + 1)
        yield {"s.log": data[:snap]}


def read_geometry(folder: Path) -> None:
    list(compare_geometry(folder / "g.log").lines())


def seeds_geometry() -> Iterator[Files]:
    log = next(iter(seeds_log()))["s.log"]
    made = b"".join(line + b"\n" for line in log.split(b"\n") if line.startswith((b"GEOM", b"> new")))
    yield {"g.log": made.replace(b"> new t01", b"> geom")}
    yield {"g.log": made}
    yield {"g.log": made.replace(b"> ", b"# ") * 20}


def read_recordings(folder: Path) -> None:
    for recording in find_recordings([folder]):
        list(recording.compare(recording.path).lines())


def seeds_recordings() -> Iterator[Files]:
    for seeds, names in (
        (seeds_script(), ("a.ops.gz", "a.out.jsonl.gz")),
        (seeds_log(), ("a.log.gz",)),
        (seeds_geometry(), ("g.txt.gz",)),
    ):
        yield dict(zip(names, next(iter(seeds)).values(), strict=True))


def read_kernel_trace(folder: Path) -> None:
    list(compare_trace_folder(folder).lines())


def seeds_kernel_trace() -> Iterator[Files]:
    made_up = module(TESTS / "conformance" / "kernel_trace" / "conftest.py")
    for aliens in (True, False):
        kernel, held = made_up.MadeUpKernel(aliens=aliens), []
        made_up.run_at_random(kernel, 1, 300, held)
        kernel.dump("before-random")
        made_up.run_at_random(kernel, 2, 400, held)
        kernel.dump("after-random")
        yield {"dumps.txt": "\n".join(kernel.dumps).encode(), "trace.txt": "\n".join(kernel.trace).encode()}
    for folder in sorted((TESTS / "kernel61" / "traces").iterdir()):
        yield {
            "dumps.txt": few_caches(unpacked(folder / "dumps.txt.gz"), 6),
            "trace.txt.gz": cut_trace(folder / "trace.txt.gz", 40),
        }


def few_caches(dumps: bytes, most: int) -> bytes:
    """Dumps with their first few caches that have objects."""
    sections = dumps.split(b"\nCACHE ")
    names = [section.split()[0] for section in sections if b"\nSL " in section and len(section) < 4000][:most]
    kept = []
    for section in sections:
        text, ended, rest = section.partition(b"\nENDDUMP ")
        if section.startswith(tuple(name + b" " for name in names)) or not section.startswith(b"name="):
            kept.append(b"\nCACHE " + text if section.startswith(b"name=") else text)
        kept.append(ended + rest)
    return b"".join(kept)


def cut_trace(path: Path, lines: int) -> bytes:
    """A trace with a few events on each side of its marks."""
    whole = unpacked(path).splitlines(keepends=True)
    marks = [number for number, line in enumerate(whole) if b"SLT_SNAPSHOT" in line]
    return b"".join(
        line for number, line in enumerate(whole) if line.startswith(b"#") or any(abs(number - mark) <= lines for mark in marks)
    )


# Results


def read_folder(folder: Path) -> None:
    for name, data in whole_folder().items():
        if name not in OFTEN_BROKEN and folder.joinpath("frames").is_dir():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
    run = run_of(*read_run(folder))
    json.dumps(as_plain(run), allow_nan=False)
    sheets(view_of(run))
    slabinfo_text(slabinfo_rows(run.frames.caches, run.frames.slabs))
    lock_stat_text(lock_classes(run.frames.locks, run.frames.contention_points))
    about(run)


def read_manifest(folder: Path) -> None:
    parse_manifest(read_text(folder / "manifest.json", LARGE, "a manifest"), "manifest.json")


def read_partial(folder: Path) -> None:
    with working_folder(folder / "run") as working:
        partial = open_partial(working, STUDY, resume=True)
        for point, replication in list(partial.done):
            partial.load(point, replication)


@contextmanager
def examples() -> Iterator[tuple[Any, Path]]:
    """The tests' made-up records, and a folder to write them to."""
    with tempfile.TemporaryDirectory() as folder:
        yield module(TESTS / "results" / "example.py"), Path(folder)


def files_in(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


OFTEN_BROKEN: Final = ("manifest.json", "frames/sha256.json", "frames/points.parquet")
"""Files of a run folder that are broken; the others are like the last of these."""


@cache
def whole_folder() -> Files:
    with examples() as (example, folder):
        frames = example.example_frames()
        layouts = {"numa-2x4": layout(load_machine("numa-2x4"))}
        return files_in(write_run(folder / "run", example.example_manifest(frames, layouts), frames))


def seeds_folder() -> Iterator[Files]:
    files = {name: whole_folder()[name] for name in OFTEN_BROKEN}
    yield files
    # As earlier versions wrote it: nothing says what the manifest has to be.
    sums = json.loads(files["frames/sha256.json"])
    sums.pop("manifest.json", None)
    yield {**files, "frames/sha256.json": json.dumps(sums).encode()}


def seeds_manifest() -> Iterator[Files]:
    yield {"manifest.json": whole_folder()["manifest.json"]}


STUDY: Final = {
    "experiment": {"seed": 1},
    "inputs": {},
    "sources": {"a.py": "0" * 64},
    "slabdes": "1.0",
    "versions": {"numpy": "2.0"},
}


@cache
def seeds_partial() -> tuple[Files, ...]:
    with examples() as (example, folder):
        with working_folder(folder / "run") as working:
            partial = open_partial(working, STUDY, resume=False)
            for replication in (0, 1):
                partial.save(0, replication, example.example_records(2, operations=40, seed=replication + 1))
        return (files_in(folder),)


READERS: Final = (
    Reader("machine-toml", read_machine, seeds_toml, 10),
    Reader("hwloc", read_machine, seeds_hwloc, 12),
    Reader("numactl", read_machine, seeds_numactl, 10),
    Reader("latencies", read_machine, seeds_latencies, 8),
    Reader("import", read_machine_with_latencies, seeds_with_latencies, 5),
    Reader("sysfs", read_sysfs, seeds_sysfs, 8),
    Reader("slabinfo", read_slabinfo_file, seeds_slabinfo, 10),
    Reader("fit", read_fit, seeds_fit, 8),
    Reader("published", read_published, seeds_published, 4),
    Reader("experiment", read_experiment, seeds_experiment, 12),
    Reader("plan", read_plan, seeds_plan, 6),
    Reader("trace", read_trace, seeds_trace, 12),
    Reader("script", read_script, seeds_script, 6),
    Reader("bare-script", read_bare_script, seeds_bare_script, 10),
    Reader("kernel-log", read_log, seeds_log, 8),
    Reader("geometry", read_geometry, seeds_geometry, 6),
    Reader("recordings", read_recordings, seeds_recordings, 4),
    Reader("kernel-trace", read_kernel_trace, seeds_kernel_trace, 8),
    Reader("run-folder", read_folder, seeds_folder, 4),
    Reader("manifest", read_manifest, seeds_manifest, 5),
    Reader("partial", read_partial, seeds_partial, 3),
)
"""Every reader of the package."""
