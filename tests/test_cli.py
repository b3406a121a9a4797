# SPDX-License-Identifier: GPL-2.0-only
"""The command line where its input is good: what it prints, its exit codes, its speed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import SMALL, SWEPT, Slabdes, files_in, runner, said_in_one_line

from slabdes.answers.screen import SPREAD
from slabdes.folders import working_folder
from slabdes.results.run import Run
from slabdes.results.text import time_text

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
HEAVY = ("numpy", "matplotlib", "simpy", "polars", "networkx", "scipy", "pydantic", "rich", "numba")


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def written(text: str, name: str = "e.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def digest_in(out: str) -> str:
    (digest,) = [line.removeprefix("digest ") for line in out.splitlines() if line.startswith("digest ")]
    return digest


# Help


def test_help_loads_no_heavy_library() -> None:
    program = f"""
import sys
sys.argv = ["slabdes", "--help"]
from slabdes.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "replay" in done.stdout


def test_every_command_explains_itself_and_each_of_its_options(slabdes: Slabdes) -> None:
    texts = ("slabinfo", "lock-stat")
    machines = ("machine list", "machine show", "machine import")
    for command in ("run", "replay", "plot", *texts, "reap", "conform", "geometry", *machines, "trace info"):
        helped = slabdes(*command.split(), "--help")
        assert helped.code == 0
        assert "--json" in helped.out
        assert [line for line in helped.out.splitlines() if line.startswith("  --") and not line.split("  ", 2)[2].strip()] == []
    listed = [*slabdes("--help").out.splitlines(), *slabdes("machine", "--help").out.splitlines()]
    listed += slabdes("trace", "--help").out.splitlines()
    assert [line for line in listed if line.endswith("...") and "Usage" not in line] == []


def test_no_command_at_all_shows_the_help_and_is_an_error(slabdes: Slabdes) -> None:
    for group in ((), ("machine",), ("trace",)):
        shown = slabdes(*group)
        assert shown.code == 2
        assert "Commands:\n" in shown.err


# run, plot, replay


def test_a_run_prints_its_tables_and_writes_its_folder(slabdes: Slabdes) -> None:
    done = slabdes("run", written(SMALL), "--jobs", "1")
    assert done.code == 0
    assert done.err == ""
    assert "results, frames and figures: runs/e" in done.out.replace(os.sep, "/")
    folder = Path("runs/e")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["digest"] == digest_in(done.out)
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "history.png",
        "latency.png",
        "moves.png",
        "nodes.png",
        "time.png",
        "waits.png",
        "memory.png",
        "machine-numa-2x4.png",
    }
    assert (folder / "frames" / "latency.parquet").is_file()


def test_where_nobody_says_how_many_replications_there_are_figures_have_intervals(slabdes: Slabdes) -> None:
    unsaid = written(SMALL.replace("replications = 2\n", ""))
    told = json.loads(slabdes("run", unsaid, "--jobs", "1", "--json").out)
    assert told["replications"] == 5
    assert all(row["low"] is not None for row in told["intervals"] if row["why"] is None)
    one = slabdes("run", unsaid, "--jobs", "1", "--set", "replications=1").out
    assert one.count("1 replication: no interval") == 1 and "±" not in one
    assert slabdes("show", "runs/e-2", "--table", "rates").out.endswith("1 replication: no interval.\n")
    assert "half the 95 % interval over replications" in slabdes("show", "runs/e", "--table", "rates").out
    told = json.loads(slabdes("replay", written(TRACE, "t.txt"), "--no-by-load", "--engine", "reference", "--json").out)
    assert told["replications"] == 3


def test_a_run_is_shown_again_and_a_sweep_by_the_settings_that_are_asked_for(slabdes: Slabdes) -> None:
    written(SMALL + '\n[sweep]\n"cache.size-256.limit" = [12, 60]\n')
    printed = slabdes("run", "e.toml", "--jobs", "1", "--out", "a").out
    assert slabdes("show", "a").out == printed.replace("results, frames and figures: a\n", "")
    one = slabdes("show", "a", "--where", "limit=60").out
    assert ", limit 60" in one and "--point N" not in one
    assert slabdes("show", "a", "--point", "1").out == one
    tables = slabdes("show", "a", "--table", "locks", "--table", "times").out.splitlines()
    assert [line for line in tables if line and not line.startswith(" ")] == [
        "locks (busy: held or handed over; a lock's part of all hand-overs is by its contended acquisitions)",
        "how long operations take",
        "p99.9: not enough samples (needs 3,688).",
        SPREAD,
    ]
    for wrong, said in (
        (("--where", "limt=60"), "--where limt=60: no setting of this run (did you mean"),
        (("--where", "limit=7"), "--where limit=7: no point has it; allowed: limit = 12, 60"),
        (("--where", "limit=12", "--point", "1"), "--point: not a point with that setting; allowed: 0"),
        (("--point", "2"), "point: 2 is not in this run; allowed: 0 to 1"),
        (("--table", "lock"), "--table lock: no table of a run (did you mean locks?)"),
    ):
        done = slabdes("show", "a", *wrong)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert said in done.err


def test_the_same_command_again_finds_a_folder_of_its_own_and_gives_the_same_digest(slabdes: Slabdes) -> None:
    first, second = (slabdes("run", written(SMALL), "--jobs", "1") for _time in range(2))
    assert "runs/e-2" in second.out.replace(os.sep, "/")
    assert digest_in(first.out) == digest_in(second.out)


def test_a_run_that_was_killed_when_it_was_all_but_done_is_found_by_the_same_command_with_resume(slabdes: Slabdes) -> None:
    first = slabdes("run", written(SMALL), "--jobs", "1")
    Path("runs/e.partial").mkdir()
    again = slabdes("run", "e.toml", "--jobs", "1", "--resume")
    assert again.code == 0
    assert again.out == first.out
    assert [entry.name for entry in Path("runs").iterdir()] == ["e"]


def test_resume_without_a_folder_finds_the_last_run_that_was_finished(slabdes: Slabdes) -> None:
    first, second = (slabdes("run", written(SMALL), "--jobs", "1") for _time in range(2))
    again = slabdes("run", "e.toml", "--jobs", "1", "--resume")
    assert (again.code, again.out) == (0, second.out) != (0, first.out)
    assert sorted(entry.name for entry in Path("runs").iterdir()) == ["e", "e-2"]
    written(SMALL + "\n", "new.toml")
    assert slabdes("run", "new.toml", "--jobs", "1", "--resume").code == 0
    assert Path("runs/new").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_not_utf_8_are_as_good_as_any(slabdes: Slabdes) -> None:
    odd = os.fsdecode(b"\xff")
    written(SMALL, f"e{odd}.toml")
    for options in ((), ("--out", f"out{odd}")):
        assert slabdes("run", f"e{odd}.toml", "--jobs", "1", *options).code == 0
    assert slabdes("slabinfo", f"out{odd}").code == 0
    assert slabdes("compare", f"out{odd}", f"runs/e{odd}").code == 0
    Path(f"t{odd}.txt").write_text(TRACE)
    written(SLABINFO, f"s{odd}.txt")
    told = slabdes("replay", f"t{odd}.txt", "--cache", "all", "--machine", "uma-4", "--jobs", "1", "--slabinfo", f"s{odd}.txt")
    assert told.code == 0, told.err
    assert "s\\udcff.txt: header names <batchcount> <limit>" in told.out


SLABINFO = """slabinfo - version: 2.1
# name : tunables <batchcount> <limit>
foo 1 2 64 15 1 : tunables 120 60 8 : slabdata 1 1 0
"""
TRACE = """
t-1 [000] 1.000001: kmem_cache_alloc: call_site=f ptr=00000000a010 bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=foo
t-1 [000] 1.000002: kmem_cache_free: call_site=f ptr=00000000a010 name=foo
"""


def test_on_a_computer_of_many_processors_the_default_of_jobs_is_allowed() -> None:
    program = "import os; os.cpu_count = lambda: 384; from slabdes.cli.options import ALL_PROCESSORS as jobs; print(jobs)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "256\n"


def test_pictures_need_no_windows_and_no_place_for_a_cache_however_they_are_set_up(slabdes: Slabdes) -> None:
    program = ["machine", "show", "uma-4"]
    environment = os.environ | {"MPLBACKEND": "bogus", "XDG_CACHE_HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull}
    done = subprocess.run(
        [sys.executable, "-m", "slabdes", *program], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr == ""
    assert Path("machine-uma-4.png").exists()


def test_two_processes_never_run_one_study(slabdes: Slabdes) -> None:
    with working_folder(Path("out")):
        for resume in ([], ["--resume"]):
            told = slabdes("run", written(SMALL), "--out", "out", *resume)
            assert "out.partial: another process is at work in it; allowed: to wait until it is done" in said_in_one_line(told)


def test_two_jobs_give_the_digest_of_one(slabdes: Slabdes) -> None:
    one, two = (slabdes("run", written(SWEPT), "--out", f"out{jobs}", "--jobs", jobs) for jobs in ("1", "2"))
    assert one.code == two.code == 0
    assert digest_in(one.out) == digest_in(two.out)


def test_json_has_the_figures_of_the_table(slabdes: Slabdes) -> None:
    printed = slabdes("run", written(SMALL), "--jobs", "1", "--out", "a").out
    result: dict[str, Any] = json.loads(slabdes("run", "e.toml", "--jobs", "1", "--out", "b", "--json").out)
    assert result["digest"] == digest_in(printed)
    assert result["folder"] == "b"
    alloc = next(row for row in result["summary"] if row["op"] == "alloc")
    line = next(line for line in printed.splitlines() if line.strip().startswith("alloc ") and "ns" in line)
    assert f"{alloc['operations_per_s'] / 1e6:.1f} M" in printed
    assert time_text(alloc["mean_ns"]) in line
    assert alloc["operations"] == 600
    assert {row["kind"] for row in result["locks"]} >= {"list_lock", "zone lock"}


def test_a_setting_changes_a_key_and_ends_its_sweep(slabdes: Slabdes) -> None:
    done = slabdes("run", written(SWEPT), "--set", "machine.cpus=3", "--set", "cache.size-256.limit=20", "--out", "out", "--json")
    (point,) = json.loads(done.out)["points"]
    assert point["cpus"] == 3


def test_plot_draws_the_figures_of_a_run_again_with_other_points_and_axes_if_asked(slabdes: Slabdes) -> None:
    slabdes("run", written(SWEPT), "--out", "out", "--jobs", "1")
    done = slabdes("plot", "out", "--point", "0", "--log")
    assert done.code == 0
    drawn = {path.name: path.read_bytes() for path in Path("out-figures").iterdir()}
    of_points = {"history.png", "latency.png", "nodes.png", "time.png", "memory.png"}
    assert set(drawn) == of_points | {"scaling.png", "tails.png", "machine-numa-2x4.png"}  # one CPU waits for nobody
    before = {path.name: path.read_bytes() for path in Path("out/figures").iterdir()}
    assert set(before) == {*drawn, "waits.png", "moves.png"}
    assert {name for name in drawn if drawn[name] != before[name]} == of_points | {"scaling.png"}
    assert len(done.out.splitlines()) == len(drawn)


TRACE = """\
# tracer: nop
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
            a b-1-100   [000] ..... 1.000001: kmem_cache_alloc: call_site=f+0x1/0x2 ptr=00000000aaaaaaaa name=foo bytes_req=200 \
bytes_alloc=256 gfp_flags=GFP_KERNEL node=-1 accounted=false
              c-101     [001] ..... 1.000005: kmem_cache_free: call_site=g+0x1/0x2 ptr=00000000aaaaaaaa name=foo
"""


def test_slabinfo_and_lock_stat_print_what_the_run_folder_has(slabdes: Slabdes) -> None:
    folder = Path("runs/x")
    slabdes("run", written(SMALL), "--out", folder)
    for command, name in (("slabinfo", "slabinfo"), ("lock-stat", "lock_stat")):
        assert slabdes(command, folder).out == (folder / "text" / name).read_text()
        again = getattr(Run.load(folder), name)(replication=1)
        assert slabdes(command, folder, "--replication", 1).out == again
        assert slabdes(command, folder, "--replication", 2).err == "slabdes: replication: 2 is not in this run; allowed: 0 to 1\n"
    (row,) = json.loads(slabdes("slabinfo", folder, "--json").out)
    assert (row["name"], row["objsize"], row["error"]) == ("size-256", 256, 0)
    names = [row["name"] for row in json.loads(slabdes("lock-stat", folder, "--json").out)]
    assert set(names) <= {"&parent->list_lock", "&alc->lock", "&zone->lock"} and "&parent->list_lock" in names


def test_a_points_text_is_asked_for_by_its_number(slabdes: Slabdes) -> None:
    slabdes("run", written(SWEPT), "--out", "runs/s")
    assert slabdes("slabinfo", "runs/s").err == "slabdes: point: none is given, and this run has 3; allowed: 0 to 2\n"
    assert slabdes("slabinfo", "runs/s", "--point", 2).out == Path("runs/s/text/point-0002/slabinfo").read_text()


def test_caches_come_from_a_real_slabinfo(slabdes: Slabdes) -> None:
    Path("info").write_text(
        "slabinfo - version: 2.1\n"
        "fib6 nodes 1 2 64 59 1 : tunables 120 60 8 : slabdata 1 1 0\n"
        "size-256 1 2 256 15 1 : tunables 16 8 4 : slabdata 1 1 0\n",
        encoding="utf-8",
    )
    given = ("--slabinfo", "info", "--cache", "fib6 nodes", "--cache", "size-256", "--set", "cache.size-256.limit=12")
    assert slabdes("run", written(SMALL + "\n"), *given, "--out", "r").code == 0
    rows = {row["name"]: row for row in json.loads(slabdes("slabinfo", "r", "--json").out)}
    assert list(rows) == ["size-256", "fib6 nodes"]
    tunables = {name: (row["objsize"], row["limit"], row["batchcount"], row["sharedfactor"]) for name, row in rows.items()}
    assert tunables == {"fib6 nodes": (64, 120, 60, 8), "size-256": (256, 12, 8, 4)}


def test_the_caches_of_a_trace_are_not_chosen_with_cache(slabdes: Slabdes) -> None:
    text = 'machine = {preset = "numa-2x4"}\nworkload = {kind = "trace", file = "t"}\n'
    outcome = slabdes("run", written(text), "--cache", "foo")
    assert outcome.code == 2
    assert outcome.err == 'slabdes: --cache foo: the workload is a trace; allowed: --set workload.caches=["NAME"]\n'


def test_a_replay_runs_the_traces_operations_once_a_copy(slabdes: Slabdes) -> None:
    trace = written(TRACE, "t.txt")
    done = slabdes("replay", trace, "--cache", "foo", "--machine", "numa-2x4", "--copies", "3", "--json")
    assert done.code == 0
    result = json.loads(done.out)
    assert result["points"][0]["cpus"] == 6
    assert {row["op"]: row["operations"] for row in result["summary"]} == {"alloc": 3, "free": 3}
    assert Path(result["folder"]) == Path("runs/t-numa-2x4-x3")


def test_a_replay_of_a_trace_alone_says_what_it_takes_and_answers_by_load(slabdes: Slabdes) -> None:
    trace = written(TRACE, "t.txt")
    done = slabdes("replay", trace)
    assert done.code == 0
    assert done.out.startswith("At the recorded load CPUs spend ")
    assert "machine " in done.out and "the smallest preset with the trace's " in done.out
    assert "allocator " in done.out and "the trace seems to be of a kernel " in done.out
    assert "the answer by load" in done.out
    plain = json.loads(slabdes("replay", trace, "--json").out)
    assert [row["load"] for row in plain["by_load"]][:3] == [1, 1 / 0.3, 10] and plain["by_load"][-1]["load"] is None
    assert plain["by_load"][0]["intervals"]["waiting"]["replications"] == plain["by_load_of"]["replications"] == 5
    assert plain["answer"][0].startswith("At the recorded load CPUs spend ")
    plain = slabdes("replay", trace, "--machine", "numa-2x4", "--allocator", "4.7", "--no-by-load")
    assert (plain.err, "by load" in plain.out) == ("", False)


def test_figures_are_not_drawn_where_they_are_not_wanted_and_later_all_the_same(slabdes: Slabdes) -> None:
    done = slabdes("run", written(SMALL), "--no-figures", "--out", "out", "--engine", "reference", "--jobs", 1)
    assert (done.code, done.err) == (0, "")
    assert "\nresults and frames: out" in done.out
    assert not Path("out/figures").exists()
    replay = slabdes("replay", written(TRACE, "t.txt"), "--no-figures", "--no-by-load", "--machine", "uma-4", "--out", "replayed")
    assert "\nresults and frames: replayed" in replay.out


TRACES = Path(__file__).parent / "kernel61/traces"


def test_a_replay_from_a_dump_runs_the_dumps_kernel_unless_another_one_is_asked_for(slabdes: Slabdes) -> None:
    folder = TRACES / "8cpu_2node_counter_quiet1"
    replay = ("replay", folder / "trace.txt.gz", "--cache", "kmalloc-512", "--machine", "numa-2x4", "--from-dump")
    dumps = folder / "dumps.txt.gz"
    for more, version in (((), "6.1"), (("--allocator", "4.7"), "4.7")):
        done = slabdes(*replay, dumps, *more, "--engine", "reference", "--json")
        assert Run.load(Path(json.loads(done.out)["folder"])).manifest.experiment["allocator"] == version
    refused = slabdes(*replay, dumps, "--allocator", "2.6.34")
    assert "from_dump needs the slab layout of allocator 4.6 or later; allowed: 4.6, 4.7, 6.1" in said_in_one_line(refused)


# conform


def script(name: str, text: str, recording: str | None = None) -> None:
    Path("scripts").mkdir(exist_ok=True)
    (Path("scripts") / f"{name}.ops.gz").write_bytes(gzip.compress(text.encode()))
    if recording is not None:
        (Path("scripts") / f"{name}.out.jsonl").write_text(recording, encoding="utf-8")


OPS = "machine nodes=1 cpus=1\ncache name=foo size=1000\n"


def test_conform_prints_its_own_records_in_the_recordings_format(slabdes: Slabdes) -> None:
    script("one", OPS)
    done = slabdes("conform", "scripts", "--print")
    assert done.code == 0
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["op"] for record in records] == ["machine", "cache"]
    assert done.out.startswith('{"op":"machine","nodes":1,')


def test_conform_holds_where_every_record_is_matched(slabdes: Slabdes) -> None:
    script("one", OPS)
    script("one", OPS, slabdes("conform", "scripts", "--print").out)
    done = slabdes("conform", "scripts")
    assert (done.code, done.out, done.err) == (0, "one: 2/2\n", "")


def test_conform_takes_no_engine_that_runs_no_scripts(slabdes: Slabdes) -> None:
    script("one", OPS)
    done = slabdes("conform", "scripts", "--engine", "auto")
    assert (done.code, done.out) == (2, "")
    assert done.err == "slabdes: --engine: 'auto' runs no scripts; allowed: reference, compiled\n"


def test_conform_gives_the_same_records_through_compiled_code(slabdes: Slabdes) -> None:
    script("one", f"{OPS}a 0\ndump full\n")
    compiled = slabdes("conform", "scripts", "--print", "--engine", "compiled")
    assert compiled.out == slabdes("conform", "scripts", "--print").out
    assert compiled.out.count("\n") == 4


def test_conform_shows_the_first_difference_and_exits_with_1(slabdes: Slabdes) -> None:
    script("one", OPS)
    recording = slabdes("conform", "scripts", "--print").out
    script("one", OPS, recording.replace('"nodes":1', '"nodes":2').replace('"cpus":1', '"processors":1', 1))
    done = slabdes("conform", "scripts")
    assert done.code == 1
    first, heading, ours, recorded = done.out.splitlines()
    assert first == "one: 1/2"
    assert heading.strip() == "first difference, in nodes, cpus, processors"
    assert '"nodes":1' in ours
    assert '"nodes":2' in recorded
    (verdict,) = json.loads(slabdes("conform", "scripts", "--json").out)
    assert (verdict["matched"], verdict["total"], verdict["recorded"]["nodes"]) == (1, 2, 2)


def test_conform_tells_of_a_recording_that_cannot_be_read_and_goes_on_with_the_others(slabdes: Slabdes) -> None:
    script("b", OPS)
    script("b", OPS, slabdes("conform", "scripts", "--print").out)
    script("a", "machine nodes=1 cpus=1\ndance\n", "")
    script("c", OPS)
    done = slabdes("conform", "scripts")
    assert (done.code, done.out) == (2, "b: 2/2\n")
    bad, alone = done.err.splitlines()
    assert bad.startswith("slabdes: scripts/a.ops.gz:2: ".replace("/", os.sep))
    assert "c.ops.gz: no recorded output beside it" in alone
    told = json.loads(slabdes("conform", "scripts", "--json").out)
    assert ["error" in one for one in told] == [True, False, True]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", ["conform scripts --print", "machine list", "geometry 256 --json"])
def test_output_that_cannot_be_written_is_told_in_one_line(slabdes: Slabdes, command: str) -> None:
    script("one", OPS)
    with Path("/dev/full").open("w") as full:
        program = [sys.executable, "-m", "slabdes", *command.split()]
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "slabdes: output: No space left on device\n")


def test_conform_misses_records_at_the_end(slabdes: Slabdes) -> None:
    script("one", OPS)
    recording = slabdes("conform", "scripts", "--print").out
    script("one", OPS, recording + recording.splitlines()[-1] + "\n")
    done = slabdes("conform", "scripts")
    assert done.code == 1
    assert "one: 2/3" in done.out
    assert "ours:     (none)" in done.out


# geometry, machine


BIGMEM = {(1, 1): True, (8, 2): True, (4, 1): False}
"""Whether the golden table's machines, by CPUs and nodes, have more than 32 MB: their records do not say."""


def test_geometry_reproduces_golden_rows(slabdes: Slabdes) -> None:
    golden = GOLDEN / "geometry.jsonl.gz"
    if not golden.exists():
        pytest.skip("the golden data is not here")
    with gzip.open(golden, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    groups: dict[tuple[int, int, int, str], list[dict[str, Any]]] = {}
    cpus = nodes = 0
    for row in rows:
        if row["op"] == "machine":
            cpus, nodes = row["cpus"], row["nodes"]
        else:
            groups.setdefault((cpus, nodes, row["align"], row["flags"]), []).append(row)
    assert sum(map(len, groups.values())) == 1293
    for (cpus, nodes, align, flags), expected in groups.items():
        machine = ("--cpus", cpus, "--nodes", nodes, "--bigmem", int(BIGMEM[cpus, nodes]))
        sizes = [row["req_size"] for row in expected]
        done = slabdes("geometry", *sizes, "--align", align, "--flags", flags, *machine, "--json")
        assert [json.loads(line) for line in done.out.splitlines()] == expected


def test_geometry_of_slub_is_what_its_kernel_says(slabdes: Slabdes) -> None:
    # tests/kernel73 and kernel612 record 256 bytes with 8 CPUs: order 1, 32 objects; sheaves of 28, or 4 partial slabs a CPU.
    rows = {
        version: json.loads(slabdes("geometry", 256, "--cpus", 8, "--allocator", version, "--json").out)
        for version in ("7.3", "6.12")
    }
    assert all((row["num"], row["order"], row["min_order"], row["min_partial"]) == (32, 1, 0, 5) for row in rows.values())
    assert (rows["7.3"]["sheaf_capacity"], rows["7.3"]["max_full_sheaves"]) == (28, 10)
    assert (rows["6.12"]["cpu_partial"], rows["6.12"]["cpu_partial_slabs"]) == (52, 4)
    refused = slabdes("geometry", 256, "--allocator", "7.9")
    assert refused.code == 2 and "'7.9' is no version" in refused.err and "7.3" in refused.err


def test_machine_list_names_the_presets(slabdes: Slabdes) -> None:
    rows = json.loads(slabdes("machine", "list", "--json").out)
    sizes = {row["machine"]: (row["CPUs"], row["nodes"]) for row in rows}
    assert sizes["i7-3770"] == (8, 1)
    assert sizes["opteron-8n"] == (48, 8)
    assert sizes["xeon-2s"][0] >= 48
    told = slabdes("machine", "list").out
    assert all(name in told for name in sizes)


def test_machine_show_tells_every_cost_with_its_source_and_draws_the_machine(slabdes: Slabdes) -> None:
    shown = slabdes("machine", "show", "xeon-2s")
    assert shown.code == 0
    assert "node 1: 98,304 MiB; CPUs 24-47, 72-95; distances 21 10" in shown.out
    (line,) = [line for line in shown.out.splitlines() if line.startswith("same_core ")]
    assert line.split()[1] == "7.606"
    assert "2x_Intel_Xeon_8275CL.csv" in line
    assert Path("machine-xeon-2s.png").read_bytes().startswith(b"\x89PNG")
    again = slabdes("machine", "show", "xeon-2s")
    assert again.code == 0
    assert "is there already and is left as it is" in again.out


def test_machine_show_as_json_draws_only_what_it_is_asked_for(slabdes: Slabdes) -> None:
    assert json.loads(slabdes("machine", "show", "uma-4", "--json").out)["cpus"] == 4
    assert not list(Path().iterdir())
    slabdes("machine", "show", "uma-4", "--json", "--out", "m.png")
    assert Path("m.png").is_file()


def test_machine_import_writes_what_show_reads_and_says_what_was_assumed(slabdes: Slabdes) -> None:
    table = "\n".join(",".join("" if b >= a else "8" if a - b == 2 else "130" for b in range(4)) for a in range(4))
    Path("table").write_text(table, encoding="utf-8")
    done = slabdes("machine", "import", "table", "-o", "mine.toml")
    assert (done.code, done.out) == (0, "table: 4 CPUs, 2 cores, 1 node: mine.toml\n")
    shown = slabdes("machine", "show", "mine.toml", "--out", "mine.png")
    (line,) = [line for line in shown.out.splitlines() if line.startswith("memory_mib ")]
    assert "4096 MiB a node assumed" in line
    assert json.loads(slabdes("machine", "show", "mine.toml", "--json").out) == json.loads(
        slabdes("machine", "show", "table", "--json").out
    )


def test_machine_import_takes_line_transfers_from_a_table_and_never_writes_over_a_file(slabdes: Slabdes) -> None:
    Path("table").write_text("\n40\n41,42\n43,44,45\n", encoding="utf-8")
    done = slabdes("machine", "import", "uma-4", "--latencies", "table", "-o", "mine.toml", "--json")
    assert [kind["max_ns"] for kind in json.loads(done.out)["transfers"]] == [45.0]
    before = Path("mine.toml").read_text(encoding="utf-8")
    again = slabdes("machine", "import", "uma-4", "-o", "mine.toml")
    assert (again.code, again.err) == (2, "slabdes: mine.toml: is there already; allowed: a new file\n")
    assert Path("mine.toml").read_text(encoding="utf-8") == before
    other = slabdes("machine", "import", "xeon-2s", "--latencies", "table", "-o", "other.toml")
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert "table: 4 CPUs, but xeon-2s has 96" in other.err
    assert not Path("other.toml").exists()


def test_files_of_names_that_could_be_foreseen_are_left_alone(slabdes: Slabdes) -> None:
    foreseen = [".m.toml.tmp", ".m.png.tmp", ".rep.tmp", ".fig.tmp"]
    for name in foreseen[:2]:
        Path(name).write_text("mine", encoding="utf-8")
    for name in foreseen[2:]:
        Path(name).mkdir()
        (Path(name) / "note").write_text("mine", encoding="utf-8")
    before = files_in(Path())
    assert slabdes("machine", "import", "uma-4", "-o", "m.toml").code == 0
    assert slabdes("machine", "show", "uma-4", "--out", "m.png").code == 0
    assert slabdes("run", written(SMALL), "--jobs", "1", "--out", "rep").code == 0
    assert slabdes("plot", "rep", "--out", "fig").code == 0
    after = files_in(Path())
    assert {name: after[name] for name in before} == before
    assert sorted(entry.name for entry in Path().iterdir()) == sorted([*foreseen, "e.toml", "fig", "m.png", "m.toml", "rep"])


def test_a_comparison_takes_a_keys_last_word_and_says_what_a_single_replication_tells(slabdes: Slabdes) -> None:
    written(SMALL + '\n[sweep]\n"cache.size-256.limit" = [12, 60]\n')
    assert slabdes("run", "e.toml", "--out", "swept", "--set", "replications=1").code == 0
    full = slabdes("compare", "swept", "--by", "cache.size-256.limit").out
    assert "1 replication: no interval, so nothing is concluded from these differences" in full
    for by in ("limit", "cache.0.limit"):
        assert slabdes("compare", "swept", "--by", by).out == full
    assert slabdes("run", "e.toml", "--out", "more").code == 0
    assert "1 replication" not in slabdes("compare", "more", "--by", "limit").out
    plain = json.loads(slabdes("compare", "more", "--by", "limit", "--json").out)
    assert plain["answer"][0].startswith("limit 60 ") and plain["measures"]
