# SPDX-License-Identifier: GPL-2.0-only
"""Nobody gets in but a browser with the token, which asks by this computer's own name and from no other page."""

from __future__ import annotations

from typing import Any

import pytest
from live import HOME, PORT, TOKEN
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from slabdes.explore.guard import Guard
from slabdes.explore.limits import MOST_QUERY


@pytest.fixture
def inside() -> Any:
    """A client of an app that says "in", behind the guard."""
    return TestClient(Guard(PlainTextResponse("in"), PORT, TOKEN), base_url=HOME, follow_redirects=False)


def entered(client: Any) -> Any:
    assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


def test_the_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(inside: Any) -> None:
    answer = inside.get("/", params={"a": "b c", "token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?a=b+c")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert inside.get("/?a=b").text == "in"


@pytest.mark.parametrize("query", ["", "token=", "token=the", "token=the+token&token=the+token", "token=%ff"])
def test_without_the_token_there_is_nothing(inside: Any, query: str) -> None:
    answer = inside.get(f"/?{query}")
    assert answer.status_code == 403
    assert answer.text != "in"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("cookie", ["x", "", "the token"])
def test_a_cookie_that_was_made_up_opens_nothing(inside: Any, cookie: str) -> None:
    assert inside.get("/", headers={"cookie": f"slabdes-{PORT}={cookie}"}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": f"evil.example:{PORT}"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": f"127.0.0.1:{PORT}.evil.example"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"origin": f"http://localhost:{PORT}"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"host": f"localhost:{PORT}"}, 200),
        ({"origin": HOME, "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
    ],
)
def test_another_name_or_another_page_is_refused_even_with_the_cookie(inside: Any, headers: dict[str, str], code: int) -> None:
    (kept,) = entered(inside).cookies.items()
    # As given: the client would keep cookies of another host to itself.
    assert inside.get("/", headers={"cookie": "=".join(kept), **headers}).status_code == code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_but_get_is_answered(inside: Any, method: str) -> None:
    assert entered(inside).request(method, "/").status_code == 405


def test_a_long_address_and_a_web_socket_are_refused(inside: Any) -> None:
    from starlette.websockets import WebSocketDisconnect

    assert entered(inside).get("/?" + "a" * (MOST_QUERY + 1)).status_code == 414
    with pytest.raises(WebSocketDisconnect), inside.websocket_connect("/"):
        pass


def test_every_answer_forbids_frames_guesses_and_keeping(inside: Any) -> None:
    for answer in (entered(inside).get("/"), inside.get("/", headers={"host": "evil.example"})):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
