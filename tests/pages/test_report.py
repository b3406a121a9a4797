# SPDX-License-Identifier: GPL-2.0-only
"""The page of a run: it says what `slabdes show` says, asks nobody for anything, and shows whatever it is told as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from example import example_frames, example_manifest

from slabdes.answers.answer import answer
from slabdes.answers.tables import view_of
from slabdes.answers.view import MOST_CHOICES
from slabdes.errors import InputError
from slabdes.measures.loads import KeptLoads, LoadFigures
from slabdes.pages import html, script
from slabdes.pages.charts import charts_of
from slabdes.pages.report import run_page
from slabdes.pages.settings import names
from slabdes.pages.table import columns
from slabdes.results.run import Run
from slabdes.stats.intervals import Interval

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'\"&\u2028"
SWEEP = example_frames((1, 8), ("xeon-2s", "opteron-8n"), replications=3, operations=100)


class Page(HTMLParser):
    """A page's tags with their attributes, the text of its scripts and styles, and all other text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self._in = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = "" if tag == self._in else self._in

    def handle_data(self, data: str) -> None:
        if self._in:
            self.raw[self._in][-1] += data
        else:
            self.text += data


@pytest.fixture(autouse=True)
def short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vega's own script takes seconds to be made, and is looked at in a browser."""
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")


def page_of(run: Run) -> Page:
    return Page(run_page(run, Path("runs/example")))


def hostile_run() -> Run:
    """Caches, machines and the run are called by a text that would be more than text."""
    frames = replace(
        SWEEP,
        points=SWEEP.points.with_columns(pl.col("machine") + HOSTILE),
        locks=SWEEP.locks.with_columns(pl.lit(HOSTILE).alias("cache")),
        caches=SWEEP.caches.with_columns(pl.lit(HOSTILE).alias("name")),
    )
    manifest = example_manifest(SWEEP)
    experiment = manifest.experiment | {"name": HOSTILE}
    return Run(replace(manifest, experiment=experiment, warnings=(HOSTILE,)), frames)


def test_the_sentences_are_those_of_show_and_every_table_is_there() -> None:
    run = Run(example_manifest(SWEEP), SWEEP)
    page = page_of(run)
    text = " ".join(page.text.split())
    for sentence in answer(view_of(run)):
        assert " ".join(sentence.split()) in text
    for words in ("operations by path", "who waits for whom", "How to read this", "What the model leaves out", run.digest):
        assert words in text, words


def test_a_replays_page_begins_with_its_answer_by_load_a_chart_of_it_and_its_table() -> None:
    def share(value: float, half: float | None) -> Interval:
        return Interval(value, half, 3 if half else 1, 0.95, 0.0, 1.0)

    rate = Interval(1e6, 1e4, 3, 0.95)
    points = [
        LoadFigures(load, rate, None, None, share(waits, 0.02), share(0.0, None)) for load, waits in ((1, 0.01), (None, 0.4))
    ]
    loads = KeptLoads((f"40 % where they do not think at all. {HOSTILE}",), tuple(points), 3)
    frames = example_frames((4,), replications=3)
    page = Page(run_page(Run(example_manifest(frames), frames), Path("runs/example"), loads=loads))
    text = " ".join(page.text.split())
    places = [
        text.index(words) for words in ("40 % where they do not think", "CPU time spent waiting, by load", "the answer by load")
    ]
    assert places == sorted(places)
    charts = [attrs["data-chart"] for tag, attrs in page.tags if tag == "figure"]
    assert charts[0] == "by_load"
    assert "no think" in text[places[-1] :]
    table = json.loads(page.raw["script"][0])["charts"]["by_load"]["table"]
    assert table["columns"]["share"] == {"values": [0.01, 0.4]}
    assert table["columns"]["high"] == {"values": [0.03, 0.42]}


def test_warnings_are_folded_beneath_the_answer_and_name_files_without_their_folders() -> None:
    warned = replace(example_manifest(SWEEP), warnings=("here/there/t.txt.gz: no node; --cpus 0/1 says which",))
    text = run_page(Run(warned, SWEEP), Path("runs/example"))
    (told,) = re.findall(r'<details class="warnings">.*?</details>', text, re.DOTALL)
    assert "<li>t.txt.gz: no node; --cpus 0/1 says which</li>" in told and "1 warning<" in told
    assert "here/there" not in text


def test_the_first_picture_of_one_setting_is_where_time_went_if_its_cpus_wait_and_times_if_they_do_not() -> None:
    for frames, first in ((example_frames((32,), operations=60), "time"), (example_frames(contention=False), "latency")):
        charts = [chart.name for chart, _drawing in charts_of(Run(example_manifest(frames), frames), None, 0)]
        assert charts[0] == first
        assert len(charts) == len(set(charts))


def test_a_page_lets_nothing_in_but_its_own_scripts_and_style() -> None:
    page = page_of(Run(example_manifest(SWEEP), SWEEP))
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    data, *scripts = page.raw["script"]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (*scripts, *page.raw["style"])}
    assert hashes == allowed
    json.loads(data)
    for _tag, attrs in page.tags:
        assert not {name for name in attrs if name.startswith("on") or name in ("style", "src", "srcset", "action")}
        assert (attrs.get("href") or "#").startswith("#")


def test_whatever_input_is_called_is_text_on_the_page() -> None:
    page, plain = page_of(hostile_run()), page_of(Run(example_manifest(SWEEP), SWEEP))
    assert "alert(1)" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert {tag for tag, _attrs in page.tags} <= {tag for tag, _attrs in plain.tags} | {"details"}
    assert len(page.raw["script"]) == len(plain.raw["script"]) == 4
    assert "<" not in page.raw["script"][0]
    assert any("alert(1)" in word for chart in json.loads(page.raw["script"][0])["charts"].values() for word in words(chart))


def words(chart: object) -> list[str]:
    """Every text in plain JSON."""
    if isinstance(chart, str):
        return [chart]
    inside = chart.values() if isinstance(chart, dict) else chart if isinstance(chart, list) else ()
    return [word for one in inside for word in words(one)]


def test_a_frame_is_told_in_runs_where_that_is_shorter_and_no_value_is_lost() -> None:
    frame = pl.DataFrame({"what": ["a", "a", "a", None], "x": [1.0, 2.0, 3.0, 3.0], "told": [True, True, True, True]})
    told = columns(frame)["columns"]
    assert told["what"] == {"words": ["a"], "values": [0, 0, 0, -1]}
    assert told["x"] == {"values": [1, 2, 3, 3]}
    assert told["told"] == {"runs": [True, 4]}


def test_a_page_with_all_of_a_sweep_is_small() -> None:
    frames = example_frames((1, 2, 4, 8, 16, 32), ("xeon-2s", "opteron-8n"), replications=2, operations=300)
    assert len(run_page(Run(example_manifest(frames), frames), Path("runs/example"))) < 1_500_000


def test_a_reader_chooses_among_all_settings_of_a_sweep_and_begins_with_the_one_that_waits_most() -> None:
    run = Run(example_manifest(SWEEP), SWEEP)
    page = page_of(run)
    settings = [attrs["data-setting"] for tag, attrs in page.tags if "data-setting" in attrs]
    assert settings == ["xeon-2s, 1 CPU", "xeon-2s, 8 CPUs", "opteron-8n, 1 CPU", "opteron-8n, 8 CPUs"]
    most = names(view_of(run))[view_of(run).most_waiting()]
    selected = [
        attrs["value"] for tag, attrs in page.tags if tag == "option" and "selected" in attrs and attrs["value"] in settings
    ]
    assert len(selected) >= 4, "above the tables, and at latencies, waits and memory"
    assert set(selected) == {most}
    assert page.text.count("operations by path") == len(settings)
    assert page.text.count("rates, and shares of the CPUs' time") == 1, "what is of all settings stands once"
    assert "--point N" not in page.text


def test_of_a_great_sweep_a_page_lets_one_choose_some_and_says_that_there_are_more() -> None:
    frames = example_frames(tuple(range(1, MOST_CHOICES + 7)), ("xeon-2s",), operations=4)
    view = view_of(Run(example_manifest(frames), frames))
    assert len(names(view)) in (MOST_CHOICES - 1, MOST_CHOICES)
    assert {0, view.most_waiting(), view.points[-1]} <= set(names(view))
    page = page_of(view.run)
    assert f"{len(names(view))} of {len(view.points)} settings" in page.text


def test_what_a_log_would_show_is_said_where_cpus_wait_and_none_was_kept() -> None:
    assert "--set log=true does" in page_of(Run(example_manifest(SWEEP), SWEEP)).text
    quiet = example_frames(contention=False)
    assert "--set log=true does" not in page_of(Run(example_manifest(quiet), quiet)).text


def test_what_is_not_installed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "NEEDED", ("jinja2", "no_such_module"))
    with pytest.raises(InputError, match=r'no_such_module not installed; allowed: pip install "slabdes\[report\]"'):
        run_page(Run(example_manifest(SWEEP), SWEEP), Path("runs/example"))


def test_vegas_script_is_put_together_once_and_again_if_what_was_kept_is_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[int] = []
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(script, "_bundle", lambda: made.append(1) or "var vegaEmbed = 1;")
    first = script.vega_script()
    assert script.vega_script() == first
    assert len(made) == 1
    (kept,) = (tmp_path / "slabdes" / "pages").iterdir()
    kept.write_text(first[:40], encoding="utf-8")
    assert script.vega_script() == first
    assert len(made) == 2
