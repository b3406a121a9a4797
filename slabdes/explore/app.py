# SPDX-License-Identifier: GPL-2.0-only
"""The live page over HTTP: the page itself, what a setting comes to as server-sent events, and the setting as a file.

No path and no file name comes from a browser. Leaves out who may ask (`guard`), and what is run (`desk`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from slabdes.errors import InputError, SlabdesError, shown
from slabdes.explore.controls import PRESET, Control
from slabdes.explore.desk import Desk
from slabdes.explore.guard import Guard
from slabdes.explore.limits import MOST_PAGES
from slabdes.explore.setting import Setting, setting_of
from slabdes.explore.source import NEW_FILE, Source
from slabdes.explore.study import Study
from slabdes.machine import load_machine
from slabdes.pages.explorer import explorer_page

PAGE, PIN = "page", "pin"
_PAGE: Final = re.compile(r"[0-9a-f]{16}")
_LOOK_S: Final = 0.3
"""Between two looks whether anybody still listens."""


@dataclass
class Explorer:
    """What the server is told of: the experiment, its controls, and the desk that runs it. `listening` has a study a page."""

    source: Source
    controls: Sequence[Control]
    desk: Desk
    listening: dict[str, Study] = field(default_factory=dict)

    def app(self, port: int, token: str) -> Guard:
        """The app behind its guard."""
        routes = [
            Route("/", self.page),
            Route("/events", self.events),
            Route("/experiment.toml", self.toml),
        ]
        return Guard(Starlette(routes=routes), port, token)

    def end(self) -> None:
        """Have every page's events end; another thread calls this."""
        for study in list(self.listening.values()):
            study.stale = True

    async def page(self, _request: Request) -> Response:
        """The page; its own script reads the setting from the address."""
        return HTMLResponse(self._html)

    async def toml(self, request: Request) -> Response:
        """The setting as a file to save."""
        try:
            _page, _pinned, setting = self._asked(request)
        except SlabdesError as error:
            return PlainTextResponse(f"{error}\n", 400)
        headers = {"Content-Disposition": f'attachment; filename="{NEW_FILE}"'}
        return PlainTextResponse(setting.toml, headers=headers, media_type="application/toml")

    async def events(self, request: Request) -> Response:
        """What a setting comes to, event by event, until it is known, is refused, or nobody listens."""
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        try:
            page, pinned, setting = self._asked(request)
            if not page:
                raise InputError(PAGE, "missing", allowed="16 hexadecimal digits, which a page draws once")
            if (before := self.listening.pop(page, None)) is not None:
                before.stale = True
            if len(self.listening) >= MOST_PAGES:
                raise InputError("pages", f"{MOST_PAGES} are open", allowed="fewer: close one, then reload this")
        except SlabdesError as error:
            yield _event("refused", {"line": str(error)})
            return
        heard: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(name: str, event: Mapping[str, Any]) -> None:
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(heard.put_nowait, (name, event))

        study = Study([*([] if pinned is None else [pinned]), setting], tell)
        self.listening[page] = study
        self.desk.ask(study)
        try:
            name = ""
            while name not in ("done", "refused"):
                try:
                    name, event = await asyncio.wait_for(heard.get(), _LOOK_S)
                except TimeoutError:
                    if study.stale or await request.is_disconnected():
                        return
                    yield _event("preparing", {"what": self.desk.preparing}) if self.desk.preparing else ":\n\n"
                    continue
                yield _event(name, event)
        finally:
            study.stale = True
            if self.listening.get(page) is study:
                del self.listening[page]

    def _asked(self, request: Request) -> tuple[str, Setting | None, Setting]:
        """The page that asks, the setting that it has pinned, if it has, and the present one. Raises InputError."""
        texts = _once(request.query_params.multi_items())
        page, pin = texts.pop(PAGE, ""), texts.pop(PIN, None)
        if page and not _PAGE.fullmatch(page):
            raise InputError(PAGE, shown(page), allowed="16 hexadecimal digits")
        setting = setting_of(self.source, self.controls, texts)
        if pin is None:
            return page, None, setting
        pinned = _once(parse_qsl(pin, keep_blank_values=True))
        return page, setting_of(self.source, self.controls, pinned), setting

    @property
    def _html(self) -> str:
        presets = next(control.options for control in self.controls if control.key == PRESET)
        cpus = {name: load_machine(name).n_cpus for name, _label in presets if name}
        return explorer_page(self.source.experiment.name, self.source.name, self.controls, cpus)


def _once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    texts = dict(pairs)
    if len(texts) < len(pairs):
        raise InputError("setting", "a key is given twice", allowed="once")
    return texts


def _event(name: str, event: Mapping[str, Any]) -> str:
    """As an EventSource reads it: JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(event, allow_nan=False)}\n\n"
