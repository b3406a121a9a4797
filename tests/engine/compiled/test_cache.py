# SPDX-License-Identifier: GPL-2.0-only
"""Where compiled code is kept: edited sources mean another folder, and no folder only costs time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slabdes.engine.compiled import cache


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SLABDES_CACHE_DIR", "")  # whatever a temporary folder sets goes with the test
    remembered = (cache.sources_hash, cache._folder_in, cache._temporary_folder)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


def test_the_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path))
    folder = cache.cache_folder()
    assert folder is not None and folder.is_dir() and tmp_path in folder.parents
    assert not cache.has_compiled()


def test_an_edited_source_means_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cache._SOURCES:
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(cache, "_ROOT", tmp_path)
    before = cache.sources_hash()
    cache.sources_hash.cache_clear()
    assert cache.sources_hash() == before
    (tmp_path / "locks").write_text("x = 2\n")
    cache.sources_hash.cache_clear()
    assert cache.sources_hash() != before


def test_every_source_that_compiled_code_shares_is_hashed() -> None:
    from slabdes.engine.compiled import numba_tools
    from slabdes.engine.compiled.slab import records as of_slab
    from slabdes.engine.compiled.slub import records as of_slub

    for module in (of_slab.transitions, of_slab.timers, of_slub.transitions):
        assert Path(str(module.__file__)).relative_to(cache._ROOT).parts[0] in cache._SOURCES
    assert len(numba_tools._SHARED) > 50
    for function in numba_tools._SHARED:
        assert Path(function.__code__.co_filename).relative_to(cache._ROOT).parts[0] in {*cache._SOURCES}


def test_in_place_of_a_folder_that_cannot_be_made_there_is_a_temporary_one_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path / "file"))
    folder = cache.cache_folder()
    assert folder is not None and tmp_path not in folder.parents
    assert not cache.has_compiled()
    monkeypatch.setenv("SLABDES_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(cache, "_temporary_folder", lambda: None)
    assert cache.cache_folder() is None
    assert not cache.has_compiled()
