# SPDX-License-Identifier: GPL-2.0-only
"""For all tests: what hypothesis draws and commands do may take its time, since a busy machine is no fault."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("slabdes", deadline=None)
settings.load_profile("slabdes")
# What a command says of itself once it takes long would make tests depend on time.
os.environ["SLABDES_PROGRESS"] = "off"
# A test that runs something is to run it; those of cells name a folder.
os.environ["SLABDES_CELLS"] = "off"


@pytest.fixture(scope="session", autouse=True)
def signals_as_usual() -> Iterator[None]:
    """Tests and the commands that they start hear of SIGHUP and SIGINT, which nohup and a shell's & have children ignore."""
    before = {signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL)}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
