# SPDX-License-Identifier: GPL-2.0-only
"""The live page in a browser: a moved control changes chart and sentence, and it can be used by all, in any light and width.

Skipped, with a reason, where `browser` says so.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import HOSTILE, NEEDS_CHROMIUM, Heard, opened, reached_by_tab, serious_violations
from live import SMALL, explorer

from slabdes.explore.serve import bound, serve

pytestmark = NEEDS_CHROMIUM
DONE = "html[data-done]"
REACHABLE = "select, input, button, summary, a[href], pre[tabindex]"
VISIBLE = f"[...document.querySelectorAll('{REACHABLE}')].filter((one) => one.checkVisibility())"


class Seen(Heard):
    """The live page, which is open at an address."""

    def __init__(self, page: Any, address: str) -> None:
        super().__init__(page)
        self.address = address

    def settled(self) -> str:
        """The digest of what is shown, once all of it is."""
        self.page.wait_for_selector(DONE, state="attached")
        return str(self.page.locator("html").get_attribute("data-done"))

    def set(self, label: str, text: str) -> None:
        """Set a control, and do not wait."""
        self.page.evaluate("delete document.documentElement.dataset.done; delete document.documentElement.dataset.refused")
        control = self.control(label)
        if control.evaluate("(one) => one.tagName") == "SELECT":
            control.select_option(text)
        else:
            control.fill(text)

    def control(self, label: str) -> Any:
        """The control of that name that is seen: others are of other workloads."""
        return self.page.get_by_label(label, exact=True).locator("visible=true")

    def moved(self, label: str, text: str) -> str:
        """The digest after a control was set."""
        before = self.settled()
        self.set(label, text)
        after = self.settled()
        assert after != before, label
        return after

    def drawing(self, chart: str) -> str:
        """The chart as it is drawn now."""
        return str(self.page.locator(f"figure[data-chart={chart}] .drawing:not(.coming) svg").inner_html())

    def answer(self) -> str:
        """The sentences."""
        return str(self.page.locator("#answer").inner_text())

    def setting(self) -> dict[str, list[str]]:
        """What the address says."""
        return parse_qs(urlsplit(self.page.url).query)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The page of an experiment whose name and cache would be more than text."""
    text = SMALL.replace('"small"', json.dumps(HOSTILE)).replace('"size-256"', json.dumps(HOSTILE))
    told: SimpleQueue[str] = SimpleQueue()
    with explorer(tmp_path_factory.mktemp("live"), text) as made, bound(None) as place:
        ended = threading.Event()
        server = threading.Thread(target=serve, args=(place, made.app, told.put, made.end, ended), daemon=True)
        server.start()
        with opened(viewport={"width": 1360, "height": 900}) as page:
            live = Seen(page, told.get())
            page.goto(live.address)
            live.settled()
            yield live
        ended.set()
        server.join()


def test_the_page_draws_what_its_experiment_does_and_asks_nobody_else(seen: Seen) -> None:
    assert seen.said == []
    assert {urlsplit(url).netloc for url in seen.asked} == {urlsplit(seen.address).netloc}
    assert "token" not in seen.page.url
    figures = seen.page.locator("figure[data-chart]")
    assert figures.count() == seen.page.locator("figure[data-chart] .drawing svg").count() >= 4
    assert HOSTILE in seen.page.locator("h1").inner_text()
    assert seen.page.locator("img").count() == 0


def test_every_control_changes_what_is_run_and_the_address_holds_it(seen: Seen) -> None:
    values = {
        "machine": "uma-8", "CPUs, exactly": "3", "placement": "spread", "Linux": "4.6", "2016 series": "unlocked_look",
        "lock": "ticket", "object size, exactly": "512", "limit, exactly": "24", "batchcount, exactly": "6",
        "shared, exactly": "0", "objects, exactly": "140", "rounds, exactly": "2", "think time, exactly": "50",
        "replications, exactly": "2",
    }  # fmt: skip
    before = seen.settled()
    for label, text in values.items():
        seen.set(label, text)
        seen.page.wait_for_selector("html[data-done], html[data-refused]", state="attached")
    assert seen.settled() != before
    told = seen.page.locator("#command").inner_text()
    assert all(f"{key}=" in told for key in seen.setting())
    assert sorted(one for (one,) in seen.setting().values()) == sorted(values.values())
    shown = [one.evaluate("(one) => one.id || one.getAttribute('aria-label')") for one in
             seen.page.locator(".control:not([hidden]) :is(select, [type=number])").all()]  # fmt: skip
    assert len(shown) == len(values) + 1
    digest = seen.settled()
    seen.page.reload()
    assert seen.settled() == digest
    assert seen.page.get_by_label("limit, exactly").input_value() == "24"
    seen.moved("workload", "mix")
    assert seen.control("live, exactly").count() == 1
    assert seen.control("rounds, exactly").count() == 0
    seen.moved("Linux", "7.3")
    seen.moved("sheaf capacity, exactly", "6")
    assert seen.control("limit, exactly").count() == seen.control("2016 series").count() == 0
    assert "sheaf_capacity" in seen.page.locator("#command").inner_text()
    assert seen.said == []


def test_a_moved_slider_changes_chart_and_sentence_and_a_smaller_machine_takes_fewer_cpus(seen: Seen) -> None:
    seen.page.get_by_role("button", name="As it began").click()
    seen.settled()
    assert seen.setting() == {}
    chart, answer = seen.drawing("latency"), seen.answer()
    slider = seen.page.get_by_role("slider", name="CPUs")
    seen.page.evaluate("delete document.documentElement.dataset.done")
    slider.press("ArrowRight")
    seen.settled()
    assert seen.setting() == {"machine.cpus": ["5"]}
    assert seen.drawing("latency") != chart
    assert seen.answer() != answer
    assert seen.page.get_by_label("CPUs, exactly").input_value() == slider.get_attribute("aria-valuetext") == "5"
    seen.moved("machine", "uma-4")
    assert seen.setting() == {"machine.preset": ["uma-4"]}
    assert seen.page.get_by_label("CPUs, exactly").input_value() == "4"
    assert slider.get_attribute("max") == "3"
    assert seen.said == []


def test_a_pinned_setting_stays_as_the_grey_curve_and_what_changed_is_said(seen: Seen) -> None:
    seen.page.get_by_role("button", name="As it began").click()
    seen.settled()
    seen.page.evaluate("delete document.documentElement.dataset.done")
    seen.page.get_by_role("button", name="Pin this setting").click()
    seen.settled()
    seen.moved("limit, exactly", "12")
    assert seen.setting() == {"cache.0.limit": ["12"]} and "pin=" in seen.page.url
    assert "they differ in cache.0.limit" in seen.answer()
    assert "than pinned" in seen.answer() or "not told from pinned" in seen.answer()
    lead = seen.page.locator("#lead figure")
    assert [one.get_attribute("data-chart") for one in lead.all()] == ["overlay", "ratios"]
    grey = "getComputedStyle(document.querySelector('figure[data-chart=overlay]')).getPropertyValue('--c0')"
    red, green, blue = (seen.page.evaluate(grey).strip("# ")[at : at + 2] for at in (0, 2, 4))
    assert red == green == blue
    digest = seen.settled()
    seen.page.reload()
    assert seen.settled() == digest
    assert lead.count() == 2
    seen.page.evaluate("delete document.documentElement.dataset.done")
    seen.page.get_by_role("button", name="Unpin").click()
    seen.settled()
    assert [one.get_attribute("data-chart") for one in lead.all()] == ["latency"]
    assert seen.said == []


def test_a_bad_setting_is_told_in_the_page_and_a_good_one_mends_it(seen: Seen) -> None:
    seen.page.get_by_label("batchcount, exactly").fill("900")
    refused = seen.page.locator("#refused")
    seen.page.wait_for_selector("#refused:not([hidden])")
    assert "batchcount" in refused.inner_text()
    seen.page.get_by_label("batchcount, exactly").fill("6")
    seen.settled()
    assert not refused.is_visible()
    assert seen.said == []


def test_the_keyboard_alone_reaches_everything(seen: Seen) -> None:
    wanted = seen.page.evaluate(f"{VISIBLE}.length")
    seen.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    assert reached_by_tab(seen.page, VISIBLE, wanted, 3) == wanted > 20


@pytest.mark.parametrize("light", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing_serious(seen: Seen, light: str) -> None:
    seen.page.emulate_media(color_scheme=light)
    # A drawing is one picture, with a name and a table beside it.
    seen.page.evaluate("document.querySelectorAll('.drawing svg *').forEach((one) => one.remove())")
    assert serious_violations(seen.page) == []


def test_a_phone_shows_controls_and_answer_without_scrolling_sideways(seen: Seen) -> None:
    seen.page.set_viewport_size({"width": 390, "height": 844})
    wide = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > 391)"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390, seen.page.evaluate(
        f"{wide}.map((one) => one.outerHTML.slice(0, 80))"
    )
    assert seen.page.locator(".panel").bounding_box()["height"] < 500
