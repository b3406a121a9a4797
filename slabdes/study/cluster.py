# SPDX-License-Identifier: GPL-2.0-only
"""Where a study is run, as users say it: processes here, an executor of theirs, a Dask cluster by its address or one made here.

Dask is loaded only where it is asked for. Leaves out how tasks go over an executor (`executors`).
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import Any, Final

from slabdes.errors import InputError, nearest, shown
from slabdes.study.executors import Borrowed, Hired
from slabdes.study.workers import Hands, at_hand

LOCAL: Final = "local"
ANSWER_S: Final = 10
"""What a cluster gets to answer, and to have a worker (a choice)."""
_ADDRESS: Final = re.compile(r"([a-z]+://)?[^\s/:]+(:[0-9]+)|([a-z]+://)?\[[0-9a-fA-F:]+\]:[0-9]+|[a-z]+://[^\s]+")
_SAY: Final = f"{LOCAL}, or a Dask scheduler's address, such as tcp://HOST:8786"
Where = Executor | str | Hired | None


def check_where(where: Where) -> None:
    """Raise InputError for what is neither an executor nor a cluster, and for a cluster without Dask."""
    if where is None or isinstance(where, Hired) or callable(getattr(where, "submit", None)):
        return
    if not isinstance(where, str):
        allowed = "an executor as of concurrent.futures, or a cluster"
        raise InputError("executor", f"{shown(type(where).__name__)} has no submit", allowed=allowed)
    if where != LOCAL and not _ADDRESS.fullmatch(where):
        raise InputError("cluster", f"{shown(where)!r} is no address{nearest(where, [LOCAL])}", allowed=_SAY)
    _dask()


def hands(where: Where, jobs: int) -> AbstractContextManager[Hands]:
    """Who runs a study's tasks: `jobs` processes here for None, or those of an executor or a cluster; who is hired already."""
    if where is None:
        return at_hand(jobs)
    if isinstance(where, Hired):
        return contextlib.nullcontext(where)
    return _cluster(where, jobs) if isinstance(where, str) else contextlib.nullcontext(Borrowed(where))


@contextlib.contextmanager
def _cluster(where: str, jobs: int) -> Iterator[Hands]:
    """The workers of a cluster: of `jobs` processes made here, or the one at an address."""
    dask = _dask()
    with contextlib.ExitStack() as stack:
        at = where
        if where == LOCAL:
            # Threads would share one Python; nobody needs to look at it over the network.
            options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
            at = stack.enter_context(dask.LocalCluster(n_workers=jobs, processes=True, **options))
        with _answered(where, "does not answer", _SAY):
            client = stack.enter_context(dask.Client(at, timeout=ANSWER_S, set_as_default=False))
        with _answered(where, "has no worker", f"dask worker {shown(where)}, on every host"):
            client.wait_for_workers(1, timeout=ANSWER_S)
        yield Borrowed(client.get_executor(pure=False), lambda: sum(client.ncores().values()))


@contextlib.contextmanager
def _answered(where: str, problem: str, allowed: str) -> Iterator[None]:
    """One line for a cluster that takes too long, or cannot be asked at all."""
    try:
        yield
    except (OSError, TimeoutError):
        raise InputError(f"cluster {shown(where)}", f"{problem} within {ANSWER_S} s", allowed) from None
    except (ValueError, TypeError) as error:
        raise InputError(f"cluster {shown(where)}", shown(error), allowed) from None


def _dask() -> Any:
    """Dask's `distributed`, which is to print nothing. Raises InputError where it is not installed."""
    try:
        import distributed
    except ImportError:
        raise InputError("cluster", "Dask is not installed", allowed='pip install "slabdes[cluster]", or --jobs N') from None
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed
