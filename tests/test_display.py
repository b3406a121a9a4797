# SPDX-License-Identifier: GPL-2.0-only
"""What notebooks show of what users hold: sentences, a chart, tables to open; nothing of it is a repr, and text stays text."""

from __future__ import annotations

import base64
import re
import sys
from html import escape
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import small_experiment

import slabdes
from slabdes.display import Shows

HOSTILE = "<img src=x onerror=alert(1)>"
MIXED = small_experiment() | {"workload": {"kind": "mix", "operations": 200, "live": 30}, "replications": 2}


@pytest.fixture(scope="module")
def study() -> slabdes.Study:
    hostile = MIXED | {"name": HOSTILE, "cache": [{"name": HOSTILE, "size": 256}]}
    return slabdes.sweep(hostile, {"cache.0.limit": [10, 120]})


def pictures(html: str) -> list[bytes]:
    """The charts in a page."""
    return [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]


def shows(what: Shows) -> str:
    """The HTML of something that has one chart, and tells programs without pictures its sentences."""
    bundle = what._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert [picture[:4] for picture in pictures(bundle["text/html"])] == [b"\x89PNG"]
    told = bundle["text/plain"]
    assert escape(told.split("\n")[0]) in bundle["text/html"]
    assert "object at 0x" not in told
    assert "digest=" not in told
    return bundle["text/html"]


def test_a_run_and_a_study_show_their_answer_a_chart_and_tables_to_open(study: slabdes.Study) -> None:
    for run in (study, study.point(0), study.replication(1, 0)):
        html = shows(run)
        assert html.index("<img") < html.index("<details>") < html.index("<table")
        assert "operations/s" in html[: html.index("<img")]


def test_what_comes_from_input_is_shown_as_text(study: slabdes.Study) -> None:
    for what in (study, slabdes.compare(study.point(0), study.point(1))):
        html = what._repr_mimebundle_()["text/html"]
        assert "onerror" in html
        assert "<img src=x" not in html


def test_a_comparison_shows_how_many_times_as_long_percentiles_are(study: slabdes.Study) -> None:
    compared = slabdes.compare(study.point(0), study.point(1))
    shows(compared)
    panels = [axes for axes in compared.figure().axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["allocations", "frees"]
    ratio = compared.pairs[0].row("alloc_mean_ns").ratio
    assert ratio is not None
    (marks,) = panels[0].containers
    assert marks.lines[0].get_ydata()[0] == pytest.approx(ratio.value)


def test_a_comparison_without_operations_on_both_sides_has_sentences_alone(study: slabdes.Study) -> None:
    told = slabdes.compare(study.point(0), study.point(1))
    bare = slabdes.Comparison(**(vars(told) | {"pairs": ()}))
    assert bare.figure() is None


def test_a_decision_shows_what_was_decided_and_is_told_when_printed() -> None:
    found = slabdes.decide(MIXED, {"cache.0.limit": 10}, {"cache.0.limit": 120}, "alloc.mean", most=5)
    assert "limit 120" in str(found)
    shows(found)
    assert found.difference() == found.compared.difference("alloc_mean_ns")
    assert isinstance(found.comparison(), slabdes.Comparison)


def test_what_both_sides_of_a_decision_say_alike_holds_for_both() -> None:
    sides = [{"cache.0.limit": limit, "machine.cpus": 1} for limit in (10, 120)]
    found = slabdes.decide(MIXED, *sides, "alloc.mean", most=5)
    assert found.run.points["cpus"].to_list() == [1, 1]


def test_a_machine_shows_itself_with_its_picture_and_costs() -> None:
    machine = slabdes.load_machine("opteron-8n")
    html = shows(machine)
    assert "48 CPUs on 8 NUMA nodes" in html
    assert "88.7 ns to 130 ns if that was on another node" in html
    assert html.count("<table") == 2
    assert machine == slabdes.load_machine("opteron-8n")


def test_settings_by_dotted_keys_change_an_experiment_and_are_no_longer_swept() -> None:
    swept = MIXED | {"sweep": {"cache.0.limit": [10, 120]}}
    changed = slabdes.simulate(swept, {"cache.0.limit": 60, "machine.cpus": 2})
    assert changed.points["cpus"].to_list() == [2]
    direct = MIXED | {"cache": [MIXED["cache"][0] | {"limit": 60}], "machine": MIXED["machine"] | {"cpus": 2}}  # type: ignore[operator]
    assert changed.digest == slabdes.simulate(direct).digest
    with pytest.raises(slabdes.InputError, match=r"^settings: .*limt"):
        slabdes.simulate(MIXED, {"cache.0.limt": 60})


def test_a_story_is_a_sequence_of_operations_in_words_and_as_a_frame() -> None:
    story = slabdes.story(MIXED, {"machine.cpus": 2}, first=12)
    assert len(story) == story.frame().height == 12
    assert [one.path.label for one in story] == story.frame()["path"].to_list()
    assert str(story[3:5]) in str(story)
    assert "cache_alloc_refill" in str(story[0:1])
    assert story._repr_html_().count("CPU 0, operation 0:") == 1
    assert set(slabdes.story(MIXED, first=5, cpu=1).frame()["cpu"].to_list()) == {1}


def test_a_trace_tells_what_is_in_it_and_has_a_row_a_cache() -> None:
    info = slabdes.trace_info(Path(__file__).parents[1] / "experiments" / "traces" / "unix_dgram_6.18.txt.gz")
    bundle = info._repr_mimebundle_()
    assert bundle["text/plain"].startswith("50.1 k kmem events")
    assert "slabdes replay" in bundle["text/html"]
    assert info.frame()["allocs"].sum() + info.frame()["frees"].sum() == info.operations


def test_frames_go_to_arrow_without_a_copy_of_their_numbers(study: slabdes.Study) -> None:
    table = study.operations.to_arrow()
    assert pl.from_arrow(table).equals(study.operations)  # type: ignore[union-attr]
    for name in ("count", "total_ns"):
        (chunk,) = table[name].chunks
        assert chunk.buffers()[1].address == study.operations[name].to_numpy(allow_copy=False).ctypes.data
