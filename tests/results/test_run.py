# SPDX-License-Identifier: GPL-2.0-only
"""Runs and studies as users hold them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example import example_frames, example_manifest, example_records

from slabdes.errors import InputError
from slabdes.results.frames import Point, frames_of
from slabdes.results.run import Run, Study, run_of


def test_a_run_comes_back_from_its_folder(tmp_path: Path) -> None:
    frames = example_frames()
    run = Run(example_manifest(frames), frames)
    again = Run.load(run.save(tmp_path / "run"))
    assert type(again) is Run
    assert again.digest == run.digest == frames.digest()
    assert again.summary().equals(run.summary()) and again.per_node().equals(run.per_node())
    assert again.check() == []


def test_a_sweep_comes_back_as_a_study(tmp_path: Path) -> None:
    frames = example_frames((1, 4))
    study = run_of(example_manifest(frames), frames)
    study.save(tmp_path / "run")
    again = Run.load(str(tmp_path / "run"))
    assert isinstance(again, Study)
    assert again.scaling()["cpus"].to_list() == [1, 4]


def test_a_point_of_a_study_is_a_run_with_the_digest_that_it_has_alone() -> None:
    frames = example_frames((1, 4), replications=2)
    study = Study(example_manifest(frames), frames)
    run = study.point(1)
    records = [example_records(4, seed=seed) for seed in (1, 2)]
    assert run.digest == frames_of(Point(0, "xeon-2s", 4), records).digest() != study.digest
    assert run.points.row(0, named=True)["machine.cpus"] == 4
    assert run.manifest.experiment["sweep"] == {"machine.cpus": [4]}
    with pytest.raises(InputError, match="2 is not in this run; allowed: 0 to 1"):
        study.point(2)


def test_what_a_run_shows_of_itself_is_one_line() -> None:
    frames = frames_of(Point(0, "<script>alert(1)</script>", 4), [example_records()])
    manifest = example_manifest(frames)
    evil = replace(manifest, experiment=manifest.experiment | {"name": "<b>&"}, warnings=("<img src=x>",))
    run = Run(evil, frames)
    assert "\n" not in repr(run) and run.digest[:12] in repr(run)


def test_all_frames_are_at_hand_under_their_names() -> None:
    frames = example_frames()
    run = Run(example_manifest(frames), frames)
    for name, frame in frames.items():
        assert getattr(run, name) is frame
