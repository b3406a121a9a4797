# SPDX-License-Identifier: GPL-2.0-only
"""Tasks over processes: results, progress, failures. Runs tasks that know nothing of allocators."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from processes import PATIENCE_S, alive, within
from tasks import AskSignal, Die, DieOnce, Exit, Fail, Note, Refuse, Square

from slabdes.errors import CheckFailed, InputError
from slabdes.study.workers import UNTAKEN, _Said, _work, run_tasks

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_gives_its_result_once_and_all_operations_are_reported(jobs: int) -> None:
    heard: list[int] = []
    results = dict(run_tasks([Square(number) for number in (3, 1, 2)], jobs, heard.append))
    assert results == {0: 9, 1: 1, 2: 4}
    assert heard == sorted(heard)
    assert heard[-1] == 6


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_task_is_raised_as_it_is(jobs: int) -> None:
    with pytest.raises(InputError, match=r"^task: 7 is not allowed$"):
        list(run_tasks([Square(1), Refuse(7)], jobs, lambda done: None))


@posix
def test_a_task_whose_workers_are_killed_again_and_again_ends_the_run_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(
        CheckFailed, match=r"3 worker processes were ended from outside at the same task .*; 2 jobs: fewer may do"
    ):
        list(run_tasks([Square(1), Die(7)], 2, lambda done: None))
    assert len(caplog.messages) == 2


@posix
def test_a_killed_worker_is_told_in_one_line_and_its_work_done_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []
    tasks = [Square(3), DieOnce(5, tmp_path / "begun"), Square(4)]
    results = list(run_tasks(tasks, 2, heard.append))
    assert sorted(results) == [(0, 9), (1, 25), (2, 16)]
    assert caplog.messages == ["slabdes: a worker process was ended from outside (signal 9); its task is begun again"]
    assert heard == sorted(heard)
    assert heard[-1] == 12


@posix
def test_a_worker_that_ends_by_itself_is_not_replaced() -> None:
    with pytest.raises(CheckFailed, match="ended by itself, with exit code 3"):
        list(run_tasks([Square(1), Exit(7)], 2, lambda done: None))


def test_a_fault_of_a_task_says_where_it_happened() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in run.*Unforeseen: of its own"):
        list(run_tasks([Square(1), Fail(7)], 2, lambda done: None))


UNGUARDED = """
import sys
sys.path.insert(0, sys.argv[1])
from tasks import Square
from slabdes.study.workers import run_tasks
try:
    list(run_tasks([Square(1), Square(2)], 2, lambda done: None))
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


@posix
def test_a_script_whose_workers_begin_it_again_is_told_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, str(tmp_path / "script.py"), str(Path(__file__).parents[1])]
    last = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[-1]
    assert last.startswith("CheckFailed a worker process ended by itself, with exit code 1 (")
    assert last.endswith('under if __name__ == "__main__":)')


PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tasks import Wait
from slabdes.study.workers import _Said, _work, run_tasks
if __name__ == "__main__":
    list(run_tasks([Wait(1, Path(sys.argv[2])), Wait(2, Path(sys.argv[2]))], 2, lambda done: None))
"""


@posix
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent_however_it_ends(tmp_path: Path, ending: signal.Signals) -> None:
    (tmp_path / "script.py").write_text(PARENT)
    place = tmp_path / "begun"
    place.mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(Path(__file__).parents[1]), str(place)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as parent:
        assert within(lambda: len(list(place.iterdir())) == 2)
        parent.send_signal(ending)
        assert parent.communicate()[1] == ""
    workers = [int(entry.name) for entry in place.iterdir()]
    assert within(lambda: not any(map(alive, workers)))


@pytest.mark.parametrize("unread", [True, False])
def test_a_worker_says_nothing_when_its_parent_is_gone_whatever_was_left_unread(
    unread: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_work, args=(theirs,))
    worker.start()
    theirs.close()
    ours.send([Square(3)])
    assert ours.poll(PATIENCE_S)
    if not unread:
        assert within(lambda: ours.recv()[0] is _Said.ENDED)
    ours.close()
    worker.join(PATIENCE_S)
    assert worker.exitcode == 0
    assert capfd.readouterr().err == ""


def test_workers_leave_ctrl_c_to_their_parent_which_still_takes_it() -> None:
    assert dict(run_tasks([AskSignal(1), AskSignal(1)], 2, lambda done: None)) == {0: 1, 1: 1}
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


@posix
def test_of_short_tasks_a_worker_has_some_ahead_and_none_is_lost_or_done_twice_with_it(tmp_path: Path) -> None:
    notes = [Note(1, tmp_path / "begun", number, tmp_path / "killed" if number == 150 else None) for number in range(300)]
    assert sorted(run_tasks(notes, 2, lambda done: None)) == [(number, number) for number in range(300)]
    begun = Counter((tmp_path / "begun").read_text().split())
    assert begun.pop("150") == 2
    assert begun == {str(number): 1 for number in range(300) if number != 150}


def test_results_that_nobody_takes_keep_a_worker_from_going_on(tmp_path: Path) -> None:
    jobs, begun = 2, tmp_path / "begun"
    results = run_tasks([Note(1, begun, number, None) for number in range(100)], jobs, lambda done: None)
    for _number in range(20):
        next(results)
    time.sleep(0.1)
    assert len(begun.read_text().split()) <= 20 + UNTAKEN * jobs
    results.close()


def test_no_tasks_are_no_results() -> None:
    assert list(run_tasks([], 4, lambda done: None)) == []
