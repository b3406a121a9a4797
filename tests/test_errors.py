"""How an error reads, and what it suggests."""

from __future__ import annotations

import pytest

from slabdes.errors import CheckFailed, InputError, SlabdesError, Stalled, nearest


def test_an_input_error_names_the_place_the_problem_and_what_is_allowed() -> None:
    error = InputError("run.toml: cache.size", "0 is too small", allowed="1 to 4194304 bytes")
    assert str(error) == "run.toml: cache.size: 0 is too small; allowed: 1 to 4194304 bytes"
    assert (error.where, error.problem, error.allowed) == ("run.toml: cache.size", "0 is too small", "1 to 4194304 bytes")
    assert str(InputError("run.toml", "missing")) == "run.toml: missing"


def test_an_input_error_is_one_line_whatever_it_quotes() -> None:
    assert str(InputError("a\nb", "c\r\n\td", allowed="e\u2028f")) == "a b: c d; allowed: e f"


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
