# SPDX-License-Identifier: GPL-2.0-only
"""Working and scratch folders: whole or not there, held by one process, swept by the next, what is not ours left alone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from slabdes.errors import InputError
from slabdes.folders import LOCK, SCRATCH, TEMPORARY, scratch_folder, take, whole_folder, working_folder, working_path

posix = pytest.mark.skipif(os.name != "posix", reason="signals, links and users are POSIX's")

HOLD = """
import sys, time
from pathlib import Path
from slabdes.folders import scratch_folder, working_folder
with (working_folder(Path(sys.argv[1])) if len(sys.argv) > 1 else scratch_folder()) as held:
    folder = held.new() if len(sys.argv) > 1 else held
    (folder / "half").write_text("written")
    print(folder, flush=True)
    time.sleep(600)
"""


def holder(*arguments: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a folder, and the temporary one that it has made."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_whole_folder_appears_at_the_end_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"
    with whole_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert names(tmp_path / "new") == ["out"]
    assert names(target) == ["a"]


@posix
def test_a_whole_folder_has_the_permissions_of_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_what_goes_wrong_leaves_nothing_not_even_folders_made_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "new" / "out"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_came_under_the_name_meanwhile_is_never_written_over(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    with pytest.raises(InputError, match=r"out: .*; allowed: a new or empty folder"), whole_folder(target) as folder:
        (folder / "a").write_text("1")
        if kind == "folder":
            target.mkdir()
            (target / "mine").write_text("precious")
        elif kind == "file":
            target.write_text("precious")
        else:
            (tmp_path / "elsewhere").mkdir()
            target.symlink_to(tmp_path / "elsewhere")
    if kind == "folder":
        assert names(target) == ["mine"]
    elif kind == "file":
        assert target.read_text() == "precious"
    else:
        assert names(tmp_path / "elsewhere") == []
    assert not working_path(target).exists()


def test_a_working_folder_stays_with_what_is_kept_in_it_and_goes_without(tmp_path: Path) -> None:
    with working_folder(tmp_path / "out") as working:
        (working.path / "kept").write_text("1")
        (working.new() / "half").write_text("1")
    assert names(tmp_path / "out.partial") == ["kept", LOCK]
    with working_folder(tmp_path / "out") as working:
        assert working.entries() == {"kept"}
        working.drop("kept", "never there")
    assert names(tmp_path) == []


def test_an_unfinished_run_is_no_place_for_another_folder(tmp_path: Path) -> None:
    with working_folder(tmp_path / "out") as working:
        (working.path / "replications").write_text("1")
    with (
        pytest.raises(InputError, match=r"holds an unfinished run \(replications\); allowed: to go on"),
        whole_folder(tmp_path / "out"),
    ):
        pass
    assert (tmp_path / "out.partial" / "replications").read_text() == "1"


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    process, temporary = holder(tmp_path / "out")
    try:
        with (
            pytest.raises(InputError, match=r"out\.partial: another process is at work in it; allowed: to wait"),
            working_folder(tmp_path / "out"),
        ):
            pass
        assert (temporary / "half").read_text() == "written"
    finally:
        killed(process)


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_one_whatever_its_number(tmp_path: Path) -> None:
    process, temporary = holder(tmp_path / "out")
    killed(process)
    assert (temporary / "half").exists()
    with working_folder(tmp_path / "out"):
        assert not temporary.exists()
    assert names(tmp_path) == []


@posix
@pytest.mark.parametrize("left", [[], [LOCK], [LOCK, TEMPORARY]])
def test_a_working_folder_that_was_just_being_made_is_ours(tmp_path: Path, left: list[str]) -> None:
    working_path(tmp_path / "out").mkdir()
    for name in left:
        place = working_path(tmp_path / "out") / name
        place.write_text("") if name == LOCK else place.mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert names(tmp_path) == ["out"]


def test_something_else_under_the_working_folders_name_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = working_path(tmp_path / "out")
    place.mkdir()
    (place / "thesis.txt").write_text("precious")
    with (
        pytest.raises(InputError, match="exists and is not a working folder of ours; allowed: another"),
        whole_folder(tmp_path / "out"),
    ):
        pass
    assert names(place) == ["thesis.txt"]
    working_path(tmp_path / "other").write_text("a file")
    with pytest.raises(InputError, match="exists and is not a working folder of ours"), whole_folder(tmp_path / "other"):
        pass


@posix
def test_names_that_could_be_foreseen_are_neither_used_nor_touched(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("mine")
    for name in (".out.tmp", f".out.{os.getpid()}.tmp"):
        (tmp_path / name).symlink_to(precious)
    (tmp_path / ".rep.tmp").mkdir()
    (tmp_path / ".rep.tmp" / "note").write_text("mine")
    before = names(tmp_path)
    for name in ("out", "rep"):
        with whole_folder(tmp_path / name) as folder:
            (folder / "a").write_text("1")
    assert names(tmp_path) == sorted([*before, "out", "rep"])
    assert names(precious) == ["thesis.txt"]
    assert (tmp_path / ".rep.tmp" / "note").read_text() == "mine"


@posix
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    place = working_path(tmp_path / "out")
    place.mkdir()
    (place / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=LOCK), whole_folder(tmp_path / "out"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_whose_file_was_removed_by_its_last_holder_is_made_anew(tmp_path: Path) -> None:
    first = take(tmp_path / LOCK)
    assert first is not None
    (tmp_path / LOCK).unlink()
    second = take(tmp_path / LOCK)
    assert second is not None
    assert take(tmp_path / LOCK) is None
    os.close(first)
    assert take(tmp_path / LOCK) is None
    os.close(second)


# Scratch folders


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_scratch_folder_goes_at_the_end(base: Path) -> None:
    with scratch_folder() as folder:
        (folder / "a").write_text("1")
        assert folder.parent == base
    assert names(base) == []


@posix
def test_scratch_folders_of_killed_processes_go_with_the_next_one_and_those_in_use_stay(base: Path) -> None:
    (dead, left), (alive, used) = holder(), holder()
    try:
        dead.send_signal(signal.SIGKILL)
        dead.communicate()
        with scratch_folder() as folder:
            assert not left.exists()
            assert names(base) == sorted([folder.name, used.name])
        assert (used / "half").read_text() == "written"
    finally:
        killed(alive)


@posix
def test_only_folders_of_ours_are_swept(base: Path) -> None:
    (base / f"{SCRATCH}notes").write_text("a file")
    (base / f"{SCRATCH}mine").mkdir()
    (base / f"{SCRATCH}mine" / "thesis.txt").write_text("no lock beside it")
    (base / "elsewhere").mkdir()
    (base / "elsewhere" / LOCK).write_text("")
    (base / f"{SCRATCH}link").symlink_to(base / "elsewhere")
    before = names(base)
    with scratch_folder():
        pass
    assert names(base) == before
    assert names(base / "elsewhere") == [LOCK]


def test_a_scratch_folder_that_was_just_being_made_goes(base: Path) -> None:
    (base / f"{SCRATCH}abc").mkdir()
    with scratch_folder():
        pass
    assert names(base) == []


def test_where_no_folder_can_be_made_the_error_says_what_to_type(tmp_path: Path) -> None:
    too_long = "x" * 250  # with the working folder's ending, longer than a name may be
    with pytest.raises(InputError) as caught, whole_folder(tmp_path / "new" / too_long):
        pass
    assert "no folder can be made there" in caught.value.problem
    assert str(caught.value.allowed).startswith("one where you may write: --out ~/xxx")
    assert names(tmp_path) == []
