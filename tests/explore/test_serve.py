# SPDX-License-Identifier: GPL-2.0-only
"""The server's begin and end: its address comes first; nothing is told of what is cut off, and what is open is asked to end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("uvicorn", reason="no uvicorn here: pip install 'slabdes[test]'")

from slabdes.errors import InputError
from slabdes.explore.serve import bound, serve


def held_up(asked: threading.Event, goes_on: threading.Event) -> Callable[..., Any]:
    """An app that keeps the server's thread to itself from the first request until it may go on, as making a large page does."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        asked.set()
        goes_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    return app


def test_the_address_is_told_before_what_takes_long_and_a_fault_of_that_ends_the_server() -> None:
    told: list[str] = []

    def takes_long() -> None:
        told.append("ready")
        raise InputError("setting", "it cannot run here", allowed="another")

    with bound(0) as made, pytest.raises(InputError, match="cannot run here"):
        serve(made, lambda _port, _token: None, told.append, lambda: told.append("end"), meanwhile=takes_long)
    assert told[0].startswith("http://127.0.0.1:") and told[1:] == ["ready", "end"]


def test_a_server_that_is_held_up_beyond_its_end_says_nothing_when_its_socket_is_closed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("slabdes.explore.serve._ENDING_S", 0.05)
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    asked, goes_on, ending, told = (threading.Event() for _event in range(4))
    addresses: list[str] = []
    with bound(None) as made:

        def ask() -> None:
            with suppress(OSError):  # its answer may be cut off
                urlopen(addresses[0])

        def open_it(address: str) -> None:
            addresses.append(address)
            threading.Thread(target=ask, daemon=True).start()
            asked.wait()
            ending.set()

        serve(made, lambda _port, _token: held_up(asked, goes_on), open_it, told.set, ending=ending)
    assert told.is_set()
    goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "serve":
            thread.join()
    assert failed == []
    assert capfd.readouterr().err == ""
