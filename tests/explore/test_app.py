# SPDX-License-Identifier: GPL-2.0-only
"""What the server sends of a setting: events until it is known, a file and a command to the same digest, one line if bad."""

from __future__ import annotations

import json
import shlex
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from live import SMALL, client, events, explorer, page

import slabdes
from slabdes.config import load_experiment
from slabdes.explore.app import Explorer
from slabdes.explore.limits import MOST_OPERATIONS, MOST_PAGES
from slabdes.pages import html

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'&"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    with explorer(tmp_path_factory.mktemp("live"), SMALL + '\n[sweep]\n"machine.cpus" = [1, 4]\n') as made:
        yield made


def told(live: Explorer, number: int = 1, pin: dict[str, str] | None = None, **texts: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a setting, dotted keys written with two underscores."""
    said = {key.replace("__", "."): text for key, text in texts.items()} | {"page": page(number)}
    return events(client(live).get("/events", params=said if pin is None else said | {"pin": urlencode(pin)}))


def test_a_setting_is_told_chart_first_then_in_sentences_until_all_replications_are_there(live: Explorer) -> None:
    heard = told(live, machine__cpus="3")
    names = [name for name, _event in heard]
    assert names[:4] == ["setting", "progress", "chart", "answer"]
    assert names[-1] == "done"
    counts = [event["replications"] for name, event in heard if name == "progress"]
    assert counts == sorted(set(counts))
    assert counts[-1] == 3
    charts = {event["name"]: event for name, event in heard if name == "chart"}
    assert {"latency", "time", "nodes", "memory"} <= set(charts)
    assert charts["latency"]["leads"] and not charts["time"]["leads"]
    assert charts["latency"]["table"]["rows"] > 10
    assert heard[0][1]["resolved"]["cache.0.limit"] == "120"
    assert heard[0][1]["notes"]["cache.0.size"] == "15 objects a slab of 1 page"


def test_a_page_that_waits_for_compiled_code_is_told_so(live: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of = threading.Event()

    def prepare(_points: object, _engines: object, phase: Any) -> None:
        phase("compiling", 0, 1)
        told_of.wait()

    def waited(self: Explorer, request: Any) -> Any:
        async def stream() -> Any:
            async for line in streamed(self, request):
                if line.startswith("event: preparing"):
                    told_of.set()
                yield line

        return stream()

    streamed = Explorer._stream
    monkeypatch.setattr(Explorer, "_stream", waited)
    monkeypatch.setattr("slabdes.explore.desk.prepare_engines", prepare)
    names = [name for name, _event in told(live, machine__cpus="2", replications="2")]
    # Its turn came, and the setting was told, before anything had to be got ready.
    assert names[:2] == ["setting", "preparing"] and names[-1] == "done"


def test_a_setting_on_slub_is_told_with_the_tunables_that_its_kernel_chooses(tmp_path: Path) -> None:
    with explorer(tmp_path, 'allocator = "7.3"\n' + SMALL) as live:
        heard = told(live)
    assert [name for name, _event in heard][-1] == "done"
    assert {"chart", "answer"} < {name for name, _event in heard}
    resolved = heard[0][1]["resolved"]
    assert (resolved["cache.0.sheaf_capacity"], resolved["cache.0.max_full_sheaves"]) == ("28", "10")
    assert heard[0][1]["notes"]["cache.0.size"] == "32 objects a slab of 2 pages"


def test_the_file_and_the_command_run_to_the_digest_that_the_page_tells(live: Explorer, tmp_path: Path) -> None:
    texts = {"cache.0.limit": "30", "cache.0.batchcount": "15", "workload.kind": "mix", "workload.operations": "120"}
    texts |= {"replications": "2", "allocator": "4.6", "switches": "unlocked_look", "lock.discipline": "ticket"}
    heard = dict(events(client(live).get("/events", params={**texts, "page": page()})))
    file = client(live).get("/experiment.toml", params=texts)
    assert "attachment" in file.headers["content-disposition"]
    assert file.text == heard["setting"]["toml"]
    assert "sweep" not in tomllib.loads(file.text)
    (tmp_path / "saved.toml").write_text(file.text, encoding="utf-8")
    assert slabdes.simulate(tmp_path / "saved.toml").digest == heard["done"]["digest"]
    program, command, named, *rest = shlex.split(heard["setting"]["command"])
    assert (program, command, set(rest[::2])) == ("slabdes", "run", {"--set"})
    assert slabdes.simulate(load_experiment(named, rest[1::2])).digest == heard["done"]["digest"]


def test_of_a_sweep_the_last_point_is_begun_with_and_the_command_says_so(live: Explorer) -> None:
    heard = dict(told(live))
    assert heard["setting"]["resolved"]["machine.cpus"] == "4"
    assert "--set machine.cpus=4" in heard["setting"]["command"]


def test_a_pinned_setting_is_drawn_beside_the_present_one_and_the_sentences_say_what_changed(live: Explorer) -> None:
    heard = told(live, pin={"cache.0.limit": "30"}, cache__0__limit="60")
    charts = {event["name"]: event for name, event in heard if name == "chart"}
    assert set(charts["overlay"]["table"]["columns"]["run"]["words"]) == {"pinned", "now"}
    assert {"overlay", "ratios", "latency"} <= set(charts)
    answer = [event for name, event in heard if name == "answer"][-1]
    assert any("cache.0.limit (30, then 60)" in line for line in answer["about"])
    assert "pinned" in answer["answer"][0]


def test_a_pinned_setting_of_another_kind_of_work_is_drawn_and_not_compared(live: Explorer) -> None:
    heard = told(live, pin={"workload.kind": "mix", "workload.operations": "100"})
    answer = [event for name, event in heard if name == "answer"][-1]
    assert answer["about"][0].startswith("not compared: ")
    assert answer["answer"]
    assert "ratios" not in {event.get("name") for _name, event in heard}
    assert heard[-1][0] == "done"


def test_what_was_run_is_not_run_again(live: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = dict(told(live, machine__cpus="2"))
    monkeypatch.setattr("slabdes.study.run.Task.run", lambda *_args: pytest.fail("run again"))
    assert dict(told(live, machine__cpus="2"))["done"] == first["done"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("machine.cpus=9", "machine.cpus"),
        ("cache.0.limit=10&cache.0.batchcount=20", "batchcount 20 is greater than limit 10"),
        ("machine.preset=nowhere", "machine.preset"),
        ("machine.file=%2Fetc%2Fpasswd", "no control of this page"),
        ("machine.cpus=2&machine.cpus=3", "given twice"),
        ("pin=machine.cpus%3D99", "machine.cpus"),
        ("workload.objects=20000&workload.rounds=200", f"at most {MOST_OPERATIONS:,}"),
        (f"workload.kind={'%3Cb%3E' * 200}", "workload.kind"),
    ],
)
def test_a_bad_setting_is_one_line_and_nothing_is_run(live: Explorer, query: str, says: str) -> None:
    heard = events(client(live).get(f"/events?{query}&page={page()}"))
    assert heard[-1][0] == "refused"
    assert not {"progress", "chart", "answer", "done"} & {name for name, _event in heard}
    assert says in heard[-1][1]["line"]
    assert "\n" not in heard[-1][1]["line"]
    file = client(live).get(f"/experiment.toml?{query}")
    assert file.status_code in (200, 400)
    assert "/etc/passwd" not in file.text or file.status_code == 400


@pytest.mark.parametrize("name", ["", "x", "0" * 15, "0" * 17, "../../../../x"])
def test_a_page_has_a_name_of_its_own(live: Explorer, name: str) -> None:
    assert [one for one, _event in events(client(live).get("/events", params={"page": name}))] == ["refused"]


def test_no_more_pages_are_told_at_a_time_than_are_allowed(live: Explorer) -> None:
    from slabdes.explore.study import Study

    busy = {page(number): Study([], lambda *_told: None) for number in range(100, 100 + MOST_PAGES)}
    live.listening |= busy
    try:
        (name, event), *_rest = told(live, 1)
        assert (name, f"{MOST_PAGES} are open" in event["line"]) == ("refused", True)
        # A page that is told of one asks for another: the first is stale.
        assert told(live, 100)[-1][0] == "done"
        assert busy[page(100)].stale
    finally:
        live.listening.clear()


@pytest.mark.parametrize("path", ["/etc/passwd", "/../small.toml", "/experiment.toml/x", "/static/x.js", "/small.toml"])
def test_no_path_leads_to_a_file(live: Explorer, path: str) -> None:
    assert client(live).get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/events", "/experiment.toml"])
def test_nothing_is_told_without_the_token(live: Explorer, path: str) -> None:
    answer = client(live, entered=False).get(path, params={"page": page()})
    assert answer.status_code == 403
    assert "size-256" not in answer.text


def test_the_page_shows_hostile_names_as_text_and_lets_in_nothing_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "vega_script", lambda: "var vegaEmbed;")
    toml = SMALL.replace('"small"', json.dumps(HOSTILE)).replace('"size-256"', json.dumps(HOSTILE[:60]))
    with explorer(tmp_path, toml) as made:
        text = client(made).get("/").text
        told_of = events(client(made).get("/events", params={"page": page(), "<b>": "1"}))
    assert text.count("<script") == 4
    assert "<img" not in text
    assert "&lt;/script&gt;" in text
    policy = text.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src &#39;none&#39;") or policy.startswith("default-src 'none'")
    assert "connect-src" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert told_of[-1][0] == "refused"
