# SPDX-License-Identifier: GPL-2.0-only
"""Going on with an interrupted study, and only with the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from example import example_records

from slabdes.errors import InputError
from slabdes.folders import working_folder
from slabdes.results.partial import JOURNAL, STUDY, Partial, is_begun, open_partial

SAME: dict[str, Any] = {
    "slabdes": "1.0",
    "versions": {"Python": "3.12.1", "numpy": "2.1.0"},
    "experiment": {"seed": 1, "cache": [{"name": "a", "limit": 4}], "workload": {"kind": "mix"}},
    "inputs": {"a.txt": "11", "b.txt": "22"},
    "sources": {"api.py": "33"},
}


@contextmanager
def opened(out: Path, study: dict[str, Any] = SAME, *, resume: bool = False) -> Iterator[Partial]:
    with working_folder(out) as working:
        yield open_partial(working, study, resume=resume)


def begun(out: Path) -> bytes:
    """A study with two finished replications; its journal."""
    with opened(out) as partial:
        for replication in range(2):
            partial.save(3, replication, example_records(2, operations=40, seed=replication + 1))
    return (out.with_name("run.partial") / JOURNAL).read_bytes()


def test_finished_replications_are_there_when_gone_on_with(tmp_path: Path) -> None:
    begun(tmp_path / "run")
    assert is_begun(tmp_path / "run")
    with opened(tmp_path / "run", resume=True) as partial:
        assert list(partial.done) == [(3, 0), (3, 1)]
        assert partial.load(3, 1) == example_records(2, operations=40, seed=2)
        partial.remove()
    assert list(tmp_path.iterdir()) == []


OTHERS = [
    (
        {"versions": {"Python": "3.12.2", "numpy": "2.1.0"}},
        r"with Python 3\.12\.1, this is 3\.12\.2; allowed: Python 3\.12\.1, or",
    ),
    ({"versions": {"Python": "3.12.1", "numpy": "2.2.0"}}, r"with numpy 2\.1\.0, this is 2\.2\.0; allowed: numpy 2\.1\.0, or"),
    ({"slabdes": "0.9"}, r"was begun with slabdes 1\.0, this is 0\.9; allowed: the same version"),
    ({"sources": {"api.py": "34"}}, r"was begun with another slabdes: api\.py is not what it was"),
    ({"sources": {"api.py": "33", "new.py": "1"}}, r"was begun with another slabdes: new\.py is not what it was"),
    ({"inputs": {"a.txt": "11", "b.txt": "23"}}, r"was begun with another content of b\.txt; allowed: the content that it had"),
    ({"experiment": {**SAME["experiment"], "seed": 2}}, "was begun with another experiment: seed was 1, is 2"),
    ({"experiment": {**SAME["experiment"], "workload": {"kind": "mix", "live": 2}}}, "workload.live was null, is 2"),
    ({"experiment": {**SAME["experiment"], "cache": [{"name": "a", "limit": 5}]}}, r"cache\.0\.limit was 4, is 5"),
    ({"experiment": {**SAME["experiment"], "cache": []}}, r"cache was \[\{.*, is \[\]"),
]


@pytest.mark.parametrize(("changes", "told"), OTHERS)
def test_what_another_study_has_otherwise_is_told_and_nothing_is_lost(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    before = begun(tmp_path / "run")
    for resume in (True, False):
        with pytest.raises(InputError, match=told), opened(tmp_path / "run", SAME | changes, resume=resume):
            pass
    assert (tmp_path / "run.partial" / JOURNAL).read_bytes() == before


def test_an_interrupted_study_is_gone_on_with_only_if_asked(tmp_path: Path) -> None:
    begun(tmp_path / "run")
    with (
        pytest.raises(InputError, match=r"holds 2 finished replications of this experiment; allowed: --resume"),
        opened(tmp_path / "run"),
    ):
        pass


def test_resuming_where_nothing_was_begun_begins(tmp_path: Path) -> None:
    with opened(tmp_path / "run", resume=True) as partial:
        assert not partial.done


def test_where_nothing_is_finished_any_study_may_begin(tmp_path: Path) -> None:
    with opened(tmp_path / "run"):
        pass
    (tmp_path / "run.partial" / JOURNAL).write_bytes(b"cut")
    with opened(tmp_path / "run", SAME | {"slabdes": "2.0"}) as partial:
        partial.save(0, 0, example_records(2, operations=40, seed=1))
    with opened(tmp_path / "run", SAME | {"slabdes": "2.0"}, resume=True) as partial:
        assert list(partial.done) == [(0, 0)]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "[" * 9999])
def test_a_damaged_working_folder_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    begun(tmp_path / "run")
    (tmp_path / "run.partial" / STUDY).write_text(text)
    with (
        pytest.raises(InputError, match=f"{STUDY}: damaged; allowed: to remove run.partial"),
        opened(tmp_path / "run", resume=True),
    ):
        pass


def test_logs_of_replications_that_were_not_finished_go(tmp_path: Path) -> None:
    name = "point-000{}-replication-0000-part-00000000.parquet"
    with opened(tmp_path / "run") as partial:
        for point in (0, 1):
            log = partial.working.new()
            (log / "holds").mkdir()
            (log / "holds" / name.format(point)).write_text("rows")
            partial.save(point, 0, example_records(2, operations=40, seed=1), log)
        # As if killed between the log and the journal.
        (partial.log / "holds" / name.format(2)).write_text("rows")
    with opened(tmp_path / "run", resume=True) as partial:
        assert sorted(part.name for part in partial.log.glob("*/*")) == [name.format(0), name.format(1)]


def test_what_identifies_a_study_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    begun(tmp_path / "run")
    turned = json.loads(json.dumps(dict(reversed(SAME.items()))))
    with opened(tmp_path / "run", turned, resume=True) as partial:
        assert len(partial.done) == 2
