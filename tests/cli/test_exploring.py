# SPDX-License-Identifier: GPL-2.0-only
"""The command that serves a live page: it prints an address that works, and ends with its workers at a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.commands import SMALL, Slabdes, runner, said_in_one_line
from tests.processes import PATIENCE_S, session, within

pytest.importorskip("uvicorn", reason="no uvicorn here: pip install 'slabdes[test]'")

_PATIENT = """\
from slabdes import signals
from slabdes.__main__ import main

signals.Ending._insist = lambda self: None
main()
"""
"""The command, which nothing but its main thread ends: handlers of libraries keep signals from one that waits for a lock."""


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL, encoding="utf-8")
    return runner(monkeypatch, capsys)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here to find processes in")
def test_the_address_works_and_ctrl_c_ends_server_and_workers(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    command = [sys.executable, "-c", _PATIENT, "explore", "small.toml", "--jobs", "2"]
    # Nothing is compiled: the reference runs, in workers all the same.
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as served:
        try:
            assert served.stdout is not None
            address = served.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            browser = build_opener(HTTPCookieProcessor())
            with browser.open(address) as answer:
                assert b"<h1>small</h1>" in answer.read()
            events = browser.open(f"{address.partition('?')[0]}events?page={1:016x}&replications=50")
            # Lines without an event keep a connection open until its turn has come.
            first = next(line for line in events if line.startswith(b"event: "))
            assert first == b"event: setting\n"
            assert len(session(served.pid)) > 2
        finally:
            served.send_signal(signal.SIGINT)
        try:
            _out, err = served.communicate(timeout=PATIENCE_S)
        finally:
            served.kill()
        assert served.returncode == 128 + signal.SIGINT
        assert err.splitlines()[-1].startswith("slabdes: ")
        assert [line for line in err.splitlines() if not line.startswith(("slabdes", "open it"))] == []
        assert within(lambda: session(served.pid) == [])


def test_a_port_that_is_taken_is_refused_in_a_line_and_without_one_another_is_found(slabdes: Slabdes) -> None:
    from slabdes.explore.serve import PORT, bound

    with bound(None) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        assert f"--port {port}" in said_in_one_line(slabdes("explore", "small.toml", "--port", port))
        with bound(None) as other:
            assert other.getsockname()[1] not in (port, 0)
    assert PORT > 1024
    assert isinstance(taken, socket.socket)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.toml"], "No such file"),
        (["small.toml", "--set", "machine.cpus=9"], "machine.cpus"),
        (["small.toml", "--set", "machine.preset=nowhere"], "nowhere"),
        (["small.toml", "--set", "workload.objects=0"], "workload"),
    ],
)
def test_a_bad_experiment_is_refused_in_a_line(slabdes: Slabdes, arguments: list[str], says: str) -> None:
    assert says in said_in_one_line(slabdes("explore", *arguments))


def test_what_is_not_installed_is_said_with_what_to_type(slabdes: Slabdes, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else there(name, *rest))
    said = said_in_one_line(slabdes("explore", "small.toml"))
    assert "uvicorn not installed" in said
    assert 'pip install "slabdes[explore]"' in said
