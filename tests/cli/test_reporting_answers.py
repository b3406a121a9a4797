# SPDX-License-Identifier: GPL-2.0-only
"""Pages of a search, a decision and a study of sensitivity: what they found, read back, and how to make it once more."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from shlex import split
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from commands import Slabdes, runner, said_in_one_line

import slabdes as api
from slabdes.pages import html
from slabdes.results.run import Run
from slabdes.runs import Decided
from slabdes.study.kept import asked_of
from slabdes.tuning import Sensitivity, Tuned

LIMIT, BATCH = "cache.0.limit", "cache.0.batchcount"
BASE: dict[str, Any] = {
    "name": "<b>small</b>",
    "engine": "reference",
    "machine": {"preset": "numa-2x4", "cpus": 2},
    "cache": [{"name": "a", "size": 256, "limit": 2, "batchcount": 1}],
    "workload": {"kind": "mix", "operations": 30, "live": 10},
}
KINDS = {"tuned": Tuned, "decided": Decided, "sensitive": Sensitivity}
CHARTS = {
    "tuned": ("tuning", "overlay", "latency"),
    "decided": ("decided", "ratios", "memory"),
    "sensitive": ("effects", "settings"),
}
Found = dict[str, tuple[Path, Any]]


@pytest.fixture(scope="module", autouse=True)
def _no_figures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("slabdes.tuning", "slabdes.api"):
            patch.setattr(f"{module}.draw_figures", lambda *_: None)
        patch.setattr("slabdes.plots.tuning.save_figure", lambda *_: None)
        patch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Each kind of answer with its folder."""
    place = tmp_path_factory.mktemp("asked")
    over = {LIMIT: (2, 20), "lock.discipline": ["tas", "cna"]}
    best = api.tune(BASE, over, minimise="alloc.mean", max_held="64MiB", trials=2, most=5, out=place / "tuned")
    sides = ({LIMIT: 2}, {LIMIT: 20, BATCH: 8})
    decided = api.decide(BASE, *sides, ["alloc.mean", "waiting"], by=0.01, most=5, out=place / "decided")
    acting = api.sensitivity(BASE, over, "free.mean", samples=2, out=place / "sensitive")
    return {name: (place / name, one) for name, one in (("tuned", best), ("decided", decided), ("sensitive", acting))}


@pytest.fixture
def slabdes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Slabdes:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


@pytest.mark.parametrize("name", KINDS)
def test_what_a_folder_holds_says_what_was_said_when_it_was_made(name: str, found: Found) -> None:
    folder, made = found[name]
    again = KINDS[name](**vars(asked_of(folder, Run.load(folder))))
    assert json.dumps(again.plain()) == json.dumps(made.plain())


@pytest.mark.parametrize("name", KINDS)
def test_its_page_has_the_answer_the_charts_and_the_command_that_gives_the_same_digest(
    name: str, found: Found, slabdes: Slabdes
) -> None:
    folder, made = found[name]
    assert slabdes("report", folder, "--out", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    for sentence in (*made.plain()["answer"], *made.plain().get("commands", ())):
        assert sentence in unescape(page)
    assert [chart for chart in CHARTS[name] if f'data-chart="{chart}"' not in page] == []
    assert "<b>" not in page
    experiment, command, whole = map(unescape, re.findall(r'<pre tabindex="0">(.*?)</pre>', page, re.DOTALL))
    assert len(experiment) < len(whole)
    Path("experiment.toml").write_text(experiment, encoding="utf-8")
    _slabdes, *arguments = split(command)
    done = slabdes(*arguments, "--jobs", 1, "--cells", "off", "--out", "again")
    assert done.code == 0, done.err
    assert Run.load(Path("again")).digest == made.run.digest


@pytest.mark.parametrize(
    ("name", "file", "text", "words"),
    [
        ("tuned", "tuning.json", "{", "tuning.json: damaged"),
        ("tuned", "tuning.json", '{"trials": [{"trial": 0}]}', "tuning.json: damaged"),
        ("tuned", "trials.jsonl", "", "trials.jsonl: missing"),
        ("decided", "decision.json", '{"outcomes": {"alloc_mean_ns": 1}, "most": null}', "decision.json: damaged"),
        ("sensitive", "sensitivity.json", '{"over": {"a": 1}}', "no range and no list"),
    ],
)
def test_what_is_damaged_is_said_in_a_line(name: str, file: str, text: str, words: str, found: Found, slabdes: Slabdes) -> None:
    path = found[name][0] / file
    kept = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    try:
        done = slabdes("report", found[name][0], "--out", "page.html")
    finally:
        path.write_bytes(kept)
    assert done.code == 2
    assert words in said_in_one_line(done)


def test_a_folder_of_an_earlier_version_has_the_page_of_a_run(found: Found, slabdes: Slabdes) -> None:
    path = found["sensitive"][0] / "sensitivity.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({key: value for key, value in told.items() if key != "over"}), encoding="utf-8")
    try:
        assert slabdes("report", found["sensitive"][0], "--out", "page.html").code == 0
    finally:
        path.write_text(json.dumps(told), encoding="utf-8")
    page = Path("page.html").read_text(encoding="utf-8")
    assert 'data-chart="effects"' not in page
    assert "slabdes run experiment.toml" in page
