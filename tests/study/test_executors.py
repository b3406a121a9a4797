# SPDX-License-Identifier: GPL-2.0-only
"""Replications over any executor, Dask and MPI among them: the same results, lost workers, workers with another slabdes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import run_content, small_experiment
from tasks import DieOnce, Refuse, Square

import slabdes
from slabdes.config import parse_experiment
from slabdes.errors import InputError
from slabdes.study import cluster, executors
from slabdes.study.executors import UNKNOWN_WORKERS, Borrowed, Lost, code_here, work, workers_of
from slabdes.study.run import run_study

TESTS = Path(__file__).parents[1]
SWEEP = small_experiment(objects=20) | {"sweep": {"machine.cpus": [1, 2, 4]}}
MPI_LIBRARY = "LD_LIBRARY_PATH"


def everything(number: int) -> bool:
    return True


class Shaky(Executor):
    """Runs so many tasks at once, then has lost its workers."""

    def __init__(self, good: int) -> None:
        self.good = good

    def submit(self, fn: Callable[..., Any], /, *given: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.good:
            self.good -= 1
            future.set_result(fn(*given, **more))
        else:
            future.set_exception(BrokenExecutor("one was ended"))
        return future


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_any_executor_gives_every_result_once_and_says_what_is_done(threads: ThreadPoolExecutor) -> None:
    heard: list[int] = []
    results = dict(Borrowed(threads).run([Square(number) for number in (3, 1, 2)], heard.append, everything))
    assert results == {0: 9, 1: 1, 2: 4}
    assert heard == sorted(heard)
    assert heard[-1] == 6


def test_a_study_over_an_executor_has_the_results_of_one_process(threads: ThreadPoolExecutor) -> None:
    assert slabdes.simulate(SWEEP, executor=threads).digest == slabdes.simulate(SWEEP).digest


def test_what_is_left_out_is_not_handed_over(threads: ThreadPoolExecutor) -> None:
    assert dict(Borrowed(threads).run([Square(1), Square(2)], lambda done: None, lambda number: number == 1)) == {1: 4}


def test_an_error_of_a_task_is_raised_as_it_is(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(InputError, match=r"^task: 7 is not allowed$"):
        list(Borrowed(threads).run([Square(1), Refuse(7)], lambda done: None, everything))


def test_workers_lost_for_good_end_a_study_in_a_line_and_it_is_gone_on_with_elsewhere(tmp_path: Path) -> None:
    asked, out = parse_experiment(SWEEP, "test"), tmp_path / "out"
    told = r"^the executor has lost its workers \(BrokenExecutor: one was ended\); finished replications are kept, .* --resume$"
    with pytest.raises(Lost, match=told) as error:
        run_study(asked, out=out, executor=Shaky(4))
    assert error.value.exit_code == 2
    left = Shaky(2)
    assert run_study(asked, out=out, resume=True, executor=left).digest == run_study(asked).digest
    assert left.good == 0


@pytest.mark.parametrize(
    ("options", "good", "words"),
    [({}, 4, ""), ({"out": "out"}, 0, ""), ({"cells": "cells"}, 4, "; finished replications are cells, the same again goes on")],
)
def test_only_replications_that_are_kept_are_said_to_be(
    options: dict[str, str], good: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Lost) as error:
        slabdes.simulate(SWEEP, executor=Shaky(good), **options)
    assert str(error.value) == f"the executor has lost its workers (BrokenExecutor: one was ended){words}"


class Unheard(Shaky):
    """Dask's executor once the scheduler is gone, asked to do `what`."""

    def __init__(self, what: str) -> None:
        super().__init__(3)
        self.what = what

    def submit(self, fn: Callable[..., Any], /, *given: Any, **more: Any) -> Future[Any]:
        if self.what == "submit" and not self.good:
            raise OSError("Timed out trying to connect to tcp://h:1 after 30 s")
        future = Future() if self.what == "result" and not self.good else super().submit(fn, *given, **more)
        if not future.done():
            future.set_exception(TimeoutError("Timed out trying to connect to tcp://h:1 after 30 s"))
        return future

    def workers(self) -> int:
        if self.what == "count" and not self.good:
            raise OSError("Timed out trying to connect to tcp://h:1 after 30 s")
        return 1


@pytest.mark.parametrize("what", ["submit", "result", "count"])
def test_a_scheduler_that_is_gone_is_told_as_lost_workers(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "COUNT_SECONDS", 0)
    gone = Unheard(what)
    told = r"^the executor has lost its workers \((OS|Timeout)Error: Timed out trying to connect to tcp://h:1 after 30 s\)$"
    with pytest.raises(Lost, match=told):
        list(Borrowed(gone, gone.workers).run([Square(number) for number in range(8)], lambda done: None, everything))


class Unreadable(Square):
    """A task that fails with an OSError of its own."""

    def run(self, progress: Callable[[int], None]) -> int:
        raise FileNotFoundError("of the task")


def test_a_task_s_own_failure_is_no_lost_worker(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(FileNotFoundError, match="of the task"):
        list(Borrowed(threads).run([Unreadable(1)], lambda done: None, everything))


@pytest.mark.parametrize("name", ["slabdes", "Python", "numpy", "sources"])
def test_a_worker_that_counts_with_something_else_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^worker on .*: has .*; allowed: the same slabdes, Python and libraries everywhere$"):
        work(Square(1), code_here() | {name: "99"})


def test_a_worker_without_the_files_of_a_study_says_which(tmp_path: Path) -> None:
    class Elsewhere(ThreadPoolExecutor):
        def submit(self, fn: Any, /, task: Any, *given: Any, **more: Any) -> Any:
            shutil.rmtree(task.task.log.parent, ignore_errors=True)
            return super().submit(fn, task, *given, **more)

    with (
        Elsewhere(1) as pool,
        pytest.raises(InputError, match=r"^worker on .*: .*tmp.* is not there; allowed: a folder that all"),
    ):
        run_study(parse_experiment(SWEEP | {"log": True}, "test"), out=tmp_path / "out", executor=pool)


def test_an_executor_that_does_not_say_how_many_workers_it_has_gets_some_tasks() -> None:
    assert workers_of(Shaky(1)) == UNKNOWN_WORKERS


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("lokal", r"cluster: 'lokal' is no address \(did you mean local\?\); allowed: local, or a Dask scheduler's address"),
        ("tcp://", "cluster: 'tcp://' is no address"),
        ("", "cluster: '' is no address"),
        (7, "executor: int has no submit; allowed: an executor as of concurrent.futures, or a cluster"),
    ],
)
def test_what_is_no_executor_is_refused_before_anything_runs(where: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^{told}"):
        slabdes.simulate(SWEEP, out=tmp_path / "out", executor=where)
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_without_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        InputError, match=r'^cluster: Dask is not installed; allowed: pip install "slabdes\[cluster\]", or --jobs'
    ):
        slabdes.simulate(SWEEP, executor="local")


dask = pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed (the extra `cluster`)")


@dask
def test_a_cluster_that_does_not_answer_is_told_in_a_line_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER_S", 0.2)
    with pytest.raises(InputError, match=r"^cluster tcp://127.0.0.1:9: does not answer within 0.2 s; allowed: local, or a Dask"):
        slabdes.simulate(SWEEP, out=tmp_path / "out", executor="tcp://127.0.0.1:9")
    assert list(tmp_path.iterdir()) == []


@dask
@pytest.mark.slow
def test_dask_gives_the_same_bytes_and_runs_again_what_a_lost_worker_had(tmp_path: Path) -> None:
    asked = parse_experiment(SWEEP, "test")
    with cluster.hands("local", 2) as hands:
        lost = [Square(3), DieOnce(5, tmp_path / "begun"), Square(4)]
        assert dict(hands.run(lost, lambda done: None, everything)) == {0: 9, 1: 25, 2: 16}
        assert isinstance(hands, Borrowed)
        run_study(asked, out=tmp_path / "dask", executor=hands._executor)
    for jobs in (1, 2):
        run_study(asked, out=tmp_path / f"jobs{jobs}", jobs=jobs)
        assert run_content(tmp_path / f"jobs{jobs}") == run_content(tmp_path / "dask")


MPI = """
import sys
import slabdes
from mpi4py.futures import MPIPoolExecutor
if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    from commands import small_experiment
    with MPIPoolExecutor() as executor:
        swept = small_experiment(objects=20) | {"sweep": {"machine.cpus": [1, 2, 4]}}
        print(executor.num_workers, slabdes.simulate(swept, executor=executor).digest)
"""


def mpiexec() -> tuple[str, dict[str, str]] | None:
    """The command that starts MPI programs, and the environment for it: on the path, or installed with mpi4py."""
    if (found := find_spec("mpi4py")) is None or found.origin is None:
        return None
    prefix = Path(found.origin).parents[4]
    command = shutil.which("mpiexec") or shutil.which("mpiexec", path=str(prefix / "bin"))
    libraries = os.pathsep.join(filter(None, [os.environ.get(MPI_LIBRARY), str(prefix / "lib")]))
    return None if command is None else (command, os.environ | {MPI_LIBRARY: libraries})


@pytest.mark.slow
@pytest.mark.skipif(mpiexec() is None, reason="mpi4py and an MPI with mpiexec are not installed")
def test_mpi_gives_the_same_results(tmp_path: Path) -> None:
    found = mpiexec()
    assert found is not None
    (tmp_path / "script.py").write_text(MPI)
    command = [found[0], "-n", "3", sys.executable, "-m", "mpi4py.futures", str(tmp_path / "script.py"), str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, env=found[1])
    assert done.stdout.split() == ["2", slabdes.simulate(SWEEP).digest], done.stderr
