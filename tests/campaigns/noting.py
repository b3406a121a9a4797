# SPDX-License-Identifier: GPL-2.0-only
"""Tasks that note when they are begun, in a module that worker processes can import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slabdes.engine.records import Records
from slabdes.study.run import Task


@dataclass(frozen=True)
class Noted(Task):
    """A task that adds its point and replication to the file `notes` when it is begun."""

    notes: str = ""

    def run(self, progress: Callable[[int], None]) -> Records:
        with Path(self.notes).open("a") as file:
            file.write(f"{self.point.index} {self.replication}\n")
        return super().run(progress)
