# SPDX-License-Identifier: GPL-2.0-only
"""For all tests: what hypothesis draws may take its time, since a busy machine is no fault."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("slabdes", deadline=None)
settings.load_profile("slabdes")


@pytest.fixture(scope="session", autouse=True)
def hung_up_on_as_usual() -> Iterator[None]:
    """Commands that tests start end at SIGHUP even where the tests were started by nohup, which has children ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
