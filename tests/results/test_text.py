# SPDX-License-Identifier: GPL-2.0-only
"""Figures as people read them."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from slabdes.results.text import WIDTH, Sheet, count_text, rich_table, share_text, time_text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0.0, "0 ns"), (0.25, "0.25 ns"), (27.64, "27.6 ns"), (999.4, "999 ns"), (999.6, "1.00 µs"), (9.996, "10.0 ns"),
     (99.96, "100 ns"), (1.5e6, "1.50 ms"), (2e9, "2.00 s"), (3.6e12, "3600 s"), (None, "-")],
)  # fmt: skip
def test_times_have_three_digits_and_a_unit(nanoseconds: float | None, text: str) -> None:
    assert time_text(nanoseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (7.0, "7"), (9.667, "9.67"), (0.333, "0.33"), (9_999, "10.0 k"), (9_990, "9,990"), (123_456, "123 k"),
     (999_600, "1.00 M"), (2.5e9, "2.50 G"), (1234.5, "1,234"), (None, "-")],
)  # fmt: skip
def test_counts_are_whole_or_have_three_digits(count: float | None, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0 %"), (1e-6, "<0.1 %"), (0.1234, "12.3 %"), (1.0, "100.0 %"), (None, "-")])
def test_a_share_that_is_not_zero_is_not_shown_as_zero(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_columns_close_up_before_a_name_is_folded() -> None:
    sheet = Sheet("a title", ("op", *(f"part {number}" for number in range(8))), 1, (("alloc", *["60.0 ±3.7 %"] * 7, "<0.1 %"),))
    Console(width=WIDTH, file=(printed := StringIO())).print(rich_table(sheet))
    assert any(line.strip().startswith("alloc 60.0 ±3.7 % 60.0") for line in printed.getvalue().splitlines())


def test_a_table_that_is_too_wide_goes_on_beneath_under_the_same_names() -> None:
    heads = ("allocator", "sheaf_capacity", "lock", *(f"figure {number}" for number in range(9)))
    rows = tuple((version, "12", "objects-256 list_lock node 0", *["12.3 ±1.2 %"] * 9) for version in ("2.6.34", "7.3"))
    Console(width=100, file=(printed := StringIO()), color_system=None).print(rich_table(Sheet("locks", heads, 3, rows)))
    lines = printed.getvalue().splitlines()
    above = [line for line in lines if "figure" in line]
    assert len(above) == 3 and all(line.split()[:3] == ["allocator", "sheaf_capacity", "lock"] for line in above)
    assert sorted(number for line in above for number in line.split() if number.isdigit()) == [str(number) for number in range(9)]
    assert sum(line.count("12.3 ±1.2 %") for line in lines) == 2 * 9, "no figure is cut"
    assert all(len(line) <= 100 for line in lines)
