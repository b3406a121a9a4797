# SPDX-License-Identifier: GPL-2.0-only
"""Who may ask a live page's server for anything: a browser that was once given the token, asking by this computer's own name.

A page of another origin has no cookie of ours (SameSite), and says its origin; a name that was made to lead here (DNS rebinding)
is another Host. Leaves out what is answered.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slabdes.explore.limits import MOST_QUERY

LOOPBACK: Final = "127.0.0.1"
NAMES: Final = (LOOPBACK, "localhost")
TOKEN: Final = "token"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """An app behind the checks, for one port. `token` opens it; the cookie that it is exchanged for holds another secret."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = [f"{name}:{port}" for name in NAMES]
        # Cookies know no ports: each server has a name of its own for it.
        self._cookie, self._secret = f"slabdes-{port}", secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (self._refused(scope) or self._opened(scope) or self._app)(scope, receive, sent)

    def _refused(self, scope: Scope) -> Response | None:
        """What is wrong with a request, whoever makes it."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return PlainTextResponse(f"Host is not {' or '.join(self._hosts)}\n", 421)
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return PlainTextResponse("Origin is another page's\n", 403)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("another page asks; type the address yourself\n", 403)
        if scope["method"] != "GET":
            return PlainTextResponse("nothing but GET\n", 405, {"Allow": "GET"})
        if len(scope["query_string"]) > MOST_QUERY:
            return PlainTextResponse(f"an address of more than {MOST_QUERY} bytes\n", 414)
        return None

    def _opened(self, scope: Scope) -> Response | None:
        """The cookie for who has the token, and the address without it; a refusal for who has neither. None for who has both."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for key, value in query if key == TOKEN]
        if given:
            if len(given) > 1 or not _same(given[0], self._token):
                return PlainTextResponse("that is not the token of this server\n", 403)
            rest = urlencode([(key, value) for key, value in query if key != TOKEN])
            response = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            response.set_cookie(self._cookie, self._secret, httponly=True, samesite="strict", path="/")
            return response
        if not _same(_cookie(scope, self._cookie), self._secret):
            return PlainTextResponse("Open the address that slabdes explore has printed: the token in it lets you in.\n", 403)
        return None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _cookie(scope: Scope, name: str) -> str:
    for line in Headers(scope=scope).getlist("cookie"):
        for part in line.split(";"):
            key, _equals, value = part.strip().partition("=")
            if key == name:
                return value
    return ""
