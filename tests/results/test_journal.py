# SPDX-License-Identifier: GPL-2.0-only
"""The journal of finished replications: read back as written, cut at the end or damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from example import example_records

from slabdes.engine.records import Records
from slabdes.errors import InputError
from slabdes.results.journal import Journal


def records(number: int) -> Records:
    return example_records(2, operations=40, seed=number + 1)


def written(path: Path, count: int) -> bytes:
    journal = Journal(path)
    for number in range(count):
        journal.add(number, 0, records(number))
    return path.read_bytes()


def test_records_are_read_back_as_they_were(tmp_path: Path) -> None:
    written(tmp_path / "j", 3)
    journal = Journal(tmp_path / "j")
    assert list(journal.finished) == [(0, 0), (1, 0), (2, 0)]
    for number in range(3):
        assert journal.load(number, 0) == records(number)


def test_nothing_there_is_nothing_finished_and_makes_nothing(tmp_path: Path) -> None:
    assert not Journal(tmp_path / "j").finished
    assert list(tmp_path.iterdir()) == []


def test_an_entry_cut_anywhere_is_not_finished_and_gives_way_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "j"
    whole = written(path, 2)
    first = len(written(tmp_path / "one", 1))
    for cut in (first, first + 1, first + 20, first + 60, len(whole) - 1):
        path.write_bytes(whole[:cut])
        journal = Journal(path)
        assert list(journal.finished) == [(0, 0)]
        assert path.stat().st_size == cut
        journal.add(1, 0, records(1))
        assert path.read_bytes() == whole


def test_a_changed_byte_is_told_when_the_replication_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "j"
    path.parent.mkdir()
    raw = bytearray(written(path, 2))
    raw[100] ^= 1
    path.write_bytes(raw)
    journal = Journal(path)
    told = "damaged: replication 0 of point 0 is not as it was written; allowed: to remove folder and start again"
    with pytest.raises(InputError, match=told):
        journal.load(0, 0)
    assert journal.load(1, 0) == records(1)


def test_a_replication_that_is_there_twice_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(2 * written(path, 1))
    with pytest.raises(InputError, match="damaged: replication 0 of point 0 is there twice"):
        Journal(path)


def test_what_a_full_disk_cuts_off_is_told_in_a_line_and_nothing_before_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j"
    whole = written(path, 2)
    journal, begun = Journal(path), path.open

    class Full:
        """A file whose disk has room for some bytes."""

        def __init__(self, mode: str) -> None:
            self.file = begun(mode, buffering=0)

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_error: object) -> None:
            self.file.close()

        def tell(self) -> int:
            return self.file.tell()

        def write(self, entry: bytes) -> None:
            self.file.write(entry[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda self, mode: Full(mode))
        with pytest.raises(InputError, match="No space left on device"):
            journal.add(2, 0, records(2))
    for there in (journal, Journal(path)):
        assert list(there.finished) == [(0, 0), (1, 0)]
    journal.add(2, 0, records(2))
    assert path.read_bytes().startswith(whole)
    assert Journal(path).load(2, 0) == records(2)
