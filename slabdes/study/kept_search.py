# SPDX-License-Identifier: GPL-2.0-only
"""A search in its working folder: begun, gone on with after an interruption, or shared with another process that is at it.

Leaves out what is tried (`search`), and what is kept of it (`trials`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slabdes.errors import InputError
from slabdes.folders import Held, working_folder, working_path
from slabdes.results.folder import check_output, holds_run
from slabdes.results.partial import check_begun
from slabdes.study.search import Search
from slabdes.study.trials import RECORD, Record, begun_with
from slabdes.study.workers import POLL_SECONDS


def is_begun(out: Path) -> bool:
    """Whether anything was tried of the search that is to be written at `out`."""
    return begun_with(working_path(out) / RECORD) is not None


def search_at(out: Path, identity: Mapping[str, Any], resume: bool, shared: bool, search: Callable[[Record], Search]) -> Search:
    """The search that is kept in the working folder of `out`, or goes on there.

    Where another process is at it and it is `shared`, the same is tried here: what one has run the other one takes from the
    cells. Then this waits until the other has ended. Raises InputError where another process is at it otherwise, and for a record
    that is damaged or another search's.
    """
    helped = False
    while True:
        try:
            with working_folder(out) as working:
                return search(_opened(out, working.path / RECORD, identity, resume))
        except Held as held:
            if not shared:
                allowed = "to wait until it ends, then --resume (with cells it shares the work); or another output folder"
                raise InputError(held.where, held.problem, allowed) from None
        if helped:
            time.sleep(POLL_SECONDS)
        else:
            _check_same(working_path(out) / RECORD, identity)
            search(Record())
            helped = True


def _opened(out: Path, path: Path, identity: Mapping[str, Any], resume: bool) -> Record:
    """What is kept of the search, in the working folder or with the finished run. Raises InputError for another's."""
    finished = out / RECORD
    if resume and holds_run(out) and finished.is_file():
        _check_same(finished, identity)
        return Record(finished, identity)
    check_output(out)
    if begun_with(path) is None:
        path.unlink(missing_ok=True)
    else:
        _check_same(path, identity)
        if not resume:
            raise InputError(
                str(path.parent), "holds a search of this experiment that has not ended", "--resume, or to remove it"
            )
    return Record(path, identity)


def _check_same(path: Path, identity: Mapping[str, Any]) -> None:
    if (found := begun_with(path)) is not None:
        check_begun(path, found, identity)
