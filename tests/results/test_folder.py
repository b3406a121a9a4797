# SPDX-License-Identifier: GPL-2.0-only
"""The run folder: whole or not there, nothing overwritten, and one line for whatever is wrong with one."""

from __future__ import annotations

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from example import example_frames, example_manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.errors import InputError
from slabdes.folders import working_path
from slabdes.results.folder import check_output, read_run, write_run
from slabdes.results.frames import ADDED_LATER
from slabdes.results.manifest import FORMAT

FRAMES = example_frames((1, 2), replications=2, operations=40)
MANIFEST = example_manifest(FRAMES)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "new" / "run", MANIFEST, FRAMES)
    manifest, frames = read_run(folder)
    assert manifest == MANIFEST
    for name, frame in FRAMES.items():
        assert getattr(frames, name).equals(frame), name
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_a_run_of_a_version_that_did_not_sum_its_manifest_is_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", MANIFEST, FRAMES)
    sums = folder / "frames" / "sha256.json"
    sums.write_text(json.dumps({name: one for name, one in json.loads(sums.read_text()).items() if name != "manifest.json"}))
    assert read_run(folder)[0] == MANIFEST


@pytest.mark.parametrize(("name", "column"), [("cpus", "partner_wait_ns"), ("slabs", "in_rcu")])
def test_a_run_of_a_format_that_lacks_columns_is_read_with_noughts_in_them(name: str, column: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", MANIFEST, FRAMES)
    path, sums = folder / "frames" / f"{name}.parquet", folder / "frames" / "sha256.json"
    pl.read_parquet(path).drop(ADDED_LATER[name]).write_parquet(path)
    sums.write_text(json.dumps(json.loads(sums.read_text()) | {path.name: sha256(path.read_bytes()).hexdigest()}))
    frame = dict(read_run(folder)[1].items())[name]
    assert frame.columns == dict(FRAMES.items())[name].columns and frame[column].to_list() == [0] * frame.height


def test_provenance_stands_outside_the_digest() -> None:
    raw = json.loads(MANIFEST.to_json())
    assert set(raw["provenance"]) == {"host", "date", "wall_s"}
    assert raw["digest"] == FRAMES.digest() and raw["format"] == FORMAT
    assert {"polars", "numpy"} <= set(raw["libraries"])


def test_figures_are_in_the_folder_before_it_has_its_name(tmp_path: Path) -> None:
    seen = []

    def draw(folder: Path) -> None:
        seen.append((tmp_path / "run").exists())
        (folder / "figure.png").write_bytes(b"png")

    write_run(tmp_path / "run", MANIFEST, FRAMES, draw)
    assert seen == [False]
    assert (tmp_path / "run" / "figure.png").is_file()


def test_an_empty_folder_is_taken_and_one_that_holds_things_is_refused_unchanged(tmp_path: Path) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    assert read_run(write_run(empty, MANIFEST, FRAMES))[0] == MANIFEST
    with pytest.raises(InputError, match=r"holds other things \(thesis.txt\); allowed: a new or empty folder"):
        write_run(other, MANIFEST, FRAMES)
    assert contents(other) == {"thesis.txt": b"precious"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "other"]


def test_a_finished_run_and_a_file_are_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", MANIFEST, FRAMES)
    before = contents(folder)
    with pytest.raises(InputError, match="already holds a finished run"):
        check_output(folder)
    with pytest.raises(InputError, match="already holds a finished run"):
        write_run(folder, MANIFEST, FRAMES)
    assert contents(folder) == before
    with pytest.raises(InputError, match="is not a folder"):
        check_output(folder / "manifest.json")
    with pytest.raises(InputError, match=r"is no folder|exists"):
        write_run(folder / "manifest.json" / "run", MANIFEST, FRAMES)


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted(_folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path / "run", MANIFEST, FRAMES, interrupted)
    assert list(tmp_path.iterdir()) == []


def test_what_came_into_the_folder_meanwhile_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def meanwhile(_folder: Path) -> None:
        folder.mkdir()
        (folder / "note").write_text("mine")

    with pytest.raises(InputError, match="not empty"):
        write_run(folder, MANIFEST, FRAMES, meanwhile)
    assert contents(folder) == {"note": b"mine"}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "manifest.json").unlink(), "not a run folder"),
        (lambda folder: (folder / "manifest.json").write_text(""), "not JSON"),
        (lambda folder: (folder / "manifest.json").write_text("9" * 5000), "(5,000 characters) is too long a number"),
        (lambda folder: (folder / "manifest.json").write_text("[1]"), "not the manifest of a slabdes run"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe{}"), "is not UTF-8"),
        (lambda folder: edit(folder, "format", 99), f"run folder format 99; allowed: 3 or 4 or {FORMAT}"),
        (lambda folder: edit(folder, "seed", "many"), "seed: damaged"),
        (lambda folder: edit(folder, "digest", "0" * 64), "the frames' digest is not the manifest's"),
        (lambda folder: edit(folder, "warnings", [], summed=False), "manifest.json: damaged: its SHA-256 is not the one in"),
        (lambda folder: (folder / "frames" / "sha256.json").write_text("[" * 9999), "sha256.json: damaged: not JSON"),
        (lambda folder: pipe_at(folder / "manifest.json"), "not a run folder"),
        (lambda folder: (folder / "frames" / "cpus.parquet").unlink(), "not complete"),
        (lambda folder: (folder / "frames" / "cpus.parquet").write_bytes(b""), "cpus.parquet: damaged"),
        (lambda folder: cut(folder / "frames" / "latency.parquet"), "latency.parquet: damaged"),
        (lambda folder: shutil.copy(folder / "frames/cpus.parquet", folder / "frames/runs.parquet"), "runs.parquet: damaged"),
        (lambda folder: shutil.copy(folder / "frames/cpus.parquet", folder / "frames/points.parquet"), "points.parquet: damaged"),
    ],
)
def test_a_damaged_run_folder_is_told_in_one_line(tmp_path: Path, damage: object, told: str) -> None:
    folder = write_run(tmp_path / "run", MANIFEST, FRAMES)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        read_run(folder)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def edit(folder: Path, key: str, value: object, summed: bool = True) -> None:
    """Change the manifest, and what it has to hash to as well, as nobody does by mistake."""
    path, sums = folder / "manifest.json", folder / "frames" / "sha256.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    if summed:
        sums.write_text(json.dumps(json.loads(sums.read_text()) | {path.name: sha256(path.read_bytes()).hexdigest()}))


def pipe_at(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_byte_of_a_frame_gives_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    write_run(folder, MANIFEST, FRAMES)
    path = folder / "frames" / data.draw(st.sampled_from(["cpus.parquet", "points.parquet", "runs.parquet", "sha256.json"]))
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    try:
        read_run(folder)
    except InputError as error:
        assert "\n" not in str(error)


def test_a_study_that_has_not_ended_is_told_where_its_run_is_looked_for(tmp_path: Path) -> None:
    working_path(tmp_path / "out").mkdir()
    with pytest.raises(
        InputError, match=r"out: no such folder; out\.partial beside it has not ended: the same command with --resume"
    ):
        read_run(tmp_path / "out")
