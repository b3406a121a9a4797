# SPDX-License-Identifier: GPL-2.0-only
"""Bad input on the command line: one line on the error stream, exit code 2, no traceback, and nothing made or overwritten."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import SMALL, SWEPT, Slabdes, files_in, runner, said_in_one_line

TRACE = Path(__file__).parents[1] / "experiments" / "traces" / "unix_dgram_6.18.txt.gz"
MACHINE = """\
name = "mine"
clock_ghz = 2.0
memory_mib = 64
distances = [[10, 20], [20, 10]]
node_of_cpu = [0, 0, 1, 1]
[sources]
clock_ghz = "assumed"
memory_mib = "assumed"
distances = "assumed"
"""


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def refused(slabdes: Slabdes, *arguments: str | Path) -> str:
    """The line that a command is refused with; asserts that no file appears or changes."""
    before = files_in(Path.cwd())
    line = said_in_one_line(slabdes(*arguments))
    assert files_in(Path.cwd()) == before
    return line


def experiment(text: str = SMALL) -> str:
    Path("e.toml").write_text(text, encoding="utf-8")
    return "e.toml"


def test_broken_toml_is_told_with_its_line(slabdes: Slabdes) -> None:
    line = refused(slabdes, "run", experiment(SMALL + "this is = = not TOML\n"))
    assert "e.toml: not TOML" in line
    assert f"line {SMALL.count(chr(10)) + 1}" in line


@pytest.mark.parametrize(
    ("wrong", "right", "key"),
    [
        ("objects", "objcts", "workload.objcts"),
        ("[[cache]]", "[[cahce]]", "cahce"),
        ("placement", "placment", "machine.placment"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_right_one(slabdes: Slabdes, wrong: str, right: str, key: str) -> None:
    line = refused(slabdes, "run", experiment(SMALL.replace(wrong, right)))
    assert f"e.toml: {key}: unknown key (did you mean {wrong.strip('[]')}?)" in line


def test_an_unknown_key_of_a_sweep_is_told_likewise(slabdes: Slabdes) -> None:
    line = refused(slabdes, "run", experiment(SMALL + '[sweep]\n"machine.cpsu" = [1]\n'))
    assert "machine.cpsu: unknown key (did you mean cpus?)" in line


def test_a_batchcount_above_the_limit_is_told_with_both(slabdes: Slabdes) -> None:
    line = refused(slabdes, "run", experiment(), "--set", "cache.0.limit=10", "--set", "cache.0.batchcount=20")
    assert "batchcount 20 is greater than limit 10; allowed: 1 to limit" in line


def test_a_batchcount_above_the_kernels_default_limit_is_told_too(slabdes: Slabdes) -> None:
    assert "2000 with limit 120; allowed: 1 to 120" in refused(slabdes, "run", experiment(), "--set", "cache.0.batchcount=2000")


def test_a_cpu_on_a_node_that_is_not_there_is_told(slabdes: Slabdes) -> None:
    Path("m.toml").write_text(MACHINE.replace("[0, 0, 1, 1]", "[0, 0, 1, 7]"), encoding="utf-8")
    for command in (("machine", "show", "m.toml"), ("run", experiment(SMALL.replace('preset = "numa-2x4"', 'file = "m.toml"')))):
        line = refused(slabdes, *command)
        assert "m.toml" in line
        assert "7" in line


def test_a_distance_matrix_that_is_not_square_is_told(slabdes: Slabdes) -> None:
    Path("m.toml").write_text(MACHINE.replace("[[10, 20], [20, 10]]", "[[10, 20], [20]]"), encoding="utf-8")
    for command in (("machine", "show", "m.toml"), ("run", experiment(SMALL.replace('preset = "numa-2x4"', 'file = "m.toml"')))):
        line = refused(slabdes, *command)
        assert "m.toml: distances" in line


def test_the_machine_file_that_the_two_tests_above_break_is_a_good_one(slabdes: Slabdes) -> None:
    Path("m.toml").write_text(MACHINE, encoding="utf-8")
    assert slabdes("machine", "show", "m.toml", "--json").code == 0


REPLAY = ("--cache", "all", "--machine", "numa-2x4")


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
def test_a_trace_that_is_not_one_is_told(slabdes: Slabdes, ending: str) -> None:
    text = b"once upon a time\nthere was no kmem event\n"
    path = Path(f"story{ending}")
    path.write_bytes(gzip.compress(text) if ending.endswith("gz") else text)
    assert f"{path}: no kmem event in 2 lines; allowed: " in refused(slabdes, "replay", path, *REPLAY)


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
def test_an_empty_trace_is_told(slabdes: Slabdes, ending: str) -> None:
    path = Path(f"nothing{ending}")
    path.write_bytes(gzip.compress(b"") if ending.endswith("gz") else b"")
    assert f"{path}: empty; allowed: " in refused(slabdes, "replay", path, *REPLAY)


@pytest.mark.parametrize("kept", [15, 3000, 60_000])
def test_a_cut_gzip_is_told(slabdes: Slabdes, kept: int) -> None:
    Path("cut.txt.gz").write_bytes(TRACE.read_bytes()[:kept])
    assert "cut.txt.gz: " in refused(slabdes, "replay", "cut.txt.gz", *REPLAY)


def test_a_damaged_gzip_is_told(slabdes: Slabdes) -> None:
    content = bytearray(TRACE.read_bytes())
    content[20_000:20_100] = bytes(100)
    Path("damaged.txt.gz").write_bytes(content)
    assert "damaged.txt.gz: " in refused(slabdes, "replay", "damaged.txt.gz", *REPLAY)


def test_a_folder_or_a_missing_file_in_place_of_a_trace_is_told(slabdes: Slabdes) -> None:
    Path("folder").mkdir()
    assert "folder: Is a directory" in refused(slabdes, "replay", "folder", *REPLAY)
    assert "missing.txt: No such file" in refused(slabdes, "replay", "missing.txt", *REPLAY)


def test_a_size_of_0_is_told_with_the_range(slabdes: Slabdes) -> None:
    assert "cache.size-256.size: 0 is out of range; allowed: 1 to 4194304" in refused(
        slabdes, "run", experiment(SMALL.replace("size = 256", "size = 0"))
    )
    assert "size: 0 bytes is no object size; allowed: 1 to 4194304" in refused(slabdes, "geometry", "0")


def test_an_output_folder_that_holds_other_things_is_left_as_it_is(slabdes: Slabdes) -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("the only copy", encoding="utf-8")
    for command in (("run", experiment()), ("replay", TRACE, *REPLAY)):
        assert "out: holds other things (thesis.txt); allowed: a new or empty folder" in refused(
            slabdes, *command, "--out", "out"
        )


def test_an_output_that_is_a_file_is_left_as_it_is(slabdes: Slabdes) -> None:
    Path("out").write_text("the only copy", encoding="utf-8")
    assert "out: exists and is not a folder" in refused(slabdes, "run", experiment(), "--out", "out")
    assert "out" in refused(slabdes, "run", experiment(), "--out", "out/inside")


def test_a_finished_run_is_not_overwritten(slabdes: Slabdes) -> None:
    assert slabdes("run", experiment(), "--out", "out", "--jobs", "1").code == 0
    assert "out: already holds a finished run" in refused(slabdes, "run", "e.toml", "--out", "out")
    assert "out: already holds a finished run" in refused(slabdes, "plot", "out", "--out", "out")


def test_a_picture_that_is_there_is_not_overwritten(slabdes: Slabdes) -> None:
    Path("m.png").write_text("another picture", encoding="utf-8")
    assert "m.png: is there already" in refused(slabdes, "machine", "show", "uma-4", "--out", "m.png")


SETTINGS = {
    "replications=true": "replications: True is not allowed; allowed: a whole number",
    "machine.cpus='2'": "machine.cpus: '2' is not allowed; allowed: a whole number",
    "timing.jitter='0.1'": "timing.jitter: '0.1' is not allowed; allowed: a number",
    "machine.costs.lock_op=true": "machine.costs.lock_op: True is not allowed; allowed: a number",
    "debug=1": "debug: 1 is not allowed; allowed: true or false",
    "noaliencache='no'": "noaliencache: 'no' is not allowed; allowed: true or false",
    'name="a\\nb"': "has a line break or a control character; allowed: printable characters",
    'cache.0.name="a\\u001bb"': "has a line break or a control character; allowed: printable characters",
    f"name='{'n' * 101}'": "of 101 characters; allowed: at most 100",
    f"seed=0x{'f' * 6000}": "--set seed: value: too long a number; allowed: numbers of at most 20 digits",
    f"seed={'1' * 5000}": "--set seed: not TOML: a number without an end; allowed: numbers of at most 20 digits",
    f"seed={'[' * 5000}": "--set seed: not TOML: nested too deeply; allowed: at most 16 tables and lists deep",
    f"seed=[{'[' * 20}{']' * 20}]": "nested too deeply; allowed: at most 16 tables and lists deep",
    f"sweep={{seed=[0x{'f' * 6000}]}}": "too long a number; allowed: numbers of at most 20 digits",
    f"cache.{'1' * 5000}.limit=3": "(5,000 characters)' is not in the list; allowed: 0 to 0, or a name",
    f"{'a.' * 60_000}b=1": "a key of 60,001 parts; allowed: at most 16",
    f"x={{{'a.' * 60_000}b=1}}": "--set x: not TOML: a key without an end; allowed: dotted keys of at most 16 parts",
    ".=1": "'.' has an empty part; allowed: keys with dots between them, as machine.cpus",
    "cache..limit=1": "'cache..limit' has an empty part",
    "sweep={''=[1]}": "sweep: '' has an empty part",
    "obj-cts=1": "e.toml: obj-cts: unknown key (did you mean workload.objects?); allowed: name, seed",
    "batchcount=9": "e.toml: batchcount: unknown key (did you mean cache.NAME.batchcount?)",
    "preset=9": "e.toml: preset: unknown key (did you mean machine.preset?)",
    "workload.think-ns=3": "e.toml: workload.think-ns: unknown key (did you mean think_ns?); allowed: kind, objects",
    "machine.costs.lock-op=3": "costs.lock-op: not a cost (did you mean lock_op?)",
    "machine.costs.lock-op='a'": "e.toml: machine.costs.lock-op: 'a' is not allowed; allowed: a number",
    "burst=3": "e.toml: burst: unknown key; allowed: name, seed",
    "cache.0.mix={}": "e.toml: cache.size-256.mix: unknown key",
    "trace.file='t'": "e.toml: trace: unknown key",
    "workload.pages=1": "e.toml: workload.pages: unknown key; allowed: kind, objects",
    "name=1979-05-27": "e.toml: name: 1979-05-27 is not allowed; allowed: text, in quotes",
    'name="\u202e"': "has a line break or a control character; allowed: printable characters",
    f"sweep={{'seed'=[1,2],'replications'={[10_000] * 6}}}": "120000 runs, all points together; allowed:",
    "workload={kind='mix',operations=1000000,think_ns=1e9}": "think times alone take 1,000,000 s; allowed: at most 9,007 s",
    "workload={kind='trace',file=\"t\\u0000\"}": "has a NUL character; allowed: a file's name",
    "cache.0={name='size-64',size=4096}": "e.toml: cache size-64: size 4096; it has a general cache's name",
    "cache.0.size=99999999": "cache.size-256.size: 99999999 is out of range; allowed: 1 to 4194304",
    "machine.cpus=0": "machine.cpus: 0 is out of range; allowed: 1 to 1024",
    "machine.llc_mib=0": "machine.llc_mib: 0 is out of range; allowed: above 0, to 65,536",
    "rcu.grace_ms=2": "rcu.grace_ms goes with rcu.frees; allowed: rcu.frees = true, or neither",
    "machine.cpus=9": "machine.cpus: 9, the machine numa-2x4 has 8; allowed: 1 to 8",
    "machine.cpus=2.5": "machine.cpus: 2.5 is not allowed; allowed: a whole number",
    "machine.cpus=many": "machine.cpus: 'many' is not allowed; allowed: a whole number",
    "cache.0.limit=0": "cache.size-256.limit: 0 is out of range; allowed: 1 to 1048576",
    "timing.jitter=2": "timing.jitter: 2 is out of range; allowed: 0 to 0.9",
    "seed=-1": "seed: -1 is out of range; allowed: 0 to 9223372036854775807",
    "machine.memory_mib=-1": "machine.memory_mib: -1 is out of range; allowed: at least 0",
    "machine.memory_mib=[1,2,3]": "3 numbers for 2 nodes; allowed: one number, or one a node",
    "machine.costs.lock_op=-1": "machine.costs.lock_op: -1 is out of range; allowed: at least 0",
    "machine.costs.lock_opp=1": "costs.lock_opp: not a cost (did you mean lock_op?)",
    "machine.costs.lock_op=nan": "machine.costs.lock_op: nan is not allowed; allowed: a finite number",
    "machine.preset=xeon-2z": "(did you mean xeon-2s?)",
    "machine.preset=mine.toml": "'mine.toml' looks like a file; allowed: a preset's name; files go under machine.file",
    "machine.file=mine.toml": "give either preset or file",
    "machine=3": "machine: 3 is not allowed; allowed: a table",
    "cache=3": "cache: 3 is not allowed; allowed: a list",
    "cache={name='a',size=64}": "[cache]: one table where a list of them is read; allowed: [[cache]], once a cache",
    "lock=[{discipline='tas'}]": "[[lock]]: a list of tables where one is read; allowed: [lock], once",
    "cache=[]": "workload burst needs a [[cache]]",
    "cache.limit=3": "'limit' is not in the list; allowed: 0 to 0, or a name",
    "cache.0.flags=['FAST']": "'FAST' is not one of them",
    "cache.0.align=3": "align 3 is not a power of two",
    "name=''": "name: '' is not allowed; allowed: at least one character",
    "name.first=1": "--set name.first=1: 'first' is inside a value that is not a table",
    "machine.preset.x.y=1": "'x' is inside a value that is not a table",
    "nothing": "--set nothing: not of the form key=value",
    "=3": "not of the form key=value",
    "colour=1": "e.toml: colour: unknown key",
    "engine=fast": "engine: 'fast' is not one of them; allowed: 'auto', 'reference' or 'compiled'",
    "lock.discipline=tickets": "lock.discipline: 'tickets' is not one of them; allowed: 'tas', 'ticket', 'qspinlock'",
    "workload.kind=brst": "'brst' is not a workload (did you mean burst?)",
    "workload=3": "workload: 3 is not allowed; allowed: a table",
    "sweep=3": "sweep: 3 is not allowed; allowed: a table",
    "sweep={'machine.cpus'=3}": "sweep.machine.cpus: 3 is not allowed; allowed: a list",
    "sweep={'machine.cpus'=[]}": "sweep machine.cpus has no values; allowed: a list of at least one",
    "sweep={'machine.cpus'=[1,100]}": "100 CPUs on numa-2x4; allowed: 1 to 8",
    "sweep={'name.x'=[1]}": "'x' is inside a value that is not a table",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_bad_setting_is_told_with_its_key_its_value_and_what_is_allowed(slabdes: Slabdes, setting: str) -> None:
    line = refused(slabdes, "run", experiment(), "--set", setting)
    assert SETTINGS[setting] in line


def test_a_setting_beside_a_sweep_that_is_none_is_told(slabdes: Slabdes) -> None:
    assert "sweep: 3 is not allowed" in refused(slabdes, "run", experiment(), "--set", "sweep=3", "--set", "machine.cpus=3")


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "{a=" * 5000, "1" * 5000])
def test_what_toml_nests_too_deeply_and_numbers_without_end_are_told(slabdes: Slabdes, value: str) -> None:
    assert "e.toml: not TOML: " in refused(slabdes, "run", experiment(f"seed = {value}\n" + SMALL))


def test_a_sweep_of_too_many_points_is_told_before_any_is_worked_out(slabdes: Slabdes) -> None:
    swept = f"[sweep]\nseed = {list(range(1001))}\nreplications = {list(range(1, 1001))}\n"
    assert "sweep has more than 10000 points; allowed: at most 10000" in refused(slabdes, "run", experiment(SMALL + swept))


def test_what_the_machine_cannot_do_is_told_with_the_experiments_file(slabdes: Slabdes) -> None:
    assert "slabdes: e.toml: machine.cpus: 9, the machine numa-2x4 has 8" in refused(
        slabdes, "run", experiment(), "--set", "machine.cpus=9"
    )


def test_where_a_trace_runs_is_not_for_the_machines_keys_to_say(slabdes: Slabdes) -> None:
    for setting in ("machine.cpus=4", "machine.placement=spread"):
        line = refused(slabdes, "replay", TRACE, *REPLAY, "--set", setting)
        assert setting.partition("=")[0] in line
        assert "with a trace; allowed: workload.cpus and workload.copies, which place a trace" in line


NESTED = "[" * 100_000 + "]" * 100_000


def test_a_recording_nested_without_end_is_told_and_the_others_are_compared(slabdes: Slabdes) -> None:
    Path("deep.ops").write_text("machine nodes=1 cpus=1\n", encoding="utf-8")
    Path("deep.out.jsonl").write_text(NESTED, encoding="utf-8")
    assert "deep.out.jsonl:1: nested too deeply; allowed: JSON lines of records" in refused(slabdes, "conform", "deep.ops")
    assert "deep.out.jsonl:1: nested too deeply; allowed: JSON lines of records" in refused(
        slabdes, "conform", "deep.ops", "--print"
    )


def test_text_that_is_not_utf_8_and_folders_are_no_experiments(slabdes: Slabdes) -> None:
    Path("e.toml").write_bytes(b"name = '\xff'")
    assert "e.toml: byte 8 is not UTF-8" in refused(slabdes, "run", "e.toml")
    assert ".: Is a directory" in refused(slabdes, "run", ".")
    assert "missing.toml: No such file" in refused(slabdes, "run", "missing.toml")
    assert "e.toml: machine: missing" in refused(slabdes, "run", experiment(""))


REPLAYS = {
    "--cache skbuff_head --machine numa-2x4": "cache skbuff_head: not in the trace (did you mean skbuff_head_cache?)",
    "--cache all --machine numa-2x5": "machine 'numa-2x5': neither a preset (did you mean numa-2x4?) nor a file that is there",
    "--cache all --machine numa-2x4 --copies 5": "need 10 CPUs, the machine has 8; allowed: 1 to 4 copies",
    "--cache all --machine numa-2x4 --copies 0": "Invalid value for '--copies'",
    "--cache all --machine numa-2x4 --think fast": "'fast' is none of them; allowed: recorded, none, or a factor such as 0.1x",
    "--think 10x,1x": "--think 10x,1x: one value is wanted; allowed: --sweep think=10x,1x replays with each",
    "--machine numa-2x4 --copies 1,2": "Input should be a valid integer",
    "--machine numa-2x4 --copies=1,2": "; --sweep copies=1,2 replays with each; see slabdes replay --help",
    "--cache all --machine numa-2x4 --cpus 0:1": "traced CPU 1 is not in the map",
    "--cache all --machine numa-2x4 --cpus 0:1,1:99": "workload.cpus: ",
    "--cache all --machine numa-2x4 --cpus wide": "workload.cpus: ",
    "--cache skbuff_head_cache --sweep batchcout=3": "--sweep batchcout: unknown key (did you mean batchcount?); allowed: limit,",
    "--sweep cache.skbuff_head_cache.limt=3": "limt=3: cache.skbuff_head_cache.limt: unknown key (did you mean limit?)",
    "--cache all --machine numa-2x4 --seed -1": "Invalid value for '--seed'",
}


@pytest.mark.parametrize("options", REPLAYS)
def test_a_bad_option_of_replay_is_told(slabdes: Slabdes, options: str) -> None:
    assert REPLAYS[options] in refused(slabdes, "replay", TRACE, *options.split())


COMMANDS = {
    "frob": "No such command 'frob'; see slabdes --help",
    "run": "Missing argument 'EXPERIMENT.toml'; see slabdes run --help",
    "run e.toml --nope": "No such option: --nope; see slabdes run --help",
    "run e.toml --cpus 96": "No such option: --cpus; a key of the experiment: --set machine.cpus=VALUE; see slabdes run --help",
    "run e.toml --batchcount=5": "a key of the experiment: --set cache.NAME.batchcount=VALUE; see slabdes run --help",
    "run e.toml --jobs 0": "Invalid value for '--jobs'",
    "run e.toml --jobs many": "Invalid value for '--jobs'",
    "geometry": "Missing argument 'SIZE'; see slabdes geometry --help",
    "geometry 4194305": "size: 4194305 bytes is no object size; allowed: 1 to 4194304",
    "geometry 256 --bigmem 2": "Invalid value for '--bigmem'",
    "geometry 256 --align 3": "--align: 3 is not a power of two",
    "geometry 256 --flags SHINY": "'SHINY' is no flag; allowed: ",
    "machine show nothing": "neither a preset nor a file that is there",
    "machine show uma-4 --out m.jpg": "m.jpg: a picture named *.jpg; allowed: a name that ends in .png",
    "machine show uma-4 --out nowhere/m.png": "nowhere/m.png: No such file or directory",
    "plot nothing": "nothing: no such folder; allowed: a folder that slabdes run wrote",
    "plot .": ".: not a run folder (no manifest.json)",
    "conform nothing": "nothing: no such file or folder",
    "conform empty": "empty: no recording in it",
    "conform e.toml": "e.toml: not a recording by its name",
    "conform alone.ops": "alone.ops: no recorded output beside it; allowed: alone.out.jsonl or .out.jsonl.gz",
    "conform bad.ops": "bad.ops:2: ",
    "conform cut.ops.gz --print": "cut.ops.gz",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_command_is_told(slabdes: Slabdes, command: str) -> None:
    experiment(SWEPT)
    Path("empty").mkdir()
    Path("bad.out.jsonl").write_text("", encoding="utf-8")
    Path("alone.ops").write_text("machine nodes=1 cpus=1\n", encoding="utf-8")
    Path("bad.ops").write_text("machine nodes=1 cpus=1\ndance\n", encoding="utf-8")
    Path("cut.ops.gz").write_bytes(gzip.compress(b"machine nodes=1 cpus=1\n")[:-9])
    assert COMMANDS[command] in refused(slabdes, *command.split())
