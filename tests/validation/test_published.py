# SPDX-License-Identifier: GPL-2.0-only
"""Published tables: each comes with its source, and a damaged one is refused in one line."""

from __future__ import annotations

from importlib.resources import files

import pytest

from slabdes.errors import InputError
from slabdes.validation.published import parse_published, published, published_names


@pytest.mark.parametrize("name", published_names())
def test_every_table_says_who_measured_what_and_has_only_full_rows(name: str) -> None:
    table = published(name)
    assert len(table.source) > 60
    assert all(len(row) == len(table.rows[0]) for row in table.rows)


def test_no_table_comes_without_being_used() -> None:
    from slabdes.validation.targets import TARGETS

    told = " ".join(target.source for target in TARGETS)
    for name in published_names():
        assert published(name).source in told, name


def test_what_was_not_measured_is_left_out_of_a_column() -> None:
    speedups = published("boydwickizer2012_fig8").numbers("t3.2")
    assert speedups[9] == 8.5
    assert 21 not in speedups


def test_a_table_that_is_not_there_is_one_line_that_names_those_that_are() -> None:
    with pytest.raises(InputError) as caught:
        published("boydwickizer")
    assert "boydwickizer2012_fig8" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "line 1"),
        ("# source\na,b\n1,2\n3\n", "line 4: 1 fields (allowed: 2"),
        ("# source\na,b\n", "no rows"),
        ("# source\na,b\n" + "1" * 200_000 + ",2\n", "line 3: not CSV"),
        ("# source\n" + "1" * 200_000 + ",2\n", "line 2: not CSV"),
    ],
)
def test_a_damaged_table_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"x\.csv") as caught:
        parse_published("x", text)
    assert said.split(" (")[0] in str(caught.value)


def test_the_tables_lie_in_the_package() -> None:
    assert (files("slabdes.validation") / "data" / "page_allocator_8cpu.csv").is_file()
