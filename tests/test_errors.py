# SPDX-License-Identifier: GPL-2.0-only
"""How an error reads, and what it suggests."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.errors import MAX_LINE, CheckFailed, Impossible, InputError, SlabdesError, Stalled, nearest, refusing, shown


def test_an_input_error_names_the_place_the_problem_and_what_is_allowed() -> None:
    error = InputError("run.toml: cache.size", "0 is too small", allowed="1 to 4194304 bytes")
    assert str(error) == "run.toml: cache.size: 0 is too small; allowed: 1 to 4194304 bytes"
    assert (error.where, error.problem, error.allowed) == ("run.toml: cache.size", "0 is too small", "1 to 4194304 bytes")
    assert str(InputError("run.toml", "missing")) == "run.toml: missing"


def test_an_input_error_is_one_line_whatever_it_quotes() -> None:
    assert str(InputError("a\nb", "c\r\n\td", allowed="e\u2028f")) == "a b: c d; allowed: e f"


@given(st.lists(st.text(st.characters()), min_size=3, max_size=3), st.lists(st.integers(1, 5000), min_size=3, max_size=3))
def test_whatever_an_error_quotes_it_is_one_short_line_of_printable_characters(parts: list[str], times: list[int]) -> None:
    where, problem, allowed = (part * count for part, count in zip(parts, times, strict=True))
    for error in (
        InputError(where, problem, allowed),
        CheckFailed(problem),
        pickle.loads(pickle.dumps(InputError(where, problem))),
    ):
        assert str(error).isprintable()
        assert len(str(error)) <= MAX_LINE + len(": ; allowed: ")


def test_of_a_long_line_the_longest_parts_are_cut_and_their_lengths_told() -> None:
    error = InputError("run.toml: cache." + "x" * 60_000, "unknown key", allowed="name, size, align")
    assert str(error).startswith("run.toml: cache.xxxx")
    assert str(error).endswith("... (60,016 characters): unknown key; allowed: name, size, align")


def test_what_is_not_printable_is_shown_escaped() -> None:
    assert shown("a\x1b[31m\u202eb\ud800c") == r"a\x1b[31m\u202eb\ud800c"
    assert shown(10**5000) == "a value too large to show"
    assert len(shown("\x1b" * 200, 60)) == 60


@pytest.mark.parametrize(("error", "code"), [(SlabdesError, 2), (InputError, 2), (CheckFailed, 1), (Stalled, 1)])
def test_bad_input_exits_with_2_and_what_did_not_hold_with_1(error: type[SlabdesError], code: int) -> None:
    assert issubclass(error, SlabdesError)
    assert error.exit_code == code


def test_the_nearest_known_word_is_suggested() -> None:
    assert nearest("batchcont", ["limit", "batchcount"]) == " (did you mean batchcount?)"
    assert nearest("limt", iter(["shared", "limit"])) == " (did you mean limit?)"


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    assert nearest("zzz", ["limit", "batchcount"]) == ""
    assert nearest("", ["limit"]) == ""
    assert nearest("limit", []) == ""


def test_what_the_system_refuses_is_not_taken_for_what_an_experiment_asks_for() -> None:
    with pytest.raises(Impossible, match="batchcount: 9"), refusing():
        raise InputError("batchcount", "9")
    with pytest.raises(InputError) as told, refusing():
        try:
            try:
                raise OSError(28, "No space left on device")
            except OSError as error:
                raise InputError("trace", str(error)) from None
        except InputError as error:
            raise InputError("run.toml", error.problem) from None
    assert type(told.value) is InputError
