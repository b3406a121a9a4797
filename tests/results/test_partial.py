"""Going on with an interrupted sweep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from example import example_records

from slabdes.errors import InputError
from slabdes.results.frames import Frames, Point, concat_frames, frames_of
from slabdes.results.partial import (
    fingerprint,
    load_point,
    open_partial,
    partial_folder,
    points_done,
    remove_partial,
    save_point,
)

SAME = fingerprint({"seed": 1, "workload": {"kind": "mix"}})
OTHER = fingerprint({"seed": 2, "workload": {"kind": "mix"}})


def point(index: int) -> Frames:
    return frames_of(Point(index, "m", 2, {"cache.0.limit": index}), [example_records(2, operations=40, seed=index + 1)])


def test_points_saved_in_any_order_give_the_same_run(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    assert folder == tmp_path / "run.partial"
    for index in (2, 0, 1):
        save_point(folder, index, point(index))
    again = open_partial(tmp_path / "run", SAME, resume=True)
    assert points_done(again) == [0, 1, 2]
    resumed = concat_frames(load_point(again, index) for index in points_done(again))
    straight = concat_frames(point(index) for index in range(3))
    assert resumed.digest() == straight.digest()
    for name, frame in straight.items():
        assert getattr(resumed, name).equals(frame), name
    remove_partial(again)
    assert list(tmp_path.iterdir()) == []


def test_another_experiment_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    save_point(folder, 0, point(0))
    for resume in (True, False):
        with pytest.raises(InputError, match="belongs to another experiment"):
            open_partial(tmp_path / "run", OTHER, resume=resume)
    assert points_done(folder) == [0]


def test_an_interrupted_sweep_is_gone_on_with_only_if_asked(tmp_path: Path) -> None:
    save_point(open_partial(tmp_path / "run", SAME, resume=False), 4, point(4))
    with pytest.raises(InputError, match=r"holds 1 finished points of this experiment; allowed: --resume"):
        open_partial(tmp_path / "run", SAME, resume=False)


def test_resuming_where_nothing_was_begun_begins(tmp_path: Path) -> None:
    assert points_done(open_partial(tmp_path / "run", SAME, resume=True)) == []


def test_a_half_written_point_is_not_done(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    (folder / ".00001.123.tmp").mkdir()
    assert points_done(folder) == []
    with pytest.raises(InputError, match="point 1 is not finished; allowed: none"):
        load_point(folder, 1)


def test_a_point_is_saved_once(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    save_point(folder, 0, point(0))
    with pytest.raises(InputError, match="point 0 is there already"):
        save_point(folder, 0, point(0))


def test_a_point_under_another_number_is_damage(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    save_point(folder, 0, point(1))
    with pytest.raises(InputError, match=r"damaged: it holds the points \[1\]"):
        load_point(folder, 0)


def test_something_else_under_the_name_is_refused_and_never_removed(tmp_path: Path) -> None:
    folder = partial_folder(tmp_path / "run")
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not the working folder"):
        open_partial(tmp_path / "run", SAME, resume=True)
    with pytest.raises(InputError, match="not the working folder"):
        remove_partial(folder)
    assert (folder / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}'])
def test_a_damaged_working_folder_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    (folder / "experiment.json").write_text(text)
    with pytest.raises(InputError, match="damaged"):
        open_partial(tmp_path / "run", SAME, resume=True)


def test_another_version_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = open_partial(tmp_path / "run", SAME, resume=False)
    about = json.loads((folder / "experiment.json").read_text())
    (folder / "experiment.json").write_text(json.dumps(about | {"slabdes": "0.0.0"}))
    with pytest.raises(InputError, match=r"begun by slabdes 0\.0\.0"):
        open_partial(tmp_path / "run", SAME, resume=True)


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
