# SPDX-License-Identifier: GPL-2.0-only
"""Signals end a command wherever it is: one line, the shell's exit code, no traceback, nothing left but what is finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import SWEPT, Slabdes, run_content, runner
from processes import PATIENCE_S, alive, within

from slabdes.folders import working_path
from slabdes.results.journal import Journal
from slabdes.results.partial import JOURNAL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and their signals are POSIX's")

TOLD = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM", signal.SIGHUP: "ended by SIGHUP"}
HERE = """
import os, signal, sys, time
def here(*_given, **_more):
    print("here", flush=True)
    time.sleep(600)
def run(*arguments):
    from slabdes.__main__ import main
    sys.argv = ["slabdes", *arguments]
    main()
"""


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("e.toml").write_text(SWEPT.replace("objects = 150", "objects = 20"), encoding="utf-8")
    return runner(monkeypatch, capsys)


def signalled(script: str, *numbers: signal.Signals, **options: object) -> tuple[int, str]:
    """Run a script that says when it is where it is to be, and send it the signals then: its exit code and error stream."""
    process = subprocess.Popen(
        [sys.executable, "-c", HERE + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )
    assert process.stdout.readline() == "here\n"
    for number in numbers:
        os.killpg(process.pid, number)
    _out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


@pytest.mark.parametrize("number", TOLD)
def test_a_signal_while_starting_is_told_in_one_line(number: signal.Signals) -> None:
    slow = """
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            here()
sys.meta_path.insert(0, Slow())
run("--help")
"""
    assert signalled(slow, number) == (128 + number, f"slabdes: {TOLD[number]}\n")


DRAWING = """
import slabdes.plots.save
slabdes.plots.save.save_figures = here
run("run", "e.toml", "--jobs", "1", "--out", "out")
"""


@pytest.mark.parametrize("number", TOLD)
def test_a_signal_while_drawing_leaves_a_study_that_is_gone_on_with(number: signal.Signals, slabdes: Slabdes) -> None:
    code, err = signalled(DRAWING, number)
    assert code == 128 + number
    assert err == f"slabdes: {TOLD[number]}; finished replications are kept, go on with --resume\n"
    assert sorted(entry.name for entry in Path("out.partial").iterdir()) == [JOURNAL, "slabdes.lock", "study.json"]
    assert slabdes("run", "e.toml", "--out", "out", "--resume").code == 0
    assert slabdes("run", "e.toml", "--out", "whole").code == 0
    assert sorted(entry.name for entry in Path().iterdir()) == ["e.toml", "out", "whole"]
    out, whole = (run_content(Path(name)) for name in ("out", "whole"))
    assert out == whole


def test_native_code_that_lets_no_exception_through_is_ended_all_the_same(slabdes: Slabdes) -> None:
    stuck = """
import ctypes
import slabdes.api
def native(*_given, **_more):
    print("here", flush=True)
    # Unlike time.sleep, this goes on without asking Python: as a compiler does.
    wait = ctypes.CDLL(None).pthread_cond_wait
    lock, condition = ctypes.create_string_buffer(256), ctypes.create_string_buffer(256)
    ctypes.CDLL(None).pthread_mutex_lock(lock)
    wait(condition, lock)
slabdes.api.simulate = native
run("run", "e.toml", "--out", "out")
"""
    assert signalled(stuck, signal.SIGTERM) == (143, "slabdes: ended by SIGTERM\n")


def test_more_signals_change_nothing(slabdes: Slabdes) -> None:
    code, err = signalled(DRAWING, signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGHUP)
    # Those that come together may be seen in any order.
    assert code - 128 in TOLD
    assert err == f"slabdes: {TOLD[signal.Signals(code - 128)]}; finished replications are kept, go on with --resume\n"


def test_a_signal_that_reaches_python_where_it_cannot_raise_ends_the_command(slabdes: Slabdes) -> None:
    finalizer = """
import slabdes.api
class Last:
    def __del__(self):
        here()
def simulate(*_given, **_more):
    Last()
    while True:
        time.sleep(1)
slabdes.api.simulate = simulate
run("run", "e.toml", "--out", "out")
"""
    assert signalled(finalizer, signal.SIGINT) == (130, "slabdes: interrupted\n")


def test_a_signal_that_was_ignored_before_as_by_nohup_stays_ignored(slabdes: Slabdes) -> None:
    drawing = DRAWING.replace("= here", "= lambda *_given, **_named: (print('here', flush=True), time.sleep(0.5))")
    code, err = signalled("signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + drawing, signal.SIGHUP)
    assert (code, err) == (0, "")
    assert Path("out").is_dir()


def test_a_signal_that_comes_when_all_is_done_comes_too_late(slabdes: Slabdes) -> None:
    done = "import atexit\natexit.register(lambda: (print('here', flush=True), time.sleep(0.5)))\nrun('--help')\n"
    process = subprocess.Popen([sys.executable, "-c", HERE + done], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "here\n":
        pass
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == ""
    assert process.returncode == 0


LONG = SWEPT.replace("objects = 150", "objects = 150\nrounds = 6").replace("[1, 2, 4]", "[1, 2, 3, 4, 5, 6, 7, 8]")


WHOLE: list[str] = []
"""What LONG prints when nothing disturbs it."""


def children(process: int) -> list[int]:
    """Processes that this one has started."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False).stdout
    return [int(number) for number in told.split()]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", TOLD)
def test_a_signal_to_the_group_keeps_what_is_finished_and_resume_goes_on_to_the_same_digest(
    number: signal.Signals, jobs: str, slabdes: Slabdes
) -> None:
    Path("e.toml").write_text(LONG, encoding="utf-8")
    command = [sys.executable, "-m", "slabdes", "run", "e.toml", "--out", "out", "--jobs", jobs]
    journal = working_path(Path("out")) / JOURNAL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert within(lambda: journal.is_file() and journal.stat().st_size > 0)
        workers = children(process.pid)
        os.killpg(process.pid, number)
        _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert err == f"slabdes: {TOLD[number]}; finished replications are kept, go on with --resume\n"
    assert within(lambda: not any(map(alive, workers)))
    finished = len(Journal(journal).finished)
    assert 1 <= finished <= 16  # all, if the signal came as figures were about to be drawn
    assert not Path("out").exists()

    again = slabdes("run", "e.toml", "--out", "out", "--jobs", "1")
    assert again.code == 2
    assert f"holds {finished} finished replications of this experiment; allowed: --resume, or to remove it" in again.err

    other = slabdes("run", "e.toml", "--set", "seed=2", "--out", "out", "--resume")
    assert other.code == 2
    assert "was begun with another experiment: seed was 1, is 2" in other.err

    resumed = slabdes("run", "e.toml", "--out", "out", "--resume", "--jobs", "1", "--json")
    assert resumed.code == 0
    if not WHOLE:
        Path("whole").mkdir()
        os.chdir("whole")
        Path("e.toml").write_text(LONG, encoding="utf-8")
        WHOLE.append(slabdes("run", "e.toml", "--out", "out", "--jobs", "1", "--json").out)
        os.chdir("..")
    assert resumed.out == WHOLE[0]
    assert not working_path(Path("out")).exists()
