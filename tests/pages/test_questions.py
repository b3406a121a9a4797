# SPDX-License-Identifier: GPL-2.0-only
"""Charts of a search, a decision and a study of sensitivity: what is in them, and the page that has them, in a browser.

In a browser they are skipped, with a reason, where `browser` says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import HOSTILE, NEEDS_CHROMIUM, Heard, opened, reached_by_tab, serious_violations, until
from example import example_frames, example_manifest

from slabdes.charts import decided as deciding
from slabdes.charts import effects as acting
from slabdes.charts import tuning as searching
from slabdes.charts.chart import Chart
from slabdes.config.knobs import Knob
from slabdes.measures.compare import compare_by
from slabdes.pages.report import Again, answered_page
from slabdes.results.run import Run
from slabdes.results.text import Sheet
from slabdes.stats.deciding import Outcome
from slabdes.stats.intervals import Interval
from slabdes.study.sensitivity import Effect

FRAMES = example_frames((2, 4), replications=3, operations=60)
RUN = Run(example_manifest(FRAMES), FRAMES)
NAMES = (f"limit 8{HOSTILE}", "limit 60", "limit 120", "limit 240")
NEW = ("new_value", "new_low", "new_high", "new_held_bytes", "front")
ANEW = ((61.0, 58.0, 64.0, 40960.0, True), (51.0, None, None, 92160.0, True), (55.0, 1.0, 99.0, 99999.0, False), (None,) * 5)
KNOBS = {f"limit{HOSTILE}": Knob("cpus", low=1, high=8, log=True), "kind": Knob("machine", ("xeon-2s", "opteron-8n"))}


def search() -> Chart:
    """Four trials, of which three were measured anew; the second is the best."""
    rows = [
        {"trial": number, "value": 50.0 + number, "low": None, "high": None, "held_bytes": 40960.0 + number, "replications": 2}
        | dict(zip(NEW, anew, strict=True))
        for number, anew in enumerate(ANEW)
    ]
    trials = pl.DataFrame(rows, infer_schema_length=None)
    return searching.tuning(trials, NAMES, 1, ("alloc_mean_ns", "alloc mean"), "a search")


def decision() -> Chart:
    """Two numbers of CPUs, of which one measure is decided, one is not, and one differs beside."""
    compared = compare_by(RUN, "cpus")
    names = {row.measure: row.measure.replace("_", " ") for row in compared.rows} | {"alloc_mean_ns": HOSTILE}
    outcomes = {"operations_per_s": Outcome.HIGHER, "alloc_mean_ns": Outcome.OPEN}
    return deciding.decided(compared, outcomes, {"free_mean_ns"}, names)


def study() -> tuple[Chart, Chart]:
    """One knob that matters and one that does not, and the settings of two numbers of CPUs."""
    one, other, chance = (
        Effect("", Interval(total, half, 4, 0.95, 0.0), 0.0, 0.0, matters)
        for total, half, matters in ((40.0, 10.0, True), (6.0, 5.0, False), (5.0, 3.0, False))
    )
    effects = acting.effects(dict(zip(KNOBS, (one, other), strict=True)), chance, "change", "ns", "which")
    return effects, acting.settings(FRAMES, KNOBS, "alloc_mean_ns", "alloc mean")


def test_a_search_has_every_mark_once_and_what_is_written_and_best_once_more() -> None:
    frame = search().frame
    assert frame.group_by("kind", maintain_order=True).len().rows() == [
        (searching.TRIED, 4), (searching.FRONT, 2), (searching.OTHER, 1), (searching.WRITTEN, 1), (searching.BEST, 1),
    ]  # fmt: skip
    best = frame.filter(kind=searching.BEST).row(0, named=True)
    assert (best["setting"], best["value"], best["held_bytes"], best["low"]) == ("limit 60", 51.0, 92160.0, None)


def test_what_was_asked_comes_first_and_says_what_was_decided() -> None:
    chart = decision()
    (first, second, *others) = chart.frame.iter_rows(named=True)
    assert {first["kind"], second["kind"]} == {deciding.DIFFERS, deciding.OPEN}
    beside = [row["measure"] for row in others if row["kind"] == deciding.BESIDE]
    assert beside == ["free mean ns"]
    assert {row["kind"] for row in others} == {deciding.BESIDE, deciding.UNTOLD}


def test_settings_lie_along_each_knob_from_its_first_value_to_its_last() -> None:
    effects, settings = study()
    assert effects.frame["kind"].to_list() == [acting.MATTERS, acting.UNTOLD, acting.CHANCE]
    limit, kind = (settings.frame.filter(knob=knob) for knob in KNOBS)
    assert limit["place"].to_list() == pytest.approx([1 / 3, 2 / 3])  # 2 and 4 of 1 to 8, by equal ratios
    assert limit.select("least", "middle", "most").row(0) == ("1", "3", "8")
    assert kind.select("least", "middle", "most").row(0) == ("xeon-2s", "", "opteron-8n")
    assert set(kind["place"]) == {0.0}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    """A page of all these charts, whose settings, knobs and measures are called by what would be more than text."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    tables = [Sheet(HOSTILE, (HOSTILE,), 1, ((HOSTILE,),))]
    again = Again(f"slabdes tune '{HOSTILE}'", RUN.manifest.experiment)
    page = answered_page(RUN, path.parent, HOSTILE, [HOSTILE], [search(), decision(), *study()], tables, again)
    path.write_text(page, encoding="utf-8")
    with opened() as shown:
        heard = Heard(shown)
        shown.goto(path.as_uri())
        for place in shown.locator("figure .drawing").all():  # drawn as they come into view
            place.scroll_into_view_if_needed()
            place.locator("svg").wait_for()
        shown.pdf()  # draws those out of view, too
        yield heard


@NEEDS_CHROMIUM
def test_all_are_drawn_without_a_word_or_a_request_and_text_stays_text(seen: Heard) -> None:
    page = seen.page
    assert page.locator("figure .drawing svg").count() == 4
    assert (seen.said, len(seen.asked)) == ([], 1)
    assert page.locator("img").count() == 0
    assert page.locator("text=onerror=alert(1)").count() >= 6
    settings, search = (page.locator(f"figure[data-chart={name}]") for name in ("settings", "tuning"))
    before = settings.locator(".drawing svg").inner_html()
    settings.locator("select").select_option("kind")
    until(page, lambda: settings.locator(".drawing svg").inner_html() != before)
    bars = search.locator(".drawing svg line").count()
    search.locator("input[data-param=bands]").uncheck()
    until(page, lambda: search.locator(".drawing svg line").count() < bars)
    assert seen.said == []


@NEEDS_CHROMIUM
def test_all_of_it_is_reached_by_keyboard_and_axe_finds_nothing_serious(seen: Heard) -> None:
    reachable = "select, input, button, summary"
    wanted = seen.page.locator(reachable).count()
    seen.page.evaluate("document.body.focus(); window.scrollTo(0, 0)")
    assert reached_by_tab(seen.page, f"[...document.querySelectorAll('{reachable}')]", wanted, 4) == wanted
    seen.page.evaluate("document.querySelectorAll('svg *').forEach((one) => one.remove())")
    assert serious_violations(seen.page) == []
