# SPDX-License-Identifier: GPL-2.0-only
"""A short campaign of `readers.py`, the same each time; and what it needs to be worth anything."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from readers import run
from table import READERS
from tries import Campaign, Figures, Reader, TooLong, lay_out

from slabdes.errors import SlabdesError


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_each_seed_is_read_as_it_is(reader: Reader, tmp_path: Path) -> None:
    for number, seed in enumerate(reader.seeds()):
        reader.read(lay_out(tmp_path / str(number), seed))


def test_a_try_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    reader = next(reader for reader in READERS if reader.name == "numactl")
    first, again = (Campaign([reader], 7, tmp_path) for _time in range(2))
    assert [first.files(reader, number) for number in range(200)] == [again.files(reader, number) for number in range(200)]
    assert first.files(reader, 3) != Campaign([reader], 8, tmp_path).files(reader, 3)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lambda: [][1], "IndexError at no line of slabdes"),
        (lambda: int("9" * 5000), "ValueError at no line of slabdes"),
        (lambda: (_ for _ in ()).throw(BadMessage()), "message too long"),
    ],
)
def test_what_a_reader_must_not_do_is_found(fault: Callable[[], Any], kind: str, tmp_path: Path) -> None:
    reader = Reader("bad", lambda _folder: fault(), lambda: [{"file": b"seed"}])
    findings, figures = run([reader], 3, 1, tmp_path)
    ((_name, found), three) = next(iter(findings.kinds.items()))
    assert found.startswith(kind)
    assert len(three) == figures.findings == 3


@pytest.mark.parametrize(("late", "findings"), [(1, 0), (2, 1)])
def test_a_try_that_was_too_long_once_is_made_again_and_twice_is_a_finding(late: int, findings: int, tmp_path: Path) -> None:
    tries = iter(range(10))

    def read(_folder: Path) -> None:
        if next(tries) < late:
            raise TooLong

    found = Campaign([], 1, tmp_path).attempt(Reader("slow", read, lambda: [{"file": b"seed"}]), 0, figures := Figures(), None)
    assert (found is not None, figures.tries, figures.findings) == (bool(findings), 1, findings)


class BadMessage(SlabdesError):
    """Tells too much."""

    def __str__(self) -> str:
        return "x" * 401


def test_the_shares_of_readers_are_spread_evenly_over_a_campaign(tmp_path: Path) -> None:
    tries = list(Campaign(READERS, 1, tmp_path).tries(4000))
    half = Counter(reader.name for reader, _number in tries[:2000])
    whole = Counter(reader.name for reader, _number in tries)
    assert all(abs(2 * half[name] - whole[name]) <= 20 for name in whole)
    assert sorted(number for reader, number in tries if reader.name == "hwloc") == list(range(whole["hwloc"]))


def test_no_file_broken_at_random_makes_a_reader_crash_or_babble(tmp_path: Path) -> None:
    findings, figures = run(READERS, 2000, 2026, tmp_path)
    assert list(findings.lines()) == []
    assert figures.tries == 2000
    assert figures.refused > figures.tries / 2  # else the files would hardly have been broken
