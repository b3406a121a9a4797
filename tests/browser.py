# SPDX-License-Identifier: GPL-2.0-only
"""Debian's Chromium for tests of pages: opened, listened to, gone through by keyboard, and looked at by axe.

Tests skip where there is no Chromium (.ci/run installs it), no playwright or no axe (of the extra `test`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

CHROMIUM: Final = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
NEEDS_CHROMIUM: Final = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
HOSTILE: Final = "</script><img src=x onerror=alert(1)>"
NO_DEADLINE: Final = 0
"""A machine that is busy is no fault."""


@contextmanager
def opened(**options: Any) -> Iterator[Any]:
    """A page of playwright's, with its options, that waits as long as it takes."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install 'slabdes[test]'")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=NO_DEADLINE)
        page = browser.new_page(**options)
        page.set_default_timeout(NO_DEADLINE)
        yield page
        browser.close()


class Heard:
    """A page, and what it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until that comes true on a page. A script that were to be asked again and again, the page's policy would refuse."""
    while not holds():
        page.wait_for_timeout(50)


def reached_by_tab(page: Any, elements: str, wanted: int, rounds: int) -> int:
    """How many of the `wanted` of a script's array `elements` get the focus by Tab alone, gone through `rounds` times at most."""
    reached = set()
    for _step in range(rounds * wanted):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"{elements}.indexOf(document.activeElement)"))
        if len(reached - {-1}) == wanted:
            break
    return len(reached - {-1})


def serious_violations(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds that keeps somebody from using a page, with the first places of each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: pip install 'slabdes[test]'")
    found = axe.Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
