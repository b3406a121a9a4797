"""Manifests that were changed, and frames that cannot be written: one line, whatever happened to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slabdes.errors import InputError
from slabdes.machine import load_machine, preset_names
from slabdes.results.folder import write_frames
from slabdes.results.layout import check_layout
from slabdes.results.manifest import FORMAT, parse_manifest


@pytest.mark.parametrize("name", preset_names())
def test_every_presets_drawing_is_one(name: str) -> None:
    check_layout(json.loads(json.dumps(load_machine(name).layout())), "test")


def changed(**changes: Any) -> dict[str, Any]:
    return load_machine("numa-2x4").layout() | changes


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({}, "layout.name: damaged"),
        (None, "layout: damaged"),
        (changed(nodes=[]), "layout.nodes: damaged"),
        (changed(nodes=[{}, {}]), "layout.nodes.0.node: damaged"),
        (changed(distances=[[10]]), "layout.distances: damaged: not square; allowed: 2 rows of 2"),
        (changed(links=[{"a": 0, "b": 5, "distance": 3, "nearest": True}]), "layout.links: damaged: a node that is not there"),
        (changed(transfers=[{"class": "remote"}]), "layout.transfers.0.distance: damaged"),
    ],
)
def test_a_damaged_drawing_is_told_when_the_manifest_is_read(layout: Any, words: str) -> None:
    manifest = {
        "format": FORMAT, "digest": "0", "experiment": {}, "seed": 1, "replications": 1, "engine": "reference", "points": [],
        "machines": {"mine": {"layout": layout}},
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        parse_manifest(json.dumps(manifest), "m.json")
    assert str(caught.value).startswith("m.json: machines.mine.layout")
    assert words in str(caught.value)


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
