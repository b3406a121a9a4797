# SPDX-License-Identifier: GPL-2.0-only
"""A live page's server on small experiments, on the reference engine, in this process; and what it sends, read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slabdes.config import EngineName
from slabdes.explore.app import Explorer
from slabdes.explore.controls import controls_of
from slabdes.explore.desk import Desk
from slabdes.explore.source import source_of
from slabdes.study.spools import Spools

PORT, TOKEN = 8731, "the token"
HOME = f"http://127.0.0.1:{PORT}"
SMALL = """\
name = "small"
replications = 3

[machine]
preset = "numa-2x4"
cpus = 4

[[cache]]
name = "size-256"
size = 256

[workload]
kind = "burst"
objects = 150
"""


@contextmanager
def explorer(folder: Path, text: str = SMALL, *settings: str) -> Iterator[Explorer]:
    """An explorer of an experiment file that says `text`, with its desk open."""
    file = folder / "small.toml"
    file.write_text(text, encoding="utf-8")
    source = source_of(file, settings, Spools(folder / "spools"))
    desk = Desk(1, EngineName.REFERENCE)
    desk.open()
    try:
        yield Explorer(source, controls_of(source), desk)
    finally:
        desk.close()


def client(explorer: Explorer, entered: bool = True) -> Any:
    """Whoever asks its app over HTTP; `entered` with the token's cookie."""
    from starlette.testclient import TestClient

    made = TestClient(explorer.app(PORT, TOKEN), base_url=HOME, follow_redirects=False)
    if entered:
        made.get("/", params={"token": TOKEN})
    return made


def events(answer: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream that has ended: their names and what they say."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            assert set(lines) == {"event", "data"}
            told.append((lines["event"], json.loads(lines["data"])))
    return told


def page(number: int = 1) -> str:
    """What a page calls itself."""
    return f"{number:016x}"
