# SPDX-License-Identifier: GPL-2.0-only
"""What a study reads may not change, neither before it is gone on with nor while it runs; what changed is told."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "machine"))

from commands import files_in, small_experiment
from samples import LATENCIES, NUMACTL, TOML

from slabdes.config import EngineName, parse_experiment
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.folders import working_path
from slabdes.results.run import Run
from slabdes.study import run as study_run
from slabdes.study.inputs import Inputs
from slabdes.study.run import run_study

PACKAGE = Path(study_run.__file__).parents[1]
RECORDED = Path(__file__).parents[1] / "kernel61" / "traces" / "1cpu_local_fork1"
SLABINFO = "slabinfo - version: 2.1\nsize-256 1 2 256 15 1 : tunables 120 60 8 : slabdata 1 1 0\n"
TRACE = """\
t-1 [000] 1.000100: kmem_cache_alloc: call_site=f ptr=00000000a1 bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=foo
t-1 [000] 1.000200: kmem_cache_free: call_site=g ptr=00000000a1 name=foo
"""


def on_machine(text: str) -> Callable[[Path], dict[str, Any]]:
    def made(folder: Path) -> dict[str, Any]:
        (folder / "input").write_text(text)
        return small_experiment(objects=20) | {"machine": {"file": str(folder / "input"), "cpus": 1}}

    return made


def with_slabinfo(folder: Path) -> dict[str, Any]:
    (folder / "input").write_text(SLABINFO)
    return small_experiment(objects=20) | {"slabinfo": str(folder / "input")}


def of_trace(folder: Path) -> dict[str, Any]:
    (folder / "input").write_text(TRACE)
    return {"machine": {"preset": "uma-4"}, "replications": 2, "workload": {"kind": "trace", "file": str(folder / "input")}}


def from_dump(folder: Path) -> dict[str, Any]:
    shutil.copy(RECORDED / "dumps.txt.gz", folder / "input")
    workload = {
        "kind": "trace",
        "file": str(RECORDED / "trace.txt.gz"),
        "from_dump": str(folder / "input"),
        "caches": ["anon_vma"],
    }
    return {"machine": {"preset": "uma-4"}, "allocator": "6.1", "replications": 2, "workload": workload}


MADE: dict[str, Callable[[Path], dict[str, Any]]] = {
    "machine file": on_machine(TOML),
    "numactl": on_machine(NUMACTL),
    "table of latencies": on_machine(LATENCIES),
    "slabinfo": with_slabinfo,
    "trace": of_trace,
    "dump": from_dump,
}
"""Experiments of two replications by the kind of file that is `input` in the folder given."""


def changed(path: Path) -> None:
    """Change the file so that whoever reads it does not mind."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        path.write_bytes(gzip.compress(gzip.decompress(raw) + b"\n"))
    else:
        path.write_bytes(raw + b"\n")


class Interrupting:
    """An engine that does something when it comes to its n-th replication, counted from 0: by default it is interrupted."""

    def __init__(self, limit: int, then: Callable[[], object] | None = None) -> None:
        self.left, self.then = limit, then

    def __call__(self, *arguments: Any, **more: Any) -> Records:
        self.left -= 1
        if self.left == -1:
            if self.then is None:
                raise KeyboardInterrupt
            self.then()
        return run_reference(*arguments, **more)


def interrupted(experiment: Any, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a study with one replication finished."""
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setitem(study_run.ENGINES, EngineName.REFERENCE, Interrupting(1))
        run_study(experiment, out=out)


@pytest.mark.parametrize("kind", MADE)
def test_a_study_whose_input_has_changed_is_not_gone_on_with(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = parse_experiment(MADE[kind](tmp_path), "test")
    whole = run_study(experiment)
    interrupted(experiment, tmp_path / "out", monkeypatch)
    before, raw = files_in(working_path(tmp_path / "out")), (tmp_path / "input").read_bytes()
    changed(tmp_path / "input")
    with pytest.raises(InputError) as error:
        run_study(experiment, out=tmp_path / "out", resume=True)
    assert error.value.where == str(working_path(tmp_path / "out"))
    assert error.value.problem == f"was begun with another content of {tmp_path / 'input'}"
    assert files_in(working_path(tmp_path / "out")) == before
    (tmp_path / "input").write_bytes(raw)
    assert run_study(experiment, out=tmp_path / "out", resume=True).digest == whole.digest


@pytest.mark.parametrize("kind", ["slabinfo", "trace", "machine file"])
def test_a_file_may_change_once_it_was_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = parse_experiment(MADE[kind](tmp_path), "test")
    whole = run_study(experiment)
    monkeypatch.setitem(study_run.ENGINES, EngineName.REFERENCE, Interrupting(0, (tmp_path / "input").unlink))
    assert run_study(experiment).digest == whole.digest


def test_a_dump_is_read_in_every_worker_and_may_not_change_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = parse_experiment(from_dump(tmp_path), "test")
    monkeypatch.setitem(study_run.ENGINES, EngineName.REFERENCE, Interrupting(1, lambda: changed(tmp_path / "input")))
    with pytest.raises(InputError, match="input: changed while the study ran; allowed: a file that stays as it is"):
        run_study(experiment, out=tmp_path / "out")


def test_a_dump_that_has_changed_is_read_again_by_the_next_study_of_the_process(tmp_path: Path) -> None:
    experiment = parse_experiment(from_dump(tmp_path), "test")
    run_study(experiment)
    (tmp_path / "input").write_text("no dump\n")
    with pytest.raises(InputError, match="input"):
        run_study(experiment)


def test_a_file_that_is_only_touched_has_not_changed(tmp_path: Path) -> None:
    inputs = Inputs([parse_experiment(from_dump(tmp_path), "test")])
    (tmp_path / "input").touch()
    inputs.check()
    inputs.check_while_running()
    changed(tmp_path / "input")
    for check in (inputs.check, inputs.check_while_running):
        with pytest.raises(InputError, match="input: changed"):
            check()


def test_every_file_of_a_sweep_is_an_input(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(SLABINFO)
    sweep = {"slabinfo": [str(tmp_path / "a"), str(tmp_path / "b")]}
    run = run_study(parse_experiment(small_experiment(objects=20) | {"sweep": sweep}, "test"))
    assert set(run.manifest.provenance["read"]["inputs"]) == {str(tmp_path / "a"), str(tmp_path / "b")}


def test_this_host_is_an_input(tmp_path: Path) -> None:
    inputs = Inputs([parse_experiment(small_experiment() | {"machine": {"preset": "host", "cpus": 1}}, "test")])
    assert list(inputs.files) == ["host"]
    inputs.check()


def test_the_manifest_tells_what_was_read_outside_the_digest(tmp_path: Path) -> None:
    experiment = parse_experiment(with_slabinfo(tmp_path), "test")
    run_study(experiment, out=tmp_path / "out")
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    read = told["provenance"]["read"]
    assert set(read) == {"inputs", "sources"}
    assert {len(digest) for digest in (*read["inputs"].values(), read["sources"])} == {64}
    changed(tmp_path / "input")
    run = run_study(experiment)
    assert run.digest == told["digest"]
    assert run.manifest.provenance["read"]["inputs"] != read["inputs"]
    assert run.manifest.provenance["read"]["sources"] == read["sources"]


def test_a_finished_run_is_found_when_it_is_gone_on_with_and_only_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, out = parse_experiment(with_slabinfo(tmp_path), "test"), tmp_path / "out"
    whole = run_study(experiment, out=out)
    before = files_in(out)
    monkeypatch.setitem(study_run.ENGINES, EngineName.REFERENCE, Interrupting(0))
    # As if killed after the run had its name and before its working folder was gone.
    working_path(out).mkdir()
    for name in ("slabdes.lock", "study.json", "replications"):
        (working_path(out) / name).write_text("")
    with pytest.raises(InputError, match="already holds a finished run"):
        run_study(experiment, out=out)
    assert not working_path(out).exists()
    found = run_study(experiment, out=out, resume=True)
    assert isinstance(found, Run)
    assert found.digest == whole.digest
    changed(tmp_path / "input")
    with pytest.raises(InputError, match="already holds a finished run"):
        run_study(experiment, out=out, resume=True)
    assert files_in(out) == before


RESUMED = """
import json, sys
from pathlib import Path
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.study import run as study_run
assert Path(study_run.__file__).is_relative_to(Path.cwd()), study_run.__file__
try:
    study_run.run_study(parse_experiment(json.loads(sys.argv[1]), "test"), out=Path(sys.argv[2]), resume=True)
except InputError as error:
    print(error)
else:
    print("done")
"""


@pytest.mark.parametrize("name", ["machine/presets/numa-2x4.toml", "engine/reference/plain.py"])
def test_another_slabdes_does_not_go_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, out = small_experiment(objects=20), tmp_path / "out"
    interrupted(parse_experiment(raw, "test"), out, monkeypatch)
    shutil.copytree(PACKAGE, tmp_path / "copy" / "slabdes", ignore=shutil.ignore_patterns("__pycache__"))

    def resumed() -> str:
        command = [sys.executable, "-c", RESUMED, json.dumps(raw), str(out)]
        return subprocess.run(command, cwd=tmp_path / "copy", capture_output=True, text=True, check=True).stdout

    kept = (tmp_path / "copy" / "slabdes" / name).read_text()
    (tmp_path / "copy" / "slabdes" / name).write_text(kept + "\n# changed\n")
    assert f"was begun with another slabdes: {name} is not what it was; allowed: the same slabdes" in resumed()
    (tmp_path / "copy" / "slabdes" / name).write_text(kept)
    assert resumed() == "done\n"
