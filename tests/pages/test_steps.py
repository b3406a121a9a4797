# SPDX-License-Identifier: GPL-2.0-only
"""The first operations on a run's page: in the order in which explain tells them, as text, and not more than a page takes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from example import example_frames, example_manifest

from slabdes.engine.story import Told
from slabdes.errors import InputError
from slabdes.explain.text import lines
from slabdes.pages import html, steps
from slabdes.pages.report import run_page
from slabdes.pages.steps import Steps, steps_of, untold
from slabdes.results.run import Run

HOSTILE = "</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\u202e"
FRAMES = example_frames((2,), operations=20)


def section(monkeypatch: pytest.MonkeyPatch, told: Steps | None) -> str:
    """The section as HTML; nothing where there is none."""
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
    page = run_page(Run(example_manifest(FRAMES), FRAMES), Path("runs/example"), told)
    return "".join(re.findall(r'<section id="steps">.*?</section>', page, re.DOTALL))


def plain(text: str) -> str:
    """Words without tags, however they are broken into lines."""
    return "".join(re.sub("<[^>]*>", "", unescape(text)).replace("\u00a0", " ").split())


def test_operations_and_their_steps_stand_in_order_in_the_words_of_explain(
    monkeypatch: pytest.MonkeyPatch, told: list[Told]
) -> None:
    shown = section(monkeypatch, steps_of(told, "slabdes explain RUN"))
    articles = re.findall("<article>.*?</article>", shown, re.DOTALL)
    assert len(articles) == 12
    for one, article in zip(told, articles, strict=True):
        words = plain(article)
        places = [words.index(plain(step.words)) for step in one.steps[:4]]
        assert places == sorted(places)
        assert article.count("<code>") == len(one.steps)
        assert plain("\n".join(lines(one))).split("=")[-1] in words
        assert plain(f"operation {one.number}:") in words
    assert "slabdes explain RUN --cpu 0 --first 40" in shown
    assert len(shown) < 60_000


def test_a_hostile_name_of_a_cache_is_text(monkeypatch: pytest.MonkeyPatch, told: list[Told]) -> None:
    shown = section(monkeypatch, steps_of([replace(told[0], cache=HOSTILE)], "slabdes explain RUN"))
    assert "&lt;img src=x onerror=alert(1)&gt;{{ 7 * 7 }}\\u202e" in shown
    assert "<img" not in shown
    assert "</script" not in shown


def test_steps_that_a_page_does_not_take_are_counted(monkeypatch: pytest.MonkeyPatch, told: list[Told]) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 5)
    (only,) = steps_of(told, "").operations
    assert [step.words for step in only.steps[5:]] == [f"{len(told[0].steps) - 5} more steps, which the command below tells"]


def test_why_nothing_is_told_is_a_sentence_and_a_page_without_a_story_has_no_section(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = section(monkeypatch, untold(InputError("runs/one", "<b> is SLUB"), "slabdes explain RUN"))
    assert "The first operations are not told here: &lt;b&gt; is SLUB." in shown
    assert "<article>" not in shown
    assert "<button" not in shown
    assert section(monkeypatch, None) == ""
