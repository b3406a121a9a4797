# SPDX-License-Identifier: GPL-2.0-only
"""The experiment file: what it may say, sweeps and settings, and one line for whatever it says wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import slabdes.machine
from slabdes.config import CacheFlag, Discipline, Experiment, ThinkKind, expand, load_experiment, parse_experiment
from slabdes.config.files import apply_settings
from slabdes.errors import InputError

GOOD = """
name = "small"
seed = 7

[machine]
preset = "xeon-2s"
cpus = 4

[[cache]]
name = "skbuff_head_cache"
size = 232
flags = ["HWCACHE_ALIGN"]
limit = 60
batchcount = 30

[[cache]]
name = "other"
size = 64

[workload]
kind = "mix"
operations = 1000
"""


def raw(**changes: Any) -> dict[str, Any]:
    """A small experiment as a mapping, with parts replaced."""
    whole: dict[str, Any] = {
        "machine": {"preset": "xeon-2s"},
        "cache": [{"name": "c", "size": 256}],
        "workload": {"kind": "burst"},
    }
    return whole | changes


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """A function that writes an experiment file and returns its path."""

    def write_text(text: str) -> Path:
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_a_good_file_is_read(write: Any) -> None:
    experiment = load_experiment(write(GOOD))
    assert (experiment.name, experiment.seed, experiment.machine.cpus) == ("small", 7, 4)
    assert experiment.cache[0].flags == (CacheFlag.HWCACHE_ALIGN,)
    assert (experiment.cache[0].limit, experiment.cache[1].limit) == (60, None)
    assert experiment.workload.kind == "mix"
    assert experiment.workload.think is ThinkKind.EXPONENTIAL
    assert experiment.lock.discipline is Discipline.QSPINLOCK


def test_an_experiment_is_frozen(write: Any) -> None:
    experiment = load_experiment(write(GOOD))
    with pytest.raises(ValidationError):
        experiment.seed = 8
    with pytest.raises(ValidationError):
        experiment.machine.cpus = 8


def test_files_are_looked_for_beside_the_experiment(write: Any, tmp_path: Path) -> None:
    text = '[machine]\nfile = "box.toml"\n[workload]\nkind = "trace"\nfile = "sub/trace.txt.gz"\n'
    experiment = load_experiment(write(text))
    assert experiment.machine.file == tmp_path / "box.toml"
    assert experiment.workload.kind == "trace"
    assert experiment.workload.file == tmp_path / "sub/trace.txt.gz"


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown key": (raw(sede=1), ["sede", "unknown key", "(did you mean seed?)"]),
    "an unknown key of a cache": (
        raw(cache=[{"name": "c", "size": 8, "batchcont": 3}]),
        ["cache.c.batchcont", "(did you mean batchcount?)", "limit"],
    ),
    "an unknown key of the machine": (raw(machine={"preset": "x", "cpu": 3}), ["machine.cpu", "(did you mean cpus?)"]),
    "an unknown key of a workload": (raw(workload={"kind": "mix", "ops": 3}), ["workload.ops", "operations"]),
    "an unknown key of the lock": (raw(lock={"dicipline": "ticket"}), ["lock.dicipline", "(did you mean discipline?)"]),
    "an unknown key of the timing": (raw(timing={"jiter": 0}), ["timing.jiter", "(did you mean jitter?)"]),
    "no workload": ({"machine": {"preset": "x"}}, ["workload", "missing"]),
    "no machine": ({"workload": {"kind": "burst"}}, ["machine", "missing"]),
    "a machine from nowhere": (raw(machine={}), ["machine", "give either preset or file"]),
    "a machine from two places": (raw(machine={"preset": "x", "file": "y"}), ["machine", "give either preset or file"]),
    "a workload that is none": (raw(workload={"kind": "brust"}), ["workload.kind", "'brust'", "(did you mean burst?)", "mix"]),
    "a workload of no kind": (raw(workload={"objects": 3}), ["workload.kind", "missing", "burst"]),
    "a kind that is a number": (raw(workload={"kind": 3}), ["workload", "3"]),
    "a workload that is text": (raw(workload="burst"), ["workload", "burst"]),
    "no cache": (raw(cache=[]), ["workload burst needs a [[cache]]"]),
    "a cache twice": (raw(cache=[{"name": "c", "size": 8}] * 2), ["cache name 'c' is given 2 times", "once"]),
    "a cache without a name": (raw(cache=[{"size": 8}]), ["cache.0.name", "missing"]),
    "a cache with an empty name": (raw(cache=[{"name": "", "size": 8}]), ["cache.0.name", "''"]),
    "caches that are one table": (raw(cache={"name": "c", "size": 8}), ["cache"]),
    "a cache without a size": (raw(cache=[{"name": "c"}]), ["cache 'c' has no size", "slabinfo or sysfs that has the cache"]),
    "a size of 0": (raw(cache=[{"name": "c", "size": 0}]), ["cache.c.size", "0"]),
    "a size too large": (raw(cache=[{"name": "c", "size": 1 << 23}]), ["cache.c.size", "8388608"]),
    "a size that is text": (raw(cache=[{"name": "c", "size": "large"}]), ["cache.c.size", "'large'"]),
    "a batchcount above the limit": (
        raw(cache=[{"name": "c", "size": 8, "limit": 3, "batchcount": 4}]),
        ["cache.c", "batchcount 4 is greater than limit 3", "1 to limit"],
    ),
    "a batchcount of 0": (raw(cache=[{"name": "c", "size": 8, "batchcount": 0}]), ["cache.c.batchcount", "0"]),
    "a negative shared factor": (raw(cache=[{"name": "c", "size": 8, "shared": -1}]), ["cache.c.shared", "-1"]),
    "an odd alignment": (raw(cache=[{"name": "c", "size": 8, "align": 24}]), ["cache.c", "align 24 is not a power of two"]),
    "an unknown flag": (raw(cache=[{"name": "c", "size": 8, "flags": ["FAST"]}]), ["cache.c.flags", "'FAST'", "HWCACHE_ALIGN"]),
    "no CPUs": (raw(machine={"preset": "x", "cpus": 0}), ["machine.cpus", "0"]),
    "too many CPUs": (raw(machine={"preset": "x", "cpus": 4096}), ["machine.cpus", "4096"]),
    "half a CPU": (raw(machine={"preset": "x", "cpus": 1.5}), ["machine.cpus", "1.5"]),
    "an unknown placement": (raw(machine={"preset": "x", "placement": "far"}), ["machine.placement", "'far'", "compact"]),
    "negative memory": (raw(machine={"preset": "x", "memory_mib": -1}), ["machine.memory_mib", "-1"]),
    "a negative cost": (raw(machine={"preset": "x", "costs": {"lock_op": -1}}), ["machine.costs.lock_op", "-1"]),
    "an infinite cost": (raw(machine={"preset": "x", "costs": {"lock_op": float("inf")}}), ["machine.costs.lock_op", "inf"]),
    "a cost that is no number": (raw(machine={"preset": "x", "costs": {"lock_op": float("nan")}}), ["machine.costs", "nan"]),
    "a cost below a picosecond": (
        raw(machine={"preset": "x", "costs": {"lock_op": 0.0004}}),
        ["machine.costs.lock_op", "0.0004 is less than 0.001, the least that is told from 0", "0, or 0.001 and more"],
    ),
    "a think time below a picosecond": (
        raw(workload={"kind": "burst", "think_ns": 1e-9}),
        ["workload.think_ns", "1e-09 is less"],
    ),
    "a hand-off below a thousandth": (raw(lock={"handoff_transfers": 0.0004}), ["lock.handoff_transfers", "0.0004 is less"]),
    "an unknown discipline": (raw(lock={"discipline": "mcs"}), ["lock.discipline", "'mcs'", "ticket"]),
    "an unknown engine": (raw(engine="fast"), ["engine", "'fast'", "reference"]),
    "an allocator that is not there": (raw(allocator="5.0"), ["allocator", "'5.0'", "2.6.34"]),
    "too much jitter": (raw(timing={"jitter": 1.5}), ["timing.jitter", "1.5"]),
    "a negative seed": (raw(seed=-1), ["seed", "-1"]),
    "no replications": (raw(replications=0), ["replications", "0"]),
    "a think rule that is none": (
        raw(workload={"kind": "trace", "file": "t", "think": "fast"}),
        ["workload.think", "'fast'"],
    ),
    "a trace without a file": (raw(workload={"kind": "trace"}), ["workload.file", "missing"]),
    "a sweep of an unknown key": (raw(sweep={"machine.cpu": [1, 2]}), ["sweep", "machine.cpu", "(did you mean cpus?)"]),
    "a sweep with a bad value": (raw(sweep={"machine.cpus": [1, 0]}), ["sweep", "machine.cpus", "0"]),
    "a sweep over no values": (raw(sweep={"machine.cpus": []}), ["sweep", "machine.cpus"]),
    "a sweep that is one value": (raw(sweep={"machine.cpus": 3}), ["sweep.machine.cpus", "3"]),
    "a sweep inside a value": (raw(sweep={"seed.high": [1]}), ["sweep", "seed", "high"]),
    "a sweep over a cache that is not there": (raw(sweep={"cache.3.size": [1]}), ["sweep", "'3'", "0 to 0"]),
    "a sweep over a cache by a wrong name": (raw(sweep={"cache.d.size": [1]}), ["sweep", "'d'", "a name"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_allowed_is_told_in_one_line_with_key_and_value(case: str) -> None:
    mapping, parts = BAD[case]
    with pytest.raises(InputError) as caught:
        parse_experiment(mapping, "run.toml")
    text = str(caught.value)
    assert text.startswith("run.toml: ")
    assert "\n" not in text
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "machine: missing"),
        (b"seed = ", "not TOML"),
        (b"seed = 1\nseed = 2\n", "not TOML"),
        (b"seed = \xff", "byte 7 is not UTF-8"),
        (b"[[machine]]\npreset = 'x'\n[workload]\nkind = 'burst'\n", "machine"),
        (b"sweep = 3\nmachine = 4\nworkload = 5\n", "machine"),
        (b"\x00\x01", "not TOML"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_experiment(path, ["seed=3"] if data.startswith(b"sweep") else ())
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.toml: No such file or directory; allowed: a readable TOML file"):
        load_experiment(tmp_path / "gone.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load_experiment(tmp_path)


def test_files_of_a_sweep_are_named_from_the_experiments_folder_as_all_others(tmp_path: Path) -> None:
    preset = Path(slabdes.machine.__file__).parent / "presets" / "uma-4.toml"
    for name in ("one.toml", "other.toml"):
        (tmp_path / name).write_bytes(preset.read_bytes())
    text = 'machine.file = "one.toml"\nworkload = { kind = "pages" }\n[sweep]\n'
    for swept in ('"machine.file" = ["one.toml", "other.toml"]', 'machine = [{ file = "one.toml" }, { file = "other.toml" }]'):
        (tmp_path / "run.toml").write_text(text + swept, encoding="utf-8")
        files = [point.machine.file for _settings, point in expand(load_experiment(tmp_path / "run.toml"))]
        assert files == [tmp_path / "one.toml", tmp_path / "other.toml"]


def test_settings_are_read_as_toml_or_else_as_text(write: Any) -> None:
    experiment = load_experiment(
        write(GOOD), ["machine.cpus=8", "machine.preset=opteron-8n", "cache.other.size=128", "cache.0.shared = 2", "debug=true"]
    )
    assert (experiment.machine.cpus, experiment.machine.preset, experiment.debug) == (8, "opteron-8n", True)
    assert (experiment.cache[1].size, experiment.cache[0].shared) == (128, 2)


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("machine.cpus", ["--set machine.cpus", "not of the form key=value"]),
        ("=3", ["--set =3", "not of the form key=value"]),
        ("", ["--set", "not of the form key=value"]),
        ("machine.cpus=0", ["machine.cpus", "0"]),
        ("machine.cpsu=3", ["machine.cpsu", "(did you mean cpus?)"]),
        ("seed.high=3", ["--set seed.high=3", "'high'", "not a table"]),
        ("seed.high.higher=3", ["--set seed.high.higher=3", "not a table"]),
        ("cache.5.size=3", ["--set cache.5.size=3", "'5'", "0 to 1"]),
        ("cache.none.size=3", ["--set cache.none.size=3", "'none'"]),
        ("cache=3", ["cache", "3"]),
        ("machine=3", ["machine", "3"]),
        ("workload=3", ["workload"]),
        ("machine.=3", ["machine"]),
        (".=3", ["empty part"]),
    ],
)
def test_a_bad_setting_is_told_in_one_line(write: Any, setting: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_experiment(write(GOOD), [setting])
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_without_a_sweep_there_is_one_point(write: Any) -> None:
    experiment = load_experiment(write(GOOD))
    assert list(expand(experiment)) == [({}, experiment)]


def test_a_sweep_is_every_combination_the_last_key_fastest(write: Any) -> None:
    sweep = '\n[sweep]\n"machine.preset" = ["xeon-2s", "opteron-8n"]\n"machine.cpus" = [1, 2, 4]\n'
    points = list(expand(load_experiment(write(GOOD + sweep))))
    assert [point for point, _ in points] == [
        {"machine.preset": preset, "machine.cpus": cpus} for preset in ("xeon-2s", "opteron-8n") for cpus in (1, 2, 4)
    ]
    assert [(e.machine.preset, e.machine.cpus) for _, e in points] == [
        (preset, cpus) for preset in ("xeon-2s", "opteron-8n") for cpus in (1, 2, 4)
    ]
    assert all(not e.sweep and e.seed == 7 and e.name == "small" for _, e in points)


def test_a_sweep_reaches_into_caches_by_name_and_by_place(write: Any) -> None:
    points = list(expand(load_experiment(write(GOOD + '\n[sweep]\n"cache.other.limit" = [3, 5]\n"cache.0.shared" = [0]\n'))))
    assert [(e.cache[1].limit, e.cache[0].shared) for _, e in points] == [(3, 0), (5, 0)]


def test_setting_a_swept_key_ends_its_sweep(write: Any) -> None:
    sweep = '\n[sweep]\n"machine.cpus" = [1, 2, 4]\n"seed" = [1, 2]\n'
    points = list(expand(load_experiment(write(GOOD + sweep), ["machine.cpus=3"])))
    assert [point for point, _ in points] == [{"seed": 1}, {"seed": 2}]
    assert {e.machine.cpus for _, e in points} == {3}


def test_points_of_a_sweep_share_nothing(write: Any) -> None:
    points = list(expand(load_experiment(write(GOOD + '\n[sweep]\n"machine.costs.lock_op" = [1.0, 2.0]\n'))))
    assert [e.machine.costs for _, e in points] == [{"lock_op": 1.0}, {"lock_op": 2.0}]


KEYS = st.sampled_from(["kind", "name", "size", "preset", "file", "é"])
WORDS = st.sampled_from(["", "burst", "compact", "x", "2.6.34"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from([*Experiment.model_fields, "x"]), VALUES, max_size=5))
def test_anything_at_all_is_an_experiment_or_told_in_one_line(changes: dict[str, Any]) -> None:
    try:
        parse_experiment(raw(**changes), "run.toml")
    except InputError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 2000


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_any_setting_is_applied_or_told_in_one_line(tmp_path_factory: pytest.TempPathFactory, setting: str) -> None:
    path = tmp_path_factory.mktemp("setting") / "run.toml"
    path.write_text(GOOD)
    try:
        load_experiment(path, [setting])
    except InputError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("key", ["sweep.machine.cpus", 'sweep."machine.cpus"'])
def test_a_sweep_is_set_by_the_key_that_it_varies(key: str) -> None:
    told: dict[str, Any] = {"sweep": {"machine.cpus": [1, 2, 4], "cache.0.limit": [60, 120]}}
    apply_settings(told, [f"{key}=[1, 8]"])
    assert told == {"sweep": {"machine.cpus": [1, 8], "cache.0.limit": [60, 120]}}


def test_a_kernel_version_may_be_written_as_a_number() -> None:
    raw = {"machine": {"preset": "uma-4"}, "workload": {"kind": "critical_section", "operations": 1}}
    found = parse_experiment(raw | {"allocator": 4.6, "sweep": {"allocator": [4.7, "6.1"]}}, "test")
    assert [point.allocator.value for _settings, point in expand(found)] == ["4.7", "6.1"]
    with pytest.raises(InputError, match="allocator"):
        parse_experiment(raw | {"allocator": 4.5}, "test")
