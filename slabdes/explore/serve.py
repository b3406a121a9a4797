# SPDX-License-Identifier: GPL-2.0-only
"""A live page's server on the loopback, from the moment that its address can be printed until a signal ends it.

It runs in a thread: the main one waits for signals, as in any command. Leaves out what is served (`app`).
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Final

from slabdes.errors import InputError
from slabdes.explore.guard import LOOPBACK, TOKEN
from slabdes.explore.limits import MOST_CONNECTIONS

PORT: Final = 8731
"""Unless it is taken, so that a link is good tomorrow, too."""
NEEDED: Final = ("starlette", "uvicorn")
_ENDING_S: Final = 1.0
"""What open connections get to end."""
_LOOK_S: Final = 0.2
"""Between two looks whether a signal has come."""


def check_installed() -> None:
    """Raise InputError unless all that a live page is made with is there."""
    from importlib.util import find_spec

    from slabdes.pages.script import lacking

    if missing := [*lacking(), *(name for name in NEEDED if find_spec(name) is None)]:
        raise InputError("explore", f"{', '.join(missing)} not installed", allowed='pip install "slabdes[explore]"')


def bound(port: int | None) -> socket.socket:
    """A socket of this computer alone: of that port, or, unless one is named, of PORT or any. Raises InputError."""
    for wanted in (PORT, 0) if port is None else (port,):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((LOOPBACK, wanted))
            made.listen()  # who has the address may come before the server does
        except OSError as error:
            made.close()
            refused = error
        else:
            return made
    raise InputError(f"--port {port}", refused.strerror or str(refused), allowed="a port that is free, or none")


def serve(
    made: socket.socket,
    app_of: Callable[[int, str], object],
    say: Callable[[str], None],
    end: Callable[[], None] = lambda: None,
    ending: threading.Event | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Serve on a bound socket until this thread is told to end, or `ending` is set; `say` is told the address to open.

    `meanwhile` is done by this thread first; what it raises ends the server. At the end `end` is called, which is to have what
    is open end by itself.
    """
    from uvicorn import Config, Server

    port, token = made.getsockname()[1], secrets.token_urlsafe(16)
    app = app_of(port, token)
    config = Config(
        app,  # type: ignore[arg-type]  # any ASGI app
        log_config=None,
        access_log=False,
        limit_concurrency=MOST_CONNECTIONS,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(_ENDING_S),
        lifespan="off",
        ws="none",
    )
    server, own, over = Server(config), made.dup(), ending or threading.Event()

    def run() -> None:
        try:
            server.run([own])
        except BaseException:
            if not server.should_exit:  # what fails while all is being ended tells nobody anything
                raise

    # What is cut off at the end is no fault; what fails before is seen.
    logging.getLogger("uvicorn.error").addFilter(lambda _record: not server.should_exit)
    thread = threading.Thread(target=run, name="serve", daemon=True)
    thread.start()
    say(f"http://{LOOPBACK}:{port}/?{TOKEN}={token}")
    try:
        meanwhile()
        wait_for(over)
    finally:
        end()
        server.should_exit = True
        thread.join(2 * _ENDING_S)


def wait_for(event: threading.Event) -> None:
    """Wait, and hear signals meanwhile: libraries with handlers of their own (Polars has one) let them interrupt no lock."""
    while not event.wait(_LOOK_S):
        pass
