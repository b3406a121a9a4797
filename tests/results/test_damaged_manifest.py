# SPDX-License-Identifier: GPL-2.0-only
"""Manifests that were changed, and frames that cannot be written: one line, whatever happened to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from example import example_frames, example_manifest

from slabdes.answers.screen import about, as_plain
from slabdes.answers.tables import sheets, view_of
from slabdes.errors import InputError
from slabdes.machine import load_machine, preset_names
from slabdes.machine.graph import layout
from slabdes.plots.machine import machine_figure
from slabdes.results.folder import read_run, write_frames, write_run
from slabdes.results.layout import check_layout
from slabdes.results.manifest import FORMAT, Manifest, parse_manifest
from slabdes.results.run import Study, run_of


@pytest.mark.parametrize("name", preset_names())
def test_every_presets_drawing_is_one(name: str) -> None:
    check_layout(json.loads(json.dumps(layout(load_machine(name)))), "test")


GOOD = json.loads(json.dumps(layout(load_machine("numa-2x4"))))
OF_NONE: dict[str, Any] = {
    "format": FORMAT, "digest": "0", "experiment": {}, "seed": 1, "replications": 1, "engine": "reference", "points": [],
}  # fmt: skip
"""A manifest but for its machines."""


def changed(**changes: Any) -> dict[str, Any]:
    return layout(load_machine("numa-2x4")) | changes


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({}, "layout.name: damaged"),
        (None, "layout: damaged"),
        (changed(nodes=[]), "layout.nodes: damaged"),
        (changed(nodes=[{}, {}]), "layout.nodes.0.node: damaged"),
        (changed(distances=[[10]]), "layout.distances: damaged: not square; allowed: 2 rows of 2"),
        (changed(links=[{"a": 0, "b": 5, "distance": 3, "nearest": True}]), "layout.links: damaged: not between two nodes"),
        (changed(links=[{"a": 1, "b": 1, "distance": 3, "nearest": True}]), "layout.links: damaged: not between two nodes"),
        (changed(transfers=[{"class": "remote"}]), "layout.transfers.0.distance: damaged"),
        (
            changed(transfers=[{"class": "c", "distance": 10, "min_ns": 3, "median_ns": 2, "max_ns": 4}]),
            "layout.transfers: damaged: times out of order",
        ),
    ],
)
def test_a_damaged_drawing_is_told_when_the_manifest_is_read(layout: Any, words: str) -> None:
    manifest = OF_NONE | {"machines": {"mine": {"layout": layout}}}
    with pytest.raises(InputError) as caught:
        parse_manifest(json.dumps(manifest), "m.json")
    assert str(caught.value).startswith("m.json: machines.mine.layout")
    assert words in str(caught.value)


@pytest.mark.parametrize("measures", [3, "alloc.p99", {"alloc.p99": 1}, [3], ["alloc.p99", None]])
def test_measures_that_are_no_list_of_names_are_told(measures: object) -> None:
    told = json.dumps(OF_NONE | {"machines": {}, "experiment": {"measures": measures}})
    with pytest.raises(InputError, match=r"^m\.json: experiment\.measures.*: damaged"):
        parse_manifest(told, "m.json")


@pytest.mark.parametrize("like", ["none", "mine", 3, ["first"], None, "bare"])
def test_a_machine_that_is_like_none_before_it_is_told(like: object) -> None:
    machines = {"first": {"layout": GOOD}, "bare": {}, "mine": {"like": like, "layout": {}}}
    told = json.dumps(OF_NONE | {"machines": machines})
    with pytest.raises(InputError, match=r"^m\.json: machines\.mine\.l(ike|ayout).*: damaged"):
        parse_manifest(told, "m.json")


def test_manifests_that_tell_every_machine_in_full_are_read_as_before() -> None:
    older = OF_NONE | {"format": 3, "machines": {"one": {"layout": GOOD}, "two": {"layout": GOOD}}}
    read = parse_manifest(json.dumps(older), "m.json")
    assert read.machines == older["machines"] and read.format == FORMAT


FRAMES = example_frames((1, 2), replications=2, operations=40)
MANIFEST = json.loads(example_manifest(FRAMES).to_json())
ODD = (None, True, -1, 0.5, 10**400, 1e308, "", "\x1b[2J\u202e", "x" * 10_000, [], [[]], {}, {"name": []})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of some JSON stands, tables and lists too; of lists the first and the last entries."""
    yield path
    entries = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, entry in entries if isinstance(value, dict) else [*entries[:1], *entries[1:][-1:]]:
        yield from places(entry, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    entries = dict(value) if isinstance(value, dict) else list(value)
    entries[path[0]] = replaced(value[path[0]], path[1:], other)
    return entries


def read(raw: Any) -> Manifest | None:
    try:
        return parse_manifest(json.dumps(raw), "m.json")
    except InputError as error:
        assert len(str(error)) < 400
        assert str(error).isprintable()
        return None


def test_a_manifest_in_which_any_value_is_another_one_is_refused_or_can_be_shown() -> None:
    raw = MANIFEST | {"machines": {}}
    for path in places(raw):
        for other in ODD:
            if (manifest := read(replaced(raw, path, other))) is not None:
                run = run_of(manifest, FRAMES)
                assert isinstance(run, Study)
                assert all(line.isprintable() for line in about(run))
                assert repr(run).isprintable()
                run.point(0)
    for other in ODD:
        if (manifest := read(MANIFEST | {"experiment": MANIFEST["experiment"] | {"name": other}})) is not None:
            assert sheets(view_of(run_of(manifest, FRAMES)))
            json.dumps(as_plain(run_of(manifest, FRAMES)))


def test_a_drawing_in_which_any_value_is_another_one_is_refused_or_can_be_drawn() -> None:
    name = "xeon-vm-2cpu"
    raw = MANIFEST | {"machines": {name: {"layout": json.loads(json.dumps(layout(load_machine(name))))}}}
    for path in places(raw["machines"]):
        for other in ODD:
            if (manifest := read(replaced(raw, ("machines", *path), other))) is not None:
                for machine in manifest.machines.values():
                    if "layout" in machine:
                        assert machine_figure(machine["layout"]).axes


def test_a_run_folder_whose_manifest_says_anything_else_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", example_manifest(FRAMES), FRAMES)
    path = folder / "manifest.json"
    whole = path.read_text(encoding="utf-8")
    for number, place in enumerate(places(json.loads(whole))):
        changed = replaced(json.loads(whole), place, ODD[number % len(ODD)])
        if changed == json.loads(whole):
            continue
        path.write_text(json.dumps(changed, indent=2) + "\n", encoding="utf-8")
        with pytest.raises(InputError):
            read_run(folder)
    path.write_text(whole, encoding="utf-8")
    read_run(folder)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": ' + "1" * 5000 + "}"])
def test_a_manifest_without_end_is_told_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_manifest(text, "m.json")
    assert len(str(caught.value)) < 200


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    import polars as pl

    class Full:
        """Frames of which one's file is a device without room."""

        def items(self) -> Any:
            (tmp_path / "frames" / "full.parquet").symlink_to("/dev/full")
            return [("full", pl.DataFrame({"a": list(range(100_000))}))]

    with pytest.raises(InputError, match=r"full\.parquet: cannot be written: .*No space left on device"):
        write_frames(tmp_path / "frames", Full())  # type: ignore[arg-type]
