# SPDX-License-Identifier: GPL-2.0-only
"""Settings that were tried, each in blocks of replications on random numbers that all share; every block is kept as it ends.

A search that is begun again finds there what it measured before. Leaves out which settings to try.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slabdes.config import Experiment, parse_experiment
from slabdes.config.arrays import plain
from slabdes.errors import InputError
from slabdes.folders import input_errors
from slabdes.measures.names import alone
from slabdes.results.frames import Frames
from slabdes.results.held import held_values
from slabdes.stats.intervals import Interval, mean_interval
from slabdes.study.proposals import Settings, number_of

RECORD: Final = "trials.jsonl"
"""What is kept of a search, in the working folder: what it is of, then a line a block."""


@dataclass(eq=False)
class Trial:
    """One setting: the measure and the bytes held of each replication so far, or why it was refused."""

    number: int
    settings: Settings
    values: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    refused: str = ""

    @property
    def value(self) -> Interval:
        """The measure, from the replications of the search."""
        return mean_interval(self.values)

    @property
    def held_bytes(self) -> float:
        """The mean of what it holds."""
        return sum(self.held) / len(self.held)


class Record:
    """Blocks that were measured, by setting and number; those of `path`, if it is given, and kept there.

    `study` is what must be the same for them to be this search's. Raises InputError for a record that is damaged or another's.
    """

    def __init__(self, path: Path | None = None, study: Mapping[str, Any] | None = None) -> None:
        self._path = path
        self._study = study
        self._blocks: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        with input_errors(path):
            lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
            whole = [line for line in lines if line.endswith(b"\n")]
            if not whole:
                path.write_text(json.dumps(study) + "\n", encoding="utf-8")
            elif len(whole) < len(lines):  # what was being written when it was killed
                path.write_bytes(b"".join(whole))
        for line in whole[1:]:
            self._add(line)

    @staticmethod
    def read(path: Path) -> Record:
        """What a search that has ended kept at `path`, which stays as it is."""
        record = Record()
        with input_errors(path):
            lines = path.read_bytes().splitlines()
        record._path = path
        for line in lines[1:]:
            record._add(line)
        return record

    def __len__(self) -> int:
        return len(self._blocks)

    def _add(self, line: bytes) -> None:
        try:
            told = json.loads(line)
            self._blocks[told["key"]] = {"values": [*map(float, told["values"])], "held": [*map(float, told["held"])]} | (
                {"refused": str(told["refused"])} if "refused" in told else {}
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            assert self._path is not None
            raise InputError(str(self._path), "damaged", allowed=f"to remove {self._path.parent.name} and start again") from None

    def find(self, settings: Settings, block: int) -> dict[str, Any] | None:
        """What was measured of it, None if it was not."""
        return self._blocks.get(_key(settings, block))

    def keep(self, settings: Settings, block: int, told: dict[str, Any]) -> None:
        """A block has been measured. Raises InputError if it cannot be written."""
        key = _key(settings, block)
        self._blocks[key] = told
        if self._path is not None:
            with input_errors(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(_line(key, told))

    def text(self) -> bytes:
        """All of it, as it is kept."""
        lines = (_line(key, told) for key, told in self._blocks.items())
        return "".join((json.dumps(self._study) + "\n", *lines)).encode()


def _line(key: str, told: Mapping[str, Any]) -> str:
    return json.dumps({"key": key, **told}) + "\n"


def _key(settings: Settings, block: int) -> str:
    return json.dumps([block, plain(settings)], sort_keys=True)


def begun_with(path: Path) -> Mapping[str, Any] | None:
    """What the search kept at `path` is of; None if nothing is kept there. Raises InputError if it is damaged."""
    if not path.is_file():
        return None
    with input_errors(path), path.open("rb") as file:
        first, more = file.readline(), file.readline()
    if not more.endswith(b"\n"):
        return None
    try:
        told = json.loads(first)
        return told if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        raise InputError(str(path), "damaged", allowed=f"to remove {path.parent.name} and start again") from None


def block_experiment(experiment: Experiment, settings: Sequence[Settings], block: int, replications: int) -> Experiment:
    """The experiment of a block: every setting on the block's own random numbers, which the final runs never see."""
    raw = experiment.model_dump(mode="json", exclude_unset=True, exclude={"sweep", "zip"})
    seed = (number_of(experiment.seed, block, 0) << 31) ^ number_of(experiment.seed, block, 1)
    raw |= {"seed": seed, "replications": replications, "log": False}
    keys = list(settings[0])
    return parse_experiment(raw | {"zip": {key: [one[key] for one in settings] for key in keys}}, "tune")


def measured(frames: Frames, measure: str, count: int) -> list[dict[str, Any]]:
    """What a block comes to, of each of its settings in order. Raises InputError for a measure that none has."""
    values, held = alone(frames, measure), held_values(frames)
    return [{"values": [*values.get(point, {}).values()], "held": held[point]} for point in range(count)]
