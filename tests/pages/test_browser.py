# SPDX-License-Identifier: GPL-2.0-only
"""The page in a browser: it draws without an error or a request, controls work, text stays text, and it can be used by all.

Skipped, with a reason, where `browser` says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import HOSTILE, NEEDS_CHROMIUM, Heard, opened, reached_by_tab, serious_violations
from example import example_frames, example_manifest

from slabdes.engine.story import Told
from slabdes.pages.report import run_page
from slabdes.pages.steps import steps_of
from slabdes.results.run import Run

pytestmark = NEEDS_CHROMIUM
REACHABLE = "select, input, button, summary"


class Seen(Heard):
    """The page of a run, which was opened, looked at from its begin and its end, and printed: how many charts were drawn then."""

    drawn_at: tuple[int, int, int]

    def drawn(self) -> int:
        """How many charts are."""
        return int(self.page.locator("figure[data-chart] .drawing svg").count())

    def drawing(self, chart: str) -> str:
        """The chart as it is drawn now."""
        return str(self.page.locator(f"figure[data-chart={chart}] .drawing svg").inner_html())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, told: list[Told]) -> Iterator[Seen]:
    """The page of a sweep whose machines are called by what would be more than text."""
    frames = example_frames((2, 4), ("xeon-2s", "opteron-8n"), replications=2, operations=60)
    named = replace(frames, points=frames.points.with_columns(pl.col("machine") + HOSTILE))
    path = tmp_path_factory.mktemp("page") / "page.html"
    steps = steps_of([replace(one, cache=HOSTILE) for one in told], "slabdes explain RUN")
    path.write_text(run_page(Run(example_manifest(frames), named), Path("runs/example"), steps), encoding="utf-8")
    with opened() as page:
        heard = Seen(page)
        page.goto(path.as_uri())
        page.locator("figure[data-chart] .drawing svg").first.wait_for()
        at_first = heard.drawn()
        places = page.locator("figure[data-chart] .drawing")
        assert [name for name in all_names(page) if "The figures are in the table beneath" not in name] == []
        places.last.scroll_into_view_if_needed()
        places.last.locator("svg").wait_for()
        at_last = heard.drawn()
        page.pdf()
        heard.drawn_at = at_first, at_last, heard.drawn()
        yield heard


def all_names(page: Any) -> list[str]:
    """What charts are called to a screen reader, drawn or not."""
    pictures = page.locator("figure[data-chart] [role=img]")
    assert pictures.count() == page.locator("figure[data-chart]").count()
    return [str(picture.get_attribute("aria-label")) for picture in pictures.all()]


def test_charts_are_drawn_as_they_come_into_view_and_all_are_printed(seen: Seen) -> None:
    at_first, at_last, printed = seen.drawn_at
    assert 1 <= at_first < at_last < printed == seen.page.locator("figure[data-chart]").count()
    assert len(set(all_names(seen.page))) == printed >= 5


def test_every_chart_is_drawn_and_nobody_is_asked_for_anything(seen: Seen) -> None:
    assert seen.drawn() == int(seen.page.evaluate("document.documentElement.dataset.drawn"))
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("file:")] == []
    assert len(seen.asked) == 1
    assert "onerror=alert(1)" in seen.page.locator("p.about").first.inner_text()
    assert seen.page.locator("img").count() == 0


def test_a_control_changes_its_chart_and_those_of_its_name_elsewhere(seen: Seen) -> None:
    before = {chart: seen.drawing(chart) for chart in ("latency", "tails", "scaling")}
    figure = seen.page.locator("figure[data-chart=latency]")
    figure.locator("select[data-param=operation]").select_option("frees")
    seen.page.wait_for_timeout(200)
    assert seen.drawing("latency") != before["latency"]
    assert seen.drawing("tails") != before["tails"]
    assert seen.drawing("scaling") == before["scaling"]
    assert seen.page.locator("figure[data-chart=tails] select[data-param=operation]").input_value() == "frees"
    banded = seen.drawing("latency").count("<path")
    figure.locator("input[data-param=bands]").uncheck()
    seen.page.wait_for_timeout(200)
    assert seen.drawing("latency").count("<path") < banded
    for button in ("zoom in", "move left", "move right", "move up", "move down", "whole"):
        before_zoom = seen.drawing("latency")
        figure.get_by_role("button", name=button).click()
        seen.page.wait_for_timeout(200)
        assert seen.drawing("latency") != before_zoom, button
    assert seen.said == []


def test_a_setting_that_is_chosen_changes_the_tables_and_every_chart_that_has_it(seen: Seen) -> None:
    control = seen.page.locator("#tables select[data-param=setting]")
    first = control.input_value()
    other = next(one for one in control.locator("option").evaluate_all("all => all.map((one) => one.value)") if one != first)
    tables = seen.page.locator("#tables [data-setting]:visible")
    before = tables.all_inner_texts(), {chart: seen.drawing(chart) for chart in ("latency", "memory", "scaling")}
    assert len(before[0]) == 1
    control.select_option(other)
    seen.page.wait_for_timeout(200)
    assert len(tables.all_inner_texts()) == 1 and tables.all_inner_texts() != before[0]
    assert {chart: seen.drawing(chart) == before[1][chart] for chart in before[1]} == {
        "latency": False,
        "memory": False,
        "scaling": True,
    }
    seen.page.locator("figure[data-chart=memory] select[data-param=setting]").select_option(first)
    assert control.input_value() == first and tables.all_inner_texts() == before[0]
    assert seen.said == []


def test_a_control_offers_what_there_is_and_no_option_that_it_offers_leaves_a_chart_empty(seen: Seen) -> None:
    """Every option of every chart's controls, one after the other."""
    controls = seen.page.locator("figure[data-chart] select")
    tried = 0
    for number in range(controls.count()):
        control = controls.nth(number)
        figure = control.locator("xpath=ancestor::figure")
        first = control.input_value()
        for value in control.locator("option:not([disabled])").evaluate_all("all => all.map((one) => one.value)"):
            control.select_option(value)
            seen.page.wait_for_timeout(100)
            marks = figure.locator(".drawing svg .role-mark path, .drawing svg .role-mark text, .drawing svg .role-mark line")
            assert marks.count(), f"{figure.get_attribute('data-chart')}: {control.get_attribute('data-param')} {value}"
            tried += 1
        control.select_option(first)
    assert tried > 30
    paths = seen.page.locator("figure[data-chart=latency] select[data-param=path] option")
    offered = paths.evaluate_all("all => all.filter((one) => !one.disabled).map((one) => one.value)")
    assert 1 < len(offered) < paths.count(), "frees go other ways than allocations"
    assert seen.said == []


def test_the_keyboard_alone_reaches_every_control_and_opens_the_table_of_a_chart(seen: Seen) -> None:
    wanted = seen.page.locator(REACHABLE).count()
    seen.page.evaluate("document.body.focus(); window.scrollTo(0, 0)")
    assert reached_by_tab(seen.page, f"[...document.querySelectorAll('{REACHABLE}')]", wanted, 4) == wanted
    seen.page.locator("figure[data-chart=latency] summary").press("Enter")
    seen.page.wait_for_timeout(200)
    assert seen.page.locator("figure[data-chart=latency] details table tr").count() > 10


def test_one_operation_is_shown_and_buttons_and_arrow_keys_go_on_and_back(seen: Seen) -> None:
    steps, page = seen.page.locator("#steps"), seen.page
    next_one = steps.get_by_role("button", name="Next")

    def shown() -> list[str]:
        """The status, and the headline of every operation that is to be seen."""
        return [steps.get_by_role("status").inner_text(), *steps.locator("article h3:visible").all_inner_texts()]

    def is_shown(number: int) -> bool:
        status, *headlines = shown()
        (headline,) = headlines
        return status == f"operation {number + 1} of 12" and headline.startswith(f"CPU 0, operation {number}: ")

    assert is_shown(0)
    assert HOSTILE in shown()[1]
    steps.get_by_role("button", name="Previous").click(force=True)
    assert is_shown(0)
    next_one.click()
    assert is_shown(1)
    page.keyboard.press("ArrowRight")
    assert is_shown(2)
    page.keyboard.press("ArrowLeft")
    assert is_shown(1)
    for _more in range(12):
        page.keyboard.press("Enter")
    assert is_shown(11)
    assert next_one.get_attribute("aria-disabled") == "true"
    page.emulate_media(media="print")
    # Paper is not stepped through: the one that is shown, not a dozen over five pages.
    assert steps.locator("article:visible").count() == 1
    cut = "[...document.querySelectorAll('.scroll')].filter((one) => getComputedStyle(one).overflowX !== 'visible').length"
    assert page.evaluate(cut) == 0
    assert page.evaluate("getComputedStyle(document.querySelector('section#tables td')).whiteSpace") == "normal"
    page.emulate_media(media="screen")
    assert is_shown(11)
    assert seen.said == []


def test_a_checker_of_accessibility_finds_nothing_serious(seen: Seen) -> None:
    # A drawing is one picture, with a name and a table beside it; of what is alike the first is looked at.
    seen.page.evaluate(
        "document.querySelectorAll('svg *, figure:not([data-chart=latency]), details div *, table:not(:first-of-type)')"
        ".forEach((one) => one.remove())"
    )
    assert serious_violations(seen.page) == []
