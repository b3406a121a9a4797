# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment comes to before it runs: a trace's caches as the experiment changes them, names of machines, refusals."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import small_experiment

from slabdes.allocator.state import CacheStats
from slabdes.answers.tables import sheets, view_of
from slabdes.config import CacheFlag, parse_experiment
from slabdes.engine.setup import recorded_state
from slabdes.errors import InputError
from slabdes.measures.compare import compare_by
from slabdes.results.manifest import parse_manifest
from slabdes.results.run import Study
from slabdes.study.plan import PlannedPoint, plan
from slabdes.study.run import run_study

FIELDS = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=foo"
OBJECTS = 40


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Two CPUs allocate and free 40 objects of the cache foo, which has objects of 64 bytes."""
    path = tmp_path / "t.txt"
    lines = []
    for cpu in range(2):
        for kind, call in (("alloc", "f"), ("free", "g")):
            for number in range(OBJECTS):
                time = f"1.{cpu + 10 * (kind == 'free'):03d}{number:03d}"
                fields = FIELDS if kind == "alloc" else "name=foo"
                lines.append(f"t-1 [00{cpu}] {time}: kmem_cache_{kind}: call_site={call} ptr={cpu + 1}{number:03d} {fields}")
    path.write_text("\n".join(sorted(lines, key=lambda line: line.split()[2])) + "\n", encoding="utf-8")
    return path


def replayed(trace: Path, *caches: dict[str, Any], **changes: Any) -> Any:
    workload = {"kind": "trace", "file": str(trace), **changes.pop("workload", {})}
    return parse_experiment({"machine": {"preset": "numa-2x4"}, "cache": list(caches), "workload": workload} | changes, "test")


def planned(experiment: Any, folder: Path) -> PlannedPoint:
    (point,) = plan(experiment, folder)
    return point


def test_a_cache_table_changes_the_traces_cache_of_its_name(trace: Path, tmp_path: Path) -> None:
    table = {"name": "foo", "size": 64, "limit": 6, "batchcount": 3, "shared": 1, "align": 128, "ctor": True}
    point = planned(replayed(trace, table | {"flags": ["HWCACHE_ALIGN"]}), tmp_path / "spools")
    (cache,) = point.workload(0).caches
    assert cache.model_dump(exclude_none=True) == table | {"flags": (CacheFlag.HWCACHE_ALIGN,)}


def test_what_a_cache_table_leaves_out_stays_as_the_trace_has_it(tmp_path: Path) -> None:
    path = tmp_path / "k.txt"
    path.write_text(
        "t-1 [000] 1.0: kmalloc: call_site=f ptr=100 bytes_req=60 bytes_alloc=64 gfp_flags=GFP_KERNEL\n", encoding="utf-8"
    )
    kept = planned(replayed(path, {"name": "kmalloc-64", "size": 64, "limit": 6}), tmp_path / "a").workload(0).caches
    assert [(cache.limit, cache.flags) for cache in kept] == [(6, (CacheFlag.HWCACHE_ALIGN,))]
    none = planned(replayed(path, {"name": "kmalloc-64", "size": 64, "flags": []}), tmp_path / "b").workload(0).caches
    assert [cache.flags for cache in none] == [()]


def test_two_limits_of_a_traces_cache_give_two_digests(trace: Path) -> None:
    table = {"name": "foo", "size": 64, "batchcount": 2}
    run = run_study(replayed(trace, table | {"limit": 4}, sweep={"cache.foo.limit": [4, 40]}))
    assert run.points["digest"].n_unique() == 2


def test_a_cache_that_is_not_in_the_trace_is_told_with_the_nearest_name(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cache fooo: not in what is replayed of the trace \(did you mean foo\?\); allowed: foo"
    ):
        plan(replayed(trace, {"name": "fooo", "size": 64}), tmp_path / "spools")


def test_another_size_than_the_traces_is_told_with_the_traces(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cache foo: size: 72, the trace's has 64; allowed: 64"):
        plan(replayed(trace, {"name": "foo", "size": 72}), tmp_path / "spools")


def test_a_table_goes_before_slabinfo_and_slabinfo_before_the_kernels_defaults(trace: Path, tmp_path: Path) -> None:
    slabinfo = tmp_path / "slabinfo"
    row = "foo 1 2 64 59 1 : tunables 90 45 8 : slabdata 1 1 0"
    slabinfo.write_text(f"slabinfo - version: 2.1\n# name\n{row}\n", encoding="utf-8")
    experiment = replayed(trace, {"name": "foo", "size": 64, "limit": 50}, slabinfo=str(slabinfo))
    (cache,) = planned(experiment, tmp_path / "spools").workload(0).caches
    assert (cache.limit, cache.batchcount, cache.shared) == (50, 45, 8)


SLABINFO = """\
slabinfo - version: 2.1
# name
foo 100 105 192 21 1 : tunables 90 45 8 : slabdata 5 5 0
bar 100 105 256 15 1 : tunables 54 27 0 : slabdata 7 7 0
"""


def with_slabinfo(folder: Path, *caches: dict[str, Any], **changes: Any) -> Any:
    path = folder / "slabinfo"
    path.write_text(SLABINFO, encoding="utf-8")
    return parse_experiment(small_experiment() | {"cache": list(caches), "slabinfo": str(path)} | changes, "test")


def test_a_cache_of_any_workload_is_set_up_from_slabinfo(tmp_path: Path) -> None:
    experiment = with_slabinfo(tmp_path, {"name": "foo"}, {"name": "bar", "limit": 30, "size": 512}, allocator="6.1")
    foo, bar = planned(experiment, tmp_path / "spools").workload(0).caches
    assert (foo.size, foo.limit, foo.batchcount, foo.shared) == (192, 90, 45, 8)
    assert (bar.size, bar.limit, bar.batchcount, bar.shared) == (512, 30, 27, 0), "what the experiment says goes first"


def test_it_is_told_where_the_simulated_kernel_lays_a_slab_out_otherwise(tmp_path: Path) -> None:
    # SEMANTICS and DIFFERENCES: 256 bytes are 15 objects a slab in 2.6.34 and 16 in 6.1; 192 bytes are 20 and 21.
    caches = ({"name": "foo"}, {"name": "bar"})
    old = planned(with_slabinfo(tmp_path, *caches), tmp_path / "a").workload(0).warnings
    new = planned(with_slabinfo(tmp_path, *caches, allocator="6.1"), tmp_path / "b").workload(0).warnings
    assert [told.partition(": ")[2] for told in old] == [
        "a slab of foo has 21 objects of 192 bytes in 1 page; allocator 2.6.34 has 20 objects of 192 bytes in 1 page"
    ]
    assert [told.partition(": ")[2] for told in new] == [
        "a slab of bar has 15 objects of 256 bytes in 1 page; allocator 6.1 has 16 objects of 256 bytes in 1 page"
    ]


def test_a_slabinfo_that_has_changed_is_read_again(tmp_path: Path) -> None:
    experiment = with_slabinfo(tmp_path, {"name": "foo"})
    before = planned(experiment, tmp_path / "a").workload(0).caches[0].limit
    path = tmp_path / "slabinfo"
    path.write_text(path.read_text().replace(f"tunables {before} ", f"tunables {before + 100} "))
    assert planned(experiment, tmp_path / "b").workload(0).caches[0].limit == before + 100


def test_a_dump_that_has_changed_is_read_again(tmp_path: Path) -> None:
    traces = Path(__file__).parents[1] / "kernel61/traces/8cpu_2node_counter_quiet1"
    dump = tmp_path / "dumps.txt"
    text = gzip.decompress((traces / "dumps.txt.gz").read_bytes()).decode()
    dump.write_text(text)
    workload = {"file": str(traces / "trace.txt.gz"), "from_dump": str(dump), "caches": ["kmalloc-512"]}
    point = planned(replayed(dump, workload=workload, allocator="6.1"), tmp_path / "spools")
    caches = point.workload(0).caches

    def stats() -> CacheStats:
        restored = recorded_state(point.experiment, point.machine, caches)
        assert restored is not None
        return restored.state.caches[0].stats

    before = stats()
    later = text.partition("ENDDUMP")[2]
    dump.write_text(later[later.index("DUMP ") :])  # the dump that was taken after the trace
    assert stats().num_active > before.num_active


def test_a_cache_that_slabinfo_lacks_needs_a_size(tmp_path: Path) -> None:
    caches = planned(with_slabinfo(tmp_path, {"name": "other", "size": 64}), tmp_path / "a").workload(0).caches
    assert caches[0].limit is None
    with pytest.raises(InputError, match=r"no cache 'fooo' \(did you mean foo\?\)"):
        planned(with_slabinfo(tmp_path, {"name": "fooo"}), tmp_path / "b")


def test_a_traces_span_may_not_exceed_what_is_counted_exactly(trace: Path, tmp_path: Path) -> None:
    text = trace.read_text(encoding="utf-8") + f"t-1 [000] 99.0: kmem_cache_alloc: call_site=f ptr=900 {FIELDS}\n"
    trace.write_text(text, encoding="utf-8")
    plan(replayed(trace, workload={"think": "90x"}), tmp_path / "a")
    with pytest.raises(InputError, match=r"the trace with think times 100x take 9,800 s; allowed: at most 9,007 s"):
        plan(replayed(trace, workload={"think": "100x"}), tmp_path / "b")


def test_copies_say_how_many_allocations_keep_their_node(tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    line = "t-1 [000] 1.{}: kmalloc_node: call_site=f ptr=10{} bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL node={}\n"
    path.write_text("".join(line.format(number, number, node) for number, node in enumerate((1, -1, 0))), encoding="utf-8")
    (told,) = [text for text in _warnings(path, tmp_path / "a", 3) if "node" in text]
    assert "2 allocations ask for a node by its number; in each of the 3 copies they keep it" in told
    assert not [text for text in _warnings(path, tmp_path / "b", 1) if "by its number" in text]


def _warnings(path: Path, folder: Path, copies: int) -> tuple[str, ...]:
    return planned(replayed(path, workload={"copies": copies}), folder).workload(0).warnings


def test_machines_that_a_sweep_changes_have_names_of_their_own_in_points_and_manifest() -> None:
    sweep = {"machine.preset": ["numa-2x4", "uma-4"], "machine.costs.lock_op": [5, 50]}
    run = run_study(parse_experiment(small_experiment() | {"sweep": sweep, "replications": 1}, "test"))
    names = ["numa-2x4 (lock_op 5)", "numa-2x4 (lock_op 50)", "uma-4 (lock_op 5)", "uma-4 (lock_op 50)"]
    assert run.points["machine"].to_list() == names
    manifest = parse_manifest(run.manifest.to_json(), "test")
    assert list(manifest.machines) == names == [machine["layout"]["name"] for machine in manifest.machines.values()]
    costs = [
        next(cost["value"] for cost in machine["costs"] if cost["name"] == "lock_op") for machine in manifest.machines.values()
    ]
    assert costs == [5, 50, 5, 50]


def test_machines_of_one_name_that_no_setting_tells_apart_are_numbered(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.toml").write_text(f"name = 'mine'\n[topology]\ncores = {number + 1}\n", encoding="utf-8")
    files = [str(tmp_path / "1.toml"), str(tmp_path / "2.toml")]
    raw = small_experiment() | {"machine": {"file": files[0], "cpus": 2}, "sweep": {"machine.file": files}}
    assert [point.machine.name for point in plan(parse_experiment(raw, "test"), tmp_path)] == ["mine", "mine~2"]


def test_a_sweep_that_leaves_the_machine_as_it_is_leaves_its_name(tmp_path: Path) -> None:
    raw = small_experiment() | {"sweep": {"machine.cpus": [1, 2], "machine.costs.lock_op": [5, 5]}}
    assert {point.machine.name for point in plan(parse_experiment(raw, "test"), tmp_path)} == {"numa-2x4"}


@pytest.mark.parametrize("own", [4096, 16])
def test_a_cache_with_a_general_caches_name_must_be_able_to_hold_descriptors(own: int, tmp_path: Path) -> None:
    caches = [{"name": "large", "size": 4096}, {"name": "size-64", "size": own}]
    with pytest.raises(InputError, match=f"cache size-64: size {own}; it has a general cache's name"):
        plan(parse_experiment(small_experiment() | {"cache": caches}, "test"), tmp_path)
    caches[1]["size"] = 64
    plan(parse_experiment(small_experiment() | {"cache": caches}, "test"), tmp_path)


def test_an_error_of_a_plan_begins_with_the_experiments_file(tmp_path: Path) -> None:
    raw = small_experiment() | {"machine": {"preset": "numa-2x4", "cpus": 9}}
    with pytest.raises(InputError, match=r"^mine\.toml: machine\.cpus: 9"):
        plan(parse_experiment(raw, "test"), tmp_path, where="mine.toml")


DESCRIBED = """
from slabdes.config import parse_experiment
raw = {"machine": {"preset": "uma-4"}, "workload": {"kind": "burst"}, 
       "switches": ["unlocked_look", "private_slab", "unlocked_colour"],
       "cache": [{"name": "c", "size": 8, "flags": ["RECLAIM_ACCOUNT", "HWCACHE_ALIGN", "NOLEAKTRACE", "HWCACHE_ALIGN"]}]}
print(parse_experiment(raw, "test").model_dump_json())
"""


def test_what_identifies_an_experiment_does_not_depend_on_the_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", DESCRIBED],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_more_cpus_than_files_may_be_open_are_replayed(trace: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of open files are POSIX's")
    (point,) = plan(replayed(trace, workload={"copies": 4}), tmp_path / "spools")
    programs = [program() for program in point.workload(0).programs.values()]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, before[1]))
    try:
        # Every one of the 8 programs has begun before any goes on.
        first = [next(program) for program in programs]
        rest = [len(list(program)) for program in programs]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(first) == 8
    assert rest == [2 * OBJECTS - 1] * 8


@pytest.mark.parametrize(
    ("sweep", "columns"),
    [
        (
            {"interrupts": [{"mean_ns": 5000.0}, {"mean_ns": 9000.0, "kind": "periodic"}]},
            ["interrupts.mean_ns", "interrupts.kind"],
        ),
        ({"machine": [{"preset": "uma-4", "cpus": 1}, {"preset": "numa-2x4", "cpus": 2}]}, ["machine.preset"]),
        ({"cache": [[{"name": "a", "size": 8}], [{"name": "b", "size": 9}]]}, ["cache.0.name", "cache.0.size"]),
        ({"machine.costs": [{"lock_op": 1.0}, {"list_move": 2.0}]}, ["machine.costs.lock_op", "machine.costs.list_move"]),
        ({"cache.0.flags": [[], ["HWCACHE_ALIGN"]]}, ["cache.0.flags"]),
    ],
)
def test_tables_that_a_sweep_sets_as_a_whole_are_told_apart_by_their_keys(sweep: dict[str, Any], columns: list[str]) -> None:
    run = run_study(parse_experiment(small_experiment(objects=20) | {"sweep": sweep, "replications": 1}, "test"))
    assert run.frames.swept_keys() == columns
    assert len(sheets(view_of(run))) > 1
    single = run.point(1) if isinstance(run, Study) else run
    assert single.points.height == 1


def test_points_that_have_nothing_in_common_are_not_compared() -> None:
    sweep = {"machine": [{"preset": "uma-4", "cpus": 1}, {"preset": "numa-2x4", "cpus": 2}]}
    run = run_study(parse_experiment(small_experiment(objects=20) | {"sweep": sweep, "replications": 1}, "test"))
    with pytest.raises(InputError, match="no point of machine uma-4 has its like at another value"):
        compare_by(run, "machine")


COSTS = {"sweep": {"machine.costs.lock_op": list(range(1, 41))}, "replications": 1}


def test_machines_that_differ_by_costs_are_drawn_and_told_once_and_read_in_full() -> None:
    run = run_study(parse_experiment(small_experiment() | COSTS, "test"))
    one = run_study(parse_experiment(small_experiment() | {"replications": 1}, "test"))
    told = json.loads(run.manifest.to_json())["machines"]
    first, *others = told
    assert all(told[name]["like"] == first and set(told[name]["layout"]) == {"name"} for name in others)
    assert all(set(told[name]) - {"sources"} == {"like", "name", "costs", "digest", "layout"} for name in others)
    read = parse_manifest(run.manifest.to_json(), "test")
    assert read.machines == json.loads(json.dumps(run.manifest.machines))
    for name, machine in read.machines.items():
        assert machine["layout"] == json.loads(json.dumps(one.manifest.machines["numa-2x4"]["layout"])) | {"name": name}


def test_a_run_that_could_not_be_read_again_is_refused_before_it_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = parse_experiment(small_experiment() | COSTS, "test")
    run = run_study(study)
    size = len(run.manifest.to_json().encode())
    monkeypatch.setattr("slabdes.results.folder.MAX_MANIFEST", size // 2)
    monkeypatch.setattr("slabdes.study.run._Study._run", lambda *given: pytest.fail("it simulates"))
    with pytest.raises(InputError, match=r"^e\.toml: sweep: .* in the manifest; allowed: .*; several experiments"):
        run_study(study, out=tmp_path / "out", where="e.toml")
    with pytest.raises(InputError, match=r"in the manifest; allowed: "):
        run.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
