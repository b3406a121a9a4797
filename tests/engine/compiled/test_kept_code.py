# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of compiled code is loaded only if it is whole and nobody else's; anything else is compiled again, in a line."""

from __future__ import annotations

import json
import os
import pickle
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest

from slabdes.engine.compiled import cache, kept_code
from slabdes.engine.compiled.kept_code import KeptCode, write_code
from slabdes.lowering.lower import Lowered

only_posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and modes are POSIX's")


def twice(number: int) -> int:
    return 2 * number


def load(folder: Path, sources: str = "as they are") -> tuple[Any, bool]:
    """A compiled function, and whether it was there."""
    made: Any = numba.njit(twice)
    made._cache = kept = KeptCode(folder, "twice", sources)
    signature = (numba.int64,)
    there = kept.is_there(signature, made.targetctx)
    made.compile(signature)
    assert made(21) == 42
    assert bool(made.stats.cache_hits) == there
    return made, there


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The file of a function that was compiled and kept."""
    assert not load(tmp_path)[1]
    (file,) = tmp_path.glob(f"*{kept_code.SUFFIX}")
    return file


def test_compiled_code_is_kept_for_its_user_alone_and_found_again(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load(kept.parent)[1]
    assert not caplog.records
    assert stat.S_IMODE(kept.stat().st_mode) & 0o077 == 0
    assert [path.name for path in kept.parent.iterdir()] == [kept.name], "nothing else is left"


def test_other_sources_mean_other_code(kept: Path) -> None:
    assert not load(kept.parent, "edited")[1]
    assert load(kept.parent, "edited")[1] and load(kept.parent)[1]


class Runs:
    """What a hostile pickle does: something."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


def _swapped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


DAMAGE: dict[str, Callable[[bytes, Path], bytes]] = {
    "empty": lambda _data, _marker: b"",
    "cut after a byte": lambda data, _marker: data[:1],
    "cut in its head": lambda data, _marker: data[:40],
    "cut in the middle": lambda data, _marker: data[: len(data) // 2],
    "cut at the end": lambda data, _marker: data[:-1],
    "longer": lambda data, _marker: data + b"\0",
    "a bit changed": lambda data, _marker: _swapped(data),
    "noise": lambda _data, _marker: random.Random(1).randbytes(5000),
    "a pickle": lambda _data, marker: pickle.dumps(Runs(marker)),
    "a pickle behind the right head": lambda data, marker: data[:89] + pickle.dumps(Runs(marker)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_compiled_again_with_one_line(
    kind: str, kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marker = tmp_path / "it ran"
    whole = kept.read_bytes()
    kept.write_bytes(DAMAGE[kind](whole, marker))
    assert not load(kept.parent)[1]
    assert not marker.exists()
    (record,) = caplog.records
    assert record.getMessage().startswith(f"slabdes: {kept}: is ")
    assert record.getMessage().endswith("; compiling again")
    assert load(kept.parent)[1], "it is whole again"


@only_posix
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_can_write_to_is_not_loaded(mode: int, kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept.chmod(mode)
    assert not load(kept.parent)[1]
    assert "can be written to by others" in caplog.text
    assert load(kept.parent)[1]
    assert stat.S_IMODE(kept.stat().st_mode) & 0o077 == 0


@only_posix
def test_only_the_users_own_files_and_roots_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def file_of(user: int) -> os.stat_result:
        return SimpleNamespace(st_uid=user, st_mode=stat.S_IFREG | 0o644)  # type: ignore[return-value]  # all that is asked of it

    assert [kept_code.not_ours(file_of(user)) for user in (1000, 0, 1001)] == [None, None, "belongs to another user"]


@only_posix
def test_a_link_and_a_pipe_are_no_files_of_code(kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(elsewhere)
    assert not load(kept.parent)[1]
    kept.unlink()
    os.mkfifo(kept)
    assert not load(kept.parent)[1]
    assert [record.getMessage().count("compiling again") for record in caplog.records] == [1, 1]


def test_where_nothing_can_be_written_code_is_not_kept_and_that_is_told(
    kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, key: bytes, code: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_code, "write_code", full)
    load(kept.parent, "edited")
    assert caplog.messages == [f"slabdes: {kept.parent}: No space left on device; compiled code is not kept"]


CHILD = """
import sys
from pathlib import Path
import numba
from slabdes.engine.compiled import kept_code

folder = Path(sys.argv[1])
made = numba.njit(lambda number: 2 * number)
made._cache = kept_code.KeptCode(folder, "twice", "of a child")
print("ready", flush=True)
sys.stdin.readline()
with kept_code.one_at_a_time(folder):
    made.compile((numba.int64,))
print(len(made.stats.cache_misses), flush=True)
"""


def test_of_processes_that_need_the_same_code_at_once_one_compiles(tmp_path: Path) -> None:
    (left := tmp_path / "of a killed one.writing").touch()
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _child in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    told = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        out, _err = child.communicate()
        told.append(int(out))
    assert sorted(told) == [0, 0, 1]
    assert not left.exists()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A base for cache folders that nothing has been told about."""
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path))
    asked = (cache._folder_in, cache._temporary_folder)
    for function in asked:
        function.cache_clear()
    yield tmp_path
    for function in asked:
        function.cache_clear()


@only_posix
@pytest.mark.parametrize("place", ["base", "folder"])
def test_a_folder_that_others_can_write_to_is_not_used_and_that_is_told_once(
    place: str, fresh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = cache.cache_folder()
    assert folder is not None and fresh in folder.parents
    cache._folder_in.cache_clear()
    (folder if place == "folder" else folder.parent).chmod(0o777)
    other = cache.cache_folder()
    assert other is not None and fresh not in other.parents
    assert stat.S_IMODE(other.stat().st_mode) & 0o077 == 0
    # Also for processes that are started from here.
    assert os.environ["SLABDES_CACHE_DIR"] in map(str, other.parents)
    assert cache.cache_folder() == other
    (line,) = caplog.messages
    assert "can be written to by others" in line and "SLABDES_CACHE_DIR" in line


@only_posix
def test_a_folder_that_is_a_link_of_another_user_is_not_used(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (fresh / "mine").mkdir(0o700)
    (fresh / "slabdes").symlink_to(fresh / "mine")
    real = Path.lstat

    def others_link(path: Path) -> Any:
        found = real(path)
        return SimpleNamespace(st_uid=found.st_uid + 1, st_mode=found.st_mode) if path == fresh / "slabdes" else found

    monkeypatch.setattr(Path, "lstat", others_link)
    other = cache.cache_folder()
    assert other is not None and fresh not in other.parents
    assert "belongs to another user" in caplog.text


def test_a_cut_file_is_nothing_that_an_earlier_run_has_left(fresh: Path) -> None:
    folder = cache.cache_folder()
    assert folder is not None
    load(folder)
    assert cache.has_compiled("twice")
    (file,) = folder.glob(f"twice-*{kept_code.SUFFIX}")
    file.write_bytes(file.read_bytes()[:-1])
    assert not cache.has_compiled("twice")


LOWERED = Lowered("x = 1\n", ("a",), {"p": 16}, {"p": {"q": "a"}})


def kept_text() -> tuple[Lowered, bool]:
    """What is kept of LOWERED, and whether it was lowered now."""
    made = []

    def lower() -> Lowered:
        made.append(True)
        return LOWERED

    return cache.kept_text("sample", lower), bool(made)


def test_lowered_text_is_kept_and_is_the_same_when_it_is_read(fresh: Path) -> None:
    assert kept_text() == (LOWERED, True)
    assert kept_text() == (LOWERED, False)


def planted(file: Path) -> None:
    file.write_bytes(json.dumps(asdict(LOWERED) | {"text": "raise SystemExit"}).encode())


@only_posix
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (planted, "is cut, or is no compiled code"),
        (lambda file: file.write_bytes(b""), "is empty"),
        (lambda file: file.write_bytes(file.read_bytes()[:100]), "is cut or changed"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"x = 1", b"x = 2")), "is cut or changed"),
        (lambda file: write_code(file, bytes(32), b"{}"), "is of another version"),
        (lambda file: file.chmod(0o666), "can be written to by others"),
        (lambda file: file.rename(file.with_name("other")) and file.symlink_to("other"), "symbolic links"),
    ],
)
def test_lowered_text_that_is_not_as_it_was_written_is_never_run_but_lowered_again_and_healed(
    spoil: Callable[[Path], object], told: str, fresh: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept_text()
    (file,) = fresh.rglob(f"*{cache.LOWERED_SUFFIX}")
    spoil(file)
    assert kept_text() == (LOWERED, True)
    (line,) = caplog.messages
    assert told in line and line.endswith("lowering again")
    assert kept_text() == (LOWERED, False)
    assert len(caplog.messages) == 1


def test_lowered_text_that_cannot_be_kept_is_used_and_that_is_told(fresh: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = cache.cache_folder()
    assert folder is not None
    (folder / "sample.py").mkdir()
    assert kept_text() == (LOWERED, True)
    assert "the lowered text is not kept" in caplog.text


def test_the_text_that_is_shown_is_what_runs_whatever_lay_there(fresh: Path) -> None:
    from slabdes.engine.compiled.shown import lowered_files
    from slabdes.engine.compiled.slab import target as slab
    from slabdes.engine.compiled.slub import target as slub

    folder = cache.cache_folder()
    assert folder is not None
    (folder / "slab.py").write_text("something else")
    assert [file.read_text(encoding="utf-8") for file in lowered_files()] == [slab.lowered().text, slub.lowered().text]
