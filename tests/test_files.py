# SPDX-License-Identifier: GPL-2.0-only
"""Files are read within bounds and written whole."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from slabdes.errors import InputError
from slabdes.files import check_place, int_of, like_there, read_bytes, read_text, write_new

MOST = 1000


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.txt"


def test_a_file_is_read_up_to_its_bound_and_refused_beyond(told: Path) -> None:
    told.write_bytes(b"x" * MOST)
    assert read_bytes(told, MOST, "text") == b"x" * MOST
    told.write_bytes(b"x" * (MOST + 1))
    with pytest.raises(InputError, match="larger than 1000 bytes; allowed: text"):
        read_bytes(told, MOST, "text")


def test_gzip_counts_as_large_as_it_becomes(told: Path) -> None:
    told.write_bytes(gzip.compress(b"x" * MOST))
    assert read_text(told, MOST, "text", gunzip=True) == "x" * MOST
    told.write_bytes(gzip.compress(b"x" * 50_000_000))
    with pytest.raises(InputError, match="larger than"):
        read_bytes(told, MOST, "text", gunzip=True)


@pytest.mark.parametrize("keep", [2, 9, 15, -1])
def test_cut_gzip_is_told(told: Path, keep: int) -> None:
    told.write_bytes(gzip.compress(b"told " * 50)[:keep])
    with pytest.raises(InputError, match="damaged gzip"):
        read_bytes(told, MOST, "text", gunzip=True)


def test_what_may_never_end_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(InputError, match="a pipe or a device; allowed: a trace, saved as a file"):
            read_bytes(path, MOST, "a trace")
    with pytest.raises(InputError, match="Is a directory"):
        read_bytes(tmp_path, MOST, "a trace")
    with pytest.raises(InputError, match="a file name"):
        read_bytes(Path("nul\0"), MOST, "a trace")


def test_a_byte_order_mark_is_no_text_and_other_encodings_are_told(told: Path) -> None:
    told.write_bytes(b"\xef\xbb\xbftold")
    assert read_text(told, MOST, "text") == "told"
    told.write_bytes(b"ab\xff")
    with pytest.raises(InputError, match="byte 2 is not UTF-8"):
        read_text(told, MOST, "text")


def test_a_new_file_takes_the_place_of_nothing_and_leaves_nothing_beside_it(told: Path) -> None:
    write_new(told, "new")
    with pytest.raises(InputError, match="is there already"):
        write_new(told, "newer")
    assert told.read_text() == "new"
    assert [entry.name for entry in told.parent.iterdir()] == [told.name]


def test_a_link_that_leads_nowhere_is_something_that_is_there(told: Path) -> None:
    told.symlink_to(told.parent / "elsewhere")
    with pytest.raises(InputError, match="is there already"):
        write_new(told, "new")
    assert not (told.parent / "elsewhere").exists()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; allowed: a new file"):
        write_new(tmp_path / "none" / "told.txt", "new")


def test_a_place_is_looked_at_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_place(tmp_path / "new", "new")
    check_place(tmp_path / "none" / "below" / "new", "new", with_parents=True)
    for path, parents in ((tmp_path / "none" / "new", False), (tmp_path / "file" / "new", True), (Path("/dev/null/x/y"), True)):
        with pytest.raises(InputError, match="is no folder; allowed: new"):
            check_place(path, "new", with_parents=parents)


def test_numbers_have_as_many_digits_as_a_machine_can_hold() -> None:
    assert int_of(str(2**64 - 1), "line 1") == 2**64 - 1
    assert int_of("0xffff", "line 1", 16) == 0xFFFF
    for text, base in (("9" * 5000, 10), ("f" * 5000, 16)):
        with pytest.raises(InputError, match=r"line 1: .*5,000 characters.* is too long a number"):
            int_of(text, "line 1", base)
    with pytest.raises(InputError, match="'x1' is not a whole number"):
        int_of("x1", "line 1")


def test_a_name_that_is_not_there_is_answered_with_the_nearest_beside_it(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in ("scaling.toml", "other.txt", "bad\x1b[31mname.toml"):
        (tmp_path / "runs" / name).write_text("")
    assert like_there(tmp_path / "runs/scalign.toml").endswith("runs/scaling.toml?)")
    assert like_there(tmp_path / "rnus/scaling.toml").endswith("/runs?)")
    assert "\x1b" not in like_there(tmp_path / "runs/bad[31mname.toml")
    for far in ("runs/zzz", "runs/" + "scaling" * 100, "q/q/q/q", "\0"):
        assert like_there(tmp_path / far) == ""
    with pytest.raises(InputError, match=r"did you mean .*scaling\.toml"):
        read_text(tmp_path / "runs/scalign.toml", 100, "a file")
