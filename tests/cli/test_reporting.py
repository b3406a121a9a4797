# SPDX-License-Identifier: GPL-2.0-only
"""The command that makes a page: where it goes, and what is said in a line where none can be made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "results"))

from commands import Slabdes, runner, said_in_one_line
from example import example_frames, example_manifest

from slabdes.pages import html
from slabdes.results.run import Run


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
    frames = example_frames((2,))
    Run(example_manifest(frames), frames).save(tmp_path / "one")
    return runner(monkeypatch, capsys)


def test_a_page_lies_beside_its_run_and_what_is_there_stays(slabdes: Slabdes) -> None:
    for name in ("one-report.html", "one-report-2.html"):
        done = slabdes("report", "one")
        assert (done.code, Path(done.out.strip()).name) == (0, name)
        assert Path(name).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in Path().iterdir()) == ["one", "one-report-2.html", "one-report.html"]


def test_a_page_of_two_runs_has_both_and_what_the_comparison_says(slabdes: Slabdes) -> None:
    frames = example_frames((2,), operations=300)
    Run(example_manifest(frames), frames).save(Path("two"))
    assert slabdes("report", "one", "two", "--out", "both.html").code == 0
    page = Path("both.html").read_text(encoding="utf-8")
    assert "two against one" in page
    for name in ("overlay", "ratios"):
        assert f'data-chart="{name}"' in page
    for file in ("first.toml", "second.toml"):
        assert f"slabdes run {file}" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none",), "none"),
        ((".",), "manifest.json"),
        (("one", "--out", "one"), "one: is there already"),
        (("one", "--out", "no/such/page.html"), "is no folder"),
    ],
)
def test_where_no_page_can_be_made_it_is_said_in_a_line(arguments: tuple[str, ...], words: str, slabdes: Slabdes) -> None:
    done = slabdes("report", *arguments)
    assert done.code == 2
    assert words in said_in_one_line(done)


def test_a_page_steps_through_the_first_operations_of_either_allocator(slabdes: Slabdes) -> None:
    story = Path(__file__).parents[1] / "explain" / "story.toml"
    for out, settings in (("slab", ()), ("slub", ("--set", "allocator=7.3", "--set", "cache.0={name='a',size=256}"))):
        assert slabdes("run", str(story), "--out", out, *settings).code == 0
        assert slabdes("report", out).code == 0
    page = Path("slab-report.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 12
    assert "slabdes explain slab --cpu 0 --first 40" in page
    page = Path("slub-report.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 12
    assert "the main sheaf of CPU 0" in page
